"""The vibrato kernel equals its plain-Python twin."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cantaor import _core
from tests.reference import vibrato as reference

HOP_S = 256 / 44_100
# Notes of a centre, an extent, a rate in cycles a frame, a length, a slope and a phase; the last
# field mixes in jitter. Multiples of 1/64 keep every comparison exact.
NOTES = st.tuples(
    st.integers(-600, 600),
    st.integers(0, 200),
    st.floats(0.01, 0.09),
    st.integers(1, 120),
    st.floats(-3, 3),
    st.floats(0, 6.3),
    st.integers(0, 12),
)
UNVOICED = st.integers(1, 4)


def frames_of(note: tuple[int, int, float, int, float, float, int], seed: int) -> list[float]:
    centre, extent, rate, frames, slope, phase, jitter = note
    random = np.random.default_rng(seed)
    x = np.arange(frames)
    noise = jitter * random.standard_normal(frames)
    swing = extent * np.sin(2 * math.pi * rate * x + phase)
    values: list[float] = (np.round((centre + swing + slope * x + noise) * 64) / 64).tolist()
    return values


TRACKS = st.tuples(st.lists(st.one_of(NOTES, UNVOICED), max_size=6), st.integers(0, 99)).map(
    lambda given: [
        value
        for i, part in enumerate(given[0])
        for value in (
            [float("nan")] * part if isinstance(part, int) else frames_of(part, given[1] + i)
        )
    ]
)


@given(TRACKS)
def test_flatten_vibrato(cents: list[float]) -> None:
    centre = np.array(cents, np.float64)
    first, last, rate, extent = _core.flatten_vibrato(centre, HOP_S)
    twin = reference.flatten_vibrato(cents, HOP_S)
    np.testing.assert_allclose(centre, twin.cents, rtol=0, atol=1e-9)
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == [
        region[:2] for region in twin.regions
    ]
    np.testing.assert_allclose(rate, [region[2] for region in twin.regions], rtol=1e-12)
    np.testing.assert_allclose(extent, [region[3] for region in twin.regions], rtol=1e-12)
