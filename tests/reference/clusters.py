"""One-dimensional k-means as its definition: the best of all ways to cut the sorted values."""

from __future__ import annotations

import numpy as np


def inertia_of(values: np.ndarray, weights: np.ndarray) -> float:
    """Weighted sum of squared distances to the weighted mean."""
    center = (values * weights).sum() / weights.sum()
    return float((weights * (values - center) ** 2).sum())


def best_inertia(values: list[float], k: int, weights: list[float] | None = None) -> float:
    """Least inertia of ``k`` clusters, by dynamic programming over every boundary."""
    x = np.asarray(values, dtype=np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    n = x.size
    best = [0.0] + [np.inf] * n
    for _ in range(k):
        best = [np.inf] + [
            min(best[i] + inertia_of(x[i:j], w[i:j]) for i in range(j)) for j in range(1, n + 1)
        ]
    return float(best[n])


def bins_of(
    values: list[float], weights: list[int], lowest: int, fraction: int, inside: int, bins: int
) -> dict[int, tuple[int, int, int]]:
    """Weight, sum and sum of squares of offsets in each occupied bin, in integers without bound."""
    found: dict[int, tuple[int, int, int]] = {}
    for value, weight in zip(values, weights, strict=True):
        if value != value:
            continue
        fixed = int(np.floor(value * (1 << fraction) + 0.5))
        index = min((fixed >> inside) - lowest, bins - 1)
        offset = fixed - ((index + lowest) << inside)
        total, first, second = found.get(index, (0, 0, 0))
        found[index] = (total + weight, first + weight * offset, second + weight * offset**2)
    return found
