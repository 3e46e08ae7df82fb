"""Decoding and resampling beside librosa's loader."""

from __future__ import annotations

from typing import Any

import numpy as np

from cantaor.bench.cases.checks import require, require_close
from cantaor.bench.cases.singing import OnDisk, recording_file
from cantaor.bench.records import Case, Peer
from cantaor.io.audio import read_audio
from cantaor.types import Float32Array

RATE = 16_000


def _ours(data: OnDisk) -> Float32Array:
    return read_audio(data.path, RATE).samples


def _librosa(data: OnDisk) -> Float32Array:
    import librosa

    samples: Float32Array = librosa.load(data.path, sr=RATE, mono=True)[0]
    return samples


def _check(_data: OnDisk, samples: Float32Array) -> str:
    seconds = samples.size / RATE
    require(bool(np.isfinite(samples).all()), "samples are not all finite")
    require(seconds > 1, f"only {seconds:.1f} s were read")
    return f"{seconds:.0f} s at 16 kHz"


def _agree(_data: OnDisk, ours: Float32Array, theirs: Any) -> str:
    return require_close("samples", ours, theirs, 1e-3)


LIBROSA = Peer(
    "librosa.load", ("librosa",), "librosa", "pip install 'cantaor[bench]'", _librosa, _agree
)
CASES = (
    Case(
        "audio",
        "read FLAC, 44.1 to 16 kHz",
        "seconds of audio",
        (10, 32, 100),
        recording_file,
        _ours,
        _check,
        (LIBROSA,),
    ),
)
