"""Optimal clusters of sorted atoms: distinct values, or occupied bins of a histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cantaor.clustering.selection import select_k
from cantaor.errors import ArgumentError
from cantaor.types import Clusters, Float64Array, Int64Array

#: Largest k that ``k="auto"`` considers.
AUTO_MAX_K = 48


_EXACT_ATOMS = 8_192


_REACH = 256


@dataclass(frozen=True, eq=False, slots=True)
class Atoms:
    """Sorted atoms: weight, mean, inertia about the mean, and prefix sums for the kernels."""

    weights: Float64Array
    means: Float64Array
    inertias: Float64Array
    prefix: Float64Array


def checked_values(
    values: ArrayLike, weights: ArrayLike | None
) -> tuple[Float64Array, Float64Array | None]:
    """Flat finite values and their positive weights."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    if np.isinf(flat).any():
        raise ArgumentError("values must not be infinite")
    kept = ~np.isnan(flat)
    if weights is None:
        return (flat if kept.all() else flat[kept]), None
    mass = np.asarray(weights, dtype=np.float64).reshape(-1)
    if mass.size != flat.size:
        raise ArgumentError(f"number of weights ({mass.size}) must match values ({flat.size})")
    if not (np.isfinite(mass) & (mass >= 0)).all():
        raise ArgumentError("weights must be finite and at least 0")
    kept &= mass > 0
    return flat[kept], mass[kept]


def atoms_of(values: Float64Array, weights: Float64Array | None) -> Atoms:
    """Distinct values as atoms."""
    from cantaor.clustering import _kernels

    if values.size == 0:
        raise ArgumentError("values must hold at least one number")
    if weights is None:
        ordered, mass = np.sort(values), np.empty(0)
    else:
        order = np.argsort(values, kind="stable")
        ordered, mass = values[order], weights[order]
    center = float(ordered[ordered.size // 2])
    scale = _scale(float(ordered[0]), center, float(ordered[-1]))
    means, prefix = _kernels.prefix_of_sorted(ordered, mass, center, scale)
    return Atoms(np.diff(prefix[0]), means, np.zeros(0), prefix)


def with_prefix(weights: Float64Array, means: Float64Array, inertias: Float64Array) -> Atoms:
    """Atoms with prefix sums about their middle, scaled to -1..1."""
    center = means[means.size // 2]
    scale = _scale(float(means[0]), float(center), float(means[-1]))
    x = (means - center) / scale
    prefix = np.zeros((3, means.size + 1))
    np.cumsum(weights, out=prefix[0, 1:])
    np.cumsum(weights * x, out=prefix[1, 1:])
    np.cumsum(weights * x * x + inertias / scale**2, out=prefix[2, 1:])
    return Atoms(weights, means, inertias, prefix)


def _scale(lowest: float, center: float, highest: float) -> float:
    """A power of two, so that scaling rounds nothing, that brings all values to about -1..1."""
    reach = max(highest - center, center - lowest)
    return 2.0 ** np.clip(np.frexp(reach)[1], -1000, 1000) if reach > 0 else 1.0


def solve(atoms: Atoms, k: int | Literal["auto"], max_deviation: float = np.inf) -> Clusters:
    if k == "auto":
        return _select_k(atoms, max_deviation)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ArgumentError(f"k must be a whole number of at least 1 or 'auto', not {k!r}")
    if k > atoms.means.size:
        raise ArgumentError(
            f"k ({k}) must not exceed the number of distinct values ({atoms.means.size})"
        )
    return _clusters(atoms, _boundaries(atoms, int(k))[-1])


def _select_k(atoms: Atoms, max_deviation: float) -> Clusters:
    """The rung that ``"auto"`` means."""
    from cantaor.clustering import _kernels

    path = solve_all(atoms, AUTO_MAX_K)
    if len(path) < AUTO_MAX_K:
        # So few distinct values have no density to be smoothed.
        return path[-1]
    points, mass = _kernels.smoothed(atoms.means, atoms.weights)
    reference = solve_all(with_prefix(mass, points, np.zeros(points.size)), AUTO_MAX_K)
    inertias = np.array([max(one.inertia, 1e-300) for one in path])
    gaps = np.array([one.inertia for one in reference]) / inertias
    return path[select_k(gaps, np.sqrt(inertias / atoms.weights.sum()), max_deviation)]


def solve_all(atoms: Atoms, max_k: int) -> list[Clusters]:
    if max_k < 1:
        raise ArgumentError(f"max_k must be at least 1, not {max_k}")
    k = min(max_k, atoms.means.size)
    return [_clusters(atoms, row) for row in _boundaries(atoms, k, every=True)]


def _boundaries(atoms: Atoms, k: int, every: bool = False) -> list[Int64Array]:
    """Optimal boundaries for k clusters (for 1..k if ``every``), as atom indices."""
    from cantaor.clustering import _kernels

    n = atoms.means.size
    cuts = (
        np.arange(n + 1)
        if n <= _EXACT_ATOMS
        else _kernels.coarse_cuts(atoms.means, atoms.prefix, k)
    )
    rows = _kernels.best_boundaries(atoms.prefix, cuts, k)
    chosen = range(1, k + 1) if every else [k]
    found = [np.ascontiguousarray(rows[c - 1, : c + 1]) for c in chosen]
    if n <= _EXACT_ATOMS:
        return found
    step = max(n // _EXACT_ATOMS, 1)
    return [_kernels.refine(atoms.prefix, row, step, _REACH) for row in found]


def _clusters(atoms: Atoms, boundaries: Int64Array) -> Clusters:
    """The record, with sums taken about each cluster's own middle to keep all digits."""
    starts = boundaries[:-1]
    counts = np.add.reduceat(atoms.weights, starts)
    sizes = np.diff(boundaries)
    anchor = atoms.means[starts + sizes // 2]
    centers = (
        anchor
        + np.add.reduceat(atoms.weights * (atoms.means - np.repeat(anchor, sizes)), starts) / counts
    )
    squares = atoms.weights * (atoms.means - np.repeat(centers, sizes)) ** 2
    edges = centers[:-1] + (centers[1:] - centers[:-1]) / 2
    inertia = float(squares.sum() + atoms.inertias.sum())
    return Clusters(centers=centers, edges=edges, inertia=inertia, counts=counts)
