"""What goes into the pitch stage and what other trackers return, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cantaor import _core
from cantaor.errors import ArgumentError
from cantaor.types import REFERENCE_RATE, Audio, Float32Array, PitchTrack

_MIN_RATE, _MAX_RATE = 4_000, 1_536_000


def check_audio(audio: Audio) -> None:
    check_rate(audio.sample_rate)
    if np.ndim(audio.samples) != 1:
        raise ArgumentError(f"audio must be mono (n,), not of shape {np.shape(audio.samples)}")
    if audio.samples.size == 0:
        raise ArgumentError("audio is empty: it has no samples")


def check_rate(sample_rate: int) -> None:
    if not _MIN_RATE <= sample_rate <= _MAX_RATE or sample_rate != int(sample_rate):
        raise ArgumentError(
            f"sample_rate must be a whole number of {_MIN_RATE}..{_MAX_RATE} Hz, not {sample_rate}"
        )


def check_hop(hop: int) -> None:
    if isinstance(hop, bool) or hop != int(hop) or not 1 <= hop <= REFERENCE_RATE:
        raise ArgumentError(f"hop must be a whole number of 1..{REFERENCE_RATE}, not {hop!r}")


def checked_samples(samples: ArrayLike, position: int) -> Float32Array:
    """Samples as the kernels take them, or an error that says which one is bad."""
    block = np.ascontiguousarray(samples, dtype=np.float32)
    if block.ndim != 1:
        raise ArgumentError(f"samples must be mono (n,), not of shape {block.shape}")
    bad = _core.first_bad_sample(block)
    if bad >= 0:
        raise ArgumentError(
            f"samples must be finite and within 1e6; sample {position + bad} is {block[bad]}"
        )
    return block


def checked_track(result: ArrayLike | PitchTrack, audio: Audio, hop: int, name: str) -> PitchTrack:
    """What another tracker returned, as a track on our grid."""
    if isinstance(result, PitchTrack):
        hz, salience = np.asarray(result.hz), np.asarray(result.salience, dtype=np.float32)
    else:
        hz = np.asarray(result)
        salience = (hz > 0).astype(np.float32)
    frames = audio.samples.size * REFERENCE_RATE // (audio.sample_rate * hop) + 1
    if hz.shape != (frames,) or salience.shape != (frames,):
        raise ArgumentError(
            f"method {name!r} returned f0 of shape {hz.shape}; the audio has {frames} frames"
        )
    if not (np.isfinite(hz) & (hz >= 0)).all():
        raise ArgumentError(f"method {name!r} returned f0 that is negative or not finite")
    return PitchTrack(hz.astype(np.float32), salience, hop / REFERENCE_RATE, name)
