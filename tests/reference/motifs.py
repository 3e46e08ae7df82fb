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
    """Gap-BIDE (Li and Wang, 2008): all ends of instances, both one-symbol extensions.

    The sequences stand in one row, high + 1 blanks apart, so that no window leaves its sequence.
    """
    closed: Supports = {}
    row: list[int | None] = [None] * (high + 1)
    owner = [-1] * (high + 1)
    for index, sequence in enumerate(database):
        row += [*sequence, *[None] * (high + 1)]
        owner += [index] * len(sequence) + [-1] * (high + 1)
    steps = range(low + 1, high + 2)

    def owners(ends: Iterable[int]) -> set[int]:
        return {owner[q] for q in ends}

    def behind(ends: Iterable[int]) -> dict[int, list[int]]:
        grown: dict[int, list[int]] = defaultdict(list)
        for q in {p + step for p in ends for step in steps}:
            if (symbol := row[q]) is not None:
                grown[symbol].append(q)
        return grown

    def shares_symbol_before(pattern: Pattern, ends: Iterable[int]) -> bool:
        starts = set(ends)
        for symbol in reversed(pattern[:-1]):
            starts = {q for p in starts for step in steps if row[q := p - step] == symbol}
        before: dict[int, set[int]] = defaultdict(set)
        for q in {p - step for p in starts for step in steps}:
            if (found := row[q]) is not None:
                before[found].add(owner[q])
        sequences = len(owners(starts))
        return any(len(holders) == sequences for holders in before.values())

    def extends_backward(pattern: Pattern, ends: list[int], support: int) -> bool:
        if support > 20:  # a few sequences mostly rule it out
            few = set(sorted(owners(ends))[:5])
            if not shares_symbol_before(pattern, [p for p in ends if owner[p] in few]):
                return False
        return shares_symbol_before(pattern, ends)

    def grow(pattern: Pattern, ends: list[int], support: int) -> None:
        grown = {symbol: (longer, len(owners(longer))) for symbol, longer in behind(ends).items()}
        if all(n != support for _, n in grown.values()) and not extends_backward(
            pattern, ends, support
        ):
            closed[pattern] = support
        for symbol, (longer, n) in grown.items():
            if n >= min_support:
                grow((*pattern, symbol), longer, n)

    singles: dict[int, list[int]] = defaultdict(list)
    for position, symbol in enumerate(row):
        if symbol is not None:
            singles[symbol].append(position)
    for symbol, ends in singles.items():
        if (support := len(owners(ends))) >= min_support:
            grow((symbol,), ends, support)
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
