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

from typing import Literal

from numpy.typing import ArrayLike

from cantaor.clustering.optimal import (
    AUTO_MAX_K,
    atoms_of,
    checked_values,
    solve,
    solve_all,
)
from cantaor.types import Clusters


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
    flat, mass = checked_values(values, weights)
    return solve(atoms_of(flat, mass), k)


def kmeans_path(
    values: ArrayLike, max_k: int = AUTO_MAX_K, weights: ArrayLike | None = None
) -> list[Clusters]:
    """Optimal clusters for every k from 1 to ``max_k``.

    Parameters
    ----------
    values, weights
        As for :func:`kmeans_1d`.
    max_k
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
    >>> [len(c.centers) for c in kmeans_path([1.0, 2.0, 9.0])]
    [1, 2, 3]
    """
    flat, mass = checked_values(values, weights)
    return solve_all(atoms_of(flat, mass), max_k)
