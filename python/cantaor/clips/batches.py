"""Clips of a recording: where they lie, and their samples in one padded buffer.

Three kinds are used by the paper (section 4): the audio of a motif instance, three seconds that
contain the motif, and random spans of sung audio as the baseline.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor._gather import gather_rows
from cantaor.clips.spans import clip_bounds
from cantaor.errors import ArgumentError
from cantaor.io.audio import Recording, as_audio
from cantaor.types import Float32Array, Int64Array

Sample = TypeVar("Sample", bound=np.generic)


def cut_clips(
    audio: Recording,
    starts_s: ArrayLike,
    ends_s: ArrayLike,
    samples: int | None = None,
    *,
    sample_rate: int | None = None,
) -> tuple[Float32Array, Int64Array]:
    """Cut spans of a recording into the rows of one zero-padded buffer.

    Parameters
    ----------
    audio
        The recording: :class:`~cantaor.types.Audio`, a path or URL, or samples (n,) with their
        ``sample_rate``.
    starts_s, ends_s
        float (n,), seconds, ``0 <= start < duration``, ``end > start``. An end past the
        recording's edge stops there.
    samples
        Width of the buffer; ``None`` takes the longest clip. Longer clips are an error.
    sample_rate
        Hz, where ``audio`` is an array of samples.

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
    >>> clips, lengths = cut_clips(np.arange(10), [0.0, 0.5], [0.2, 0.8], sample_rate=10)
    >>> clips.tolist(), lengths.tolist()
    ([[0.0, 1.0, 0.0], [5.0, 6.0, 7.0]], [2, 3])
    """
    audio = as_audio(audio, sample_rate)
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
        yield i, kept[min(first[i] - origin, kept.size - 1) :]


def to_16_bits(samples: Float32Array) -> NDArray[np.int16]:
    """Samples as 16-bit integers; those that came from such integers are the same again.

    Parameters
    ----------
    samples
        float32, -1..1; louder ones are clipped.

    Examples
    --------
    >>> to_16_bits(np.array([0.5, -2.0], np.float32)).tolist()
    [16384, -32768]
    """
    whole = np.rint(samples * np.float32(32768))
    clipped: NDArray[np.int16] = np.clip(whole, -32768, 32767, out=whole).astype(np.int16)
    return clipped


def encode_wav(samples: NDArray[np.int16], sample_rate: int) -> bytes:
    """A WAV file of mono 16-bit samples, whole, in memory.

    Examples
    --------
    >>> len(encode_wav(np.zeros(3, np.int16), 8000))
    50
    """
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
    return target.getvalue()
