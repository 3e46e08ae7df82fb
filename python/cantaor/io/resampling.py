"""Other sample rates, at once and in blocks (soxr, high quality)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import soxr

from cantaor.errors import ArgumentError
from cantaor.types import Audio, Float32Array


def resample(audio: Audio, sample_rate: int) -> Audio:
    """Resample to another rate (soxr, high quality); the same record if the rate is the same.

    Parameters
    ----------
    audio
        Any mono audio.
    sample_rate
        Target rate in Hz, > 0.

    Raises
    ------
    ArgumentError
        ``sample_rate`` is not positive.

    Examples
    --------
    >>> resample(Audio(np.zeros(480, np.float32), 48000), 16000).samples.size
    160
    """
    if not sample_rate > 0:
        raise ArgumentError(f"sample_rate must be positive, not {sample_rate}")
    if sample_rate == audio.sample_rate:
        return audio
    samples = soxr.resample(audio.samples, audio.sample_rate, sample_rate)
    return Audio(np.ascontiguousarray(samples, dtype=np.float32), sample_rate, audio.warnings)


def resampled(
    blocks: Iterable[Float32Array],
    sample_rate: int,
    target_rate: int,
    sink: Callable[[Float32Array], object],
) -> Iterator[Float32Array]:
    """Pass blocks on unchanged while ``sink`` gets them at another rate.

    Parameters
    ----------
    blocks
        float32 (n,) each, of one recording.
    sample_rate, target_rate
        Hz, > 0.
    sink
        Gets the samples of :func:`resample`, bit for bit, in blocks of any size; the last of them
        when ``blocks`` end.

    Examples
    --------
    >>> parts = []
    >>> for _ in resampled([np.zeros(4800, np.float32)] * 3, 48000, 16000, parts.append): pass
    >>> sum(part.size for part in parts)
    4800
    """
    if sample_rate == target_rate:
        for block in blocks:
            sink(block)
            yield block
        return
    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32")
    for block in blocks:
        sink(stream.resample_chunk(block))
        yield block
    sink(stream.resample_chunk(np.empty(0, np.float32), last=True))
