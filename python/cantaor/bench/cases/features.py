"""Features of a batch beside torchaudio, in one batch and clip by clip, and librosa."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from cantaor.bench.cases.checks import require, require_close
from cantaor.bench.records import Case, Peer
from cantaor.learn.features.spectrograms import LogMel
from cantaor.types import Float32Array

RATE, SAMPLES, FRAMES = 16_000, 4_800, 31


def tones(count: int) -> Float32Array:
    """Clips of 0.3 s: tones with overtones and a little noise, float32 (count, 4800)."""
    rng = np.random.default_rng(0)
    moment = np.arange(SAMPLES) / RATE
    f0 = rng.uniform(150, 400, (count, 1))
    clips = rng.standard_normal((count, SAMPLES)) * 0.01
    for k in range(1, 16):
        clips += 0.1 * np.sin(2 * np.pi * k * f0 * moment) / k
    return clips.astype(np.float32)


@cache
def _module() -> LogMel:
    torch.set_num_threads(1)
    return LogMel()


def _ours(clips: Float32Array) -> Float32Array:
    with torch.inference_mode():
        images: Float32Array = _module()(torch.from_numpy(clips), frames=FRAMES).numpy()
    return images


def _check(clips: Float32Array, images: Float32Array) -> str:
    require(images.shape == (len(clips), 128, FRAMES), f"shape is {images.shape}")
    require(float(images.max()) == 0.0, "the loudest value is not 0 dB")
    return "0 dB at the loudest value"


@cache
def _torchaudio_module() -> Any:
    from torchaudio.transforms import MelSpectrogram

    return MelSpectrogram(
        RATE,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=128,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )


def _torchaudio(clips: Float32Array) -> Float32Array:
    from torchaudio.functional import amplitude_to_DB

    images = []
    with torch.inference_mode():
        for clip in torch.from_numpy(clips):
            power = _torchaudio_module()(clip)
            loudest = float(torch.log10(power.max()))
            images.append(amplitude_to_DB(power, 10.0, 1e-10, loudest, top_db=80.0).numpy())
    return np.stack(images)


@cache
def _decibels_module() -> Any:
    from torchaudio.transforms import AmplitudeToDB

    return AmplitudeToDB(top_db=80.0)


def _torchaudio_together(clips: Float32Array) -> Float32Array:
    # The floor lies under each clip's own maximum if clips are channels of their own.
    with torch.inference_mode():
        levels = _decibels_module()(_torchaudio_module()(torch.from_numpy(clips)[:, None]))[:, 0]
        images: Float32Array = (levels - levels.amax((1, 2), keepdim=True)).numpy()
    return images


def _librosa(clips: Float32Array) -> Float32Array:
    import librosa

    images = []
    for clip in clips:
        mel = librosa.feature.melspectrogram(
            y=clip, sr=RATE, n_fft=512, hop_length=160, win_length=400, pad_mode="constant"
        )
        images.append(librosa.power_to_db(mel, ref=np.max))
    return np.stack(images)


def _agree(_clips: Float32Array, ours: Float32Array, theirs: Float32Array) -> str:
    return require_close("dB", ours, theirs, 0.02)


PEERS = (
    Peer(
        "torchaudio in one batch",
        ("torchaudio.transforms",),
        "torchaudio",
        "pip install 'cantaor[learn]'",
        _torchaudio_together,
        _agree,
    ),
    Peer(
        "torchaudio clip by clip",
        ("torchaudio.transforms",),
        "torchaudio",
        "pip install 'cantaor[learn]'",
        _torchaudio,
        _agree,
    ),
    Peer(
        "librosa clip by clip",
        ("librosa",),
        "librosa",
        "pip install 'cantaor[bench]'",
        _librosa,
        _agree,
    ),
)
CASES = (
    Case(
        "features",
        "log-mel of clips of 0.3 s",
        "clips",
        (26, 80, 256),
        tones,
        _ours,
        _check,
        PEERS,
    ),
)
