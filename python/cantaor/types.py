"""The records that travel between stages, and the dtypes they are made of.

All records are frozen. Ragged data is flat ``values`` plus ``offsets`` (compressed sparse rows):
row ``i`` is ``values[offsets[i]:offsets[i + 1]]``. Pitch in Hz is 0 where unvoiced, in cents it is
NaN there. Times are float64 seconds from the start of the recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]

#: Sample rate in Hz at which ``hop`` is counted, whatever the rate of the input.
REFERENCE_RATE = 44_100


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
    """

    hz: Float32Array
    salience: Float32Array
    hop_s: float
    method: str = ""

    @property
    def times(self) -> Float64Array:
        """float64 (frames,), centre of every frame in seconds."""
        return np.arange(self.hz.size, dtype=np.float64) * self.hop_s


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
    """

    cluster: Int32Array
    cents: Float64Array
    start_s: Float64Array
    end_s: Float64Array
    segment_offsets: Int64Array
    symbols: Int32Array
    symbol_offsets: Int64Array

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


@dataclass(frozen=True, slots=True)
class Motifs:
    """Closed patterns with their supports, as compressed sparse rows.

    Attributes
    ----------
    values
        int32, the symbols of all patterns, one after the other.
    offsets
        int64 (patterns + 1,), where each pattern starts and ends in ``values``.
    support
        int32 (patterns,), number of sequences that contain the pattern.
    """

    values: Int32Array
    offsets: Int64Array
    support: Int32Array

    def __len__(self) -> int:
        return int(self.support.size)

    def __getitem__(self, index: int) -> Int32Array:
        if not -len(self) <= index < len(self):
            raise IndexError(f"motif {index} of {len(self)}")
        index %= len(self)
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[Int32Array]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> Int64Array:
        """int64 (patterns,), number of symbols of each pattern."""
        return np.diff(self.offsets)

    def to_arrow(self) -> pa.Table:
        """Arrow table with columns ``symbols`` (large_list<int32>) and ``support`` (int32)."""
        import pyarrow as pa

        symbols = pa.LargeListArray.from_arrays(pa.array(self.offsets), pa.array(self.values))
        return pa.table({"symbols": symbols, "support": pa.array(self.support)})


@dataclass(frozen=True, slots=True)
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
