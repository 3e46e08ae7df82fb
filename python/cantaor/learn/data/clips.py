"""Labelled clips of any length in one flat buffer, and their batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor.clips.batches import pad_rows
from cantaor.errors import ArgumentError
from cantaor.types import Float32Array, Int32Array, Int64Array


@dataclass(frozen=True, eq=False, slots=True)
class ClipSet:
    """Clips of audio, who sings in them and which recording they come from.

    Attributes
    ----------
    samples
        float32 (total,), all clips one after the other, all at one rate, full scale is -1..1.
    offsets
        int64 (n + 1,), where each clip starts and ends in ``samples``; no clip is empty.
    labels
        int32 (n,), index of each clip's singer in ``classes``; -1 where unknown.
    classes
        Names of the singers.
    recordings
        Names of the recordings, may be empty when ``recording`` is.
    recording
        int32 (n,), index of each clip's recording in ``recordings``; -1 where unknown.
    sample_rate
        Of ``samples``, Hz, or None: not stated. Where it is, models that take another refuse.
    embeddings
        float32 (n, dim), of each clip by an encoder from outside, or None.
    motifs
        int64 (n,), index of the motif that each clip is an instance of in a dictionary; -1 where
        unknown. None: of no clip.

    Raises
    ------
    ArgumentError
        The arrays do not fit each other, or a sample is not finite.
    """

    samples: Float32Array
    offsets: Int64Array
    labels: Int32Array
    classes: tuple[str, ...]
    recordings: tuple[str, ...] = ()
    recording: Int32Array = field(default_factory=lambda: np.empty(0, np.int32))
    sample_rate: int | None = None
    embeddings: Float32Array | None = None
    motifs: Int64Array | None = None

    def __post_init__(self) -> None:
        if self.recording.size == 0 and len(self):
            object.__setattr__(self, "recording", np.full(len(self), -1, np.int32))
        _check(self)

    def __len__(self) -> int:
        return int(self.offsets.size - 1)

    def __getitem__(self, index: int) -> Float32Array:
        return self.samples[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> Int64Array:
        """int64 (n,), samples of each clip."""
        return np.diff(self.offsets)

    @classmethod
    def from_arrays(
        cls,
        clips: Sequence[ArrayLike],
        labels: ArrayLike,
        classes: Sequence[str],
        recordings: Sequence[str] = (),
        recording: ArrayLike = (),
        sample_rate: int | None = None,
    ) -> ClipSet:
        """Join clips that are arrays of their own.

        Parameters
        ----------
        clips
            One float32 array (samples,) for each clip.
        labels, classes, recordings, recording, sample_rate
            As the attributes.

        Examples
        --------
        >>> clips = ClipSet.from_arrays([[0.1, 0.2], [0.3]], [0, 1], ["AM", "EC"])
        >>> len(clips), clips.lengths.tolist()
        (2, [2, 1])
        """
        arrays = [np.asarray(clip, dtype=np.float32).reshape(-1) for clip in clips]
        offsets = np.cumsum([0, *(array.size for array in arrays)], dtype=np.int64)
        samples = np.concatenate(arrays) if arrays else np.empty(0, np.float32)
        return cls(
            samples,
            offsets,
            np.asarray(labels, dtype=np.int32),
            tuple(classes),
            tuple(recordings),
            np.asarray(recording, dtype=np.int32),
            sample_rate,
        )

    def select(self, index: ArrayLike) -> ClipSet:
        """The clips at ``index`` (integers or a mask over all clips), in that order."""
        wanted = np.asarray(index)
        chosen = np.arange(len(self))[wanted if wanted.size else wanted.astype(np.int64)]
        lengths = self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.repeat(self.offsets[chosen] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return ClipSet(
            self.samples[source],
            offsets,
            self.labels[chosen],
            self.classes,
            self.recordings,
            self.recording[chosen],
            self.sample_rate,
            None if self.embeddings is None else self.embeddings[chosen],
            None if self.motifs is None else self.motifs[chosen],
        )

    def batch(
        self, index: ArrayLike, max_samples: int | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """Some clips as one array, padded with zeros to the longest of them.

        Parameters
        ----------
        index
            int (b,), which clips.
        max_samples
            Samples after which clips are cut, or None: none are.

        Returns
        -------
        float32 (b, samples) and int64 (b,), the samples of each clip.
        """
        chosen = np.asarray(index, dtype=np.int64)
        lengths = self.lengths[chosen]
        if max_samples is not None:
            lengths = np.minimum(lengths, max_samples)
        width = int(lengths.max(initial=1))
        return pad_rows(self.samples, self.offsets[chosen], lengths, width), lengths


def join_clips(first: ClipSet, second: ClipSet) -> ClipSet:
    """The clips of two sets one after the other.

    Raises
    ------
    ArgumentError
        The sets do not have the same classes, state different rates, or do not both have embeddings
        of one size.
    """
    if first.classes != second.classes:
        raise ArgumentError(f"classes of first {first.classes} must be second's {second.classes}")
    if second.sample_rate is not None:
        check_rate("first", first, second.sample_rate)
    names = tuple(dict.fromkeys(first.recordings + second.recordings))
    place = np.array([*map(names.index, second.recordings), -1], dtype=np.int32)
    moved = np.array([*map(names.index, first.recordings), -1], dtype=np.int32)
    return ClipSet(
        np.concatenate([first.samples, second.samples]),
        np.concatenate([first.offsets, second.offsets[1:] + first.samples.size]),
        np.concatenate([first.labels, second.labels]),
        first.classes,
        names,
        np.concatenate([moved[first.recording], place[second.recording]]),
        first.sample_rate or second.sample_rate,
        _join_embeddings(first.embeddings, second.embeddings),
        _join_motifs(first, second),
    )


def _join_embeddings(
    first: Float32Array | None, second: Float32Array | None
) -> Float32Array | None:
    if first is None and second is None:
        return None
    sizes = [None if one is None else one.shape[1] for one in (first, second)]
    if first is None or second is None or sizes[0] != sizes[1]:
        raise ArgumentError(
            f"size of first's embeddings ({sizes[0]}) must be second's ({sizes[1]})"
        )
    return np.concatenate([first, second])


def _join_motifs(first: ClipSet, second: ClipSet) -> Int64Array | None:
    if first.motifs is None and second.motifs is None:
        return None
    unknown = np.full(len(first), -1), np.full(len(second), -1)
    return np.concatenate(
        [
            none if one.motifs is None else one.motifs
            for one, none in zip((first, second), unknown, strict=True)
        ]
    ).astype(np.int64)


def check_rate(name: str, clips: ClipSet, sample_rate: int) -> None:
    """Raise ArgumentError if clips state another rate than the one that is wanted, Hz."""
    if clips.sample_rate not in (None, sample_rate):
        raise ArgumentError(
            f"{name} are at {clips.sample_rate} Hz, but {sample_rate} Hz is wanted: read them at "
            "that rate"
        )


def _check(clips: ClipSet) -> None:
    """Raise unless the arrays of a set fit each other."""
    if clips.offsets.ndim != 1 or clips.offsets.size == 0:
        raise ArgumentError(f"offsets must be one row of n + 1; got {clips.offsets.shape}")
    if clips.offsets[0] != 0 or clips.offsets[-1] != clips.samples.size:
        raise ArgumentError(
            f"offsets must run from 0 to the length of samples ({clips.samples.size}); "
            f"got {clips.offsets[0]} to {clips.offsets[-1]}"
        )
    if (clips.lengths < 1).any():
        raise ArgumentError(f"clip {int(np.argmin(clips.lengths))} is empty")
    if not np.isfinite(clips.samples).all():
        bad = int(np.argmin(np.isfinite(clips.samples)))
        clip = int(np.searchsorted(clips.offsets, bad, side="right")) - 1
        raise ArgumentError(f"clip {clip} holds a sample that is not finite")
    if clips.embeddings is not None:
        _check_embeddings(clips.embeddings, len(clips))
    if clips.motifs is not None and clips.motifs.shape != (len(clips),):
        raise ArgumentError(
            f"length of motifs ({clips.motifs.size}) must match clips ({len(clips)})"
        )
    _check_index("labels", clips.labels, "classes", len(clips.classes), len(clips))
    _check_index("recording", clips.recording, "recordings", len(clips.recordings), len(clips))


def _check_embeddings(embeddings: Float32Array, clips: int) -> None:
    if embeddings.ndim != 2 or len(embeddings) != clips or embeddings.dtype != np.float32:
        raise ArgumentError(
            f"embeddings must be float32 ({clips}, dim), one for each clip; got "
            f"{embeddings.dtype} {embeddings.shape}"
        )
    if not np.isfinite(embeddings).all():
        bad = int(np.argmin(np.isfinite(embeddings).all(axis=1)))
        raise ArgumentError(f"the embedding of clip {bad} is not finite")


def _check_index(name: str, index: NDArray[np.int32], names: str, count: int, clips: int) -> None:
    if index.shape != (clips,):
        raise ArgumentError(f"length of {name} ({index.size}) must match clips ({clips})")
    if index.size and (index.min() < -1 or index.max() >= count):
        raise ArgumentError(
            f"{name} must lie in -1..{count - 1}, the {names}; got {index.min()}..{index.max()}"
        )


def bucketed_batches(
    lengths: ArrayLike, size: int, rng: np.random.Generator, chunk: int = 16
) -> list[Int64Array]:
    """Shuffled batches of clips of like length.

    The clips are shuffled, cut into chunks of ``chunk`` batches, sorted by length inside a chunk
    and cut into batches, which are shuffled again: cost follows the audio instead of the padding
    while the batches differ from epoch to epoch.

    Parameters
    ----------
    lengths
        int (n,), of the clips.
    size
        Clips in a batch.
    rng
        Where the order comes from.
    chunk
        Batches that are sorted together.

    Returns
    -------
    int64 arrays that hold every index once. No batch has one clip unless n is 1: a lone rest
    joins the batch before it, because batch normalisation needs two.
    """
    order = rng.permutation(np.asarray(lengths).size)
    chunks = np.split(order, np.arange(chunk * size, order.size, chunk * size))
    ordered = [part[np.argsort(np.asarray(lengths)[part], kind="stable")] for part in chunks]
    batches = _cut(np.concatenate(ordered), size)
    return [batches[index] for index in rng.permutation(len(batches))]


def equal_length_batches(frames: ArrayLike, size: int, min_size: int = 8) -> list[Int64Array]:
    """Batches of clips with one number of frames each, where that makes batches of a fair size.

    Such a batch has no padding, and a network need not mask any.

    Parameters
    ----------
    frames
        int (n,), of the clips.
    size
        Most clips in a batch.
    min_size
        Clips below which a batch also takes longer ones.

    Returns
    -------
    int64 arrays that hold every index once, by ascending frames.

    Examples
    --------
    >>> [batch.tolist() for batch in equal_length_batches([5, 9, 5, 7, 9], 64, fewest=2)]
    [[0, 2], [3, 1, 4]]
    """
    counts = np.asarray(frames)
    order = np.argsort(counts, kind="stable").astype(np.int64)
    longer = np.flatnonzero(np.diff(counts[order])) + 1
    cuts: list[int] = [0]
    for end in [*longer.tolist(), order.size]:
        cuts.extend(range(cuts[-1] + size, end, size))
        if end - cuts[-1] >= min_size:
            cuts.append(end)
    return np.split(order, [cut for cut in cuts[1:] if cut < order.size]) if order.size else []


def _cut(order: Int64Array, size: int) -> list[Int64Array]:
    batches = np.split(order, np.arange(size, order.size, size))
    if len(batches) > 1 and batches[-1].size == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches
