"""Cutting many clips into one padded batch, beside a loop of numpy slices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cantaor.clips import cut_clips
from cantaor.types import Audio, Float32Array

COUNT = 5_000


@pytest.fixture(scope="module")
def spans(recording: Audio) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    starts = rng.uniform(0, recording.duration_s - 1, COUNT)
    return starts, starts + rng.uniform(0.05, 0.8, COUNT)


def with_slices(audio: Audio, starts: np.ndarray, ends: np.ndarray) -> Float32Array:
    first = np.rint(starts * audio.sample_rate).astype(int)
    last = np.rint(ends * audio.sample_rate).astype(int)
    batch = np.zeros((first.size, int((last - first).max())), np.float32)
    for row, low, high in zip(batch, first, last, strict=True):
        row[: high - low] = audio.samples[low:high]
    return batch


@pytest.mark.benchmark(group="cut 5,000 clips")
def test_cantaor(benchmark: Any, recording: Audio, spans: Any) -> None:
    clips, _ = cut_clips(recording, *spans)
    np.testing.assert_array_equal(clips, with_slices(recording, *spans))
    benchmark(cut_clips, recording, *spans)


@pytest.mark.benchmark(group="cut 5,000 clips")
def test_numpy_slices(benchmark: Any, recording: Audio, spans: Any) -> None:
    batch = benchmark(with_slices, recording, *spans)
    assert batch.shape[0] == COUNT
