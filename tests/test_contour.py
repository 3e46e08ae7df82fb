"""The contour stage: examples by hand, the invariants of its record, and its errors."""

from __future__ import annotations

import numpy as np
import pytest

from cantaor.contour import segment_contour, step_sizes
from cantaor.errors import ArgumentError
from cantaor.types import Clusters, Contour, PitchTrack
from cantaor.units import cents_to_hz

HOP = 0.01
NAN = float("nan")


def track_of(*parts: tuple[float, int]) -> PitchTrack:
    """A track of (cents, frames) parts; NaN is unvoiced."""
    hz = cents_to_hz(np.concatenate([np.full(frames, cents) for cents, frames in parts]))
    return PitchTrack(hz.astype(np.float32), (hz > 0).astype(np.float32), HOP)


def clusters_at(*centers: float) -> Clusters:
    array = np.array(centers)
    return Clusters(array, (array[1:] + array[:-1]) / 2, 0.0, np.ones(array.size))


NOTES = clusters_at(1200.0, 1300.0, 1400.0, 1500.0)


def test_steps_are_signed_and_positive_where_pitch_rises() -> None:
    contour = segment_contour(track_of((1200, 5), (1400, 5), (1300, 5)), NOTES)
    assert contour.cluster.tolist() == [0, 2, 1]
    assert contour.symbols.tolist() == [2, -1]
    assert contour.symbols.dtype == np.int32
    np.testing.assert_allclose(contour.cents, [1200, 1400, 1300], atol=1e-3)


def test_segments_touch_and_stay_inside_the_track() -> None:
    contour = segment_contour(track_of((1200, 5), (1400, 5)), NOTES)
    np.testing.assert_allclose(contour.start_s, [0.0, 0.045])
    np.testing.assert_allclose(contour.end_s, [0.045, 0.09])


def test_long_gaps_end_phrases_and_short_ones_do_not() -> None:
    parts = [(1200.0, 5), (NAN, 10), (1300.0, 5), (NAN, 11), (1400.0, 5), (NAN, 30)]
    contour = segment_contour(track_of(*parts), NOTES, max_gap_s=0.1)
    assert contour.segment_offsets.tolist() == [0, 2, 3]
    assert contour.symbols.tolist() == [1]
    assert contour.symbol_offsets.tolist() == [0, 1, 1]


def test_short_runs_are_dropped_and_their_neighbours_merge() -> None:
    contour = segment_contour(track_of((1200, 5), (1300, 2), (1200, 5)), NOTES, min_frames=3)
    assert contour.cluster.tolist() == [0]
    assert contour.symbols.size == 0
    assert contour.end_s.tolist() == pytest.approx([0.11])


def test_a_run_goes_on_over_a_short_gap() -> None:
    contour = segment_contour(track_of((1200, 2), (NAN, 3), (1200, 2)), NOTES, min_frames=4)
    assert contour.cluster.tolist() == [0]


def test_hysteresis_holds_vibrato_together() -> None:
    wobble = np.tile([1240.0, 1260.0], 20)
    track = track_of(*((cents, 4) for cents in wobble))
    assert segment_contour(track, NOTES).symbols.size == 39
    assert segment_contour(track, NOTES, hysteresis=15.0).symbols.size == 0


def test_interval_classes_of_the_authors() -> None:
    parts = [(1200.0, 5), (1265.0, 5), (1370.0, 5), (1220.0, 5)]
    contour = segment_contour(
        track_of(*parts), None, method="margin", symbols="interval", sign="descending"
    )
    assert contour.symbols.tolist() == [-1, -2, 3]
    assert contour.cluster.tolist() == [-1] * 4
    np.testing.assert_allclose(step_sizes(contour), [65, 105, 150], atol=1e-2)


def test_thresholds_may_be_clusters_of_step_sizes() -> None:
    parts = [(1200.0, 5), (1300.0, 5), (1500.0, 5), (1400.0, 5)]
    contour = segment_contour(
        track_of(*parts), NOTES, symbols="interval", thresholds=clusters_at(100.0, 200.0)
    )
    assert contour.symbols.tolist() == [1, 2, -1]


def test_margin_with_cluster_symbols_merges_segments_of_one_cluster() -> None:
    parts = [(1160.0, 5), (1245.0, 5), (1500.0, 5)]
    contour = segment_contour(track_of(*parts), NOTES, method="margin")
    assert contour.cluster.tolist() == [0, 3]
    assert contour.symbols.tolist() == [3]


def test_silence_has_no_phrase() -> None:
    contour = segment_contour(track_of((NAN, 50)), NOTES)
    assert contour.phrases == 0
    assert contour.segment_offsets.tolist() == contour.symbol_offsets.tolist() == [0]


def test_spans_of_symbols_in_seconds() -> None:
    parts = [(1200.0, 5), (NAN, 20), (1200.0, 5), (1300.0, 5), (1400.0, 5)]
    contour = segment_contour(track_of(*parts), NOTES)
    start, end = contour.span_s([1], [0], [1])
    assert (start[0], end[0]) == pytest.approx((0.245, 0.345))


def test_invariants_on_a_random_walk(rng: np.random.Generator) -> None:
    cents = 1350 + np.cumsum(rng.normal(0, 15, 5000))
    cents[rng.random(5000) < 0.02] = np.nan
    hz = cents_to_hz(cents).astype(np.float32)
    edges = np.sort(rng.uniform(cents[~np.isnan(cents)].min(), np.nanmax(cents), 23))
    clusters = Clusters(np.append(edges, edges[-1] + 1), edges, 0.0, np.ones(24))
    for contour in (
        segment_contour(PitchTrack(hz, hz, HOP), clusters),
        segment_contour(PitchTrack(hz, hz, HOP), clusters, method="margin"),
        segment_contour(PitchTrack(hz, hz, HOP), None, method="margin", symbols="interval"),
    ):
        check_invariants(contour)


def check_invariants(contour: Contour) -> None:
    assert contour.symbols.size > 0
    assert (contour.symbols != 0).all()
    assert (contour.end_s > contour.start_s).all()
    assert (contour.start_s[1:] >= contour.end_s[:-1] - 1e-9).all()
    assert (np.diff(contour.segment_offsets) >= 1).all()
    np.testing.assert_array_equal(
        np.diff(contour.symbol_offsets), np.diff(contour.segment_offsets) - 1
    )
    assert contour.symbol_offsets[-1] == contour.symbols.size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_frames": 0}, "min_frames"),
        ({"max_gap_s": -0.1}, "max_gap_s"),
        ({"max_gap_s": NAN}, "max_gap_s"),
        ({"hysteresis": -1.0}, "hysteresis"),
        ({"margin": 0.0}, "margin"),
        ({"method": "greedy"}, "method"),
        ({"symbols": "steps"}, "symbols"),
        ({"sign": "up"}, "sign"),
        ({"thresholds": (112.0, 70.0)}, "thresholds"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        segment_contour(track_of((1200, 5)), NOTES, **settings)  # type: ignore[arg-type]


def test_clusters_are_needed_for_cluster_symbols() -> None:
    with pytest.raises(ArgumentError, match="clusters must be given"):
        segment_contour(track_of((1200, 5)), None)
