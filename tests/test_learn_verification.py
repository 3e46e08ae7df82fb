"""Figures of verification and the search for what is most alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.errors import ArgumentError
from cantaor.learn.identification.nearest import nearest
from cantaor.metrics.verification import (
    cross_group_trials,
    det_curve,
    detection_cost,
    equal_error_rate,
)

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_the_curve_counts_both_mistakes(same: list[float], different: list[float]) -> None:
    curve = det_curve(same, different)
    assert curve.thresholds[0] == np.inf
    for threshold, alarms, misses in zip(
        curve.thresholds, curve.false_alarms, curve.misses, strict=True
    ):
        assert alarms == pytest.approx(np.mean(np.array(different) >= threshold))
        assert misses == pytest.approx(np.mean(np.array(same) < threshold))


@given(SCORES, SCORES)
def test_errors_are_shares(same: list[float], different: list[float]) -> None:
    point = equal_error_rate(same, different)
    assert 0 <= point.error <= 1
    assert 0 <= detection_cost(same, different) <= 1
    turned = equal_error_rate([-s for s in different], [-s for s in same])
    assert turned.error == pytest.approx(point.error, abs=0.51)


def test_known_figures() -> None:
    assert equal_error_rate([2, 3], [0, 1]).error == 0
    assert equal_error_rate([0, 1], [2, 3]).error >= 0.5
    assert equal_error_rate([1, 1, 1, 0], [0, 0, 0, 1]).error == 0.25
    assert detection_cost([2.0], [1.0]) == 0
    assert detection_cost([1.0], [1.0], prior=0.5) == 1
    for bad in (([], [1.0]), ([np.nan], [1.0])):
        with pytest.raises(ArgumentError):
            det_curve(*bad)
    with pytest.raises(ArgumentError, match="prior"):
        detection_cost([1], [0], prior=1.0)


def test_trials_never_pair_one_group_with_itself() -> None:
    vectors = np.array([[1.0, 0], [1, 0], [1, 0.1], [0, 1]])
    same, different = cross_group_trials(vectors, np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2]))
    assert same.size == 2
    assert different.size == 3
    assert same.min() > different.max()


@pytest.mark.parametrize("method", ["exact", "index"])
def test_the_nearest_are_found(method: str) -> None:
    if method == "index":
        pytest.importorskip("usearch", reason="needs the extra 'search'")
    rng = np.random.default_rng(0)
    base = rng.standard_normal((500, 16))
    index, cosine = nearest(base, base[:20] + 0.01, 3, method)
    assert index[:, 0].tolist() == list(range(20))
    assert (np.diff(cosine, axis=1) <= 1e-6).all()
    exact, _ = nearest(base, base[:20] + 0.01, 3)
    assert np.mean(exact == index) > 0.95


def test_what_cannot_be_searched() -> None:
    with pytest.raises(ArgumentError, match=r"dimension of queries \(3\) must match"):
        nearest([[1.0, 0]], [[1.0, 0, 0]])
    with pytest.raises(ArgumentError, match="not empty"):
        nearest(np.empty((0, 2)), [[1.0, 0]])
    with pytest.raises(ArgumentError, match="count"):
        nearest([[1.0]], [[1.0]], 0)
    with pytest.raises(ArgumentError, match="method"):
        nearest([[1.0]], [[1.0]], 1, "guess")
    assert nearest([[1.0, 0]], [[1.0, 0]], 10)[0].tolist() == [[0]]
