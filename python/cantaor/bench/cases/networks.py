"""A length-aware network beside itself with every clip padded to 426 frames, as in the paper."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from cantaor.bench.cases.checks import require
from cantaor.bench.cases.features import tones
from cantaor.bench.records import Case, Peer
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.types import Float32Array

_SINGERS, _WIDTH = 5, 8


@cache
def _network(padded: bool) -> SingerClassifier:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return SingerClassifier(
        "residual-blstm", "log-mel", _SINGERS, width=_WIDTH, padded=padded
    ).eval()


def _logits(clips: Float32Array, padded: bool) -> Float32Array:
    with torch.inference_mode():
        logits: Float32Array = _network(padded)(torch.from_numpy(clips))[0].numpy()
    return logits


def _ours(clips: Float32Array) -> Float32Array:
    return _logits(clips, padded=False)


def _padded(clips: Float32Array) -> Float32Array:
    return _logits(clips, padded=True)


def _check(clips: Float32Array, logits: Float32Array) -> str:
    longer = np.pad(clips[:8], ((0, 0), (0, 30_000)))
    lengths = torch.full((8,), clips.shape[1])
    with torch.inference_mode():
        again = _network(False)(torch.from_numpy(longer), lengths)[0].numpy()
    worst = float(np.abs(again - logits[:8]).max())
    require(worst < 1e-4, f"padding changes answers by {worst:.2g}")
    return f"padding changes nothing ({worst:.0e})"


def _same_shape(_clips: Float32Array, ours: Float32Array, theirs: Float32Array) -> str:
    require(ours.shape == theirs.shape, f"shape {ours.shape} is not {theirs.shape}")
    return "same weights; padding enters its answers"


CASES = (
    Case(
        "networks",
        "Residual-BLSTM, width 8, clips of 0.3 s",
        "clips",
        (7, 22, 70),
        tones,
        _ours,
        _check,
        (Peer("padded to 426 frames (torch)", (), "", "", _padded, _same_shape),),
    ),
)
