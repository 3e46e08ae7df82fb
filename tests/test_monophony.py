"""One voice alone, or not."""

from __future__ import annotations

import numpy as np
import pytest

from cantaor.pitch import extract_pitch
from cantaor.pitch.monophony import (
    MIN_MOMENTS,
    MonophonyProbe,
    accompaniment_warning,
    explained_share,
)
from cantaor.types import Audio
from tests import singing

RATE = 44_100


def plucked(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A guitar: Karplus-Strong strings (1983), three at a time."""
    out = np.zeros(int((seconds + 2) * RATE))
    for start in np.arange(0, seconds, 0.3):
        for hz in rng.choice([110.0, 146.8, 164.8, 207.7, 246.9, 329.6], 3, replace=False):
            period = int(RATE / hz)
            string = rng.uniform(-1, 1, period)
            parts = []
            for _ in range(int(1.5 * hz)):
                parts.append(string)
                string = 0.498 * (string + np.roll(string, 1))
            note = np.concatenate(parts)
            at = int(start * RATE)
            out[at : at + note.size] += note[: out.size - at]
    return out[: int(seconds * RATE)]


def mix(voice: np.ndarray, other: np.ndarray) -> Audio:
    n = min(voice.size, other.size)
    level = np.sqrt(np.mean(voice**2) / np.mean(other**2))
    return Audio((voice[:n] + level * other[:n]).astype("f4"), RATE)


@pytest.mark.parametrize("kind", ["male", "female", "rough", "room", "noise 3 dB"])
def test_one_voice_and_a_guitar(kind: str, rng: np.random.Generator) -> None:
    alone, _ = singing.sing(singing.VOICES[kind], 8.0, seed=21)
    share, moments = explained_share(Audio(alone, RATE))
    assert share > 0.9
    assert accompaniment_warning(share, moments) == ""
    share, moments = explained_share(mix(alone, plucked(8.0, rng)))
    assert share < 0.6
    assert moments >= MIN_MOMENTS
    assert "not one voice alone" in accompaniment_warning(share, moments)


def test_the_measure_does_not_depend_on_blocks(rng: np.random.Generator) -> None:
    samples = singing.sing(singing.VOICES["male"], 20.0, seed=3)[0]
    track = extract_pitch(Audio(samples, RATE))
    answers = set()
    for size in (samples.size, 100_000, 4_097):
        probe = MonophonyProbe(RATE, 256)
        passed = list(probe.watch(samples[i : i + size] for i in range(0, samples.size, size)))
        np.testing.assert_array_equal(np.concatenate(passed), samples)
        answers.add(probe.explained(track))
    assert len(answers) == 1


def test_short_recordings_say_nothing() -> None:
    assert explained_share(Audio(np.zeros(RATE, np.float32), RATE)) == (1.0, 0)
    assert accompaniment_warning(0.0, MIN_MOMENTS - 1) == ""
