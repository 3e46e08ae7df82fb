"""The pitch kernels equal their slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor import _core
from cantaor.pitch.tracker import PitchStream, extract_pitch
from cantaor.types import Audio
from tests.reference import pitch as reference

RATE, SIZE = 11_025.0, 480


def spectra(seed: int, frames: int) -> np.ndarray:
    """Noise, and harmonics of random fundamentals over it."""
    rng = np.random.default_rng(seed)
    window = np.hanning(SIZE)
    hz = np.exp(rng.uniform(np.log(80), np.log(900), frames))
    t = np.arange(SIZE) / RATE
    tones = sum(np.sin(2 * np.pi * h * hz[:, None] * t) / h for h in range(1, 7))
    loudness = 10 ** rng.uniform(-3, 0, (frames, 1))
    return np.fft.rfft((loudness * tones + 0.01 * rng.normal(size=(frames, SIZE))) * window).astype(
        np.complex64
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_candidates_are_the_peaks_of_the_summation(seed: int) -> None:
    chosen = _core.SalienceSettings()
    rows = spectra(seed, 8)
    found = _core.Salience(chosen, RATE, SIZE).candidates(rows, np.zeros(8, np.float32))
    for row, cents, strength in zip(rows, *found[:2], strict=True):
        expected = reference.salience(row, RATE, SIZE, chosen)
        highest = int(np.argmax(expected[1:-1])) + 1
        # Peaks are spread in steps of a 32nd of a bin, and refined between bins.
        assert strength[0] == pytest.approx(min(expected[highest], 1), abs=0.02)
        assert (np.diff(strength) <= 0).all()
        for one, height in zip(cents[strength > 0], strength[strength > 0], strict=True):
            near = expected[max(0, round(one / 10) - 1) : round(one / 10) + 2]
            assert near.max() == pytest.approx(height, abs=0.03)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_evidence_on_octaves_is_what_stands_between_harmonics(seed: int) -> None:
    chosen = _core.SalienceSettings()
    rows = spectra(seed, 8)
    found = _core.Salience(chosen, RATE, SIZE).candidates(rows, np.zeros(8, np.float32))
    spacing = RATE / SIZE
    last_bin = int(chosen.band_hz / spacing)
    for row, cents, strength, above, between in zip(rows, *found[:2], *found[3:], strict=True):
        power = np.abs(row.astype(np.complex128)) ** 2
        expected = reference.octave_evidence(power, cents, strength, spacing, last_bin)
        assert above.tolist() == expected[0]
        np.testing.assert_allclose(between, expected[1], atol=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 90))
def test_tracking_is_the_best_path(seed: int, frames: int, portion: int) -> None:
    rng = np.random.default_rng(seed)
    hop_s = 0.02
    cents = np.sort(rng.uniform(0, 4800, (frames, 3)), axis=1).astype(np.float32)
    strength = np.sort(rng.uniform(0, 0.9, (frames, 3)))[:, ::-1].astype(np.float32)
    strength = np.ascontiguousarray(strength * (rng.random((frames, 3)) < 0.8))
    level = rng.uniform(-60, 0, frames).astype(np.float32)
    level[rng.random(frames) < 0.1] = -200
    drift = rng.uniform(-100, 100, frames).astype(np.float32)
    above = rng.integers(-1, 3, (frames, 3)).astype(np.int8)
    between = rng.uniform(-20, 5, (frames, 3)).astype(np.float32)
    chosen = _core.TrackerSettings()
    chosen.lowest_hz, chosen.highest_hz = 70.0, 700.0
    tracker = _core.Tracker(chosen, 3, 55.0, hop_s)
    for i in range(0, frames, portion):
        part = slice(i, i + portion)
        tracker.push(
            cents[part], strength[part], level[part], above[part], between[part], drift[part]
        )
    hz, _, confidence = tracker.finish()
    assert ((confidence >= 0) & (confidence <= 1) & ((hz > 0) | (confidence == 0))).all()
    expected = reference.path(cents, strength, level, above, between, drift, chosen, hop_s)
    voiced = ~np.isnan(expected)
    # Sums in float32 may prefer the other of two paths that cost the same.
    same = (hz > 0) == voiced
    same[voiced & (hz > 0)] = np.isclose(
        1200 * np.log2(hz[voiced & (hz > 0)] / 55), expected[voiced & (hz > 0)], atol=0.1
    )
    assert same.mean() >= 0.98


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(60, 1300), st.floats(-90, 90), st.floats(-600, 600))
def test_drift_is_where_the_period_fits_best(
    seed: int, hz: float, away: float, cents_a_second: float
) -> None:
    rng = np.random.default_rng(seed)
    framing = _core.Framing(44_100, 256, 44_100, 0.042, 0.018, 3200.0)
    samples = rng.normal(0, 0.02, 20_000)
    phase = 2 * np.pi * np.cumsum(hz * np.exp2(cents_a_second * np.arange(-10_000, 10_000) / 5.3e7))
    samples += sum(np.sin(h * phase / 44_100) / h for h in range(1, 6))
    _, _, stretch = framing.cut(samples.astype(np.float32), 0, 30, 9, 9)
    guesses = 1200 * np.log2(hz / 55) - away + rng.normal(0, 5, (9, 2)).astype(np.float32)
    guesses = guesses.astype(np.float32)
    rows = np.ones((9, 2), np.float32), np.full((9, 2), -1, np.int8), np.zeros((9, 2), np.float32)
    found = framing.look_at_periods(stretch, 30, guesses, *rows, 55.0)
    size = stretch.size - 8 * 64
    for i, (guess, value) in enumerate(zip(guesses[:, 0], found, strict=True)):
        window = stretch[i * 64 : i * 64 + size]
        expected = reference.drift(window, framing.rate, 55.0 * 2 ** (guess / 1200))
        assert value == pytest.approx(expected, abs=0.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(57, 120), st.integers(2, 6), st.floats(0.0, 0.2))
def test_a_low_pitch_is_confirmed_by_its_period(
    seed: int, hz: float, lowest: int, noise: float
) -> None:
    rng = np.random.default_rng(seed)
    framing = _core.Framing(44_100, 256, 44_100, 0.042, 0.018, 3200.0)
    t = np.arange(20_000) / 44_100
    samples = noise * rng.normal(size=t.size)
    samples += sum(np.sin(2 * np.pi * h * hz * t + h) for h in range(lowest, lowest + 6))
    _, _, stretch = framing.cut(samples.astype(np.float32), 0, 30, 1, 1)
    multiples = rng.permutation([1.0, 2.0, 3.0, 4.0])
    cents = (1200 * np.log2(multiples * hz / 55)).astype(np.float32)[None]
    strength = np.sort(rng.uniform(0.3, 0.6, (1, 4)))[:, ::-1].astype(np.float32)
    strength = np.ascontiguousarray(strength)
    above = np.array([[1, -1, 3, 0]], np.int8)
    between = np.arange(4, dtype=np.float32)[None]
    first, best = reference.confirmed(stretch, framing.rate, cents[0], strength[0])
    order = [first, *(k for k in range(4) if k != first)]
    expected = cents[0, order], above[0, order], between[0, order]
    target = [-1 if k < 0 else order.index(k) for k in expected[1]]
    framing.look_at_periods(stretch, 30, cents, strength, above, between, 55.0)
    assert cents[0].tolist() == expected[0].tolist()
    assert above[0].tolist() == target
    assert between[0].tolist() == expected[2].tolist()
    assert strength[0, 0] == pytest.approx(best, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 30_000),
    st.sampled_from([1, 64, 256, 44_100]),
    st.sampled_from([8_000, 44_100]),
)
def test_blocks_of_any_size_give_the_bits_of_the_whole(
    seed: int, samples: int, hop: int, rate: int
) -> None:
    rng = np.random.default_rng(seed)
    sound = np.sin(np.cumsum(rng.uniform(0.01, 0.1, samples))).astype(np.float32)
    stream = PitchStream(rate, hop)
    for block in np.split(sound, np.sort(rng.integers(0, samples, 4))):
        stream.feed(block)
    found, whole = stream.finish(), extract_pitch(Audio(sound, rate), hop=hop)
    assert found.hz.tobytes() == whole.hz.tobytes()
    assert found.salience.tobytes() == whole.salience.tobytes()
    assert found.octave_confidence is not None
    assert whole.octave_confidence is not None
    assert found.octave_confidence.tobytes() == whole.octave_confidence.tobytes()
