"""Closed motifs in plain Python: short enough to read as the definition, fast enough to compare.

Two kinds of twin stand here. The ``define_*`` functions enumerate every pattern and apply the
definition word for word; they suit a handful of short sequences. The ``grow_*`` functions grow
patterns from projections, as one would without native code, and serve as yardsticks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations

Pattern = tuple[int, ...]
Supports = dict[Pattern, int]
Database = list[list[int]]


def ordered(supports: Supports) -> list[tuple[Pattern, int]]:
    """By length, then lexicographically."""
    return sorted(supports.items(), key=lambda item: (len(item[0]), item[0]))


def best(supports: Supports, k: int) -> Supports:
    """The k of highest support; of equal support longer ones, then lexicographically smaller."""
    ranked = sorted(supports.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))
    return dict(ranked[:k])


def is_subsequence(pattern: Pattern, sequence: Iterable[int]) -> bool:
    symbols = iter(sequence)
    return all(symbol in symbols for symbol in pattern)


# --- by definition -------------------------------------------------------------------------------


def _supports(patterns_of: Iterable[set[Pattern]], min_support: int) -> Supports:
    counts: Supports = defaultdict(int)
    for patterns in patterns_of:
        for pattern in patterns:
            counts[pattern] += 1
    return {pattern: n for pattern, n in counts.items() if n >= min_support}


def define_any_gap(database: Database, min_support: int) -> Supports:
    """No proper super-sequence has the same support."""
    found = _supports(
        (
            {
                tuple(chosen)
                for length in range(1, len(row) + 1)
                for chosen in combinations(row, length)
            }
            for row in database
        ),
        min_support,
    )
    return {
        pattern: n
        for pattern, n in found.items()
        if not any(
            m == n and len(other) == len(pattern) + 1 and is_subsequence(pattern, other)
            for other, m in found.items()
        )
    }


def embeddings(row: list[int], low: int, high: int) -> Iterator[tuple[int, ...]]:
    """All index tuples whose neighbours skip low to high symbols."""
    stack = [(i,) for i in range(len(row))]
    while stack:
        chosen = stack.pop()
        yield chosen
        last = chosen[-1]
        stack += [(*chosen, i) for i in range(last + low + 1, min(last + high + 2, len(row)))]


def define_gapped(database: Database, min_support: int, low: int, high: int) -> Supports:
    """No one-symbol prefix or suffix extension under the same gap has the same support."""
    found = _supports(
        (
            {tuple(row[i] for i in chosen) for chosen in embeddings(row, low, high)}
            for row in database
        ),
        min_support,
    )
    extended = {
        shorter
        for pattern, n in found.items()
        for shorter in (pattern[1:], pattern[:-1])
        if found.get(shorter) == n
    }
    return {pattern: n for pattern, n in found.items() if pattern not in extended}


def define_right_closed(database: Database, min_support: int) -> Supports:
    """Contiguous; no one-symbol suffix extension has the same support."""
    found = _supports(
        ({tuple(row[i] for i in chosen) for chosen in embeddings(row, 0, 0)} for row in database),
        min_support,
    )
    extended = {pattern[:-1] for pattern, n in found.items() if found.get(pattern[:-1]) == n}
    return {pattern: n for pattern, n in found.items() if pattern not in extended}


# --- by growth -----------------------------------------------------------------------------------


def grow_any_gap(database: Database, min_support: int) -> Supports:
    """BIDE (Wang and Han, 2004): projection, both extension checks, BackScan."""
    closed: Supports = {}

    def first_ends(pattern: list[int], row: list[int]) -> list[int]:
        ends, position = [-1], -1
        for symbol in pattern:
            position = row.index(symbol, position + 1)
            ends.append(position)
        return ends

    def last_starts(pattern: list[int], row: list[int], stop: int) -> list[int]:
        starts = []
        for symbol in reversed(pattern):
            stop -= 1
            while row[stop] != symbol:
                stop -= 1
            starts.append(stop)
        return starts[::-1]

    def shared_period(
        pattern: list[int], entries: list[tuple[int, int]], semi_maximum: bool
    ) -> bool:
        alive: list[set[int]] | None = None
        for index, end in entries:
            row = database[index]
            stops = last_starts(pattern, row, end + 1 if semi_maximum else len(row))
            begins = first_ends(pattern, row)
            periods = [set(row[a + 1 : b]) for a, b in zip(begins, stops, strict=False)]
            alive = (
                periods if alive is None else [a & b for a, b in zip(alive, periods, strict=True)]
            )
            if not any(alive):
                return False
        return True

    def grow(pattern: list[int], entries: list[tuple[int, int]]) -> None:
        projected: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for index, end in entries:
            row, seen = database[index], set()
            for position in range(end + 1, len(row)):
                if row[position] not in seen:
                    seen.add(row[position])
                    projected[row[position]].append((index, position))
        frequent = {s: rows for s, rows in projected.items() if len(rows) >= min_support}
        if pattern:
            forward = any(len(rows) == len(entries) for rows in frequent.values())
            backward = not forward and shared_period(pattern, entries, semi_maximum=False)
            if not forward and not backward:
                closed[tuple(pattern)] = len(entries)
            elif frequent and shared_period(pattern, entries, semi_maximum=True):
                return
        for symbol in sorted(frequent):
            grow([*pattern, symbol], frequent[symbol])

    grow([], [(index, -1) for index in range(len(database))])
    return closed


def grow_gapped(database: Database, min_support: int, low: int, high: int) -> Supports:
    """Gap-BIDE (Li and Wang, 2008): all ends of instances, both one-symbol extensions."""
    closed: Supports = {}

    def support(ends: dict[int, set[int]]) -> int:
        return len(ends)

    def behind(ends: dict[int, set[int]]) -> dict[int, dict[int, set[int]]]:
        grown: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for index, positions in ends.items():
            row = database[index]
            window = {q for p in positions for q in range(p + low + 1, min(p + high + 2, len(row)))}
            for position in window:
                grown[row[position]][index].add(position)
        return grown

    def extends_backward(pattern: list[int], ends: dict[int, set[int]]) -> bool:
        alive: set[int] | None = None
        for index, positions in ends.items():
            row, starts = database[index], positions
            for symbol in reversed(pattern[:-1]):
                starts = {q for q in before(starts) if row[q] == symbol}
            symbols = {row[q] for q in before(starts)}
            alive = symbols if alive is None else alive & symbols
            if not alive:
                return False
        return True

    def before(positions: set[int]) -> set[int]:
        return {q for p in positions for q in range(max(0, p - high - 1), p - low)}

    def grow(pattern: list[int], ends: dict[int, set[int]]) -> None:
        grown = behind(ends)
        if all(support(e) != support(ends) for e in grown.values()) and not extends_backward(
            pattern, ends
        ):
            closed[tuple(pattern)] = support(ends)
        for symbol, longer in grown.items():
            if support(longer) >= min_support:
                grow([*pattern, symbol], longer)

    singles: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for index, row in enumerate(database):
        for position, symbol in enumerate(row):
            singles[symbol][index].add(position)
    for symbol, ends in singles.items():
        if support(ends) >= min_support:
            grow([symbol], ends)
    return closed


# --- occurrences ---------------------------------------------------------------------------------


def windows(pattern: Pattern, row: list[int], low: int, high: int) -> list[tuple[int, int]]:
    """Minimal half-open windows that embed the pattern with low to high symbols skipped."""
    found = set()
    reached = [(i, i) for i, symbol in enumerate(row) if symbol == pattern[0]]
    for symbol in pattern[1:]:
        reached = list(
            {
                (start, q)
                for start, p in reached
                for q in range(p + low + 1, min(p + high + 2, len(row)))
                if row[q] == symbol
            }
        )
    found = {(start, last + 1) for start, last in reached}
    return sorted(
        (a, b)
        for a, b in found
        if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in found)
    )
