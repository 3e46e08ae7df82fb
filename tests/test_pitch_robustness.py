"""The pitch stage on damaged, converted and very long recordings: nothing breaks, times stay."""

from __future__ import annotations

from pathlib import Path

import mir_eval
import numpy as np
import pytest
import soundfile
import soxr

from cantaor.bench.timing import cost
from cantaor.io.audio import read_audio
from cantaor.pitch.tracker import PitchStream, extract_pitch
from cantaor.types import Audio, PitchTrack
from tests.singing import VOICES, sing

HOP_S = 256 / 44_100
RATE = 44_100


@pytest.fixture(scope="module")
def sung() -> tuple[np.ndarray, np.ndarray]:
    """8 s of a synthetic voice at 44.1 kHz, and its f0 at every sample."""
    return sing(VOICES["female"], 8.0, seed=5)


def scores(track: PitchTrack, hz: np.ndarray) -> tuple[float, float]:
    """Raw pitch accuracy and overall accuracy; ``hz`` is the true f0 at every sample."""
    at = np.minimum(np.rint(track.times * RATE).astype(int), hz.size - 1)
    result = mir_eval.melody.evaluate(track.times, hz[at], track.times, track.hz.astype(float))
    return result["Raw Pitch Accuracy"], result["Overall Accuracy"]


def delay_frames(track: PitchTrack, reference: PitchTrack) -> int:
    """Shift at which both tracks agree best in pitch and voicing, in frames."""
    size = min(track.hz.size, reference.hz.size)

    def distance(shift: int) -> float:
        one, other = np.roll(track.hz[:size], -shift), reference.hz[:size]
        both = (one > 0) & (other > 0)
        cents = np.abs(1200 * np.log2(one[both] / other[both]))
        return float(np.minimum(cents, 100).sum() + 100 * ((one > 0) != (other > 0)).sum())

    return min(range(-6, 7), key=distance)


DAMAGE = {
    "60 dB softer": lambda x: x * np.float32(1e-3),
    "20 dB louder": lambda x: x * np.float32(10),
    "offset": lambda x: x + np.float32(0.5),
    "clipped": lambda x: np.clip(8 * x, -1, 1),
    "16 bits at -40 dB": lambda x: np.round(x * 327.68).astype(np.float32) / 32_768,
    "other polarity": lambda x: -x,
    "hum": lambda x: (
        x + np.float32(0.01) * np.sin(2 * np.pi * 50 * np.arange(x.size) / RATE).astype(np.float32)
    ),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_damage_hardly_matters(damage: str, sung: tuple[np.ndarray, np.ndarray]) -> None:
    samples, hz = sung
    worse = Audio(DAMAGE[damage](samples), RATE)
    track = extract_pitch(worse)
    raw_pitch, overall = scores(track, hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.94
    assert delay_frames(track, extract_pitch(Audio(samples, RATE))) == 0


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000])
def test_resampled_copies(rate: int, sung: tuple[np.ndarray, np.ndarray]) -> None:
    samples, hz = sung
    copy = Audio(soxr.resample(samples, RATE, rate).astype(np.float32), rate)
    track = extract_pitch(copy)
    raw_pitch, overall = scores(track, hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.93
    assert delay_frames(track, extract_pitch(Audio(samples, RATE))) == 0


@pytest.mark.parametrize("level", [0.1, 0.9])  # soundfile: 0 is the best quality
def test_mp3_copies(level: float, tmp_path: Path, sung: tuple[np.ndarray, np.ndarray]) -> None:
    samples, hz = sung
    path = tmp_path / "copy.mp3"
    soundfile.write(path, samples, RATE, format="MP3", compression_level=level)
    track = extract_pitch(read_audio(path))
    raw_pitch, overall = scores(track, hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.93
    assert abs(delay_frames(track, extract_pitch(Audio(samples, RATE)))) <= 1


@pytest.mark.parametrize("kind", ["white", "pink", "bursts", "click"])
def test_what_is_no_voice_is_mostly_unvoiced(kind: str, rng: np.random.Generator) -> None:
    white = rng.normal(0, 0.1, 6 * RATE)
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(3 * RATE + 1), 20))
    sound = {
        "white": white,
        "pink": np.fft.irfft(spectrum),
        "bursts": white * (np.arange(white.size) // 8_000 % 3 == 0),
        "click": np.eye(1, white.size, RATE)[0],
    }[kind]
    track = extract_pitch(Audio(sound.astype(np.float32), RATE))
    assert (track.hz > 0).mean() < 0.08


@pytest.mark.slow
def test_ten_hours_in_constant_memory() -> None:
    minute, _ = sing(VOICES["male"], 60.0, seed=6)
    stream = PitchStream(RATE)
    for _ in range(10):
        stream.feed(minute)

    def feed_the_rest() -> None:
        for _ in range(590):
            stream.feed(minute)

    grown = cost(feed_the_rest).memory_bytes
    track = stream.finish()
    assert track.hz.size == 600 * minute.size // 256 + 1
    assert grown is None or grown < 20e6 + 24 * track.hz.size
    voiced = (track.hz > 0).mean()
    assert 0.5 < voiced < 0.95
