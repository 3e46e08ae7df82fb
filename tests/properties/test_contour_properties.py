"""The contour kernel equals its plain-Python twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cantaor import _core
from tests.reference import contour as reference

# Multiples of 1/4: sums are exact in any order, so that equality can be asked for.
CENTS = st.one_of(st.integers(-1200, 1200).map(lambda x: x / 4), st.just(float("nan")))
TRACKS = st.lists(st.tuples(CENTS, st.integers(1, 5)), max_size=60).map(
    lambda parts: [value for value, repeat in parts for _ in range(repeat)]
)
EDGES = st.lists(st.integers(-1200, 1200).map(lambda x: x / 4), max_size=12).map(sorted)


def assert_equal(found: tuple[np.ndarray, ...], phrases: list[list[reference.Segment]]) -> None:
    cluster, cents, first, last, offsets = (array.tolist() for array in found)
    flat = [segment for phrase in phrases for segment in phrase]
    assert cluster == [segment.cluster for segment in flat]
    assert cents == [sum(segment.values) / len(segment.values) for segment in flat]
    assert first == [segment.first for segment in flat]
    assert last == [segment.last for segment in flat]
    assert np.diff(offsets).tolist() == [len(phrase) for phrase in phrases]
    assert offsets[0] == 0


@given(TRACKS, EDGES, st.integers(0, 80), st.integers(1, 6), st.integers(0, 6))
def test_segments_in_clusters(
    cents: list[float], edges: list[float], hysteresis: int, min_frames: int, max_gap: int
) -> None:
    found = _core.segments_in_clusters(
        np.array(cents, dtype=np.float64),
        np.array(edges, dtype=np.float64),
        hysteresis / 4,
        min_frames,
        max_gap,
    )
    assert_equal(
        found,
        reference.segments_in_clusters(cents, edges, hysteresis / 4, min_frames, max_gap),
    )


@given(TRACKS, st.integers(1, 400), st.integers(1, 6), st.integers(0, 6))
def test_segments_within_margin(
    cents: list[float], margin: int, min_frames: int, max_gap: int
) -> None:
    found = _core.segments_within_margin(
        np.array(cents, dtype=np.float64), margin / 4, min_frames, max_gap
    )
    assert_equal(found, reference.segments_within_margin(cents, margin / 4, min_frames, max_gap))
