"""The native tracker beside Praat, Essentia, librosa, SwiftF0 and FCPE, by accuracy and by time.

Case by case: a smooth voice, and a rough one, whose cycles alternate in height by 15 %.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cantaor.bench.cases.checks import require
from cantaor.bench.cases.singing import Sung, rough_singing, singing
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


def _swift_f0(data: Sung) -> Any:
    import soxr

    samples = soxr.resample(data.audio.samples, data.audio.sample_rate, 16_000)
    found = _swift_f0_model().detect(samples.astype(np.float32), 16_000, fmin=MIN_HZ, fmax=MAX_HZ)
    hz = np.where(found.confidence >= 0.5, found.pitch_hz, 0.0)
    return _on_grid(found.timestamps, hz, data.hz.size)


@cache
def _swift_f0_model() -> Any:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)


def _fcpe(data: Sung) -> Any:
    import torch

    torch.set_num_threads(1)
    with torch.inference_mode():
        hz = (
            _fcpe_model()
            .infer(
                torch.from_numpy(data.audio.samples)[None, :, None],
                sr=data.audio.sample_rate,
                decoder_mode="local_argmax",
                threshold=0.006,
                f0_min=MIN_HZ,
                f0_max=MAX_HZ,
            )[0, :, 0]
            .numpy()
        )
    return _on_grid(np.arange(hz.size) * 0.01, hz, data.hz.size)


@cache
def _fcpe_model() -> Any:
    import torchfcpe

    return torchfcpe.spawn_bundled_infer_model(device="cpu")


def _on_grid(times: Any, hz: Any, frames: int) -> Any:
    """The value nearest in time to every frame of the 256-sample grid."""
    wanted = np.arange(frames) * _HOP_S
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    nearest = np.where(wanted - times[after - 1] <= times[after] - wanted, after - 1, after)
    return np.asarray(hz)[nearest]


def _check(data: Sung, hz: Float32Array) -> str:
    accuracy = overall_accuracy(hz, data.hz)
    require(accuracy > 0.9, f"overall accuracy is {accuracy:.3f}, not above 0.9")
    return f"overall accuracy {accuracy:.3f}"


def _agree(data: Sung, _ours: Float32Array, theirs: Any) -> str:
    accuracy = overall_accuracy(theirs, data.hz)
    require(accuracy > 0.5, f"the peer's overall accuracy is {accuracy:.3f}: used wrongly")
    return f"overall accuracy {accuracy:.3f}"


def _report(data: Sung, _ours: Float32Array, theirs: Any) -> str:
    # No use of a peer is wrong because it hears the subharmonic of a rough voice.
    return f"overall accuracy {overall_accuracy(theirs, data.hz):.3f}"


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
    Peer("SwiftF0", ("swift_f0",), "swift-f0", _INSTALL, _swift_f0, _agree),
    Peer("FCPE", ("torchfcpe", "torch"), "torchfcpe", _INSTALL, _fcpe, _agree),
)
CASES = (
    Case("pitch", "f0 of one voice", "seconds of audio", (1, 3, 10), singing, _ours, _check, PEERS),
    Case(
        "pitch",
        "f0 of one rough voice",
        "seconds of audio",
        (1, 3, 10),
        rough_singing,
        _ours,
        _check,
        tuple(replace(peer, agree=_report) for peer in PEERS),
    ),
)
