"""Who sings which motifs: melody as evidence beside the sound of a voice.

A motif speaks for the singers who sing it often. How often is counted in shares of a source
group's instances, so that every group of a singer weighs the same, and drawn towards the mean of
all singers (Dirichlet smoothing), so that a motif that a singer was never heard with says little. A
recording's score of a singer is the mean log probability of the singer over all its motif
instances: the rule that clips vote by, see
:func:`cantaor.learn.evaluation.voting.aggregate_probabilities`.

How much the scores count beside the sound is fitted on source groups that were left out. Where they
are few or do not show that melody helps, it does not count: singers who share a repertoire are not
told apart by it.

References
----------
Akaike, H. (1974). A new look at the statistical model identification. IEEE Transactions on
Automatic Control 19(6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.sparse import csc_array, csr_array
from scipy.special import logsumexp

from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.identification.calibration import (
    BoolArray,
    Calibration,
    Withheld,
    calibration_of,
    smoothed_labels,
)
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.types import Float64Array, Int32Array, Int64Array

# The mean of all singers counts as so many source groups of each.
_PRIOR_GROUPS = 10.0
# Source groups that must have been left out: fewer do not tell two fitted numbers from chance.
_MIN_GROUPS = 10
# Log likelihood that a fitted number must gain to be worth having, by Akaike's criterion.
_MIN_GAIN = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class MotifShares:
    """How large a part of their singing each motif is to each singer.

    Attributes
    ----------
    sums
        Sparse float64 (singers, motifs): sum over a singer's source groups of the motif's share of
        the group's instances.
    groups
        int64 (singers,), source groups in which any motif was found; 0: not heard.
    """

    sums: csc_array
    groups: Int64Array

    def scores(self, motifs: ArrayLike, counts: ArrayLike | None = None) -> Float64Array:
        """Mean log probability of each singer over motif instances, float64 (singers,).

        Parameters
        ----------
        motifs
            int (n,), indices of the instances' motifs; those below 0 are left out.
        counts
            int (n,), how often each; once unless given.

        Returns
        -------
        0 for all singers where no motif is known. Whoever was not heard gets the score of the least
        likely singer.

        Examples
        --------
        >>> counts = csr_array(np.array([[9, 1], [1, 9]]))
        >>> shares = motif_shares(counts, np.array([0, 1]), 2)
        >>> np.exp(shares.scores([0, 0, 1])).round(3).tolist()
        [0.511, 0.487]
        """
        index = np.asarray(motifs, np.int64)
        often = np.ones(index.size) if counts is None else np.asarray(counts, float)
        index, often = index[index >= 0], often[index >= 0]
        known, place = np.unique(index, return_inverse=True)
        weights = np.bincount(place, often, known.size)
        heard = self.groups > 0
        sums = self.sums[:, known].toarray()[heard]
        groups = self.groups[heard, None]
        common = (sums / groups).mean(axis=0)
        said = common > 0
        scores = np.zeros(self.groups.size)
        if not said.any():
            return scores
        levels = np.log((sums[:, said] + _PRIOR_GROUPS * common[said]) / (groups + _PRIOR_GROUPS))
        levels -= logsumexp(levels, axis=0)
        scores[heard] = levels @ (weights[said] / weights[said].sum())
        scores[~heard] = scores[heard].min()
        return scores


def motif_shares(counts: csr_array, labels: Int32Array, singers: int) -> MotifShares:
    """Shares from how often each motif is sung in each source group.

    Parameters
    ----------
    counts
        Sparse (groups, motifs).
    labels
        int32 (groups,), singer of each; -1: the group is left out.
    singers
        Number of singers.
    """
    totals = np.asarray(counts.sum(axis=1)).reshape(-1)
    used = np.flatnonzero((totals > 0) & (np.asarray(labels) >= 0))
    owner = np.asarray(labels)[used]
    member = csr_array((1.0 / totals[used], (owner, used)), shape=(singers, len(totals)))
    return MotifShares(csc_array(member @ counts), np.bincount(owner, minlength=singers))


def count_motifs(clips: ClipSet, motifs: int) -> csr_array:
    """How often each of so many motifs is sung in each recording of a set, (recordings, motifs)."""
    shape = (len(clips.recordings), motifs)
    if clips.motifs is None:
        return csr_array(shape, dtype=np.float64)
    known = (clips.motifs >= 0) & (clips.recording >= 0)
    places = (clips.recording[known], clips.motifs[known])
    return csr_array((np.ones(int(known.sum())), places), shape=shape)


@dataclass(frozen=True, eq=False, slots=True)
class Melody:
    """What the motifs of a recording add to the sound of its clips.

    Attributes
    ----------
    shares
        Who sings what.
    weight
        Of the scores, beside the mean log probabilities of the clips; above 0.
    calibration
        Of the two together.
    """

    shares: MotifShares
    weight: float
    calibration: Calibration

    def join(self, mean: Float64Array, sung: ArrayLike) -> Float64Array:
        """Probabilities of a recording by sound and melody, float64 (singers,), sum 1.

        Parameters
        ----------
        mean
            float64 (singers,), by sound alone.
        sung
            int (n,), indices of the motif instances.
        """
        return _joined(mean, self.weight * self.shares.scores(sung))


def _joined(mean: Float64Array, more: Float64Array) -> Float64Array:
    level = np.log(np.maximum(mean, 1e-12)) + more
    together: Float64Array = np.exp(level - logsumexp(level, axis=-1, keepdims=True))
    return together


def fit_melody(
    profiles: WindowFeatures, counts: csr_array, withheld: Withheld, n_classes: int
) -> Melody | None:
    """How much melody counts, from source groups that were left out.

    Parameters
    ----------
    profiles
        Training windows; ``groups`` are the rows of ``counts``.
    counts
        Sparse (groups, motifs), see :func:`count_motifs`.
    withheld
        Networks that did not hear some of the groups.
    n_classes
        Singers.

    Returns
    -------
    Melody, or None where the groups left out are fewer than ten, or do not show that it helps
    (Akaike's information criterion).
    """
    melody = _LeftOutScores(profiles, counts, n_classes)
    sound, scores, labels = [], [], []
    for member, unseen, wanted in withheld.known():
        for group in np.unique(profiles.groups[wanted]).tolist():
            mine = wanted & (profiles.groups == group)
            sound.append(aggregate_probabilities(withheld.probabilities(member, mine)))
            scores.append(melody.of(group, unseen))
            labels.append(int(melody.owners[group]))
    weight = melody_weight(
        np.stack(sound), np.stack(scores), np.array(labels), withheld.independent
    )
    if weight is None:
        return None

    def together(runs: Float64Array, group: int, unseen: BoolArray) -> Float64Array:
        return _joined(runs, weight * melody.of(group, unseen))

    shares = motif_shares(counts, melody.owners, n_classes)
    return Melody(shares, weight, calibration_of(withheld, together))


class _LeftOutScores:
    """Scores of groups by the shares of others."""

    def __init__(self, profiles: WindowFeatures, counts: csr_array, singers: int) -> None:
        self._groups, self._counts, self._singers = profiles.groups, counts, singers
        self.owners = np.full(counts.shape[0], -1, np.int32)
        self.owners[profiles.groups] = profiles.labels
        # By the groups that were seen: a network is asked of many groups in turn.
        self._shares: dict[bytes, MotifShares] = {}

    def of(self, group: int, unseen: BoolArray) -> Float64Array:
        """Scores of a group by the shares of the groups of other windows than those unseen."""
        seen = np.zeros(self.owners.size, np.bool_)
        seen[self._groups[~unseen]] = True
        shares = self._shares.get(key := seen.tobytes())
        if shares is None:
            owners = np.where(seen, self.owners, -1)
            shares = self._shares[key] = motif_shares(self._counts, owners, self._singers)
        row = self._counts[[group]].tocoo()
        return shares.scores(row.coords[1], row.data)


def melody_weight(
    sound: Float64Array, scores: Float64Array, labels: Int64Array, independent: int
) -> float | None:
    """Weight of melody beside sound that makes the singers of left-out groups most likely.

    Parameters
    ----------
    sound
        float64 (n, singers), probabilities by sound.
    scores
        float64 (n, singers), of melody.
    labels
        int64 (n,), true singers.
    independent
        How many of the n are independent: source groups.

    Returns
    -------
    The weight, or None where fewer than ten are independent, or the gain in log likelihood is not
    above 1.
    """
    if independent < _MIN_GROUPS:
        return None
    levels = np.log(np.maximum(sound, 1e-12))
    expected = smoothed_labels(labels, sound.shape[1], independent)

    def loss(sharpness: float, weight: float) -> float:
        joined = np.exp(sharpness) * levels + weight * scores
        logs = joined - logsumexp(joined, axis=1, keepdims=True)
        return -float((expected * logs).sum(axis=1).mean())

    bound = (-2.3, 2.3)
    alone = minimize(lambda x: loss(x[0], 0.0), [0.0], bounds=[bound], method="L-BFGS-B")
    starts = [(float(alone.x[0]), first) for first in (0.0, 10.0, 50.0)]
    found = [
        minimize(lambda x: loss(x[0], x[1]), start, bounds=[bound, (0.0, 500.0)], method="L-BFGS-B")
        for start in starts
    ]
    # Where sound says nothing, any sharpness is as good: what sound alone asks for is kept.
    best = min(found, key=lambda one: (round(float(one.fun), 9), abs(one.x[0] - alone.x[0])))
    if (alone.fun - best.fun) * independent < _MIN_GAIN:
        return None
    return float(best.x[1] / np.exp(best.x[0]))
