"""Numba kernels of the one-dimensional k-means; imported on first use only.

An *atom* is a distinct value (or a narrow bin) with a weight. All kernels take prefix sums over
the sorted atoms: row 0 weights, row 1 weighted values, row 2 weighted squares, each with a leading
zero, so that the cost of atoms ``i..j-1`` as one cluster takes constant time.

References
----------
Grønlund, Larsen, Mathiasen, Nielsen, Schneider, Song (2017). Fast Exact k-Means, k-Medians and
Bregman Divergence Clustering in 1D. arXiv:1701.07204, section 2 (dynamic programming; the best last
boundary grows with the number of atoms, hence divide and conquer).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from cantaor.types import Float64Array, Int64Array


def _private_folder() -> str | None:
    """A folder of ours alone for compiled code, or None; others must not be able to write it."""
    folder = Path(tempfile.gettempdir()) / f"cantaor-numba-{getattr(os, 'getuid', int)()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return str(folder) if ours and not folder.is_symlink() and not status.st_mode & 0o022 else None


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first call; cached where a cache can be written, uncached where none can."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package nor the home folder is writable
        pass
    usual = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = _private_folder() or usual
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
    finally:
        numba.config.CACHE_DIR = usual


def smoothed(means: Float64Array, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The same distribution without its gatherings: points and weights on an even grid.

    Smoothed by a third of its standard deviation and brought back to the same variance.
    """
    center = float(np.average(means, weights=weights))
    deviation = float(np.sqrt(np.average((means - center) ** 2, weights=weights)))
    low, high = float(means[0]) - deviation, float(means[-1]) + deviation
    points = int(np.clip(64 * (high - low) / deviation, 1024, 8192)) if deviation else 1024
    mass, edges = np.histogram(means, bins=points, range=(low, high), weights=weights)
    grid = (edges[1:] + edges[:-1]) / 2
    width = deviation / 3
    kernel = np.exp(-0.5 * (np.arange(-4 * 1024, 4 * 1024 + 1) * (grid[1] - grid[0]) / width) ** 2)
    kernel = kernel[kernel > 1e-6]
    mass = np.convolve(mass, kernel / kernel.sum(), mode="same")
    kept = mass > mass.max() * 1e-9
    return center + (grid[kept] - center) / np.sqrt(10 / 9), mass[kept]


def coarse_cuts(means: Float64Array, prefix: Float64Array, k: int) -> Int64Array:
    """Atom indices that may be boundaries at first, dense where boundaries will be dense."""
    n = means.size
    ranks = np.linspace(0, n, min(n, 65_536) + 1).astype(np.int64)
    width = np.diff(np.append(means, means[-1])[ranks])
    mass = np.diff(prefix[0, ranks])
    density = np.append(0.0, np.cumsum(np.cbrt(mass * width * width)))
    even = np.interp(np.linspace(0, density[-1], 3073), density, ranks).astype(np.int64)
    tail = max(256, 2 * k)  # far values may each be a cluster
    ends = np.concatenate([np.arange(tail), np.arange(n - tail, n + 1)])
    return np.unique(np.concatenate([even, ends, np.linspace(0, n, 513).astype(np.int64)]))


@compiled
def cost(prefix: Any, i: int, j: int) -> Any:
    """Inertia of atoms ``i..j-1`` as one cluster."""
    weight = prefix[0, j] - prefix[0, i]
    total = prefix[1, j] - prefix[1, i]
    return max(prefix[2, j] - prefix[2, i] - total * total / weight, 0.0)


@compiled
def prefix_of_sorted(
    values: Float64Array, weights: Float64Array, center: float, scale: float
) -> tuple[Float64Array, Float64Array]:
    """Distinct values, and their prefix sums after centring and scaling."""
    factor = 1.0 / scale
    distinct = np.empty(values.size)
    prefix = np.empty((3, values.size + 1))
    prefix[:, 0] = 0.0
    mass = total = squares = 0.0
    atoms = 0
    previous = np.nan
    for i in range(values.size):
        weight = weights[i] if weights.size else 1.0
        x = (values[i] - center) * factor
        mass += weight
        total += weight * x
        squares += weight * x * x
        if values[i] != previous:
            previous = values[i]
            distinct[atoms] = previous
            atoms += 1
        prefix[0, atoms] = mass
        prefix[1, atoms] = total
        prefix[2, atoms] = squares
    return distinct[:atoms], np.ascontiguousarray(prefix[:, : atoms + 1])


