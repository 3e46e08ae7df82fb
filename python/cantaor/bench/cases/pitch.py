"""The native tracker beside Praat, Essentia and librosa, by accuracy and by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cantaor.bench.cases.checks import require
from cantaor.bench.cases.singing import Sung, singing
from cantaor.bench.records import Case, Peer
from cantaor.pitch.tracker import extract_pitch
from cantaor.types import Float32Array

_HOP_S = 256 / 44_100
#: Range that every peer is told; Essentia's own, up to 20 kHz, makes it take overtones for f0.
MIN_HZ, MAX_HZ = 65.0, 1200.0
_INSTALL = "pip install 'cantaor[bench]'"


def overall_accuracy(hz: ArrayLike, truth: ArrayLike) -> float:
    """Share of frames within 50 cents, or unvoiced on both sides (Salamon et al. 2014).

    Parameters
    ----------
    hz, truth
        (frames,) each, f0 in Hz on one grid, 0 = unvoiced; the longer is cut.

    Examples
    --------
    >>> overall_accuracy([220.0, 0.0, 440.0, 110.0], [221.0, 0.0, 0.0, 220.0])
    0.5
    """
    n = min(np.size(hz), np.size(truth))
    found, known = np.asarray(hz, np.float64)[:n], np.asarray(truth, np.float64)[:n]
    both = (found > 0) & (known > 0)
    ratio = np.divide(found, known, out=np.ones(n), where=both)
    near = both & (np.abs(1200 * np.log2(ratio)) < 50)
    return float(np.mean(near | ((found <= 0) & (known <= 0))))


def _ours(data: Sung) -> Float32Array:
    return extract_pitch(data.audio).hz


def _praat(data: Sung) -> Any:
    import parselmouth

    sound = parselmouth.Sound(data.audio.samples.astype(np.float64), data.audio.sample_rate)
    track = sound.to_pitch_ac(time_step=_HOP_S, pitch_floor=MIN_HZ, pitch_ceiling=MAX_HZ)
    times = np.arange(data.hz.size) * _HOP_S
    nearest = np.rint((times - track.x1) / track.dx).astype(int)
    hz = track.selected_array["frequency"]
    inside = (nearest >= 0) & (nearest < hz.size)
    return np.where(inside, hz[np.clip(nearest, 0, hz.size - 1)], 0.0)


def _essentia(data: Sung) -> Any:
    import essentia.standard

    melodia = essentia.standard.PredominantPitchMelodia(
        frameSize=2048, hopSize=256, minFrequency=MIN_HZ, maxFrequency=MAX_HZ
    )
    return np.maximum(melodia(data.audio.samples)[0], 0)


def _pyin(data: Sung) -> Any:
    import librosa

    hz, _, _ = librosa.pyin(data.audio.samples, fmin=MIN_HZ, fmax=MAX_HZ, sr=44_100, hop_length=256)
    return np.nan_to_num(hz)


def _check(data: Sung, hz: Float32Array) -> str:
    accuracy = overall_accuracy(hz, data.hz)
    require(accuracy > 0.9, f"overall accuracy is {accuracy:.3f}, not above 0.9")
    return f"overall accuracy {accuracy:.3f}"


def _agree(data: Sung, _ours: Float32Array, theirs: Any) -> str:
    accuracy = overall_accuracy(theirs, data.hz)
    require(accuracy > 0.5, f"the peer's overall accuracy is {accuracy:.3f}: used wrongly")
    return f"overall accuracy {accuracy:.3f}"


PEERS = (
    Peer("Praat autocorrelation", ("parselmouth",), "praat-parselmouth", _INSTALL, _praat, _agree),
    Peer(
        "Essentia Melodia",
        ("essentia.standard",),
        "essentia",
        "pip install 'cantaor[essentia]'",
        _essentia,
        _agree,
    ),
    Peer("librosa pyin", ("librosa",), "librosa", _INSTALL, _pyin, _agree),
)
CASES = (
    Case("pitch", "f0 of one voice", "seconds of audio", (1, 3, 10), singing, _ours, _check, PEERS),
)
