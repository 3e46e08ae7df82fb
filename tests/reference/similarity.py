"""Approximate matching written out: the distance of every stretch, one by one."""

from __future__ import annotations

from collections.abc import Sequence


def distance(a: Sequence[int], b: Sequence[int]) -> int:
    """Edits between two figures: insert, delete, replace, exchange of two neighbours."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def nearest_ending_at(text: Sequence[int], figure: Sequence[int], end: int) -> int:
    """Least distance of the figure to a stretch of one phrase that ends before ``end``."""
    best, start = len(figure), end
    while start > 0 and text[start - 1] != 0:
        start -= 1
        best = min(best, distance(figure, text[start:end]))
    return best


def latest_start(text: Sequence[int], figure: Sequence[int], end: int) -> int:
    """Where the shortest stretch before ``end`` begins that is as near as any."""
    best, start = nearest_ending_at(text, figure, end), end
    while distance(figure, text[start:end]) != best:
        start -= 1
    return start
