"""How strongly a word marks a group that uses it.

References
----------
Monroe, B. L., Colaresi, M. P. and Quinn, K. M. (2008). Fightin' words: lexical feature selection
and evaluation for identifying the content of political conflict. Political Analysis 16(4),
section 3.5 (log-odds with an informative Dirichlet prior).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError
from cantaor.types import Float64Array


def log_odds(counts: ArrayLike, prior: float = 1.0) -> Float64Array:
    """How much more each group uses each word than all other groups together.

    Parameters
    ----------
    counts
        int (groups, words), >= 0.
    prior
        Pseudo-counts per word on average, > 0. They are spread over the words in proportion to
        their counts in all groups: the informative prior of Monroe et al. (2008), section 3.5.

    Returns
    -------
    float64 (groups, words), log-odds ratio in standard deviations, equation (22); 0 where
    nothing can be compared, for words that never occur and where there is just one word.

    Raises
    ------
    ArgumentError
        ``prior`` is not positive, or counts are not two-dimensional or negative.

    Examples
    --------
    >>> log_odds([[9, 1], [1, 9]]).round(2).tolist()
    [[4.16, -4.16], [-4.16, 4.16]]
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or np.any(table < 0):
        raise ArgumentError(f"counts must be (groups, words) and >= 0, not shape {table.shape}")
    if not prior > 0 or not np.isfinite(prior):
        raise ArgumentError(f"prior must be positive and finite, not {prior}")
    total = table.sum(axis=0)
    return log_odds_from_margins(table, total, table.sum(axis=1, keepdims=True), total, prior)


def log_odds_from_margins(
    counts: ArrayLike, of_word: ArrayLike, of_group: ArrayLike, total: ArrayLike, prior: float
) -> Float64Array:
    """Log odds of single counts, for those who hold no table of all of them.

    Parameters
    ----------
    counts
        Any shape, of a word in a group.
    of_word, of_group
        What that word, and that group, have in all; they broadcast with ``counts``.
    total
        (words,), the counts of every word in all groups together.
    prior
        As for :func:`log_odds`.

    Returns
    -------
    float64, the shape of ``counts``.
    """
    here, word, group, words = (
        np.asarray(values, dtype=np.float64) for values in (counts, of_word, of_group, total)
    )
    grand = words.sum()
    if grand == 0 or np.count_nonzero(words) < 2:
        return np.zeros_like(here)
    strength = prior * words.size
    pseudo = strength * word / grand
    mine, theirs = here + pseudo, (word - here) + pseudo
    mine_all, theirs_all = group + strength, grand - group + strength
    with np.errstate(divide="ignore", invalid="ignore"):
        delta = np.log(mine / (mine_all - mine)) - np.log(theirs / (theirs_all - theirs))
        scores = delta / np.sqrt(1 / mine + 1 / theirs)
    return np.where(word > 0, scores, 0.0)
