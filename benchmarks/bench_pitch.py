"""The native tracker beside Essentia's, on the same audio, the answers asserted first.

The ratio is measured in one test, the two trackers in turns, by the least time of several turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import essentia.standard as essentia
import mir_eval
import numpy as np
import pytest

from cantaor.pitch import extract_pitch
from cantaor.types import Audio
from tests.singing import VOICES, sing

HOP_S = 256 / 44_100


@pytest.fixture(scope="module")
def sung() -> tuple[Audio, np.ndarray]:
    """30 s of a synthetic voice, and its f0 at every sample."""
    samples, hz = sing(VOICES["female"], seconds=30.0, seed=3)
    return Audio(samples, 44_100), hz


def overall(hz: np.ndarray, truth: np.ndarray) -> float:
    times = np.arange(hz.size) * HOP_S
    at = np.minimum(np.rint(times * 44_100).astype(int), truth.size - 1)
    scores = mir_eval.melody.evaluate(times, truth[at], times, hz.astype(np.float64))
    return float(scores["Overall Accuracy"])


def peer(audio: Audio, equal_loudness: bool = False) -> np.ndarray:
    samples = audio.samples
    if equal_loudness:
        samples = essentia.EqualLoudness(sampleRate=44_100)(samples)
    hz, _ = essentia.PredominantPitchMelodia(frameSize=2048, hopSize=256)(samples)
    return np.maximum(hz, 0)


def seconds(*calls: Callable[[], object], turns: int = 5) -> list[float]:
    """Least processor time of each call, the calls in turns."""
    least = [np.inf] * len(calls)
    for _ in range(turns):
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            least[i] = min(least[i], time.process_time() - start)
    return least


@pytest.mark.benchmark(group="pitch of 30 s")
def test_cantaor(benchmark: Any, sung: tuple[Audio, np.ndarray]) -> None:
    audio, truth = sung
    assert overall(benchmark(extract_pitch, audio).hz, truth) >= 0.95


@pytest.mark.benchmark(group="pitch of 30 s")
def test_essentia(benchmark: Any, sung: tuple[Audio, np.ndarray]) -> None:
    audio, truth = sung
    hz = benchmark.pedantic(peer, (audio,), rounds=2, warmup_rounds=0)
    assert overall(hz[: audio.samples.size // 256 + 1], truth) >= 0.6


@pytest.mark.benchmark(group="pitch of 0.3 s")
def test_short_clip(benchmark: Any, sung: tuple[Audio, np.ndarray]) -> None:
    audio, _ = sung
    clip = Audio(audio.samples[44_100 : 44_100 + 13_230], 44_100)
    assert benchmark(extract_pitch, clip).hz.size == 52


def test_ratio_to_essentia(sung: tuple[Audio, np.ndarray], record_property: Any) -> None:
    audio, truth = sung
    assert overall(extract_pitch(audio).hz, truth) >= 0.95
    ours, theirs, filtered = seconds(
        lambda: extract_pitch(audio), lambda: peer(audio), lambda: peer(audio, True)
    )
    record_property("times_essentia", theirs / ours)
    record_property("times_essentia_with_equal_loudness", filtered / ours)
    print(
        f"\n{audio.duration_s / ours:.0f} x real time; "
        f"{theirs / ours:.1f} x Essentia, {filtered / ours:.1f} x with EqualLoudness"
    )
    assert theirs / ours > 8
