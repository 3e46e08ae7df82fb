"""Which number of clusters ``k="auto"`` takes."""

from __future__ import annotations

import numpy as np

from cantaor.types import Float64Array

#: Deviation of values that are spread evenly over a semitone, cents.
SEMITONE_STD = 100 / 12**0.5


def select_k(gaps: Float64Array, deviations: Float64Array, max_deviation: float = np.inf) -> int:
    """Index of the smallest k whose gap is large and whose clusters are narrow enough.

    Parameters
    ----------
    gaps
        float64 (sizes,), inertia of a smooth reference over that of the values, for each k.
    deviations
        float64 (sizes,), deviation of the values within clusters, for each k.
    max_deviation
        Largest deviation. Without one, a gap must come within 5 % of all others; with one, of
        those up to the double of its k: far beyond the number of notes the gap rises again with
        the fine grain of the values.
    """
    rivals = [gaps[i : 2 * i + 2] if max_deviation < np.inf else gaps for i in range(gaps.size)]
    fit = [gap >= 0.95 * others.max() for gap, others in zip(gaps, rivals, strict=True)]
    chosen = np.flatnonzero(fit & (deviations <= max_deviation))
    return int(chosen[0]) if chosen.size else gaps.size - 1
