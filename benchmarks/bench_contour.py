"""Contour segmentation: the kernel beside its plain-Python twin, results compared first."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from cantaor import _core
from cantaor.contour import segment_contour
from cantaor.types import Clusters, PitchTrack
from cantaor.units import cents_to_hz
from tests.reference import contour as reference

EDGES = np.arange(100.0, 2400.0, 100.0)


def cents_of(n: int) -> np.ndarray:
    """Notes with vibrato and pauses, in quarters of a cent so that sums are exact."""
    rng = np.random.default_rng(5)
    notes = np.repeat(rng.integers(0, 24, n // 40 + 1) * 100.0, 40)[:n]
    cents = np.rint(4 * (notes + 60 * np.sin(np.arange(n) * 0.2))) / 4
    cents[np.repeat(rng.random(n // 40 + 1) < 0.1, 40)[:n]] = np.nan
    return cents


def kernel(cents: np.ndarray) -> tuple[np.ndarray, ...]:
    return _core.segments_in_clusters(cents, EDGES, 0.0, 3, 17)


@pytest.mark.benchmark(group="contour of 100,000 frames")
def test_kernel(benchmark: Any) -> None:
    cents = cents_of(100_000)
    found = benchmark(kernel, cents)
    phrases = reference.segments_in_clusters(cents.tolist(), EDGES.tolist(), 0.0, 3, 17)
    assert found[0].tolist() == [segment.cluster for phrase in phrases for segment in phrase]
    assert found[2].tolist() == [segment.first for phrase in phrases for segment in phrase]


@pytest.mark.benchmark(group="contour of 100,000 frames")
def test_twin(benchmark: Any) -> None:
    cents = cents_of(100_000).tolist()
    phrases = benchmark.pedantic(
        reference.segments_in_clusters, (cents, EDGES.tolist(), 0.0, 3, 17), rounds=2
    )
    assert len(phrases) > 1


@pytest.mark.benchmark(group="contour of 100,000 frames")
def test_stage(benchmark: Any) -> None:
    hz = cents_to_hz(cents_of(100_000)).astype(np.float32)
    centers = np.append(EDGES - 50.0, EDGES[-1] + 50.0)
    clusters = Clusters(centers, EDGES, 0.0, np.ones(centers.size))
    contour = benchmark(segment_contour, PitchTrack(hz, hz, 256 / 44_100), clusters)
    assert contour.symbols.size > 1000


def test_frames_a_second(record_property: Any) -> None:
    cents = cents_of(4_000_000)
    least = np.inf
    for _ in range(5):
        start = time.process_time()
        kernel(cents)
        least = min(least, time.process_time() - start)
    record_property("frames_a_second", cents.size / least)
    print(f"\n{cents.size / least:.2g} frames a second")
    assert cents.size / least > 1e7
