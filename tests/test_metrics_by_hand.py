"""Measures worked out by hand: every weight, border and tie that a figure rests on."""

from __future__ import annotations

import numpy as np
import pytest

from cantaor.errors import ArgumentError
from cantaor.metrics.calibration_error import calibration_bins, expected_calibration_error
from cantaor.metrics.held_out_groups import balanced_mean, bootstrap_interval, coverage_curve
from cantaor.metrics.paper_table import paper_figures
from cantaor.metrics.verification import cross_group_trials, det_curve, equal_error_rate


def test_bins_of_confidence_hold_their_lower_border_and_the_last_one_both() -> None:
    mean, accuracy, count = calibration_bins([0.0, 0.25, 0.49, 0.5, 1.0], [0, 1, 0, 1, 1], bins=4)
    np.testing.assert_allclose(mean, [0.0, 0.37, 0.5, 1.0])
    np.testing.assert_allclose(accuracy, [0.0, 0.5, 1.0, 1.0])
    assert count.tolist() == [1, 2, 1, 1]
    mean, accuracy, count = calibration_bins([0.8, 1.0], [0, 1], bins=4)
    assert (mean.tolist(), accuracy.tolist(), count.tolist()) == ([0.9], [0.5], [2])


def test_every_prediction_weighs_the_same_in_the_calibration_error() -> None:
    # One wrong at .05: off by .05. Three at .95, two of them right: off by .95 - 2/3.
    found = expected_calibration_error([0.05, 0.95, 0.95, 0.95], [0, 1, 1, 0])
    assert found == pytest.approx((0.05 + 3 * (0.95 - 2 / 3)) / 4)
    # Ten bins unless said: .55 and .65 do not stand in one bin, where they would cancel out.
    assert expected_calibration_error([0.55, 0.65], [1, 0]) == pytest.approx((0.45 + 0.65) / 2)
    assert expected_calibration_error([0.55, 0.65], [1, 0], bins=2) == pytest.approx(0.1)
    for wrong in ([], [1, 0]):
        with pytest.raises(ArgumentError, match=rf"probability \({len(wrong) and 1}\) must match"):
            expected_calibration_error(wrong[:1], wrong)


def test_a_singer_with_many_groups_weighs_as_much_as_one_with_few() -> None:
    singers = {"A1": "A", "A2": "A", "A3": "A", "A4": "A", "B1": "B", "C1": "C"}
    values = {"A1": 1.0, "A2": 1.0, "A3": 1.0, "A4": 0.0, "B1": 0.0}
    # A has .75 and B 0; C has no value and does not count.
    assert balanced_mean(values, singers) == pytest.approx(0.375)
    # With C: the mean of three singers, not the singer between.
    assert balanced_mean(values | {"C1": 0.9}, singers) == pytest.approx(0.55)