@compiled
def extend(
    prefix: Float64Array,
    places: Int64Array,
    costs: Float64Array,
    ends: Int64Array,
    choice: Any,
) -> Float64Array:
    """Costs after one more cluster that begins at one of ``places`` and ends at each of ``ends``.

    Divide and conquer over the ascending ``ends``: the best beginning never moves left. ``costs``
    are those of all clusters up to each place; ``choice`` receives the index of the best one.
    """
    found = np.full(ends.size, np.inf)
    stack = np.empty((64, 4), dtype=np.int64)
    stack[0] = (0, ends.size - 1, 0, places.size - 1)
    depth = 1
    while depth:
        depth -= 1
        low, high, first, last = stack[depth]
        if low > high:
            continue
        middle = (low + high) // 2
        end = ends[middle]
        best, begin = np.inf, first
        for i in range(first, last + 1):
            if places[i] >= end:
                break
            candidate = costs[i] + cost(prefix, places[i], end)
            if candidate < best:
                best, begin = candidate, i
        found[middle] = best
        choice[middle] = begin
        stack[depth] = (low, middle - 1, first, begin)
        stack[depth + 1] = (middle + 1, high, begin, last)
        depth += 2
    return found


@compiled
def best_boundaries(prefix: Float64Array, cuts: Int64Array, k: int) -> Int64Array:
    """Optimal boundaries for 1..k clusters when only the ascending ``cuts`` may be boundaries.

    Returns int64 (k, k + 1): row ``c - 1`` holds the ``c + 1`` boundaries of ``c`` clusters as
    atom indices.
    """
    choice = np.zeros((k, cuts.size), dtype=np.int32)
    costs = np.full(cuts.size, np.inf)
    costs[0] = 0.0
    for row in range(k):
        costs = extend(prefix, cuts, costs, cuts, choice[row])
    boundaries = np.zeros((k, k + 1), dtype=np.int64)
    for clusters in range(1, k + 1):
        at = cuts.size - 1
        for c in range(clusters, 0, -1):
            boundaries[clusters - 1, c] = cuts[at]
            at = choice[c - 1, at]
    return boundaries


@compiled
def refine_once(prefix: Float64Array, boundaries: Int64Array, step: int, reach: int) -> Int64Array:
    """Move every inner boundary to the jointly best of ``boundary + step * (-reach..reach)``."""
    k = boundaries.size - 1
    atoms = boundaries[k]
    shifts = step * np.arange(-reach, reach + 1)
    choice = np.zeros((k + 1, shifts.size), dtype=np.int32)
    places, costs = np.zeros(1, dtype=np.int64), np.zeros(1)
    for j in range(1, k):
        ends = np.minimum(np.maximum(boundaries[j] + shifts, 0), atoms)
        costs = extend(prefix, places, costs, ends, choice[j])
        places = ends
    extend(prefix, places, costs, boundaries[k:], choice[k])
    moved = boundaries.copy()
    at = choice[k, 0]
    for j in range(k - 1, 0, -1):
        moved[j] = min(max(boundaries[j] + shifts[at], 0), atoms)
        at = choice[j, at]
    return moved


@compiled
def refine(prefix: Float64Array, boundaries: Int64Array, step: int, reach: int) -> Int64Array:
    """Joint moves in steps quartered down to one atom, each repeated while it helps."""
    while True:
        for _ in range(20):
            moved = refine_once(prefix, boundaries, step, reach)
            if np.all(moved == boundaries):
                break
            boundaries = moved
        if step == 1:
            return boundaries
        step = max(step // 4, 1)
