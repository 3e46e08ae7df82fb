"""Embeddings of clips by an encoder, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cantaor.errors import ArgumentError
from cantaor.io.audio import resample
from cantaor.learn.encoders.encoder import Encoder
from cantaor.types import Audio, Float32Array

# Part of every key: changes with what is computed from the same samples.
_VERSION = 1
# Windows of a clip that are computed together; clips before what is new is kept on disk.
_WINDOWS, _KEPT = 16, 64


@dataclass(frozen=True, eq=False, slots=True)
class EncodedClips:
    """Embeddings of clips.

    Attributes
    ----------
    values
        float32 (n, size), of unit length each.
    computed
        How many were computed; the others were known.
    """

    values: Float32Array
    computed: int


def encode(encoder: Encoder, clips: Sequence[Float32Array], sample_rate: int) -> EncodedClips:
    """Embed clips, each by itself, so that the result does not depend on the others.

    A clip is resampled to the encoder's rate. One shorter than a window is repeated until it fills
    it; a longer one is cut in windows that overlap by half, the last of which ends with the
    clip, and their embeddings are averaged.

    Parameters
    ----------
    encoder
        The encoder.
    clips
        float32 (samples,) each, none empty.
    sample_rate
        Hz, of the clips.

    Raises
    ------
    ArgumentError
        A clip is empty.
    ModelError
        The encoder fails, or gives what is not finite.
    """
    keys = [_key(encoder, clip, sample_rate) for clip in clips]
    known = encoder.cache.get(list(dict.fromkeys(keys)))
    fresh: dict[bytes, Float32Array] = {}
    computed = 0
    for key, clip in zip(keys, clips, strict=True):
        if key in known:
            continue
        known[key] = fresh[key] = _embed(encoder, clip, sample_rate)
        computed += 1
        if len(fresh) == _KEPT:
            encoder.cache.put(fresh)
            fresh = {}
    if fresh:
        encoder.cache.put(fresh)
    values = np.array([known[key] for key in keys], dtype=np.float32)
    return EncodedClips(values.reshape(len(clips), encoder.size), computed)


def cut_windows(samples: Float32Array, window: int) -> Float32Array:
    """Windows of a clip, float32 (windows, window).

    Examples
    --------
    >>> cut_windows(np.array([1, 2], np.float32), 5).tolist()
    [[1.0, 2.0, 1.0, 2.0, 1.0]]
    >>> cut_windows(np.arange(7, dtype=np.float32), 4).tolist()
    [[0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0], [3.0, 4.0, 5.0, 6.0]]
    """
    if samples.size <= window:
        return np.resize(samples, (1, window))
    last = samples.size - window
    starts = np.unique([*range(0, last, max(1, window // 2)), last])
    return np.stack([samples[start : start + window] for start in starts])


def _embed(encoder: Encoder, clip: Float32Array, sample_rate: int) -> Float32Array:
    samples = resample(Audio(clip, sample_rate), encoder.sample_rate).samples
    # Of so few samples nothing may be left at a lower rate.
    windows = cut_windows(samples if samples.size else clip[:1], encoder.window)
    parts = [
        encoder.run(windows[first : first + _WINDOWS]) for first in range(0, len(windows), _WINDOWS)
    ]
    mean = np.concatenate(parts).mean(axis=0, dtype=np.float64)
    embedding: Float32Array = (mean / max(np.linalg.norm(mean), 1e-12)).astype(np.float32)
    return embedding


def _key(encoder: Encoder, clip: Float32Array, sample_rate: int) -> bytes:
    if clip.size == 0:
        raise ArgumentError("a clip is empty")
    digest = hashlib.blake2b(np.ascontiguousarray(clip).data, digest_size=16)
    digest.update(repr((_VERSION, sample_rate, encoder.sample_rate, encoder.window_s)).encode())
    return digest.digest()
