"""Contours whose figures can be worked out on paper: tonic, joined segments, vibrato, limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor.contour import (
    TONIC_END,
    _contour,
    _vibrato_of_segments,
    estimate_tonic,
    segment_contour,
    step_sizes,
)
from cantaor.errors import ArgumentError
from cantaor.types import Clusters, Contour, PitchTrack
from tests.reference import contour as plain
from tests.test_contour import NAN, NOTES, clusters_at, track_of


def contour_of(cents: list[float], lengths: list[float], phrases: list[int]) -> Contour:
    """A contour of segments one after the other; ``phrases`` are numbers of segments."""
    offsets = np.cumsum([0, *phrases])
    ends = np.cumsum(np.array(lengths, float))
    return Contour(
        np.zeros(len(cents), np.int32),
        np.array(cents),
        ends - np.array(lengths, float),
        ends,
        offsets,
        np.zeros(len(cents) - len(phrases), np.int32),
        offsets - np.arange(offsets.size),
    )


def test_the_tonic_is_where_most_is_sung() -> None:
    assert estimate_tonic(contour_of([1000.0, 1200.0, 900.0], [1, 6, 1], [3])) == 1200.0


def test_the_end_of_a_phrase_counts_four_times() -> None:
    assert TONIC_END == 4.0
    for length, expected in ((3.9, 700.0), (4.1, 1000.0)):
        assert estimate_tonic(contour_of([1000.0, 700.0], [length, 1.0], [2])) == pytest.approx(
            expected
        )
    # So do the ends of all phrases, and of those alone.
    two = contour_of([1000.0, 700.0, 1000.0, 700.0], [3.9, 1, 3.9, 1], [2, 2])
    assert estimate_tonic(two) == pytest.approx(700.0)


def test_the_tonic_lies_in_the_octave_that_is_sung_most() -> None:
    assert estimate_tonic(contour_of([1500, 300, 2700, 900], [5, 4, 4, 0.1], [4])) == 1500.0
    # The second octave above and the third are two.
    assert estimate_tonic(contour_of([1500, 3900, 5100, 900], [5, 4, 4, 0.1], [4])) == 1500.0


def test_what_lies_two_widths_away_in_another_octave_is_near() -> None:
    # 2134 is 66 cents below the octave of 1000; with it the upper octave is sung more.
    # 2266 is as far above it.
    for other, near in ((2134.0, True), (2133.5, False), (2266.0, True), (2266.5, False)):
        found = estimate_tonic(contour_of([1000, 2200, other, 400], [10, 9, 4, 0.1], [4]))
        expected = (9 * 2200 + 4 * other) / 13 if near else 1000.0
        assert found == pytest.approx(expected)
    # Five octaves up the same holds.
    for other, near in ((6934.0, True), (6933.5, False), (7066.0, True), (7066.5, False)):
        found = estimate_tonic(contour_of([1000, 7000, other, 400], [10, 9, 4, 0.1], [4]))
        assert found == pytest.approx((9 * 7000 + 4 * other) / 13 if near else 1000.0)


def test_the_tonic_is_a_weighted_mean_of_what_lies_near() -> None:
    found = estimate_tonic(contour_of([1190.0, 1210.0, 1500.0], [6, 2, 0.1], [3]))
    assert found == pytest.approx((6 * 1190 + 2 * 1210) / 8)
    # Around the border of the octave too.
    found = estimate_tonic(contour_of([2390.0, 2410.0, 1800.0], [2, 6, 0.1], [3]))
    assert found == pytest.approx((2 * 2390 + 6 * 2410) / 8)


def test_nothing_sung_has_no_tonic() -> None:
    assert estimate_tonic(contour_of([], [], [])) is None
    assert estimate_tonic(contour_of([700.0], [1.0], [1])) == 700.0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3600), st.integers(1, 40), st.booleans()), min_size=1, max_size=25
    ),
    st.sampled_from([1200, 150, 70]),
)
def test_the_tonic_is_that_of_the_plain_twin(
    segments: list[tuple[int, int, bool]], width: int
) -> None:
    # Crowded into a part of the octave, where neighbours share out the weight. Odd lengths in the
    # last digits: no two places weigh the same.
    cents = [
        c - c % 1200 + c % 1200 * width / 1200 + 0.37 * i for i, (c, _, _) in enumerate(segments)
    ]
    lengths = [n + 0.013 * i * i for i, (_, n, _) in enumerate(segments)]
    ends = [i for i, (_, _, last) in enumerate(segments) if last or i == len(segments) - 1]
    phrases = np.diff([-1, *ends]).tolist()
    found = estimate_tonic(contour_of(cents, lengths, phrases))
    assert found == pytest.approx(plain.tonic(cents, lengths, ends, TONIC_END), abs=1e-6)


def test_segments_of_a_margin_in_one_cluster_are_joined_by_their_frames() -> None:
    # 1210 and 1290 are 80 cents apart, both nearest to 1200 and 1300 of wide clusters.
    wide = clusters_at(1250.0, 1600.0)
    parts = [(1210.0, 4), (1290.0, 12), (1600.0, 5), (1610.0, 5)]
    joined = segment_contour(track_of(*parts), wide, method="margin")
    assert joined.cluster.tolist() == [0, 1]
    np.testing.assert_allclose(joined.cents, [(4 * 1210 + 12 * 1290) / 16, 1605.0], atol=1e-3)
    np.testing.assert_allclose(joined.start_s, [0.0, 0.155], atol=1e-9)
    np.testing.assert_allclose(joined.end_s, [0.155, 0.25], atol=1e-9)
    apart = segment_contour(track_of(*parts), wide, method="margin", symbols="interval")
    assert apart.cluster.tolist() == [0, 0, 1]


def test_segments_of_two_phrases_are_never_joined() -> None:
    parts = [(1210.0, 5), (NAN, 30), (1220.0, 5), (1500.0, 5), (NAN, 30), (1490.0, 5)]
    wide = clusters_at(1250.0, 1500.0)
    contour = segment_contour(track_of(*parts), wide, method="margin")
    assert contour.cluster.tolist() == [0, 0, 1, 1]
    assert contour.segment_offsets.tolist() == [0, 1, 3, 4]
    assert contour.symbols.tolist() == [1]
    assert contour.symbol_offsets.tolist() == [0, 0, 1, 1]


def test_a_margin_finds_nothing_in_silence_with_clusters_and_without() -> None:
    silence = track_of((NAN, 20))
    for options in ({}, {"symbols": "interval"}):
        contour = segment_contour(silence, NOTES, method="margin", **options)  # type: ignore[arg-type]
        assert contour.cents.size == 0
        assert contour.segment_offsets.tolist() == [0]


def test_steps_do_not_reach_from_phrase_to_phrase() -> None:
    parts = [(1200.0, 5), (1300.0, 5), (NAN, 30), (1500.0, 5), (1400.0, 5), (1200.0, 5)]
    contour = segment_contour(track_of(*parts), NOTES)
    np.testing.assert_allclose(step_sizes(contour), [100, 100, 200], atol=1e-3)
    classes = segment_contour(track_of(*parts), NOTES, symbols="interval")
    assert classes.symbols.tolist() == [2, -2, -3]
    falling = segment_contour(track_of(*parts), NOTES, sign="descending")
    assert falling.symbols.tolist() == [-1, 1, 2]


def test_an_interval_on_a_limit_belongs_to_the_upper_class() -> None:
    parts = [(1200.0, 5), (1350.0, 5), (1200.0, 5)]
    for limit, expected in ((149.9, 2), (150.1, 1)):
        contour = segment_contour(
            track_of(*parts), clusters_at(1200.0, 1350.0), symbols="interval", thresholds=(limit,)
        )
        assert contour.symbols.tolist() == [expected, -expected]


def test_means_that_tie_take_the_direction_of_their_clusters() -> None:
    track, limits = track_of((1200.0, 30)), np.array([70.0])
    frames = np.array([0, 10, 20]), np.array([9, 19, 29])
    # As hysteresis may leave them: two means tie, then fall while the cluster rises.
    cents = np.array([1260.0, 1260.0, 1180.0])
    for clusters, expected in (([0, 1, 2], [1, -2]), ([1, 0, 1], [-1, -2])):
        found = (np.array(clusters, np.int32), cents, *frames, np.array([0, 3]))
        assert _contour(track, found, "interval", limits, 1).symbols.tolist() == expected
        falling = _contour(track, found, "interval", limits, -1).symbols.tolist()
        assert falling == [-one for one in expected]


def test_a_rise_of_less_than_a_cent_is_one() -> None:
    edge = clusters_at(1199.9, 1200.1)
    for low, high in ((1199.8, 1200.2), (1199.6, 1200.4)):
        parts = [(low, 6), (high, 6), (low, 6)]
        contour = segment_contour(track_of(*parts), edge, symbols="interval", thresholds=(0.1,))
        assert np.abs(np.diff(contour.cents)).max() < 1
        assert contour.symbols.tolist() == [2, -2]


def test_limits_may_lie_close() -> None:
    parts = [(1200.0, 5), (1350.0, 5), (1200.0, 5)]
    classes = segment_contour(track_of(*parts), NOTES, symbols="interval", thresholds=(0.1, 0.6))
    assert classes.symbols.tolist() == [3, -3]


def test_vibrato_at_the_beginning_of_a_segment_is_its_own() -> None:
    t = np.arange(200) / 100
    cents = 1200 + 40 * np.sin(2 * np.pi * 5.5 * t) * (t < 1.2)
    hz = np.asarray(55 * 2 ** (cents / 1200), np.float32)
    track = PitchTrack(hz, np.ones_like(hz), 0.01)
    contour = segment_contour(track, clusters_at(1200.0, 1400.0), vibrato="flatten")
    assert contour.vibrato_hz is not None
    assert contour.vibrato_hz.tolist() == [pytest.approx(5.5, abs=0.2)]


def test_vibrato_of_a_segment_is_the_mean_over_its_frames() -> None:
    rate, extent = _vibrato_of_segments(
        np.array([0, 10, 30]),
        np.array([9, 29, 39]),
        np.array([5, 20]),
        np.array([12, 29]),
        np.array([5.0, 7.0]),
        np.array([40.0, 100.0]),
    )
    # Frames 5 to 9 in the first; 10 to 12 and 20 to 29 in the second; none in the third.
    np.testing.assert_allclose(rate, [5, (3 * 5 + 10 * 7) / 13, np.nan])
    np.testing.assert_allclose(extent, [40, (3 * 40 + 10 * 100) / 13, np.nan])


def test_stretches_of_vibrato_before_a_segment_are_not_its_own() -> None:
    rate, extent = _vibrato_of_segments(
        np.array([10, 20]),
        np.array([19, 29]),
        np.array([0, 4, 12, 22, 26]),
        np.array([2, 9, 15, 23, 27]),
        np.array([1.0, 2.0, 5.0, 6.0, 8.0]),
        np.array([1.0, 2.0, 50.0, 60.0, 80.0]),
    )
    assert rate.tolist() == [5.0, 7.0]
    assert extent.tolist() == [50.0, 70.0]


def test_vibrato_of_one_frame_counts() -> None:
    one = np.array([4])
    rate, _ = _vibrato_of_segments(one, one, one, one, np.array([6.0]), np.array([50.0]))
    assert rate.tolist() == [6.0]


def test_the_smallest_settings_are_taken() -> None:
    parts = [(1200.0, 5), (NAN, 1), (1300.0, 1), (1400.0, 5)]
    contour = segment_contour(track_of(*parts), NOTES, min_frames=1, max_gap_s=0, hysteresis=0)
    assert contour.cluster.tolist() == [0, 1, 2]
    assert contour.segment_offsets.tolist() == [0, 1, 3]
    fine = segment_contour(track_of(*parts), None, method="margin", symbols="interval", margin=0.5)
    assert fine.cents.size == 2
    alone = segment_contour(
        track_of(*parts), NOTES, symbols="interval", thresholds=(0.5,), min_frames=1
    )
    assert alone.symbols.tolist() == [2, 2]
    single = segment_contour(track_of(*parts), NOTES, symbols="interval", thresholds=())
    assert set(np.abs(single.symbols)) == {1}


def test_edges_may_meet_and_may_not_cross() -> None:
    def clusters(*edges: float) -> Clusters:
        return Clusters(np.zeros(len(edges) + 1), np.array(edges), 0.0, np.ones(len(edges) + 1))

    track = track_of((1200.0, 5), (1400.0, 5))
    assert segment_contour(track, clusters(1300.0, 1300.0)).cluster.tolist() == [0, 2]
    for edges in ((1300.0, 1200.0, 1400.0), (float("nan"), 1300.0)):
        with pytest.raises(ArgumentError, match="edges of clusters must ascend"):
            segment_contour(track, clusters(*edges))
    short = Clusters(np.zeros(2), np.zeros(0), 0.0, np.ones(2))
    with pytest.raises(ArgumentError, match=r"edges \(0\) must be one less than centers \(2\)"):
        segment_contour(track, short)


@pytest.mark.parametrize("limits", [(0.0,), (5.0, -1.0), (70.0, 70.0), (50.0, float("inf"))])
def test_limits_are_positive_and_ascend(limits: Any) -> None:
    with pytest.raises(ArgumentError, match="thresholds must be positive and ascending"):
        segment_contour(track_of((1200.0, 5)), NOTES, thresholds=limits)


def test_a_gap_as_long_as_allowed_does_not_end_a_phrase() -> None:
    for frames, phrases in ((7, 1), (8, 2)):
        parts = [(1200.0, 5), (NAN, frames), (1300.0, 5)]
        contour = segment_contour(track_of(*parts), NOTES, max_gap_s=0.07)
        assert contour.segment_offsets.size - 1 == phrases
    endless = segment_contour(
        track_of((1200.0, 5), (NAN, 500), (1300.0, 5)), NOTES, max_gap_s=float("inf")
    )
    assert endless.segment_offsets.tolist() == [0, 2]
