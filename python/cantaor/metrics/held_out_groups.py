"""Figures over source groups that were held out: balanced means, their interval, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike


def balanced_mean(values: Mapping[str, float], singers: Mapping[str, str]) -> float:
    """Mean over groups within each singer, then over singers.

    Parameters
    ----------
    values
        Of each group, such as the fraction of its windows that are right.
    singers
        The singer of each group; groups without a value are left out.

    Examples
    --------
    >>> balanced_mean({"A1": 1.0, "A2": 0.0, "B1": 1.0}, {"A1": "A", "A2": "A", "B1": "B"})
    0.75
    """
    return _balanced(values, singers, list(values))


def bootstrap_interval(
    values: Mapping[str, float], singers: Mapping[str, str], rounds: int = 2_000
) -> tuple[float, float]:
    """95 % of :func:`balanced_mean` when each singer's groups are drawn again with replacement.

    Examples
    --------
    >>> bootstrap_interval({"A1": 1.0, "B1": 0.5}, {"A1": "A", "B1": "B"})
    (0.75, 0.75)
    """
    rng = np.random.default_rng(0)
    names = sorted({singers[group] for group in values})
    owned = [[group for group in values if singers[group] == name] for name in names]
    means = [
        _balanced(values, singers, [str(g) for own in owned for g in rng.choice(own, len(own))])
        for _ in range(rounds)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def coverage_curve(probability: ArrayLike, correct: ArrayLike) -> list[dict[str, float]]:
    """Risk and coverage: what is right among the surest answers, for every threshold.

    Parameters
    ----------
    probability
        float (n,), of the answers.
    correct
        bool (n,).

    Returns
    -------
    One row for each distinct probability, the surest first: ``threshold``, ``coverage`` (fraction
    of the answers at least so sure) and ``risk`` (fraction of these that are wrong).

    References
    ----------
    El-Yaniv, R. and Wiener, Y. (2010). On the foundations of noise-free selective classification.
    Journal of Machine Learning Research 11.

    Examples
    --------
    >>> [row["risk"] for row in coverage_curve([0.9, 0.8, 0.6, 0.5], [True, True, False, True])]
    [0.0, 0.0, 0.3333333333333333, 0.25]
    """
    sure, right = np.asarray(probability, np.float64), np.asarray(correct, np.bool_)
    rows = []
    for threshold in np.unique(sure)[::-1].tolist():
        kept = sure >= threshold
        rows.append(
            {
                "threshold": float(threshold),
                "coverage": float(kept.mean()),
                "risk": float(1 - right[kept].mean()),
            }
        )
    return rows


def _balanced(
    values: Mapping[str, float], singers: Mapping[str, str], groups: Sequence[str]
) -> float:
    names = sorted({singers[group] for group in groups})
    means = [np.mean([values[g] for g in groups if singers[g] == name]) for name in names]
    return float(np.mean(means))
