"""The pitch stage: accuracy on real and synthetic singing, robustness, invariance, errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import scipy.fft

from cantaor.errors import ArgumentError
from cantaor.io.audio import read_audio
from cantaor.pitch.tracker import PitchStream, extract_pitch, pitch_candidates
from cantaor.types import Audio, PitchTrack
from tests.singing import VOICES, SyntheticSinger, sing

HOP_S = 256 / 44_100


def sung(voice: SyntheticSinger, seconds: float = 8.0, seed: int = 1) -> tuple[Audio, np.ndarray]:
    """Audio and true f0 on the frame grid."""
    samples, hz = sing(voice, seconds, seed)
    rate = voice.sample_rate
    frames = samples.size * 44_100 // (rate * 256) + 1
    at = np.minimum(np.rint(np.arange(frames) * HOP_S * rate).astype(int), hz.size - 1)
    return Audio(samples, rate), hz[at]


def scores(track: PitchTrack, hz: np.ndarray) -> tuple[float, float]:
    """Raw pitch accuracy and overall accuracy."""
    result = mir_eval.melody.evaluate(track.times, hz, track.times, track.hz.astype(np.float64))
    return result["Raw Pitch Accuracy"], result["Overall Accuracy"]


def harmonic_tone(hz: float, seconds: float, rate: int) -> Audio:
    t = np.arange(int(seconds * rate)) / rate
    harmonics = range(1, max(2, int(min(4000, rate / 2.5) / hz)))
    samples = sum(np.sin(2 * np.pi * hz * h * t) / h for h in harmonics)
    return Audio((0.1 * samples).astype(np.float32), rate)


def test_real_singing(shared_data: Path) -> None:
    audio = read_audio(shared_data / "pitch" / "vocadito_1.flac")
    times, hz = np.loadtxt(shared_data / "pitch" / "vocadito_1.csv", delimiter=",").T
    track = extract_pitch(audio)
    result = mir_eval.melody.evaluate(times, hz, track.times, track.hz.astype(np.float64))
    assert result["Raw Pitch Accuracy"] >= 0.979
    assert result["Overall Accuracy"] >= 0.965


@pytest.mark.parametrize("name", list(VOICES))
def test_synthetic_singing(name: str) -> None:
    audio, hz = sung(VOICES[name])
    raw_pitch, overall = scores(extract_pitch(audio), hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.94


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("hop", [64, 256, 441])
def test_frames_and_times_at_every_rate(rate: int, hop: int) -> None:
    audio = harmonic_tone(220.0, 0.5, rate)
    late = Audio(np.concatenate([np.zeros(rate // 2, np.float32), audio.samples]), rate)
    track = extract_pitch(late, hop=hop)
    assert track.hz.size == late.samples.size * 44_100 // (rate * hop) + 1
    assert track.hop_s == hop / 44_100
    assert track.hz.dtype == track.salience.dtype == np.float32
    onset = track.times[np.argmax(track.hz > 0)]
    assert onset == pytest.approx(0.5, abs=0.03)
    middle = track.hz[(track.times > 0.6) & (track.times < 0.9)]
    np.testing.assert_allclose(1200 * np.log2(middle / 220.0), 0, atol=4)


@pytest.mark.parametrize(
    ("hz", "cents"),
    # Two periods of 60 Hz hardly fill the window: its harmonics lean on each other.
    [(60.0, 20), (82.4, 8), (110.0, 5), (233.1, 3), (440.0, 3), (880.0, 3), (1300.0, 3)],
)
def test_steady_tones_within_a_few_cents(hz: float, cents: float) -> None:
    track = extract_pitch(harmonic_tone(hz, 0.6, 44_100))
    inner = track.hz[15:-15]
    np.testing.assert_allclose(1200 * np.log2(inner / hz), 0, atol=cents)


@pytest.mark.parametrize("gain_db", [-60, -20, 20])
def test_gain_does_not_matter(gain_db: float) -> None:
    audio, _ = sung(VOICES["female"], 4.0)
    louder = Audio(audio.samples * np.float32(10 ** (gain_db / 20)), audio.sample_rate)
    one, other = extract_pitch(audio), extract_pitch(louder)
    np.testing.assert_allclose(one.hz, other.hz, rtol=1e-3)


@pytest.mark.parametrize("change", ["offset", "clipped"])
def test_offset_and_clipping_hardly_matter(change: str) -> None:
    audio, hz = sung(VOICES["male"], 6.0)
    worse = {
        "offset": audio.samples + np.float32(0.5),
        "clipped": np.clip(audio.samples * 6, -1, 1),
    }[change]
    raw_pitch, overall = scores(extract_pitch(Audio(worse, audio.sample_rate)), hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.93


def test_silence_is_unvoiced() -> None:
    track = extract_pitch(Audio(np.zeros(44_100, np.float32), 44_100))
    assert not track.hz.any()
    assert not track.salience.any()


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_noise_is_mostly_unvoiced(rate: int, rng: np.random.Generator) -> None:
    noise = Audio(rng.normal(0, 0.1, 5 * rate).astype(np.float32), rate)
    assert (extract_pitch(noise).hz > 0).mean() < 0.05


@pytest.mark.parametrize("samples", [1, 2, 100, 255, 256, 257, 5000])
def test_very_short_audio(samples: int) -> None:
    audio = harmonic_tone(220.0, 1.0, 44_100)
    track = extract_pitch(Audio(audio.samples[:samples], 44_100))
    assert track.hz.size == samples // 256 + 1


@pytest.mark.parametrize("rate", [44_100, 48_000, 16_000])
def test_stream_and_threads_give_the_same_bits(rate: int, rng: np.random.Generator) -> None:
    audio, _ = sung(replace(VOICES["room"], sample_rate=rate), 7.0)
    whole = extract_pitch(audio)
    several = extract_pitch(audio, threads=3)
    stream = PitchStream(rate)
    cuts = np.sort(rng.integers(0, audio.samples.size, 20))
    for block in np.split(audio.samples, cuts):
        stream.feed(block)
    streamed = stream.finish()
    for other in (several, streamed):
        assert whole.hz.tobytes() == other.hz.tobytes()
        assert whole.salience.tobytes() == other.salience.tobytes()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_work_on_while_the_caller_reuses_its_memory(threads: int) -> None:
    audio, _ = sung(VOICES["female"], 30.0)
    whole = extract_pitch(audio)
    stream, memory = PitchStream(44_100, threads=threads), np.empty(90_000, np.float32)
    for first in range(0, audio.samples.size, memory.size):
        block = memory[: audio.samples.size - first]
        block[:] = audio.samples[first : first + memory.size]
        stream.feed(block)
        memory[:] = 0
    streamed = stream.finish()
    assert whole.hz.tobytes() == streamed.hz.tobytes()
    assert whole.salience.tobytes() == streamed.salience.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_stream_says_so(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    audio, _ = sung(VOICES["female"], 4.0)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(scipy.fft, "rfft", interrupt)
        stream = PitchStream(44_100, threads=threads)
        with pytest.raises(KeyboardInterrupt):
            stream.feed(audio.samples)
    with pytest.raises(ArgumentError, match="was interrupted: start a new one"):
        stream.feed(audio.samples)
    with pytest.raises(ArgumentError, match="was interrupted"):
        stream.finish()


def test_candidates_hold_the_track() -> None:
    audio, _ = sung(VOICES["female"], 3.0)
    track, candidates = extract_pitch(audio), pitch_candidates(audio)
    assert candidates.hz.shape == (track.hz.size, 8)
    assert (np.diff(candidates.salience, axis=1) <= 0).all()
    assert ((candidates.salience >= 0) & (candidates.salience <= 1)).all()
    voiced = track.hz > 0
    found = np.maximum(candidates.hz[voiced], 1e-3)
    away = np.abs(1200 * np.log2(found / track.hz[voiced, None])).min(axis=1)
    assert away.max() <= 40.1  # glides are sharpened
    assert np.median(away) < 0.01


@pytest.mark.parametrize("name", ["male", "female"])
def test_glides_are_followed(name: str) -> None:
    # Notes reach their pitch within 10 to 40 ms; spectra of 42 ms alone give 0.980 and 0.983.
    audio, hz = sung(VOICES[name], 6.0, seed=8)
    assert scores(extract_pitch(audio), hz)[0] >= 0.985


def test_the_tail_of_a_room_is_not_sung() -> None:
    audio, hz = sung(replace(VOICES["female"], room_s=0.6), 8.0, seed=9)
    raw_pitch, overall = scores(extract_pitch(audio), hz)
    assert raw_pitch >= 0.97
    assert overall >= 0.95


@pytest.mark.parametrize(("name", "least"), [("high", 0.93), ("soft", 0.96)])
def test_voices_stand_out_of_noise(name: str, least: float) -> None:
    # Level says nothing where noise covers quiet notes, and chance makes few high candidates.
    voice = replace(VOICES[name], snr_db=3.0)
    found = [
        scores(extract_pitch(audio), hz) for audio, hz in (sung(voice, 8.0, s) for s in (4, 5))
    ]
    assert (np.mean(found, axis=0) >= least).all()


def test_noise_between_notes_is_not_sung(rng: np.random.Generator) -> None:
    # A voice only 12 dB above the noise makes voicing lenient; its long pauses must not profit.
    audio, _ = sung(VOICES["female"], 4.0, seed=8)
    pause = np.zeros(4 * 44_100, np.float32)
    samples = np.concatenate([audio.samples, pause, audio.samples])
    loud = np.sqrt(np.mean(audio.samples**2))
    noise = np.convolve(rng.normal(0, 1, samples.size), np.ones(12) / 12, mode="same")
    samples += (loud * 10 ** (-12 / 20) * noise / noise.std()).astype(np.float32)
    track = extract_pitch(Audio(samples, 44_100))
    inside = (track.times > 4.1) & (track.times < 7.9)
    assert (track.hz[inside] > 0).mean() < 0.05


def test_any_callable_is_a_method() -> None:
    audio = harmonic_tone(220.0, 0.5, 44_100)

    def constant(audio: Audio, hop: int) -> np.ndarray:
        return np.full(audio.samples.size // hop + 1, 100.0)

    track = extract_pitch(audio, constant)
    assert track.method == "constant"
    assert track.hz.dtype == np.float32
    assert (track.hz == 100).all()
    assert extract_pitch(audio, lambda a, h: track).hz.size == track.hz.size
    with pytest.raises(ArgumentError, match=r"shape \(3,\); the audio has 87 frames"):
        extract_pitch(audio, lambda a, h: np.zeros(3))
    with pytest.raises(ArgumentError, match="negative or not finite"):
        extract_pitch(audio, lambda a, h: constant(a, h) * np.nan)


def test_essentia_is_a_method() -> None:
    pytest.importorskip("essentia", reason="essentia is an extra")
    audio = harmonic_tone(220.0, 1.0, 22_050)
    track = extract_pitch(audio, "essentia")
    assert track.hz.size == extract_pitch(audio).hz.size
    inner = track.hz[20:-20]
    np.testing.assert_allclose(1200 * np.log2(inner / 220.0), 0, atol=20)


@pytest.mark.parametrize(
    ("samples", "rate", "settings", "message"),
    [
        (np.zeros(0), 44_100, {}, "empty"),
        (np.array([0.0, np.nan]), 44_100, {}, "sample 1 is nan"),
        (np.array([np.inf, 0.0]), 44_100, {}, "sample 0 is inf"),
        (np.zeros((2, 100)), 44_100, {}, "mono"),
        (np.zeros(100), 0, {}, "sample_rate"),
        (np.zeros(100), 44_100, {"hop": 0}, "hop"),
        (np.zeros(100), 44_100, {"threads": 0}, "threads"),
        (np.zeros(100), 44_100, {"method": "yin"}, "'yin'"),
        (np.zeros(100), 44_100, {"min_hz": 500.0, "max_hz": 400.0}, "min_hz"),
        (np.zeros(100), 44_100, {"voicing": 2.0}, "voicing"),
    ],
)
def test_bad_input_is_named(
    samples: np.ndarray, rate: int, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        extract_pitch(Audio(samples.astype(np.float32), rate), **settings)  # type: ignore[arg-type]


def test_a_stream_ends_once() -> None:
    stream = PitchStream(44_100)
    with pytest.raises(ArgumentError, match="got no samples"):
        stream.finish()
    stream.feed(np.zeros(10, np.float32))
    stream.finish()
    with pytest.raises(ArgumentError, match="finished"):
        stream.finish()
    with pytest.raises(ArgumentError, match="finished"):
        stream.feed(np.zeros(10, np.float32))
