"""The records that travel between stages, and the dtypes they are made of.

All records are frozen; those that hold arrays compare and hash by identity. Ragged data is flat
``values`` plus ``offsets`` (compressed sparse rows): row ``i`` is
``values[offsets[i]:offsets[i + 1]]``. Pitch in Hz is 0 where unvoiced, in cents it is
NaN there. Times are float64 seconds from the start of the recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor.errors import require_extra

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]

#: Sample rate in Hz at which ``hop`` is counted, whatever the rate of the input.
REFERENCE_RATE = 44_100

#: Lowest and highest value in Hz of the bounds of a pitch range, and the range unless one is given.
PITCH_LIMITS_HZ = (20.0, 3000.0)
PITCH_RANGE_HZ = (55.0, 1400.0)


@dataclass(frozen=True, eq=False, slots=True)
class Audio:
    """Mono audio in memory.

    Attributes
    ----------
    samples
        float32 (n,), full scale is -1..1 (decoders may slightly exceed it).
    sample_rate
        Samples per second, Hz.
    warnings
        What was wrong with the file it was read from, in words.
    """

    samples: Float32Array
    sample_rate: int
    warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.size / self.sample_rate


@dataclass(frozen=True, eq=False, slots=True)
class PitchTrack:
    """Fundamental frequency on a regular grid; frame ``i`` is centred on ``i * hop_s``.

    Attributes
    ----------
    hz
        float32 (frames,), fundamental frequency in Hz, 0 where unvoiced.
    salience
        float32 (frames,), strength of the chosen pitch, >= 0; its scale depends on the method.
    hop_s
        Seconds between two frames.
    method
        Name of what made the track.
    octave_confidence
        float32 (frames,), 0..1, how clearly each frame by itself speaks for the octave of its
        pitch: 1 clear, 0.5 balanced, 0 against it, so that only the frames around it decided; 0
        where unvoiced. ``None`` where the method does not say.
    """

    hz: Float32Array
    salience: Float32Array
    hop_s: float
    method: str = ""
    octave_confidence: Float32Array | None = None

    @property
    def times(self) -> Float64Array:
        """float64 (frames,), centre of every frame in seconds."""
        return np.arange(self.hz.size, dtype=np.float64) * self.hop_s


@dataclass(frozen=True, eq=False, slots=True)
class Clusters:
    """One-dimensional clusters, in ascending order.

    Attributes
    ----------
    centers
        float64 (k,), ascending means, in the unit of the clustered values.
    edges
        float64 (k - 1,), boundaries between neighbouring clusters; a value on an edge belongs
        to the upper one.
    inertia
        Sum of squared distances to the centres (weighted), unit squared.
    counts
        float64 (k,), weight of each cluster (the number of values where unweighted).
    """

    centers: Float64Array
    edges: Float64Array
    inertia: float
    counts: Float64Array

    def assign(self, values: ArrayLike) -> Int32Array:
        """Cluster index of every value; -1 where the value is NaN.

        Parameters
        ----------
        values
            Any shape, in the unit of ``centers``.

        Returns
        -------
        int32, shape of ``values``, in -1..k-1.

        Examples
        --------
        >>> clusters = Clusters(np.array([0.0, 10.0]), np.array([5.0]), 0.0, np.ones(2))
        >>> clusters.assign([1.0, float("nan"), 7.0]).tolist()
        [0, -1, 1]
        """
        array = np.asarray(values, dtype=np.float64)
        index = np.searchsorted(self.edges, array, side="right").astype(np.int32)
        return np.where(np.isnan(array), np.int32(-1), index)


@dataclass(frozen=True, eq=False, slots=True)
class Contour:
    """A pitch track reduced to segments in pitch clusters and to signed steps between them.

    Attributes
    ----------
    cluster
        int32 (segments,), cluster of each segment.
    cents
        float64 (segments,), mean pitch of each segment in cents.
    start_s, end_s
        float64 (segments,), bounds of each segment in seconds.
    segment_offsets
        int64 (phrases + 1,), the segments of each phrase.
    symbols
        int32 (symbols,), signed steps, positive where the pitch rises, never 0. Symbol ``j`` of a
        phrase steps from its segment ``j`` to ``j + 1``.
    symbol_offsets
        int64 (phrases + 1,), the symbols of each phrase; a phrase of one segment has none.
    vibrato_hz, vibrato_cents
        float64 (segments,): cycles a second, and distance of the extremes from the centre; NaN
        for a segment without vibrato. None where vibrato was kept in the pitch.
    """

    cluster: Int32Array
    cents: Float64Array
    start_s: Float64Array
    end_s: Float64Array
    segment_offsets: Int64Array
    symbols: Int32Array
    symbol_offsets: Int64Array
    vibrato_hz: Float64Array | None = None
    vibrato_cents: Float64Array | None = None

    @property
    def phrases(self) -> int:
        """Number of phrases."""
        return int(self.segment_offsets.size - 1)

    def span_s(
        self, phrase: ArrayLike, start: ArrayLike, end: ArrayLike
    ) -> tuple[Float64Array, Float64Array]:
        """Seconds at which runs of symbols start and end.

        Parameters
        ----------
        phrase
            int (n,), phrase of each run.
        start, end
            int (n,), half-open symbol indices within the phrase, ``end > start``.

        Returns
        -------
        Start and end in seconds, float64 (n,) each: a run lasts from the start of its first
        segment to the end of its last.
        """
        first = self.segment_offsets[np.asarray(phrase, dtype=np.int64)]
        return (
            self.start_s[first + np.asarray(start, dtype=np.int64)],
            self.end_s[first + np.asarray(end, dtype=np.int64)],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Motifs:
    """Closed patterns with their supports, as compressed sparse rows.

    ``len(motifs)`` counts the patterns, ``motifs[i]`` gives the symbols of one (int32),
    ``motifs[a:b]`` the :class:`Motifs` of a slice, and iterating yields one pattern at a time.

    Attributes
    ----------
    values
        int32, the symbols of all patterns, one after the other.
    offsets
        int64 (patterns + 1,), where each pattern starts and ends in ``values``.
    support
        int32 (patterns,), number of sequences that contain the pattern.
    gap
        Symbols that may be skipped between neighbours, ``(low, high)``; None: any number.
    partial
        Whether a bound on seconds or nodes ended the search: supports are exact and every pattern
        is closed, but others are missing.
    vocabulary
        What the symbols stand for where sequences of strings were mined: symbol ``s`` is
        ``vocabulary[s]``, ascending. None where the symbols are ints themselves.

    Examples
    --------
    >>> motifs = Motifs(np.array([1, 1, 2]), np.array([0, 1, 3]), np.array([4, 2]))
    >>> len(motifs), motifs[1].tolist(), len(motifs[:1]), motifs.gap
    (2, [1, 2], 1, (0, 0))
    """

    values: Int32Array
    offsets: Int64Array
    support: Int32Array
    gap: tuple[int, int] | None = (0, 0)
    partial: bool = False
    vocabulary: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return int(self.support.size)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Int32Array: ...

    @overload
    def __getitem__(self, index: slice) -> Motifs: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Int32Array | Motifs:
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        number = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexError(f"motif {number} of {len(self)}")
        number %= len(self)
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def __iter__(self) -> Iterator[Int32Array]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> Int64Array:
        """int64 (patterns,), number of symbols of each pattern."""
        return np.diff(self.offsets)

    def select(self, rows: Int64Array) -> Motifs:
        """The patterns of some rows, int64 (n,), in that order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([np.zeros(1, np.int64), lengths]).cumsum()
        # Place of every symbol: that of its pattern's first one, and how far it is from there.
        places = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        return replace(
            self,
            values=self.values[places + np.arange(places.size)],
            offsets=offsets,
            support=self.support[rows],
        )

    def decoded(self, index: int) -> list[int] | list[str]:
        """Pattern ``index`` in the symbols that were given: ints, or strings.

        Raises
        ------
        IndexError
            There are not so many patterns.
        """
        codes: list[int] = self[index].tolist()
        return codes if self.vocabulary is None else [self.vocabulary[code] for code in codes]

    def to_arrow(self) -> pa.Table:
        """Arrow table with columns ``symbols`` and ``support`` (int32).

        ``symbols`` is large_list<int32>, or large_list<large_string> where strings were mined. The
        gap stands in the schema's metadata, as JSON under ``gap``.
        """
        import pyarrow as pa

        symbols = pa.array(self.values)
        if self.vocabulary is not None:
            symbols = pa.array(self.vocabulary, pa.large_string()).take(symbols)
        rows = pa.LargeListArray.from_arrays(pa.array(self.offsets), symbols)
        table = pa.table({"symbols": rows, "support": pa.array(self.support)})
        return table.replace_schema_metadata({"gap": json.dumps(self.gap)})

    def to_pandas(self) -> pd.DataFrame:
        """Data frame with columns ``symbols`` (arrays) and ``support`` (int32).

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        require_extra("pandas", "pandas")
        return self.to_arrow().to_pandas()


@dataclass(frozen=True, eq=False, slots=True)
class Occurrences:
    """Where motifs occur, as compressed sparse rows over the motifs.

    Attributes
    ----------
    offsets
        int64 (motifs + 1,), the occurrences of each motif.
    sequence
        int64 (occurrences,), index of the sequence.
    start, end
        int64 (occurrences,), half-open symbol indices within the sequence.
    """

    offsets: Int64Array
    sequence: Int64Array
    start: Int64Array
    end: Int64Array

    def __len__(self) -> int:
        return int(self.sequence.size)

    @property
    def motif(self) -> Int64Array:
        """int64 (occurrences,), motif of each occurrence."""
        return np.repeat(np.arange(self.offsets.size - 1), np.diff(self.offsets))
