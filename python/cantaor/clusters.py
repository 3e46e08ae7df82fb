"""Globally optimal one-dimensional k-means, over arrays and over corpora of any size.

Pitch clusters are the alphabet of the melodic contour [1]_. One dimension makes the problem exactly
solvable: clusters are intervals of the sorted values, and dynamic programming finds the best
boundaries [2]_.

Up to 8,192 atoms (distinct values, or occupied bins of a histogram) every boundary is considered.
Beyond that the programming runs over about 4,096 groups, as dense as the boundaries of an
optimal quantiser are (density to the power 1/3, [3]_), then all boundaries move jointly in
ever smaller steps until no step of single atoms improves the result.

References
----------
.. [1] Arronte Alvarez, A. and Gómez-Martín, F. (2020). Singer Identification Using Convolutional
   Acoustic Motif Embeddings, section 3.
.. [2] Grønlund et al. (2017). Fast Exact k-Means, k-Medians and Bregman Divergence Clustering in
   1D. arXiv:1701.07204.
.. [3] Panter, P. F. and Dite, W. (1951). Quantization distortion in pulse-count modulation with
   nonuniform spacing of levels. Proceedings of the IRE 39(1).
.. [4] Tibshirani, R., Walther, G. and Hastie, T. (2001). Estimating the number of clusters in a
   data set via the gap statistic. JRSS B 63(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cantaor._choice import SEMITONE, fittest
from cantaor._gather import add_to_bins
from cantaor.errors import ArgumentError
from cantaor.types import Clusters, Float64Array, Int64Array

#: Largest k that ``k="auto"`` considers.
AUTO_LARGEST = 48
_EXACT_ATOMS = 8_192
_REACH = 256


@dataclass(frozen=True, slots=True)
class _Atoms:
    """Sorted atoms: weight, mean, inertia about the mean, and prefix sums for the kernels."""

    weights: Float64Array
    means: Float64Array
    inertias: Float64Array
    prefix: Float64Array


def kmeans_1d(
    values: ArrayLike, k: int | Literal["auto"], weights: ArrayLike | None = None
) -> Clusters:
    """Optimal k-means of numbers on a line.

    Parameters
    ----------
    values
        Any shape, any unit and scale; NaN is ignored.
    k
        Number of clusters, 1 to the number of distinct values; or ``"auto"``: the inertia
        of every k up to 48 is compared with that of the same values smoothed by a third of their
        standard deviation (the gap statistic [4]_ with that reference); the smallest k whose
        ratio is within 5 % of the greatest is taken. Few distinct values (under 48) are all kept.
    weights
        Weight of every value, shape of ``values``, finite and >= 0; None means 1 each.

    Returns
    -------
    Clusters, in the unit of ``values``; ``edges`` are midway between the centres.

    Raises
    ------
    ArgumentError
        ``k`` is below 1 or above the number of distinct values; an infinite value; weights that
        are negative, not finite, or of another shape.

    Notes
    -----
    Sums are float64 about the median: clusters narrower than about 1e-6 of the whole range are
    found, but the boundaries inside such a narrow gathering may miss the optimum.

    Examples
    --------
    >>> kmeans_1d([1.0, 2.0, 9.0, 10.0, float("nan")], 2).centers.tolist()
    [1.5, 9.5]
    """
    flat, mass = _checked(values, weights)
    return _solve(_atoms_of(flat, mass), k)


def kmeans_1d_ladder(
    values: ArrayLike, largest: int = AUTO_LARGEST, weights: ArrayLike | None = None
) -> list[Clusters]:
    """Optimal clusters for every k from 1 to ``largest``.

    Parameters
    ----------
    values, weights
        As for :func:`kmeans_1d`.
    largest
        Largest k, cut to the number of distinct values.

    Returns
    -------
    One ``Clusters`` for each k, in ascending order; compare their ``inertia``.

    Raises
    ------
    ArgumentError
        As :func:`kmeans_1d`.

    Examples
    --------
    >>> [len(c.centers) for c in kmeans_1d_ladder([1.0, 2.0, 9.0])]
    [1, 2, 3]
    """
    flat, mass = _checked(values, weights)
    return _ladder(_atoms_of(flat, mass), largest)


class ClusterHistogram:
    """Pitch values of a whole corpus in constant memory, ready for exact clustering.

    Values are in cents. Each is rounded to 1/8192 cent and counted in a bin of 1/32 cent, which
    keeps the weight, the sum and the sum of squares of its values as integers. Integer sums do
    not depend on their order, so the clusters have the same bits however the corpus is cut,
    ordered and merged; the cost of a cluster uses the true sums and only the boundaries between
    clusters are bound to bins.

    Weights are rounded to 1/65536. One bin holds values of a total weight up to two thousand
    million.

    Examples
    --------
    >>> left, right = ClusterHistogram(), ClusterHistogram()
    >>> left.update([100.0, 101.0])
    >>> right.update([300.0, float("nan"), 302.0])
    >>> left.merge(right)
    >>> left.solve(2).centers.tolist()
    [100.5, 301.0]
    """

    #: Range of the values, cents (1.7 Hz to 225 kHz for the usual reference of 55 Hz).
    LOWEST, HIGHEST = -6_000, 14_400

    _FRACTION, _INSIDE, _WEIGHT = 13, 8, 16
    _PER_CENT = 1 << (_FRACTION - _INSIDE)

    def __init__(self) -> None:
        self._bins = np.zeros((3, (self.HIGHEST - self.LOWEST) * self._PER_CENT), dtype=np.int64)

    def update(self, values: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Add values.

        Parameters
        ----------
        values
            Any shape, cents; NaN is ignored.
        weights
            Weight of every value, shape of ``values``, 0 to 32,767; None means 1 each.

        Raises
        ------
        ArgumentError
            A value is infinite or out of range (nothing is added then), or weights do not fit.
        """
        flat = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
        fixed = self._fixed_weights(flat, weights)
        outside = (flat < self.LOWEST) | (flat >= self.HIGHEST)
        if outside.any():
            raise ArgumentError(
                f"values must lie in {self.LOWEST}..{self.HIGHEST} cents, "
                f"not {flat[np.argmax(outside)]}"
            )
        lowest = self.LOWEST * self._PER_CENT
        add_to_bins(flat, fixed, lowest, self._FRACTION, self._INSIDE, self._bins)

    def merge(self, other: ClusterHistogram) -> None:
        """Add all values of another histogram, which is left as it is."""
        self._bins += other._bins

    @property
    def total(self) -> float:
        """Weight of all values so far (their number where unweighted)."""
        return float(self._bins[0].sum()) / (1 << self._WEIGHT)

    def solve(self, k: int | Literal["auto"]) -> Clusters:
        """Optimal clusters of all values so far.

        Parameters
        ----------
        k
            Number of clusters, or ``"auto"``: the smallest k of clusters no wider than semitones
            (a deviation of 29 cents within them) whose ratio, as in :func:`kmeans_1d`, no k up to
            its double exceeds by 5 %. Ratios alone would settle on no k for the voices of a corpus.

        Raises
        ------
        ArgumentError
            ``k`` is below 1 or above the number of occupied bins.
        """
        return _solve(self._atoms(), k, widest=SEMITONE)

    def ladder(self, largest: int = AUTO_LARGEST) -> list[Clusters]:
        """Optimal clusters for every k from 1 to ``largest``, as :func:`kmeans_1d_ladder`."""
        return _ladder(self._atoms(), largest)

    def to_arrays(self) -> dict[str, Int64Array]:
        """The occupied bins, for storing and for sending between processes.

        Returns
        -------
        ``{"bin", "weight", "sum", "squares"}``, int64 (occupied,) each; the inverse is
        :meth:`from_arrays`.
        """
        occupied = np.flatnonzero(self._bins[0] != 0)  # of booleans: five times as fast
        names = ("weight", "sum", "squares")
        rows = {name: row[occupied] for name, row in zip(names, self._bins, strict=True)}
        return {"bin": occupied.astype(np.int64), **rows}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike]) -> ClusterHistogram:
        """The histogram that :meth:`to_arrays` came from, bit for bit.

        Parameters
        ----------
        arrays
            As returned by :meth:`to_arrays`.

        Raises
        ------
        ArgumentError
            An array is missing, or their lengths or bins do not fit.
        """
        names = ("bin", "weight", "sum", "squares")
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ArgumentError(f"arrays must hold {', '.join(names)}; missing: {missing}")
        index, *rows = (np.asarray(arrays[name], dtype=np.int64).reshape(-1) for name in names)
        histogram = cls()
        bins = histogram._bins.shape[1]
        if any(row.size != index.size for row in rows):
            raise ArgumentError(f"arrays must have one length, not {[r.size for r in rows]}")
        if index.size and (index.min() < 0 or index.max() >= bins):
            raise ArgumentError(f"bin must lie in 0..{bins - 1}")
        for row, values in zip(histogram._bins, rows, strict=True):
            np.add.at(row, index, values)
        return histogram

    def _fixed_weights(self, values: Float64Array, weights: ArrayLike | None) -> Int64Array:
        unit = 1 << self._WEIGHT
        if weights is None:
            return np.array([unit], dtype=np.int64)
        mass = np.asarray(weights, dtype=np.float64).reshape(-1)
        if mass.size != values.size:
            raise ArgumentError(
                f"number of weights ({mass.size}) must match values ({values.size})"
            )
        if not ((mass >= 0) & (mass < 32_768)).all():
            raise ArgumentError("weights must lie in 0..32767")
        return np.rint(mass * unit).astype(np.int64)

    def _atoms(self) -> _Atoms:
        occupied = np.flatnonzero(self._bins[0] != 0)  # of booleans: five times as fast
        if occupied.size == 0:
            raise ArgumentError("the histogram is empty: there is nothing to cluster")
        weight, total, squares = self._bins[:, occupied].astype(np.float64)
        unit = float(1 << self._FRACTION)
        offset = total / weight
        spread = np.maximum(squares - total * offset, 0.0)
        means = self.LOWEST + occupied / self._PER_CENT + offset / unit
        scale = float(1 << self._WEIGHT)
        return _with_prefix(weight / scale, means, spread / (scale * unit * unit))


