"""Exact one-dimensional k-means beside kmeans1d and scikit-learn, by inertia and by time."""

from __future__ import annotations

from typing import Any

import numpy as np

from cantaor.bench.cases.checks import require
from cantaor.bench.records import Case, Peer
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.clustering.kmeans import kmeans_1d
from cantaor.types import Clusters, Float64Array

K = 24


def _cents(size: int) -> Float64Array:
    """Notes of a scale with the spread of singing."""
    rng = np.random.default_rng(4)
    return rng.integers(5, 35, size) * 100.0 + rng.normal(0, 30, size)


def _ours(values: Float64Array) -> Clusters:
    return kmeans_1d(values, K)


def _check(values: Float64Array, clusters: Clusters) -> str:
    nearest = clusters.centers[clusters.assign(values)]
    inertia = float(((values - nearest) ** 2).sum())
    require(abs(inertia / clusters.inertia - 1) < 1e-9, "the inertia is not that of the clusters")
    return "inertia is that of the clusters"


def _kmeans1d(values: Float64Array) -> float:
    import kmeans1d

    labels = np.asarray(kmeans1d.cluster(values, K).clusters)
    return _inertia(values, labels)


def _sklearn(values: Float64Array) -> float:
    from sklearn.cluster import KMeans

    return float(KMeans(K, n_init=1, random_state=0).fit(values[:, None]).inertia_)


def _inertia(values: Float64Array, labels: Any) -> float:
    counts = np.bincount(labels, minlength=K)
    means = np.bincount(labels, values, K) / counts
    return float(((values - means[labels]) ** 2).sum())


def _same_optimum(_values: Float64Array, ours: Clusters, theirs: float) -> str:
    worst = abs(ours.inertia / theirs - 1)
    require(worst < 1e-6, f"inertia {ours.inertia} is not the peer's {theirs}")
    return "same inertia"


def _no_better(_values: Float64Array, ours: Clusters, theirs: float) -> str:
    require(ours.inertia <= theirs * (1 + 1e-9), f"the peer's inertia {theirs} is lower")
    return f"inertia {100 * (theirs / ours.inertia - 1):.1f} % above"


def _count(values: Float64Array) -> float:
    histogram = ClusterHistogram()
    histogram.update(values)
    return histogram.total


def _numpy_histogram(values: Float64Array) -> float:
    return float(np.histogram(values, bins=4800, range=(0.0, 4800.0))[0].sum())


def _counted(values: Float64Array, total: float) -> str:
    require(total == values.size, f"{total} of {values.size} values were counted")
    return "every value is counted"


def _same_total(_values: Float64Array, ours: float, theirs: float) -> str:
    require(ours == theirs, f"{ours} values are not the peer's {theirs}")
    return "same total"


PEERS = (
    Peer(
        "kmeans1d",
        ("kmeans1d",),
        "kmeans1d",
        "pip install 'cantaor[bench]'",
        _kmeans1d,
        _same_optimum,
    ),
    Peer(
        "scikit-learn KMeans (not exact)",
        ("sklearn.cluster",),
        "scikit-learn",
        "pip install 'cantaor[learn]'",
        _sklearn,
        _no_better,
    ),
)
CASES = (
    Case(
        "clusters",
        "k-means in one dimension, k = 24",
        "values",
        (10_000, 32_000, 100_000),
        _cents,
        _ours,
        _check,
        PEERS,
    ),
    Case(
        "clusters",
        "histogram of a corpus",
        "values",
        (100_000, 320_000, 1_000_000),
        _cents,
        _count,
        _counted,
        (Peer("numpy.histogram", (), "", "", _numpy_histogram, _same_total),),
    ),
)
