"""Cutting many clips into one padded batch beside a loop of numpy slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cantaor.bench.cases.checks import require, require_close
from cantaor.bench.cases.singing import singing
from cantaor.bench.records import Case, Peer
from cantaor.clips.batches import cut_clips
from cantaor.types import Audio, Float32Array, Float64Array


@dataclass(frozen=True, eq=False, slots=True)
class Spans:
    """A recording and where its clips lie, seconds."""

    audio: Audio
    starts: Float64Array
    ends: Float64Array


def _spans(count: int) -> Spans:
    audio = singing(30).audio
    rng = np.random.default_rng(5)
    starts = rng.uniform(0, audio.duration_s - 1, count)
    return Spans(audio, starts, starts + rng.uniform(0.05, 0.8, count))


def _ours(data: Spans) -> Float32Array:
    return cut_clips(data.audio, data.starts, data.ends)[0]


def _check(data: Spans, batch: Float32Array) -> str:
    require(batch.shape[0] == data.starts.size, f"{batch.shape[0]} clips were cut")
    return f"{batch.shape[0]:,} x {batch.shape[1]:,} samples"


def _slices(data: Spans) -> Float32Array:
    first = np.rint(data.starts * data.audio.sample_rate).astype(int)
    last = np.rint(data.ends * data.audio.sample_rate).astype(int)
    batch = np.zeros((first.size, int((last - first).max())), np.float32)
    for row, low, high in zip(batch, first, last, strict=True):
        row[: high - low] = data.audio.samples[low:high]
    return batch


def _agree(_data: Spans, ours: Float32Array, theirs: Float32Array) -> str:
    require_close("samples", ours, theirs, 0)
    return "same samples"


CASES = (
    Case(
        "clips",
        "cut clips into one batch",
        "clips",
        (200, 640, 2_000),
        _spans,
        _ours,
        _check,
        (Peer("numpy slices", (), "", "", _slices, _agree),),
    ),
)
