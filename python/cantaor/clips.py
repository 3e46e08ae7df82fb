"""Clips of a recording: where they lie, and their samples in one padded buffer.

Three kinds are used by the paper (section 4): the audio of a motif instance, three seconds that
contain the motif, and random spans of sung audio as the baseline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor._gather import gather_rows
from cantaor.errors import ArgumentError
from cantaor.types import Audio, Float32Array, Float64Array, Int64Array

Sample = TypeVar("Sample", bound=np.generic)


def cut_clips(
    audio: Audio,
    starts_s: ArrayLike,
    ends_s: ArrayLike,
    samples: int | None = None,
) -> tuple[Float32Array, Int64Array]:
    """Cut spans of a recording into the rows of one zero-padded buffer.

    Parameters
    ----------
    audio
        The recording.
    starts_s, ends_s
        float (n,), seconds, ``0 <= start < duration``, ``end > start``. An end past the
        recording's edge stops there.
    samples
        Width of the buffer; ``None`` takes the longest clip. Longer clips are an error.

    Returns
    -------
    clips
        float32 (n, samples), zero after each clip's end.
    lengths
        int64 (n,), real samples of each row, at least 1.

    Raises
    ------
    ArgumentError
        The bounds differ in number, are out of order, not finite or outside the recording, or a
        clip is longer than ``samples``.

    Examples
    --------
    >>> audio = Audio(np.arange(10, dtype=np.float32), 10)
    >>> clips, lengths = cut_clips(audio, [0.0, 0.5], [0.2, 0.8])
    >>> clips.tolist(), lengths.tolist()
    ([[0.0, 1.0, 0.0], [5.0, 6.0, 7.0]], [2, 3])
    """
    first, last = clip_bounds(audio, starts_s, ends_s)
    lengths = last - first
    longest = int(lengths.max(initial=0))
    if samples is not None and longest > samples:
        raise ArgumentError(f"samples is {samples}, but the longest clip has {longest}")
    width = longest if samples is None else samples
    return pad_rows(audio.samples, first, lengths, width), lengths


def pad_rows(
    samples: Float32Array, starts: Int64Array, lengths: Int64Array, width: int
) -> Float32Array:
    """Copy runs of one signal into the rows of a batch, zero after each run's end.

    Parameters
    ----------
    samples
        float32 (total,).
    starts, lengths
        int64 (n,), first sample and number of samples of every run.
    width
        Samples of a row, at least the longest run.

    Returns
    -------
    float32 (n, width).

    Raises
    ------
    ArgumentError
        A run lies outside the signal or is longer than ``width``.

    Examples
    --------
    >>> signal = np.arange(4, dtype=np.float32)
    >>> pad_rows(signal, np.array([1]), np.array([2]), 3).tolist()
    [[1.0, 2.0, 0.0]]
    """
    if starts.shape != lengths.shape:
        raise ArgumentError(f"length of starts ({starts.size}) must match lengths ({lengths.size})")
    outside = (starts < 0) | (lengths < 0) | (starts + lengths > samples.size) | (lengths > width)
    if outside.any():
        i = int(np.argmax(outside))
        raise ArgumentError(
            f"run {i} of {lengths[i]} samples from {starts[i]} must lie within {samples.size} "
            f"samples and fit into {width}"
        )
    rows = np.empty((starts.size, width), np.float32)
    signal = np.ascontiguousarray(samples, np.float32)
    first, count = np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(lengths, np.int64)
    gather_rows(signal, first, count, rows)
    return rows


def clip_bounds(
    audio: Audio, starts_s: ArrayLike, ends_s: ArrayLike
) -> tuple[Int64Array, Int64Array]:
    """First sample of every clip and the one after its last.

    Parameters
    ----------
    audio
        The recording.
    starts_s, ends_s
        float (n,), seconds, as for :func:`cut_clips`.

    Returns
    -------
    int64 (n,) each, ``0 <= first < last <= samples``.

    Raises
    ------
    ArgumentError
        The bounds differ in number, are out of order, not finite or outside the recording.

    Examples
    --------
    >>> first, last = clip_bounds(Audio(np.zeros(10, np.float32), 10), [0.5], [2.0])
    >>> first.tolist(), last.tolist()
    ([5], [10])
    """
    starts, ends = _check_spans(starts_s, ends_s, audio.duration_s)
    rate, total = audio.sample_rate, audio.samples.size
    first = np.minimum(np.rint(starts * rate).astype(np.int64), total - 1)
    return first, np.clip(np.rint(ends * rate).astype(np.int64), first + 1, total)


def cut_blocks(
    blocks: Iterable[NDArray[Sample]], starts: ArrayLike, ends: ArrayLike
) -> Iterator[tuple[int, NDArray[Sample]]]:
    """Cut spans out of a signal that arrives in blocks, keeping no more of it than they need.

    Parameters
    ----------
    blocks
        The signal, (n,) each, of any one type.
    starts, ends
        int (n,), first sample of every span and the one after its last. A span that reaches past
        the signal's end stops there, and keeps at least the last sample.

    Yields
    ------
    Index of a span and its samples, by ascending end. The samples are a view.

    Raises
    ------
    ArgumentError
        The bounds differ in number or a span is empty, or the signal has no samples.

    Examples
    --------
    >>> signal = np.arange(10, dtype=np.float32)
    >>> [(i, s.tolist()) for i, s in cut_blocks([signal[:4], signal[4:]], [2, 8], [5, 20])]
    [(0, [2.0, 3.0, 4.0]), (1, [8.0, 9.0])]
    """
    first, last = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
    if first.shape != last.shape or (first < 0).any() or (last <= first).any():
        raise ArgumentError(
            f"starts {first.shape} and ends {last.shape} must match, with 0 <= start < end"
        )
    order = np.argsort(last, kind="stable")
    needed = np.minimum.accumulate(first[order][::-1])[::-1]
    kept: NDArray[Sample] | None = None
    origin = done = 0
    for block in blocks:
        if done == order.size:
            return
        kept = block[:0] if kept is None else kept
        # The last sample stays for spans that begin past the end.
        gone = min(max(int(needed[done]) - origin, 0), max(kept.size - 1, 0))
        kept, origin = np.concatenate([kept[gone:], block]), origin + gone
        while done < order.size and last[order[done]] <= origin + kept.size:
            i = int(order[done])
            yield i, kept[first[i] - origin : last[i] - origin]
            done += 1
    if done == order.size:
        return
    if kept is None or kept.size == 0:
        raise ArgumentError("blocks hold no samples to cut from")
    for i in order[done:].tolist():
        yield i, kept[min(first[i] - origin, kept.size - 1) : last[i] - origin]


def segment_spans(
    starts_s: ArrayLike, ends_s: ArrayLike, duration_s: float, length_s: float = 3.0
) -> tuple[Float64Array, Float64Array]:
    """Spans of a fixed length around motifs: the paper's "motif + segment" (section 4).

    Each span is centred on its motif, shifted to lie within the recording and cut where the
    recording is shorter. A motif longer than ``length_s`` keeps its own span.

    Parameters
    ----------
    starts_s, ends_s
        float (n,), motif bounds in seconds.
    duration_s
        Length of the recording in seconds.
    length_s
        Length of the spans in seconds, > 0.

    Returns
    -------
    Starts and ends in seconds, float64 (n,) each.

    Raises
    ------
    ArgumentError
        As for :func:`cut_clips`.

    Examples
    --------
    >>> [bound.tolist() for bound in segment_spans([0.0, 5.0], [0.5, 5.5], 60.0)]
    [[0.0, 3.75], [3.0, 6.75]]
    """
    starts, ends = _check_spans(starts_s, ends_s, duration_s)
    if not length_s > 0:
        raise ArgumentError(f"length_s must be positive, not {length_s}")
    span = np.maximum(length_s, ends - starts)
    first = np.maximum(np.minimum((starts + ends - span) / 2, duration_s - span), 0.0)
    return first, np.minimum(first + span, duration_s)


def random_spans(
    starts_s: ArrayLike,
    ends_s: ArrayLike,
    lengths_s: ArrayLike,
    seed: int | np.random.Generator,
) -> tuple[Float64Array, Float64Array]:
    """Spans of given lengths at random places of sung audio: the paper's baseline (section 4).

    A span lies inside one stretch; every place where it fits is equally likely. A length that
    fits nowhere takes the longest stretch whole.

    Parameters
    ----------
    starts_s, ends_s
        float (stretches,), where the voice sounds, in seconds.
    lengths_s
        float (n,), lengths to draw, > 0.
    seed
        Seed or generator; the same seed gives the same spans.

    Returns
    -------
    Starts and ends in seconds, float64 (n,) each.

    Raises
    ------
    ArgumentError
        There is no stretch, bounds are out of order, or a length is not positive.

    Examples
    --------
    >>> starts, ends = random_spans([1.0], [3.0], [0.5, 9.0], seed=0)
    >>> (ends - starts).round(6).tolist()
    [0.5, 2.0]
    """
    low, high = _check_spans(starts_s, ends_s, np.inf)
    lengths = np.asarray(lengths_s, np.float64)
    if low.size == 0:
        raise ArgumentError("starts_s holds no stretch of sung audio to draw from")
    if not (lengths > 0).all():
        raise ArgumentError("lengths_s must be positive")
    rng = np.random.default_rng(seed)
    room = np.maximum((high - low)[None, :] - lengths[:, None], 0.0)
    fits_nowhere = ~room.any(axis=1)
    cumulative = np.cumsum(room, axis=1)
    drawn = rng.random(lengths.size) * cumulative[:, -1]
    stretch = np.minimum((cumulative <= drawn[:, None]).sum(axis=1), low.size - 1)
    stretch[fits_nowhere] = int(np.argmax(high - low))
    rows = np.arange(lengths.size)
    before = cumulative[rows, stretch] - room[rows, stretch]
    first = low[stretch] + np.where(fits_nowhere, 0.0, drawn - before)
    return first, np.minimum(first + lengths, high[stretch])


def _check_spans(
    starts_s: ArrayLike, ends_s: ArrayLike, duration_s: float
) -> tuple[Float64Array, Float64Array]:
    starts, ends = np.asarray(starts_s, np.float64), np.asarray(ends_s, np.float64)
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise ArgumentError(
            f"shape of starts_s {starts.shape} must be (n,) and match ends_s {ends.shape}"
        )
    wrong = ~(np.isfinite(starts) & np.isfinite(ends) & (starts >= 0) & (ends > starts))
    wrong |= starts >= duration_s
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ArgumentError(
            f"span {i} from {starts[i]} s to {ends[i]} s must have 0 <= start < end and start "
            f"before the recording's end at {duration_s} s"
        )
    return starts, ends
