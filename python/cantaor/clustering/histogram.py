"""A histogram of cents that clusters a corpus of any size: update, merge, solve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cantaor._gather import add_to_bins
from cantaor.clustering.optimal import (
    AUTO_MAX_K,
    Atoms,
    solve,
    solve_all,
    with_prefix,
)
from cantaor.clustering.selection import SEMITONE_STD
from cantaor.errors import ArgumentError
from cantaor.types import Clusters, Float64Array, Int64Array


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
    MIN_CENTS, MAX_CENTS = -6_000, 14_400

    _FRACTION, _INSIDE, _WEIGHT = 13, 8, 16
    _PER_CENT = 1 << (_FRACTION - _INSIDE)

    def __init__(self) -> None:
        self._bins = np.zeros(
            (3, (self.MAX_CENTS - self.MIN_CENTS) * self._PER_CENT), dtype=np.int64
        )

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
        outside = (flat < self.MIN_CENTS) | (flat >= self.MAX_CENTS)
        if outside.any():
            raise ArgumentError(
                f"values must lie in {self.MIN_CENTS}..{self.MAX_CENTS} cents, "
                f"not {flat[np.argmax(outside)]}"
            )
        first = self.MIN_CENTS * self._PER_CENT
        add_to_bins(flat, fixed, first, self._FRACTION, self._INSIDE, self._bins)

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
        return solve(self._atoms(), k, max_deviation=SEMITONE_STD)

    def path(self, max_k: int = AUTO_MAX_K) -> list[Clusters]:
        """Optimal clusters for every k from 1 to ``max_k``, as :func:`kmeans_path`."""
        return solve_all(self._atoms(), max_k)

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

    def _atoms(self) -> Atoms:
        occupied = np.flatnonzero(self._bins[0] != 0)  # of booleans: five times as fast
        if occupied.size == 0:
            raise ArgumentError("the histogram is empty: there is nothing to cluster")
        weight, total, squares = self._bins[:, occupied].astype(np.float64)
        unit = float(1 << self._FRACTION)
        offset = total / weight
        spread = np.maximum(squares - total * offset, 0.0)
        means = self.MIN_CENTS + occupied / self._PER_CENT + offset / unit
        scale = float(1 << self._WEIGHT)
        return with_prefix(weight / scale, means, spread / (scale * unit * unit))
