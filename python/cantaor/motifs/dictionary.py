"""Motif dictionary: the motifs of several singers, and the log-odds of each for its singer."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cantaor.errors import ArgumentError
from cantaor.motifs.arguments import Gap, Sequences, flatten_sequences
from cantaor.motifs.log_odds import log_odds as log_odds
from cantaor.motifs.log_odds import log_odds_from_margins
from cantaor.motifs.mining import mine_closed
from cantaor.motifs.usage import MotifIndex, Spans, Usage, concatenate, union_of, unite
from cantaor.types import Float64Array, Int32Array, Int64Array, Motifs

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("singer", "symbols", "support", "occurrences", "duration_s", "z_score")
_METADATA = b"cantaor.motifs.dictionary"


@dataclass(frozen=True, eq=False, slots=True)
class MotifDictionary:
    """Closed motifs of several singers, one entry per singer and motif.

    Attributes
    ----------
    singers
        Names, sorted.
    singer
        int32 (entries,), index into ``singers``, ascending.
    motifs
        The motif of every entry with its support among that singer's sequences; those of one
        singer by length, then lexicographically.
    occurrences
        int64 (entries,), how often the motif occurs in that singer's sequences.
    duration_s
        float64 (entries,), mean duration of those occurrences in seconds, NaN where unknown.
    z_score
        float64 (entries,), log-odds of the motif for that singer against all others together, in
        standard deviations; positive where the singer uses it more.
    gap
        The gap the motifs were mined with.
    """

    singers: tuple[str, ...]
    singer: Int32Array
    motifs: Motifs
    occurrences: Int64Array
    duration_s: Float64Array
    z_score: Float64Array
    gap: Gap = (0, 0)

    def __len__(self) -> int:
        return len(self.motifs)

    @classmethod
    def build(
        cls,
        sequences: Mapping[str, Sequences],
        min_support: float | int = 3,
        *,
        spans: Mapping[str, Spans] | None = None,
        min_length: int = 5,
        max_length: int | None = None,
        gap: Gap = (0, 0),
        top_k: int | None = None,
        max_patterns: int | None = None,
        prior: float = 1.0,
        threads: int = 1,
    ) -> MotifDictionary:
        """Mine every singer's sequences and compute the log-odds of each motif.

        Parameters
        ----------
        sequences
            For each singer what :func:`cantaor.mine_closed` takes.
        spans
            For each singer a function (sequence, start, end) -> (start_s, end_s) such as
            ``contour.span_s``; without it durations are NaN.
        min_support, min_length, max_length, gap, top_k, max_patterns, threads
            As for :func:`cantaor.mine_closed`, per singer. Any gap (None) needs ``max_patterns``.
        prior
            Strength of the prior as for :func:`log_odds`.

        Raises
        ------
        ArgumentError
            An argument has a wrong value, or a singer has no spans.
        TooManyPatternsError
            A singer has more than ``max_patterns`` motifs.

        Examples
        --------
        >>> phrases = {"A": [[1, 2, 3]] * 3 + [[7]], "B": [[7, 8]] * 4 + [[1, 2, 3]]}
        >>> found = MotifDictionary.build(phrases, 3, min_length=2)
        >>> [found.singers[i] for i in found.singer], [m.tolist() for m in found.motifs]
        (['A', 'B'], [[1, 2, 3], [7, 8]])
        >>> found.occurrences.tolist(), bool((found.z_score > 0).all())
        ([3, 4], True)
        """
        if gap is None and max_patterns is None:
            raise ArgumentError("max_patterns must be given with gap=None, which may explode")
        singers = tuple(sorted(sequences))
        missing = [name for name in singers if spans is not None and name not in spans]
        if missing:
            raise ArgumentError(f"spans lack the singers {missing} of sequences")
        rows = [flatten_sequences(sequences[name]) for name in singers]
        mined = [
            mine_closed(
                row,
                min_support,
                gap=gap,
                min_length=min_length,
                max_length=max_length,
                top_k=top_k,
                max_patterns=max_patterns,
                threads=threads,
            )
            for row in rows
        ]
        index, row_of = MotifIndex(union_of(mined)), dict(zip(singers, rows, strict=True))

        def usage(name: str) -> Usage:
            return index.usage_in(row_of[name], spans[name] if spans is not None else None, gap)

        return cls.assemble(dict(zip(singers, mined, strict=True)), usage, gap, prior)

    @classmethod
    def assemble(
        cls,
        mined: Mapping[str, Motifs],
        usage: Callable[[str], Usage],
        gap: Gap = (0, 0),
        prior: float = 1.0,
    ) -> MotifDictionary:
        """A dictionary from singers that were mined and counted one by one.

        Parameters
        ----------
        mined
            The motifs of each singer.
        usage
            Gives, singer by singer, which motifs of the union of all (:func:`union_of`) are used
            and how; called once for each, so that only one of them need be in memory.
        gap
            The gap they were mined with.
        prior
            As for :func:`log_odds`.
        """
        singers = tuple(sorted(mined))
        parts = [mined[name] for name in singers]
        union, entry_of = unite(parts)
        bounds = np.concatenate(([0], np.cumsum([len(part) for part in parts], dtype=np.int64)))
        singer = np.repeat(np.arange(len(parts), dtype=np.int32), np.diff(bounds))
        total = np.zeros(len(union), dtype=np.int64)
        sums = np.zeros(len(parts), dtype=np.int64)
        counts = np.zeros(singer.size, dtype=np.int64)
        durations = np.full(singer.size, np.nan)
        for index, name in enumerate(singers):
            used, own = usage(name), slice(bounds[index], bounds[index + 1])
            total[used.motif] += used.counts
            sums[index] = used.counts.sum()
            # Whoever a motif was mined of sings it.
            place = np.searchsorted(used.motif, entry_of[own])
            counts[own] = used.counts[place]
            durations[own] = used.duration_s[place]
        scores = log_odds_from_margins(counts, total[entry_of], sums[singer], total, prior)
        return cls(singers, singer, concatenate(parts), counts, durations, scores, gap)

    def of(self, singer: str) -> Int64Array:
        """Entries of one singer, int64 (n,).

        Raises
        ------
        ArgumentError
            There is no such singer.
        """
        index = bisect_left(self.singers, singer)
        if index == len(self.singers) or self.singers[index] != singer:
            raise ArgumentError(f"singer {singer!r} is not among {list(self.singers)}")
        first, last = np.searchsorted(self.singer, [index, index + 1]).tolist()
        return np.arange(first, last)

    def motifs_of(self, singer: str) -> Motifs:
        """The motifs of one singer, in the order of :meth:`of`.

        Raises
        ------
        ArgumentError
            There is no such singer.
        """
        return self.motifs.select(self.of(singer))

    def union(self) -> Motifs:
        """Every motif once, by length, then lexicographically.

        Its support is the sum over the singers whose dictionary holds it.
        """
        return union_of([self.motifs])

    def distinctive(self, singer: str, n: int) -> Motifs:
        """The ``n`` most distinctive motifs of a singer, by descending ``z_score``.

        Raises
        ------
        ArgumentError
            There is no such singer, or ``n`` is negative.
        """
        if n < 0:
            raise ArgumentError(f"n must not be negative, is {n}")
        entries = self.of(singer)
        order = np.lexsort((-self.motifs.support[entries], -self.z_score[entries]))
        return self.motifs.select(entries[order[:n]])

    def to_arrow(self) -> pa.Table:
        """Arrow table, one row per entry.

        Columns: singer (string), symbols (large_list<int32>), support (int32), occurrences
        (int64), duration_s (float64, null where unknown) and z_score (float64). Gap and singers
        stand in the metadata.
        """
        import pyarrow as pa

        names = np.array(self.singers, dtype=object)[self.singer]
        table = self.motifs.to_arrow()
        columns = {
            "singer": pa.array(names, pa.string()),
            "symbols": table["symbols"],
            "support": table["support"],
            "occurrences": pa.array(self.occurrences),
            "duration_s": pa.array(self.duration_s, from_pandas=True),
            "z_score": pa.array(self.z_score),
        }
        facts = json.dumps({"singers": self.singers, "gap": self.gap}).encode()
        return pa.table(columns).replace_schema_metadata({_METADATA: facts})

    @classmethod
    def from_arrow(cls, table: pa.Table) -> MotifDictionary:
        """What :meth:`to_arrow` wrote.

        Raises
        ------
        ArgumentError
            The table lacks a column or the metadata.
        """
        missing = [name for name in _COLUMNS if name not in table.column_names]
        facts = (table.schema.metadata or {}).get(_METADATA)
        if missing or facts is None:
            raise ArgumentError(f"table is no motif dictionary: lacks {missing or 'metadata'}")
        known = json.loads(facts)
        singers = tuple(known["singers"])
        index = {name: i for i, name in enumerate(singers)}
        lengths = [len(row) for row in table["symbols"].to_pylist()]
        values = table["symbols"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        gap = None if known["gap"] is None else (known["gap"][0], known["gap"][1])
        motifs = Motifs(
            np.ascontiguousarray(values, dtype=np.int32),
            np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int64),
            table["support"].to_numpy().astype(np.int32),
            gap,
        )
        return cls(
            singers,
            np.array([index[name] for name in table["singer"].to_pylist()], dtype=np.int32),
            motifs,
            table["occurrences"].to_numpy().astype(np.int64),
            table["duration_s"].to_numpy().astype(np.float64),
            table["z_score"].to_numpy().astype(np.float64),
            gap,
        )
