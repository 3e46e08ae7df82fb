"""Calibration error: confidence against accuracy.

References
----------
Guo, C. et al. (2017). On calibration of modern neural networks. ICML.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError
from cantaor.types import Float64Array


def calibration_bins(
    probability: ArrayLike, correct: ArrayLike, bins: int = 10
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Mean confidence, accuracy and number of clips in equal-width bins of confidence.

    Parameters
    ----------
    probability
        float (n,), of the predicted singer, 0..1.
    correct
        bool (n,), whether the prediction is correct.
    bins
        Number of bins; empty ones are left out.

    Returns
    -------
    float64 (filled bins,) each. The expected calibration error (Guo et al. 2017) is
    ``sum(n * |share - mean|) / sum(n)`` of them.

    Examples
    --------
    >>> mean, share, n = calibration_bins([0.15, 0.95, 0.95], [False, True, False])
    >>> share.tolist(), n.tolist()
    ([0.0, 0.5], [1.0, 2.0])
    """
    sure = np.asarray(probability, np.float64)
    right = np.asarray(correct, np.float64)
    index = np.minimum((sure * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins).astype(np.float64)
    filled = count > 0
    mean = np.bincount(index, sure, bins)[filled] / count[filled]
    accuracy = np.bincount(index, right, bins)[filled] / count[filled]
    return mean, accuracy, count[filled]


def expected_calibration_error(probability: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over bins.

    Parameters
    ----------
    probability
        (n,), confidence of each prediction, 0..1.
    right
        bool (n,).
    bins
        Equally wide bins of probability, each weighted by its number of predictions.

    Raises
    ------
    ArgumentError
        There are no predictions, or the lengths differ.

    Examples
    --------
    >>> expected_calibration_error([0.75] * 4, [True, True, True, False])
    0.0
    """
    sure, correct = np.asarray(probability, float), np.asarray(right, float)
    if sure.size == 0 or sure.shape != correct.shape:
        raise ArgumentError(
            f"length of probability ({sure.size}) must match right ({correct.size}) and not be 0"
        )
    mean, accuracy, count = calibration_bins(sure, correct, bins)
    return float(np.sum(count * np.abs(accuracy - mean)) / sure.size)
