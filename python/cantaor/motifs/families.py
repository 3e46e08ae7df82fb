"""Families: motifs that are cuts of the same moments, each with one that stands for it.

Closed patterns are right and redundant: of a passage that is sung again, every run with a support
of its own is a motif. A family gathers the motifs of one singer of which more than two thirds lie
on the moments of one, its representative. A frequent short motif, of which a few instances lie in a
longer one, is no member of that; but then the two are not shown side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor.errors import ArgumentError
from cantaor.types import Float64Array, Int32Array, Int64Array

_Runs: TypeAlias = tuple[Int64Array, Int64Array, Int64Array]  # motif, start, end
#: Share of its moments above which a motif is a member. Chosen on the published recordings and two
#: synthetic corpora: at a half, members reach so far beyond what they belong to that few families
#: stand side by side; at nine tenths, families are single motifs.
MEMBER = 2 / 3
#: Share of the smaller one's moments above which two families are not both shown.
SHARED = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Families:
    """The families of one singer's motifs.

    Attributes
    ----------
    family
        int32 (motifs,), from 0: those shown first, each part by the score of its representative,
        the highest first.
    representative
        bool (motifs,), whether the motif stands for its family; one does for each.
    shown
        bool (families,): no two of these share more than half of the moments of either, neither
        those of their representatives nor those of all members.
    """

    family: Int32Array
    representative: NDArray[np.bool_]
    shown: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.shown.size)


def motif_scores(lengths: ArrayLike, support: ArrayLike, z_score: ArrayLike) -> Float64Array:
    """How well motifs stand for what a singer does: length x support x distinctiveness.

    Parameters
    ----------
    lengths, support
        int (motifs,), symbols of each and phrases that hold it.
    z_score
        float (motifs,), log-odds in standard deviations. A motif that marks its singer counts by
        it; of one that does not (0 or less) there remains a small positive number that still
        grows with its log-odds.

    Returns
    -------
    float64 (motifs,), above 0.

    Examples
    --------
    >>> motif_scores([5, 5], [4, 4], [2.0, -2.0]).round(2).tolist()
    [42.54, 2.54]
    """
    z = np.asarray(z_score, dtype=np.float64)
    # Softplus: positive, monotonic, and z itself once z is large.
    distinct = np.logaddexp(0.0, z)
    return np.asarray(lengths, np.float64) * np.asarray(support, np.float64) * distinct


def group_families(
    motif: ArrayLike, start: ArrayLike, end: ArrayLike, scores: ArrayLike, weights: ArrayLike
) -> Families:
    """Group the motifs of one singer that lie on the same moments.

    Motifs are taken by their score, the highest first. One joins a family if more than
    :data:`MEMBER` of its moments are that representative's; otherwise it founds a family and stands
    for it. Of moments
    that two representatives share, the one with the higher score counts. Near-linear in the
    number of moments of all instances.

    Parameters
    ----------
    motif
        int (instances,), motif of each instance.
    start, end
        int (instances,), half-open runs of moments, such as contour segments counted through all
        recordings of the singer.
    scores
        float (motifs,), such as :func:`motif_scores`.
    weights
        float (moments,), how long each moment lasts, seconds, above 0.

    Raises
    ------
    ArgumentError
        Runs are empty or leave the moments, or a motif has no score.

    Examples
    --------
    >>> found = group_families([0, 0, 1, 1, 2], [0, 10, 1, 11, 20], [6, 16, 6, 16, 26], [3, 2, 1],
    ...                        np.ones(30))
    >>> found.family.tolist(), found.representative.tolist()
    ([0, 0, 1], [True, False, True])
    """
    lasts = np.asarray(weights, np.float64)
    score = np.asarray(scores, np.float64)
    runs = (np.asarray(motif, np.int64), np.asarray(start, np.int64), np.asarray(end, np.int64))
    _check(runs, score.size, lasts.size)
    rows, offsets = _moments(runs, score.size, lasts.size)
    order = np.lexsort((np.arange(score.size), -score))
    founder = _join_motifs(rows, offsets, order, lasts)
    founders = order[founder[order] == order]
    shown = _choose_shown(rows, offsets, founder, founders, lasts)
    return _named(founder, np.concatenate([founders[shown], founders[~shown]]), int(shown.sum()))


def _check(runs: _Runs, motifs: int, moments: int) -> None:
    motif, start, end = runs
    if not motif.size == start.size == end.size:
        raise ArgumentError(
            f"motif ({motif.size}), start ({start.size}) and end ({end.size}) must match"
        )
    if motif.size == 0:
        return
    if motif.min() < 0 or motif.max() >= motifs:
        raise ArgumentError(f"motif must be in 0..{motifs - 1}, one for each of scores")
    if np.any(end <= start) or start.min() < 0 or end.max() > moments:
        raise ArgumentError(f"runs must hold a moment and stay within the {moments} of weights")


def _moments(runs: _Runs, motifs: int, moments: int) -> tuple[Int64Array, Int64Array]:
    """The moments of every motif, each once, as compressed sparse rows."""
    motif, start, end = runs
    lengths = end - start
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    cells = _distinct(np.repeat(motif, lengths) * moments + np.repeat(start, lengths) + within)
    of_motif, moment = np.divmod(cells, max(moments, 1))
    return moment, np.searchsorted(of_motif, np.arange(motifs + 1))


def _distinct(values: Int64Array) -> Int64Array:
    """Distinct values, ascending; numpy's own hashes them, which is slower for so many."""
    values.sort()
    first = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def _join_motifs(
    rows: Int64Array, offsets: Int64Array, order: Int64Array, weights: Float64Array
) -> Int64Array:
    """The motif that founded each motif's family: the first claim on a moment counts."""
    owner = np.full(weights.size, -1, np.int64)
    founder = np.arange(order.size)
    for motif in order.tolist():
        mine = rows[offsets[motif] : offsets[motif + 1]]
        owners, lasts = owner[mine], weights[mine]
        known, common = _common(owners, lasts)
        if known.size and common.max() > MEMBER * lasts.sum():
            founder[motif] = known[np.argmax(common)]
        else:
            owner[mine[owners < 0]] = motif
    return founder


