"""The octave of rough voices and of a strong second harmonic, and the range of pitch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor.errors import ArgumentError
from cantaor.io.audio import read_audio
from cantaor.pitch import PitchStream, extract_pitch, pitch_candidates
from cantaor.types import Audio, PitchTrack
from tests.singing import (
    AMBIGUOUS_FROM,
    HONEST,
    ROUGHNESS,
    UNTUNED,
    Roughness,
    SyntheticSinger,
    sing,
)

RATE = 44_100


def rough_voice(kind: str, depth: float, low_hz: float, share: float = 1.0) -> SyntheticSinger:
    tract = 1.0 if low_hz < 140 else 1.1 if low_hz < 260 else 1.2
    return SyntheticSinger(low_hz, 1.9 * low_hz, tract, -9, roughness=Roughness(kind, depth, share))


def sung(voice: SyntheticSinger, seconds: float = 5.0, seed: int = 1) -> tuple[Audio, np.ndarray]:
    """Audio and true f0 on the frame grid."""
    samples, hz = sing(voice, seconds, seed)
    at = np.minimum(np.arange(samples.size // 256 + 1) * 256, hz.size - 1)
    return Audio(samples, RATE), hz[at]


def scores(track: PitchTrack, hz: np.ndarray) -> tuple[float, float]:
    """Raw pitch accuracy and overall accuracy."""
    result = mir_eval.melody.evaluate(track.times, hz, track.times, track.hz.astype(np.float64))
    return result["Raw Pitch Accuracy"], result["Overall Accuracy"]


def tone(hz: float, kind: str, seconds: float = 0.6) -> Audio:
    """``pure``: a sine; ``full``: all harmonics; ``band``: those that a telephone lets through."""
    t = np.arange(int(seconds * RATE)) / RATE
    orders = {"pure": range(1, 2), "full": range(1, int(8000 / hz) + 1)}.get(
        kind, range(int(np.ceil(300 / hz)), int(3400 / hz) + 1)
    )
    tilt = 0.5 if kind == "band" else 1.0
    samples = sum(np.sin(2 * np.pi * h * hz * t) / h**tilt for h in orders)
    return Audio((0.1 * samples).astype(np.float32), RATE)


def cents_off(track: PitchTrack, hz: float) -> np.ndarray:
    inner = track.hz[15:-15]
    return np.abs(1200 * np.log2(np.maximum(inner, 1) / hz))


@pytest.mark.parametrize(
    ("kind", "depth", "low_hz", "share"),
    [
        ("amplitude 2", 0.12, 147, 1.0),
        ("amplitude 2", 0.2, 247, 1.0),
        ("amplitude 2", 0.12, 520, 1.0),
        ("amplitude 2", 0.18, 300, 0.5),
        ("period 2", 0.03, 98, 1.0),
        ("period 2", 0.025, 300, 0.5),
        ("amplitude 3", 0.15, 200, 1.0),
        ("period 3", 0.03, 400, 1.0),
        ("amplitude 4", 0.2, 200, 1.0),
        ("steps 2", 0.12, 180, 1.0),
        ("brightness 2", 0.1, 400, 1.0),
    ],
)
def test_rough_voices_keep_their_octave(
    kind: str, depth: float, low_hz: float, share: float
) -> None:
    audio, hz = sung(rough_voice(kind, depth, low_hz, share), seed=int(low_hz))
    raw_pitch, overall = scores(extract_pitch(audio), hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.93


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(sorted(set(ROUGHNESS) - {"irregular", "brightness 2", "steps 2"})),
    st.floats(0.2, 1.0),
    st.floats(98, 540),
    st.sampled_from([0.5, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_any_roughness_that_listeners_hear_through(
    kind: str, share_of_limit: float, low_hz: float, share: float, seed: int
) -> None:
    depth = share_of_limit * HONEST * AMBIGUOUS_FROM[ROUGHNESS[kind][0]]
    audio, hz = sung(rough_voice(kind, depth, low_hz, share), 3.0, seed)
    assert scores(extract_pitch(audio), hz)[0] >= 0.9


@pytest.mark.parametrize("kind", UNTUNED)
@pytest.mark.parametrize("low_hz", [120, 330])
def test_kinds_that_nothing_was_tuned_on(kind: str, low_hz: float) -> None:
    audio, hz = sung(rough_voice(kind, 0.15 if kind == "irregular" else 0.02, low_hz), seed=31)
    assert scores(extract_pitch(audio), hz)[0] >= 0.95


def test_given_rough_voices(shared_data: Path) -> None:
    for path in sorted((shared_data / "pitch" / "rough").glob("*.flac")):
        times, hz = np.loadtxt(path.with_suffix(".csv"), delimiter=",").T
        track = extract_pitch(read_audio(path))
        result = mir_eval.melody.evaluate(times, hz, track.times, track.hz.astype(np.float64))
        assert result["Raw Pitch Accuracy"] >= 0.98, path.name


#: Where a formant lies on the second harmonic of 240 to 300 Hz, s.
STRONG_SECOND_HARMONIC = (
    (2.47, 2.57), (15.42, 15.68), (17.76, 17.97), (18.26, 18.54), (22.53, 22.71), (25.07, 25.33),
    (25.63, 25.85), (28.52, 28.69), (29.96, 30.24), (31.07, 31.23), (32.53, 32.75), (35.64, 35.91),
)  # fmt: skip


def test_a_formant_on_the_second_harmonic_does_not_raise_the_octave(shared_data: Path) -> None:
    track = extract_pitch(read_audio(shared_data / "flamenco" / "recordings" / "JT-1.flac"))
    assert track.octave_confidence is not None
    passages = np.zeros(track.hz.size, bool)
    for start, end in STRONG_SECOND_HARMONIC:
        passages |= (track.times >= start) & (track.times <= end)
    hz = track.hz[passages]
    assert ((hz >= 225) & (hz <= 320)).mean() >= 0.95
    # The frames themselves speak for the octave above, and the track says so.
    voiced = ~passages & (track.hz > 0)
    assert np.median(track.octave_confidence[passages]) < 0.5
    assert np.median(track.octave_confidence[voiced]) > 0.9


def test_a_weak_odd_harmonic_in_a_smooth_voice_keeps_the_octave() -> None:
    # The first harmonic is 24 dB below the second, as in an /o/ sung at half its first formant.
    t = np.arange(2 * RATE) / RATE
    heights = {1: 0.06, 2: 1.0, 3: 0.1, 4: 0.1, 5: 0.06, 6: 0.05, 7: 0.04, 8: 0.03}
    samples = sum(a * np.sin(2 * np.pi * 250 * h * t + h) for h, a in heights.items())
    track = extract_pitch(Audio((0.1 * samples).astype(np.float32), RATE))
    assert cents_off(track, 250).max() < 5


def test_octave_confidence_is_where_the_voice_is() -> None:
    audio, _ = sung(SyntheticSinger(190, 380, 1.15))
    track = extract_pitch(audio)
    assert track.octave_confidence is not None
    assert track.octave_confidence.dtype == np.float32
    assert not track.octave_confidence[track.hz == 0].any()
    assert np.median(track.octave_confidence[track.hz > 0]) > 0.9
    assert extract_pitch(audio, lambda a, hop: track.hz).octave_confidence is None


@pytest.mark.parametrize("kind", ["pure", "full", "band"])
@pytest.mark.parametrize("hz", [60.0, 82.4, 98.0, 110.0, 130.0, 233.1, 440.0, 880.0, 1300.0])
def test_steady_tones_of_every_spectrum(hz: float, kind: str) -> None:
    assert cents_off(extract_pitch(tone(hz, kind)), hz).max() < (2 if hz < 165 else 3)


@pytest.mark.parametrize("kind", ["pure", "full", "band"])
@pytest.mark.parametrize("hz", [30.0, 40.0, 50.0, 54.0, 1450.0, 1568.0, 2093.0, 2637.0])
def test_what_is_outside_the_range_is_unvoiced(hz: float, kind: str) -> None:
    assert not extract_pitch(tone(hz, kind)).hz[15:-15].any()


@pytest.mark.parametrize("hz", [110.0, 150.0, 196.0, 450.0, 660.0, 880.0])
def test_the_range_is_a_setting(hz: float) -> None:
    bounds = {"min_hz": 200.0, "max_hz": 400.0}
    audio = tone(hz, "full")
    assert not extract_pitch(audio, **bounds).hz[15:-15].any()  # never folded into the range
    inside = extract_pitch(tone(300.0, "full"), **bounds)
    assert cents_off(inside, 300).max() < 2
    stream = PitchStream(RATE, **bounds)
    stream.feed(audio.samples)
    assert not stream.finish().hz[15:-15].any()
    found = pitch_candidates(audio, **bounds)
    assert ((found.hz == 0) | ((found.hz >= 200) & (found.hz <= 400))).all()
    assert (np.diff(found.salience, axis=1) <= 0).all()


def test_a_lower_range_has_a_longer_window() -> None:
    assert cents_off(extract_pitch(tone(35.0, "full", 1.0), min_hz=30.0), 35).max() < 5


@pytest.mark.parametrize(("min_hz", "max_hz"), [(10.0, 400.0), (300.0, 300.0), (55.0, 3500.0)])
def test_bad_ranges_are_named(min_hz: float, max_hz: float) -> None:
    for call in (extract_pitch, pitch_candidates):
        with pytest.raises(ArgumentError, match=rf"min_hz \({min_hz}\) .* max_hz \({max_hz}\)"):
            call(tone(220.0, "pure"), min_hz=min_hz, max_hz=max_hz)  # type: ignore[operator]


def test_room_and_roughness_together() -> None:
    voice = replace(rough_voice("amplitude 2", 0.15, 220), room_s=0.5)
    audio, hz = sung(voice, seed=12)
    raw_pitch, overall = scores(extract_pitch(audio), hz)
    assert raw_pitch >= 0.95
    assert overall >= 0.93
