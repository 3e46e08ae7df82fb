"""Verification: error rates of scores on same- and different-singer trials.

References
----------
Przybocki, M. and Martin, A. (2004). NIST speaker recognition evaluation chronicles. Odyssey
(equal error rate, detection cost).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from cantaor.errors import ArgumentError
from cantaor.types import Float64Array


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where misses and false alarms are equally frequent.

    Attributes
    ----------
    error
        Rate of either, 0..1.
    threshold
        Scores of at least this are accepted as the same singer.
    """

    error: float
    threshold: float


@dataclass(frozen=True, eq=False, slots=True)
class DetCurve:
    """Detection error trade-off: misses against false alarms, by falling threshold.

    Attributes
    ----------
    thresholds
        float64 (n,), falling; the first is infinite: nothing is accepted.
    false_alarms
        float64 (n,), rate of different singers accepted as the same, rising from 0 to 1.
    misses
        float64 (n,), rate of same singers rejected, falling from 1 to 0.
    """

    thresholds: Float64Array
    false_alarms: Float64Array
    misses: Float64Array


def det_curve(same: ArrayLike, different: ArrayLike) -> DetCurve:
    """All operating points of scores of trials with the same and with different singers.

    Raises
    ------
    ArgumentError
        There are no trials of one kind, or a score is not finite.

    Examples
    --------
    >>> det_curve([2.0, 1.0], [0.0]).misses.tolist()
    [1.0, 0.5, 0.0, 0.0]
    """
    targets, others = (np.asarray(scores, dtype=np.float64) for scores in (same, different))
    if targets.size == 0 or others.size == 0:
        raise ArgumentError(
            f"trials of both kinds are needed; same has {targets.size}, different {others.size}"
        )
    if not (np.isfinite(targets).all() and np.isfinite(others).all()):
        raise ArgumentError("a score is not finite")
    is_same = np.repeat([True, False], [targets.size, others.size])
    false_alarms, hits, thresholds = roc_curve(
        is_same, np.concatenate([targets, others]), drop_intermediate=False
    )
    return DetCurve(thresholds, false_alarms, 1 - hits)


def equal_error_rate(same: ArrayLike, different: ArrayLike) -> OperatingPoint:
    """The equal error rate: where misses and false alarms come nearest to each other.

    Examples
    --------
    >>> equal_error_rate([3.0, 2.0, 1.0], [0.5, 0.0]).error
    0.0
    """
    curve = det_curve(same, different)
    place = int(np.argmin(np.abs(curve.misses - curve.false_alarms)))
    error = (curve.misses[place] + curve.false_alarms[place]) / 2
    return OperatingPoint(float(error), float(min(curve.thresholds[place], 1e300)))


def detection_cost(same: ArrayLike, different: ArrayLike, prior: float = 0.05) -> float:
    """Smallest detection cost over all thresholds, 0..1: 1 is never accepting or always.

    Parameters
    ----------
    same, different
        Scores.
    prior
        How often a trial is of the same singer; both mistakes cost the same.

    Raises
    ------
    ArgumentError
        ``prior`` is not inside 0..1, or as for :func:`det_curve`.
    """
    if not 0 < prior < 1:
        raise ArgumentError(f"prior must lie inside 0..1; got {prior}")
    curve = det_curve(same, different)
    cost = prior * curve.misses + (1 - prior) * curve.false_alarms
    return float(cost.min() / min(prior, 1 - prior))


def cross_group_trials(
    embeddings: Float64Array,
    singers: ArrayLike,
    groups: ArrayLike,
    asked: ArrayLike | None = None,
) -> tuple[Float64Array, Float64Array]:
    """Cosines of all pairs from different source groups.

    Parameters
    ----------
    embeddings
        float64 (n, dim), one for each recording.
    singers, groups
        int (n,).
    asked
        bool (n,): a pair counts where one of its recordings is asked. None: all pairs count.

    Returns
    -------
    Cosines of pairs of the same singer and of different singers. Pairs from one group are left
    out: they would measure the recording.
    """
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    one, other = np.triu_indices(len(unit), 1)
    owner, group = np.asarray(singers), np.asarray(groups)
    apart = group[one] != group[other]
    if asked is not None:
        chosen = np.asarray(asked, dtype=bool)
        apart &= chosen[one] | chosen[other]
    one, other = one[apart], other[apart]
    cosines = np.einsum("ij,ij->i", unit[one], unit[other])
    same = owner[one] == owner[other]
    return cosines[same], cosines[~same]