def _common(owners: Int64Array, lasts: Float64Array) -> tuple[Int64Array, Float64Array]:
    """Owners of some moments, -1 left out, and how long what each of them owns lasts."""
    taken = owners >= 0
    if not taken.any():
        return np.zeros(0, np.int64), np.zeros(0, np.float64)
    named = owners[taken]
    if named.max() < 8 * named.size:  # counting is faster than sorting
        common = np.bincount(named, lasts[taken]).astype(np.float64)
        known = np.flatnonzero(common).astype(np.int64)
        return known, common[known]
    known, place = np.unique(named, return_inverse=True)
    return known, np.bincount(place, lasts[taken]).astype(np.float64)


class _SideBySide:
    """Groups of moments that were admitted, none sharing too much with another."""

    def __init__(self, rows: Int64Array, groups: Int64Array, count: int, weights: Float64Array):
        cells = _distinct(groups * weights.size + rows)
        group, self._rows = np.divmod(cells, max(weights.size, 1))
        self._bounds = np.searchsorted(group, np.arange(count + 1))
        self._weights = weights
        self._size = np.bincount(group, weights[self._rows], minlength=count)
        # A moment may belong to several groups: each layer names one of them.
        self._layers: list[Int64Array] = []

    def fits(self, group: int) -> bool:
        """Whether a group shares no more than half of the smaller one with any admitted."""
        mine = self._rows[self._bounds[group] : self._bounds[group + 1]]
        lasts = self._weights[mine]
        if not self._layers:
            return True
        owners = np.concatenate([layer[mine] for layer in self._layers])
        known, common = _common(owners, np.tile(lasts, len(self._layers)))
        most = SHARED * np.minimum(self._size[known], self._size[group])
        return not bool(np.any(common > most))

    def admit(self, group: int) -> None:
        """Take a group in."""
        mine = self._rows[self._bounds[group] : self._bounds[group + 1]]
        for layer in self._layers:
            free = layer[mine] < 0
            layer[mine[free]] = group
            mine = mine[~free]
        if mine.size:
            self._layers.append(np.full(self._weights.size, -1, np.int64))
            self._layers[-1][mine] = group


def _choose_shown(
    rows: Int64Array,
    offsets: Int64Array,
    founder: Int64Array,
    founders: Int64Array,
    weights: Float64Array,
) -> NDArray[np.bool_]:
    """Which families are shown, in the order of ``founders``: the first that fit side by side."""
    place = np.full(founder.size, -1, np.int64)
    place[founders] = np.arange(founders.size)
    of_row = np.repeat(np.arange(founder.size), np.diff(offsets))
    own = founder[of_row] == of_row
    sides = (
        _SideBySide(rows, place[founder[of_row]], founders.size, weights),
        _SideBySide(rows[own], place[of_row[own]], founders.size, weights),
    )
    shown = np.zeros(founders.size, np.bool_)
    for family in range(founders.size):
        shown[family] = all(side.fits(family) for side in sides)
        if shown[family]:
            for side in sides:
                side.admit(family)
    return shown


def _named(founder: Int64Array, founders: Int64Array, shown: int) -> Families:
    name = np.full(founder.size, -1, np.int32)
    name[founders] = np.arange(founders.size, dtype=np.int32)
    representative = np.zeros(founder.size, np.bool_)
    representative[founders] = True
    return Families(name[founder], representative, np.arange(founders.size) < shown)