def _checked(
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


def _atoms_of(values: Float64Array, weights: Float64Array | None) -> _Atoms:
    """Distinct values as atoms."""
    from cantaor import _kmeans

    if values.size == 0:
        raise ArgumentError("values must hold at least one number")
    if weights is None:
        ordered, mass = np.sort(values), np.empty(0)
    else:
        order = np.argsort(values, kind="stable")
        ordered, mass = values[order], weights[order]
    center = float(ordered[ordered.size // 2])
    scale = _scale(float(ordered[0]), center, float(ordered[-1]))
    means, prefix = _kmeans.prefix_of_sorted(ordered, mass, center, scale)
    return _Atoms(np.diff(prefix[0]), means, np.zeros(0), prefix)


def _with_prefix(weights: Float64Array, means: Float64Array, inertias: Float64Array) -> _Atoms:
    """Atoms with prefix sums about their middle, scaled to -1..1."""
    center = means[means.size // 2]
    scale = _scale(float(means[0]), float(center), float(means[-1]))
    x = (means - center) / scale
    prefix = np.zeros((3, means.size + 1))
    np.cumsum(weights, out=prefix[0, 1:])
    np.cumsum(weights * x, out=prefix[1, 1:])
    np.cumsum(weights * x * x + inertias / scale**2, out=prefix[2, 1:])
    return _Atoms(weights, means, inertias, prefix)


def _scale(lowest: float, center: float, highest: float) -> float:
    """A power of two, so that scaling rounds nothing, that brings all values to about -1..1."""
    reach = max(highest - center, center - lowest)
    return 2.0 ** np.clip(np.frexp(reach)[1], -1000, 1000) if reach > 0 else 1.0


def _solve(atoms: _Atoms, k: int | Literal["auto"], widest: float = np.inf) -> Clusters:
    if k == "auto":
        return _fittest(atoms, widest)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ArgumentError(f"k must be a whole number of at least 1 or 'auto', not {k!r}")
    if k > atoms.means.size:
        raise ArgumentError(
            f"k ({k}) must not exceed the number of distinct values ({atoms.means.size})"
        )
    return _clusters(atoms, _boundaries(atoms, int(k))[-1])


def _fittest(atoms: _Atoms, widest: float) -> Clusters:
    """The rung that ``"auto"`` means."""
    from cantaor import _kmeans

    ladder = _ladder(atoms, AUTO_LARGEST)
    if len(ladder) < AUTO_LARGEST:
        # So few distinct values have no density to be smoothed.
        return ladder[-1]
    points, mass = _kmeans.smoothed(atoms.means, atoms.weights)
    reference = _ladder(_with_prefix(mass, points, np.zeros(points.size)), AUTO_LARGEST)
    inertias = np.array([max(one.inertia, 1e-300) for one in ladder])
    gaps = np.array([one.inertia for one in reference]) / inertias
    return ladder[fittest(gaps, np.sqrt(inertias / atoms.weights.sum()), widest)]


def _ladder(atoms: _Atoms, largest: int) -> list[Clusters]:
    if largest < 1:
        raise ArgumentError(f"largest must be at least 1, not {largest}")
    k = min(largest, atoms.means.size)
    return [_clusters(atoms, row) for row in _boundaries(atoms, k, every=True)]


def _boundaries(atoms: _Atoms, k: int, every: bool = False) -> list[Int64Array]:
    """Optimal boundaries for k clusters (for 1..k if ``every``), as atom indices."""
    from cantaor import _kmeans

    n = atoms.means.size
    cuts = (
        np.arange(n + 1) if n <= _EXACT_ATOMS else _kmeans.coarse_cuts(atoms.means, atoms.prefix, k)
    )
    rows = _kmeans.best_boundaries(atoms.prefix, cuts, k)
    chosen = range(1, k + 1) if every else [k]
    found = [np.ascontiguousarray(rows[c - 1, : c + 1]) for c in chosen]
    if n <= _EXACT_ATOMS:
        return found
    step = max(n // _EXACT_ATOMS, 1)
    return [_kmeans.refine(atoms.prefix, row, step, _REACH) for row in found]


def _clusters(atoms: _Atoms, boundaries: Int64Array) -> Clusters:
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
