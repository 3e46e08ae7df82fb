"""Which of the motifs of all singers one singer sings, without asking for each of them.

A corpus of many singers has far more motifs than any one of them sings. An index finds the few that
can occur in given sequences by hashes of their first symbols; only those are then looked for, so
work and memory grow with what is found and not with singers times motifs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cantaor.motifs.arguments import Gap, Sequences, flatten_sequences
from cantaor.motifs.mining import find_occurrences
from cantaor.types import Float64Array, Int32Array, Int64Array, Motifs, Occurrences

#: Bounds in seconds of runs of symbols, such as :meth:`cantaor.types.Contour.span_s`.
Spans: TypeAlias = Callable[[Int64Array, Int64Array, Int64Array], tuple[Float64Array, Float64Array]]
_Hashes: TypeAlias = NDArray[np.uint64]

# Longer motifs are found by their first symbols: so many lengths are looked up at most.
_KEY = 16
# Motifs that are hashed at a time.
_ROWS = 1 << 16
# An odd multiplier and its inverse modulo 2**64, and one that spreads symbols over all bits.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, eq=False, slots=True)
class Usage:
    """How one singer's sequences use some of the motifs of all singers.

    Attributes
    ----------
    motif
        int64 (used,), ascending: which motifs occur.
    counts
        int64 (used,), occurrences of each, at least 1.
    duration_s
        float64 (used,), their mean duration in seconds, NaN where unknown.
    """

    motif: Int64Array
    counts: Int64Array
    duration_s: Float64Array


class MotifIndex:
    """Many motifs, indexed for :meth:`usage_in` the sequences of one singer after another.

    Parameters
    ----------
    motifs
        Distinct motifs, none of them empty, such as those of :func:`union_of`.

    Examples
    --------
    >>> index = MotifIndex(union_of([Motifs(np.array([1, 2, 7]), np.array([0, 2, 3]), [1, 1])]))
    >>> used = index.usage_in([[1, 2, 1, 2], [3, 1, 2]])
    >>> [index.motifs[i].tolist() for i in used.motif], used.counts.tolist()
    ([[1, 2]], [3])
    """

    def __init__(self, motifs: Motifs) -> None:
        self.motifs = motifs
        self._symbols = motifs.values
        keys = np.minimum(motifs.lengths, _KEY)
        hashes = _key_hashes(motifs, keys)
        # By length of the key: the hashes, where the motifs of each begin, and those motifs.
        self._by_length: dict[int, tuple[_Hashes, Int64Array, Int64Array]] = {}
        for length in np.unique(keys).tolist():
            rows = np.flatnonzero(keys == length)
            rows = rows[np.argsort(hashes[rows], kind="stable")]
            distinct, first = np.unique(hashes[rows], return_index=True)
            self._by_length[length] = (distinct, np.append(first, rows.size), rows)

    def usage_in(
        self, sequences: Sequences, spans: Spans | None = None, gap: Gap = (0, 0)
    ) -> Usage:
        """The motifs that occur in one singer's sequences: how often, and how long they last.

        Parameters
        ----------
        sequences
            What :func:`cantaor.mine_closed` takes.
        spans
            Gives the seconds of runs of symbols; without it durations are NaN.
        gap
            As for :func:`cantaor.find_occurrences`. With any but ``(0, 0)`` the index only leaves
            out motifs with a symbol that is not there.
        """
        values, offsets = flatten_sequences(sequences)
        asked = self._contiguous(values, offsets) if gap == (0, 0) else self._with_symbols(values)
        found = find_occurrences(self.motifs.select(asked), (values, offsets), gap)
        counts = np.diff(found.offsets)
        used = counts > 0
        return Usage(asked[used], counts[used], _mean_durations(found, spans)[used])

    def _contiguous(self, values: Int32Array, offsets: Int64Array) -> Int64Array:
        """All motifs that occur, and perhaps some whose hash or first symbols agree."""
        last = np.repeat(offsets[1:], np.diff(offsets))
        sums, powers = _prefix_sums(values)
        asked = [np.zeros(0, np.int64)]
        for length, (hashes, first, rows) in self._by_length.items():
            starts = np.flatnonzero(np.arange(values.size) + length <= last)
            there = np.unique(_window_hashes(sums, powers, starts, starts + length))
            place = np.minimum(np.searchsorted(hashes, there), hashes.size - 1)
            place = place[hashes[place] == there]
            asked.append(rows[_ranges(first[place], first[place + 1] - first[place])])
        return np.sort(np.concatenate(asked))

    def _with_symbols(self, values: Int32Array) -> Int64Array:
        """Motifs all of whose symbols are there."""
        absent = ~np.isin(self._symbols, np.unique(values))
        counts = np.concatenate(([0], np.cumsum(absent)))
        offsets = self.motifs.offsets
        return np.flatnonzero(counts[offsets[1:]] == counts[offsets[:-1]])


def union_of(parts: Sequence[Motifs]) -> Motifs:
    """The distinct motifs of several singers with summed support, by length, then symbols."""
    return unite(parts)[0]


def unite(parts: Sequence[Motifs]) -> tuple[Motifs, Int64Array]:
    """Distinct motifs with summed support, and which of them each entry of all parts is."""
    entries = concatenate(parts)
    lengths, starts = entries.lengths, entries.offsets[:-1]
    place = np.zeros(len(entries), np.int64)
    values, support, sizes = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [np.zeros(0, int)]
    known = 0
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        symbols = entries.values[starts[rows, None] + np.arange(length)]
        order = np.lexsort(symbols.T[::-1])
        symbols = symbols[order]
        new = np.concatenate(([True], np.any(symbols[1:] != symbols[:-1], axis=1)))
        place[rows[order]] = known + np.cumsum(new) - 1
        values.append(symbols[new].ravel())
        sums = np.add.reduceat(entries.support[rows[order]], np.flatnonzero(new), dtype=np.int64)
        support.append(sums.astype(np.int32))
        sizes.append(np.full(sums.size, length))
        known += sums.size
    offsets = np.concatenate([np.zeros(1, np.int64), *sizes]).cumsum()
    union = Motifs(np.concatenate(values), offsets, np.concatenate(support), entries.gap)
    return union, place


def concatenate(parts: Sequence[Motifs]) -> Motifs:
    """The motifs of several singers, one after the other."""
    lengths = [part.lengths for part in parts]
    return Motifs(
        np.concatenate([np.zeros(0, np.int32), *(part.values for part in parts)]),
        np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum(),
        np.concatenate([np.zeros(0, np.int32), *(part.support for part in parts)]),
        parts[0].gap if parts else (0, 0),
    )


def _key_hashes(motifs: Motifs, keys: Int64Array) -> _Hashes:
    """Hash of the first symbols of every motif."""
    parts = [np.zeros(0, np.uint64)]
    for first in range(0, len(motifs), _ROWS):
        offsets = motifs.offsets[first : first + _ROWS + 1]
        sums, powers = _prefix_sums(motifs.values[offsets[0] : offsets[-1]])
        starts = offsets[:-1] - offsets[0]
        parts.append(_window_hashes(sums, powers, starts, starts + keys[first : first + _ROWS]))
    return np.concatenate(parts)


def _prefix_sums(values: Int32Array) -> tuple[_Hashes, _Hashes]:
    """Sums of hashed symbols times powers of the base, and inverse powers, all modulo 2**64."""
    ones = np.ones(values.size + 1, np.uint64)
    powers, inverse = ones.copy(), ones
    powers[1:], inverse[1:] = _BASE, _INVERSE
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverse, out=inverse)
    symbols = (values.astype(np.int64).view(np.uint64) + np.uint64(1)) * _SPREAD
    symbols ^= symbols >> np.uint64(32)
    sums = np.zeros(values.size + 1, np.uint64)
    np.cumsum(symbols * powers[:-1], out=sums[1:])
    return sums, inverse


def _window_hashes(
    sums: _Hashes, inverse: _Hashes, starts: Int64Array, ends: Int64Array
) -> _Hashes:
    """The hash of each window of symbols, wherever it stands."""
    return (sums[ends] - sums[starts]) * inverse[starts]


def _ranges(first: Int64Array, counts: Int64Array) -> Int64Array:
    """first[0], first[0] + 1, ... counts[0] of them, then those of the next."""
    before = np.cumsum(counts) - counts
    return np.repeat(first - before, counts) + np.arange(int(counts.sum()))


def _mean_durations(found: Occurrences, spans: Spans | None) -> Float64Array:
    count = np.diff(found.offsets)
    if spans is None:
        return np.full(count.size, np.nan)
    start_s, end_s = spans(found.sequence, found.start, found.end)
    total = np.bincount(found.motif, weights=end_s - start_s, minlength=count.size)
    mean = np.full(count.size, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean
