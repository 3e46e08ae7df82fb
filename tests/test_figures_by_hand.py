"""Figures that were worked out by hand, so that no constant in their formulas can drift."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cantaor.chain import Instances, clip_spans
from cantaor.errors import ArgumentError
from cantaor.learn.identification.calibration import (
    apply_temperature,
    fit_temperature,
    split_into_decisions,
)
from cantaor.learn.training.ensemble_training import fit_wccn
from cantaor.metrics.verification import detection_cost, equal_error_rate
from cantaor.types import Contour

SAME = [4.0, 3.0, 1.0, 0.0]
DIFFERENT = [2.0, -1.0, -2.0, -3.0]


@pytest.mark.parametrize(
    ("prior", "cost"),
    [
        # At a threshold of 3 half the same are missed, at 0 a quarter of the others come in.
        (0.5, (0.5 * 0 + 0.5 * 0.25) / 0.5),
        (0.05, 0.05 * 0.5 / 0.05),
        (0.01, 0.01 * 0.5 / 0.01),
        (0.9, 0.1 * 0.25 / 0.1),
    ],
)
def test_detection_cost(prior: float, cost: float) -> None:
    assert detection_cost(SAME, DIFFERENT, prior) == pytest.approx(cost, abs=1e-12)
    assert detection_cost(SAME, DIFFERENT) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1])
def test_a_prior_lies_inside_its_range(prior: float) -> None:
    with pytest.raises(ArgumentError, match=rf"prior must lie inside 0\.\.1; got {prior}"):
        detection_cost(SAME, DIFFERENT, prior)


def test_the_prior_decides_which_mistake_costs_more() -> None:
    # Missing all is free where nothing is the same; at 3/4 accepting all costs 1/4 of 1/4.
    same, different = [0.0, 1.0], [0.5, 2.0]
    assert detection_cost(same, different, 0.25) == pytest.approx(1.0)
    assert detection_cost(same, different, 0.75) == pytest.approx(1.0)
    assert detection_cost(same, [0.5, -1.0], 0.25) == pytest.approx(0.25 * 0.5 / 0.25)
    assert detection_cost(same, [0.5, -1.0], 0.75) == pytest.approx(0.25 * 0.5 / 0.25)


def test_equal_error_rate() -> None:
    point = equal_error_rate(SAME, DIFFERENT)
    assert point.error == pytest.approx(0.25)
    assert point.threshold == 1.0


@pytest.mark.parametrize("independent", [1, 2, 5, 20])
def test_the_label_is_expected_with_platts_chance(independent: int) -> None:
    """All decisions alike and right: the best temperature makes the probability that chance."""
    probabilities = np.tile([0.8, 0.2], (6, 1))
    temperature = fit_temperature(probabilities, np.zeros(6, np.int64), independent)
    chance = (independent + 1) / (independent + 2)
    assert apply_temperature([0.8, 0.2], temperature)[0] == pytest.approx(chance, abs=1e-4)
    assert temperature == pytest.approx(math.log(4) / math.log(chance / (1 - chance)), rel=1e-3)


def test_the_rest_of_the_chance_is_shared_by_the_other_singers() -> None:
    probabilities = np.tile([0.6, 0.2, 0.2], (4, 1))
    temperature = fit_temperature(probabilities, np.zeros(4, np.int64), 2)
    assert apply_temperature([0.6, 0.2, 0.2], temperature) == pytest.approx(
        [0.75, 0.125, 0.125], abs=1e-4
    )


def test_temperature_stays_in_its_bounds() -> None:
    right = np.tile([0.5001, 0.4999], (50, 1))
    assert fit_temperature(right, np.zeros(50, np.int64), 10**6) == pytest.approx(0.1, rel=1e-3)
    assert fit_temperature(right, np.zeros(50, np.int64), 10**6, 0.5) == pytest.approx(
        0.5, rel=1e-3
    )
    wrong = np.tile([0.999, 0.001], (50, 1))
    assert fit_temperature(wrong, np.ones(50, np.int64), 3) == pytest.approx(10.0, rel=1e-3)


def test_decisions_are_runs_of_so_many_windows() -> None:
    rows = np.full((25, 2), 0.5)
    assert len(split_into_decisions(rows, 10)) == 2
    assert len(split_into_decisions(rows, 5)) == 5
    assert len(split_into_decisions(rows[:4], 10)) == 1


def test_the_centre_of_the_whitening_is_the_mean_of_all_windows() -> None:
    random = np.random.default_rng(0)
    values = (random.standard_normal((60, 4)) * [1, 2, 3, 4] + [10, -20, 30, 0]).astype(np.float32)
    groups = np.repeat(np.arange(3), 20).astype(np.int32)
    centre, whitening = fit_wccn(values, groups)
    np.testing.assert_allclose(centre, values.mean(axis=0, dtype=np.float64), rtol=1e-12)
    # Inside a group every direction varies alike but for the ridge, 0.3 of the mean variance.
    embedded = (values - centre) @ whitening
    within = np.mean([np.cov(embedded[groups == group].T, bias=True) for group in range(3)], axis=0)
    np.testing.assert_allclose(within - np.diag(np.diag(within)), 0, atol=1e-6)
    spread = np.diag(within)
    assert (spread < 1).all()
    # s / (s + 0.3 mean) with the mean of s: the harmonic relation of the ridge.
    raw = spread / (1 - spread)
    np.testing.assert_allclose(raw.mean(), 1 / 0.3, rtol=1e-6)


def contour_of_one_phrase(end_s: float) -> Contour:
    return Contour(
        cluster=np.array([0, 1], np.int32),
        cents=np.array([0.0, 100.0]),
        start_s=np.array([0.0, 0.5]),
        end_s=np.array([0.5, end_s]),
        segment_offsets=np.array([0, 2]),
        symbols=np.array([1], np.int32),
        symbol_offsets=np.array([0, 1]),
    )


@pytest.mark.parametrize("kind", ["motifs", "motifs+segment", "random"])
def test_no_clip_passes_the_end_of_the_recording(kind: str) -> None:
    found = Instances(np.zeros(1, int), np.zeros(1, int), np.array([0.25]), np.array([1.0029]))
    starts, ends = clip_spans(kind, found, contour_of_one_phrase(1.0029), 1.0, [0])
    assert ends[0] <= 1.0
    assert starts[0] >= 0.0
    if kind == "motifs":
        assert (starts[0], ends[0]) == (0.25, 1.0)
