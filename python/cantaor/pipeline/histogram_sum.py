"""The reduce of the pitch stage: histograms of recordings, or of shards, add up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cantaor.clustering.histogram import ClusterHistogram
from cantaor.settings import Settings
from cantaor.types import Clusters, Int64Array

# Histograms that are gathered before they are merged: a merge walks over all bins.
_GATHERED = 64


class HistogramSum:
    """The sum of many recordings' histograms; it does not depend on their order."""

    def __init__(self) -> None:
        _load_kernels()
        self._total = ClusterHistogram()
        self._waiting: list[Mapping[str, np.ndarray[Any, Any]]] = []

    def add(self, histogram: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Add the arrays of one more histogram."""
        self._waiting.append(histogram)
        if len(self._waiting) >= _GATHERED:
            self._flush()

    def solve(self, settings: Settings) -> Clusters:
        """The clusters of everything added."""
        self._flush()
        return self._total.solve(settings.k)

    def to_arrays(self) -> dict[str, Int64Array]:
        """The sum, as :meth:`add` takes it."""
        self._flush()
        return self._total.to_arrays()

    def _flush(self) -> None:
        if self._waiting:
            names = self._waiting[0]
            joined = {n: np.concatenate([one[n] for one in self._waiting]) for n in names}
            self._total.merge(ClusterHistogram.from_arrays(joined))
            self._waiting.clear()


def _load_kernels() -> None:
    """Load the compiled code of the reduce, while worker processes start."""
    histogram = ClusterHistogram()
    histogram.update(np.arange(3.0))
    histogram.solve(2)
