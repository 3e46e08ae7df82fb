"""Where clips lie in a recording: around motifs, and at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError
from cantaor.types import Audio, Float64Array, Int64Array


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
    first = np.minimum(np.rint(starts * rate), total - 1).astype(np.int64)
    # Cut while they are floats: an end of 1e15 s is more samples than an integer holds.
    last = np.minimum(np.rint(ends * rate), total).astype(np.int64)
    return first, np.maximum(last, first + 1)


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
