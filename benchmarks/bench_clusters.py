"""One-dimensional k-means beside kmeans1d, the inertias compared first."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import kmeans1d
import numpy as np
import pytest

from cantaor.bench.timing import cost
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.clustering.kmeans import kmeans_1d

K = 24


def values_of(n: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.integers(5, 35, n) * 100.0 + rng.normal(0, 30, n)


def peer_inertia(values: np.ndarray) -> float:
    labels = np.asarray(kmeans1d.cluster(values, K).clusters)
    return sum(((values[labels == j] - values[labels == j].mean()) ** 2).sum() for j in range(K))


@pytest.mark.benchmark(group="k-means of 100,000 values, k = 24")
def test_cantaor(benchmark: Any) -> None:
    values = values_of(100_000)
    kmeans_1d(values, K)  # compiles
    found = benchmark(kmeans_1d, values, K)
    assert found.inertia == pytest.approx(peer_inertia(values), rel=1e-6)


@pytest.mark.benchmark(group="k-means of 100,000 values, k = 24")
def test_kmeans1d(benchmark: Any) -> None:
    values = values_of(100_000)
    found = benchmark.pedantic(kmeans1d.cluster, (values, K), rounds=2, warmup_rounds=0)
    assert len(found.centroids) == K


@pytest.mark.benchmark(group="histogram of 1,000,000 values")
def test_histogram_update(benchmark: Any) -> None:
    values = values_of(1_000_000)
    ClusterHistogram().update(values)

    def count() -> float:
        histogram = ClusterHistogram()
        histogram.update(values)
        return histogram.total

    assert benchmark(count) == values.size


def test_ratio_to_kmeans1d_at_a_million(record_property: Any) -> None:
    values = values_of(1_000_000)
    start = time.process_time()
    expected = peer_inertia(values)
    theirs = time.process_time() - start
    assert kmeans_1d(values, K).inertia == pytest.approx(expected, rel=1e-6)
    ours = np.inf
    for _ in range(5):
        start = time.process_time()
        kmeans_1d(values, K)
        ours = min(ours, time.process_time() - start)
    record_property("times_kmeans1d", theirs / ours)
    print(f"\n{1e3 * ours:.0f} ms, {theirs / ours:.0f} x kmeans1d")
    assert theirs / ours >= 100


def test_first_call_in_a_new_process(record_property: Any) -> None:
    code = (
        "import time; start = time.perf_counter();"
        "from cantaor.clustering.kmeans import kmeans_1d; kmeans_1d([1.0, 2.0, 3.0], 2);"
        "print(time.perf_counter() - start)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(4)
    ]
    first = min(times[1:])  # the first one may compile
    record_property("first_call_s", first)
    print(f"\nfirst call in a new process: {first:.2f} s")
    assert first < 1


def test_a_hundred_million_values_in_constant_memory(record_property: Any) -> None:
    histogram = ClusterHistogram()
    histogram.update(values_of(1_000_000))
    values = values_of(1_000_000)

    def count_the_rest() -> None:
        for shift in range(99):
            histogram.update(values + 0.01 * shift)

    counting, solving = cost(count_the_rest), cost(lambda: histogram.solve(K))
    assert counting.memory_bytes is not None, "the peak of memory can be reset on Linux only"
    assert solving.memory_bytes is not None
    grown, solved = counting.memory_bytes / 1e6, solving.memory_bytes / 1e6
    record_property("grown_mb", grown)
    seconds = counting.seconds + solving.seconds
    print(f"\n100,000,000 values in {seconds:.1f} s, {grown:.0f} MB, and {solved:.0f} MB to solve")
    assert histogram.solve(K).counts.sum() == 100_000_000
    # One block of a million values, whatever came before; solving sees bins only.
    assert grown < 20
    assert solved < 200
