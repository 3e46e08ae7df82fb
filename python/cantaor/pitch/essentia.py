"""Essentia's melody tracker as the reference; imported only when it is asked for.

Essentia is AGPL-3.0; nothing here is taken from it, and nothing else in cantaor needs it.
"""

from __future__ import annotations

import numpy as np

from cantaor.errors import require_extra
from cantaor.types import REFERENCE_RATE, Audio, PitchTrack


def predominant_pitch(audio: Audio, hop: int, min_hz: float, max_hz: float) -> PitchTrack:
    """PredominantPitchMelodia at 44.1 kHz, frames of 2,048, without an equal-loudness filter.

    Parameters
    ----------
    audio, hop, min_hz, max_hz
        As for :func:`cantaor.pitch.tracker.extract_pitch`.

    Returns
    -------
    PitchTrack of ``floor(duration * 44100 / hop) + 1`` frames; salience is Essentia's confidence.

    Raises
    ------
    MissingExtraError
        Essentia is not installed.
    """
    standard = require_extra("essentia.standard", "essentia")
    frames = audio.samples.size * REFERENCE_RATE // (audio.sample_rate * hop) + 1
    tracker = standard.PredominantPitchMelodia(
        sampleRate=REFERENCE_RATE,
        frameSize=2048,
        hopSize=hop,
        minFrequency=min_hz,
        maxFrequency=max_hz,
    )
    hz, confidence = tracker(_at_reference_rate(audio))
    # Essentia pads both ends and returns a frame or two more, or, for very short audio, fewer.
    return PitchTrack(
        hz=_to_length(np.maximum(hz, 0), frames),
        salience=_to_length(np.maximum(confidence, 0), frames),
        hop_s=hop / REFERENCE_RATE,
        method="essentia",
    )


def _at_reference_rate(audio: Audio) -> np.ndarray:
    samples = np.ascontiguousarray(audio.samples, dtype=np.float32)
    if audio.sample_rate == REFERENCE_RATE:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, audio.sample_rate, REFERENCE_RATE), dtype=np.float32)


def _to_length(values: np.ndarray, frames: int) -> np.ndarray:
    result = np.zeros(frames, dtype=np.float32)
    result[: min(frames, values.size)] = values[:frames]
    return result
