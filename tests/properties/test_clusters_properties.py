"""The clustering equals the dynamic programme over every boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.clustering.histogram import ClusterHistogram
from cantaor.clustering.kmeans import kmeans_1d
from tests.reference.clusters import best_inertia

VALUES = st.lists(st.integers(-400, 400).map(lambda x: x / 8), min_size=1, max_size=24)


@given(VALUES, st.data())
def test_inertia_is_optimal(values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(set(values))))
    weights = data.draw(st.lists(st.integers(1, 5), min_size=len(values), max_size=len(values)))
    expected = best_inertia(values, k, weights)
    found = kmeans_1d(values, k, weights=weights)
    assert found.inertia == pytest.approx(expected, rel=1e-9, abs=1e-9)
    histogram = ClusterHistogram()
    histogram.update(values, weights)
    assert histogram.solve(k).inertia == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(VALUES, st.randoms(use_true_random=False))
def test_histograms_merge_in_any_order(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    left, right, whole = ClusterHistogram(), ClusterHistogram(), ClusterHistogram()
    left.update(shuffled[::2])
    right.update(shuffled[1::2])
    left.merge(right)
    whole.update(values)
    for name, array in whole.to_arrays().items():
        np.testing.assert_array_equal(array, left.to_arrays()[name])