def test_the_interval_leaves_out_a_fortieth_on_either_side() -> None:
    singers = dict.fromkeys(("a", "b", "c"), "A")
    # Three draws of one group of three that is right: all three are it with a chance of 1/27,
    # which is more than 1/40, and none is it with 8/27.
    assert bootstrap_interval({"a": 1.0, "b": 0.0, "c": 0.0}, singers) == (0.0, 1.0)
    # All four of four by a chance of 1/256, which is less; three and more by 13/256.
    singers["d"] = "A"
    assert bootstrap_interval({"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}, singers) == (0.0, 0.75)
    assert bootstrap_interval({"a": 0.0, "b": 1.0, "c": 1.0, "d": 1.0}, singers) == (0.25, 1.0)
    # Of twelve groups three are right: no draw is with (3/4) ** 12, a thirty-second, which is
    # more than a fortieth and less than a twenty-eighth.
    twelve = {str(i): float(i < 3) for i in range(12)}
    assert bootstrap_interval(twelve, dict.fromkeys(twelve, "A"))[0] == 0.0
    # Of twelve five: nine and more are with a chance of a 49th, eight and more with a 15th.
    twelve = {str(i): float(i < 5) for i in range(12)}
    assert bootstrap_interval(twelve, dict.fromkeys(twelve, "A"))[1] == pytest.approx(8 / 12)
    # A singer's groups are drawn among that singer's own.
    assert bootstrap_interval({"a": 1.0, "b": 0.0}, {"a": "A", "b": "B"}) == (0.5, 0.5)


def test_the_draws_of_the_interval_are_always_the_same() -> None:
    singers = {"A1": "A", "A2": "A", "A3": "A", "B1": "B", "B2": "B"}
    values = {"A1": 1.0, "A2": 0.0, "A3": 0.5, "B1": 0.2, "B2": 0.9}
    for _ in range(2):
        drawn = bootstrap_interval(values, singers, rounds=40)
        assert drawn == pytest.approx((0.1833333, 0.7752083), abs=1e-6)


def test_answers_of_one_probability_are_accepted_together() -> None:
    rows = coverage_curve([0.9, 0.7, 0.7, 0.2], [True, False, True, False])
    assert [row["threshold"] for row in rows] == [0.9, 0.7, 0.2]
    assert [row["coverage"] for row in rows] == [0.25, 0.75, 1.0]
    np.testing.assert_allclose([row["risk"] for row in rows], [0.0, 1 / 3, 0.5])


def test_the_curve_begins_where_nothing_is_accepted_and_ends_where_all_is() -> None:
    curve = det_curve([2.0, 0.0], [1.0, 0.0, -1.0, -1.0])
    assert np.isinf(curve.thresholds[0])
    # 2: half the same; 1: a quarter of the others too; 0: all the same, half the others.
    np.testing.assert_allclose(curve.misses, [1, 0.5, 0.5, 0, 0])
    np.testing.assert_allclose(curve.false_alarms, [0, 0, 0.25, 0.5, 1])
    # Misses and false alarms come nearest at 1: .5 and .25, so their mean.
    point = equal_error_rate([2.0, 0.0], [1.0, 0.0, -1.0, -1.0])
    assert (point.error, point.threshold) == (pytest.approx(0.375), 1.0)
    assert equal_error_rate([0.0], [1.0]).error == 1.0
    for same, different in (
        ([], [1.0]),
        ([1.0], []),
        ([1.0, np.nan], [1.0]),
        ([1.0], [0.0, np.inf]),
    ):
        with pytest.raises(ArgumentError):
            det_curve(same, different)


def test_trials_are_cosines_of_pairs_from_two_groups() -> None:
    # Lengths do not matter: cosines of 0, 60 and 90 degrees.
    embeddings = np.array([[2.0, 0.0], [0.5, 0.0], [1.0, np.sqrt(3)], [0.0, 7.0], [0.0, 0.0]])
    singers, groups = [0, 0, 0, 1, 1], [0, 1, 1, 2, 3]
    same, different = cross_group_trials(embeddings, singers, groups)
    # Same: 0-1, 0-2 (1-2 is of one group), 3-4, whose second has no direction.
    np.testing.assert_allclose(same, [1.0, 0.5, 0.0], atol=1e-12)
    # Different: 0-3, 0-4, 1-3, 1-4, 2-3 at 30 degrees, 2-4.
    np.testing.assert_allclose(different, [0, 0, 0, 0, np.sqrt(3) / 2, 0], atol=1e-12)
    same, different = cross_group_trials(embeddings, singers, groups, [0, 0, 1, 0, 0])
    np.testing.assert_allclose(same, [0.5])
    np.testing.assert_allclose(different, [np.sqrt(3) / 2, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("cell", "figures"),
    [
        (("crnn", "mfcc", "motifs"), (88.59, 87.66)),
        (("residual50", "log-mel", "motifs"), (93.19, 91.77)),
        (("crnn", "spectrogram", "motifs+segment"), (84.26, 83.29)),
        (("residual-blstm", "mfcc", "random"), (82.19, 84.26)),
        (("residual-blstm", "log-mel", "random"), (85.96, 84.01)),
    ],
)
def test_the_papers_table(cell: tuple[str, str, str], figures: tuple[float, float]) -> None:
    assert paper_figures(*cell) == figures
    assert paper_figures("svm", *cell[1:]) is None
    assert paper_figures(cell[0], "pitch", cell[2]) is None
    assert paper_figures(*cell[:2], "all") is None
