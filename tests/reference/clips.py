"""Cutting clips, one sample at a time."""

from __future__ import annotations


def cut_clips(
    samples: list[float], rate: int, starts_s: list[float], ends_s: list[float], width: int
) -> tuple[list[list[float]], list[int]]:
    rows, lengths = [], []
    for start_s, end_s in zip(starts_s, ends_s, strict=True):
        first = min(round(start_s * rate), len(samples) - 1)
        last = min(max(round(end_s * rate), first + 1), len(samples))
        row = [samples[i] for i in range(first, last)]
        rows.append(row + [0.0] * (width - len(row)))
        lengths.append(len(row))
    return rows, lengths
