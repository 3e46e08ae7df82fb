"""Fingerprints against their plain twin, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from cantaor.corpus.audit.landmarks import MAX_LANDMARKS, Landmarks, LandmarkStream, landmarks
from cantaor.types import Audio, Float32Array
from tests.reference import landmarks as plain

RATE = 8000


def melody(seconds: float, seed: int = 0, noise: float = 1e-3) -> Float32Array:
    """Notes with partials that come and go, over a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    samples = noise * rng.standard_normal(t.size)
    for _ in range(round(12 * seconds)):
        begin, hz = rng.uniform(0, seconds), rng.uniform(80, 3900)
        inside = (t >= begin) & (t < begin + rng.uniform(0.1, 0.4))
        samples[inside] += rng.uniform(0.01, 0.3) * np.sin(2 * np.pi * hz * t[inside])
    return samples.astype(np.float32)


def pairs(found: Landmarks) -> list[tuple[int, int]]:
    assert found.hashes.dtype == np.uint64
    assert found.frames.dtype == np.int32
    return list(zip(found.hashes.tolist(), found.frames.tolist(), strict=True))


def assert_same(found: Landmarks, samples: Float32Array) -> None:
    expected = plain.landmarks(samples)
    assert found.hashes.tolist() == sorted(found.hashes.tolist())
    assert set(pairs(found)) == set(expected)
    assert len(pairs(found)) == len(expected)


@pytest.mark.parametrize("seconds", [1.0, 1.7, 4.2, 6.0])
def test_landmarks_equal_their_twin(seconds: float) -> None:
    samples = melody(seconds, seed=int(10 * seconds))
    found = landmarks(Audio(samples, RATE))
    assert found.hashes.size > 40
    assert_same(found, samples)


def test_noise_has_landmarks_as_dense_as_can_be() -> None:
    samples = np.random.default_rng(3).normal(0, 0.1, 2 * RATE).astype(np.float32)
    assert_same(landmarks(Audio(samples, RATE)), samples)


@pytest.mark.parametrize("level", [1.0, 3e-5, 3e-6])
def test_level_does_not_enter_until_it_is_lost(level: float) -> None:
    samples = melody(1.5, noise=0.0) * np.float32(level)
    found = landmarks(Audio(samples, RATE))
    assert_same(found, samples)


def test_what_is_50_db_below_the_loudest_is_no_peak() -> None:
    samples = melody(2.0, noise=0.0)
    samples[: samples.size // 2] *= np.float32(2e-3)
    assert_same(landmarks(Audio(samples, RATE)), samples)


def test_silence_has_none() -> None:
    assert landmarks(Audio(np.zeros(2 * RATE, np.float32), RATE)).hashes.size == 0


@pytest.mark.parametrize(("missing", "none"), [(0, False), (1, True)])
def test_less_than_a_second_has_none(missing: int, none: bool) -> None:
    samples = melody(1.0, seed=10)[: RATE - missing]
    assert (landmarks(Audio(samples, RATE)).hashes.size == 0) is none


def test_of_more_than_there_is_room_for_the_smallest_are_kept() -> None:
    samples = np.random.default_rng(4).normal(0, 0.1, 26 * RATE).astype(np.float32)
    found = landmarks(Audio(samples, RATE))
    assert found.hashes.size == MAX_LANDMARKS
    assert found.hashes.tolist() == [value for value, _ in plain.landmarks(samples)]


@pytest.mark.parametrize("size", [37, 511, 512, 4096, 33_151, 33_152, 33_153, 70_000])
def test_blocks_of_any_size_give_the_same(size: int) -> None:
    samples = melody(9.0, seed=5)
    stream = LandmarkStream(RATE)
    for first in range(0, samples.size, size):
        stream.add(samples[first : first + size])
    assert pairs(stream.finish()) == pairs(landmarks(Audio(samples, RATE)))


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_other_rates_are_turned_into_8000_hz_first(rate: int) -> None:
    samples = soxr.resample(melody(2.0, seed=6), RATE, rate)
    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32")
    assert_same(landmarks(Audio(samples, rate)), stream.resample_chunk(samples, last=True))


def test_a_copy_that_starts_later_shares_most_at_one_shift() -> None:
    samples = melody(6.0, seed=7)
    late = 50 * 128 + 40  # samples, so 50 frames and a bit
    one, other = (landmarks(Audio(part, RATE)) for part in (samples, samples[late:]))
    where = dict(zip(one.hashes.tolist(), one.frames.tolist(), strict=True))
    shifts = [where[value] - frame for value, frame in pairs(other) if value in where]
    common = np.bincount([shift for shift in shifts if shift >= 0])
    assert common.argmax() in (50, 51)
    assert common[50] + common[51] > 0.4 * other.hashes.size
