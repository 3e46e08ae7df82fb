"""Log odds and families: figures worked out by hand, and borders of their rules."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log, log1p, sqrt

import numpy as np
import pytest

from cantaor.errors import ArgumentError
from cantaor.motifs.families import MEMBER, SHARED, group_families, motif_scores
from cantaor.motifs.log_odds import log_odds, log_odds_from_margins


def test_log_odds_by_the_formula() -> None:
    """Two groups, three words, of which one never occurs; prior of 1/2 a word."""
    counts = [[6, 2, 0], [1, 3, 0]]
    found = log_odds(counts, 0.5)
    # Pseudo-counts: 1.5 in all, shared out as the words are: 7/12, 5/12, 0.
    pseudo = [1.5 * 7 / 12, 1.5 * 5 / 12]
    for group, all_mine, all_theirs in ((0, 8, 4), (1, 4, 8)):
        for word in (0, 1):
            mine = counts[group][word] + pseudo[word]
            theirs = counts[1 - group][word] + pseudo[word]
            delta = log(mine / (all_mine + 1.5 - mine)) - log(theirs / (all_theirs + 1.5 - theirs))
            wanted = delta / sqrt(1 / mine + 1 / theirs)
            assert found[group, word] == pytest.approx(wanted, rel=1e-12)
    assert found[:, 2].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(found[0], -found[1])


def test_log_odds_of_single_counts_are_those_of_the_table() -> None:
    table = np.random.default_rng(0).integers(0, 9, (4, 6))
    total = table.sum(axis=0)
    for group in range(4):
        for word in range(6):
            one = log_odds_from_margins(
                table[group, word], total[word], table[group].sum(), total, 0.3
            )
            assert one == pytest.approx(log_odds(table, 0.3)[group, word], rel=1e-12)


def test_what_says_nothing_marks_nobody() -> None:
    assert not log_odds([[0, 0], [0, 0]]).any()
    assert not log_odds([[3], [5]]).any()
    assert not log_odds([[3, 0], [5, 0]]).any()
    assert log_odds([[3, 0], [5, 1]]).all()


@pytest.mark.parametrize("prior", [0.0, -1.0, np.inf, np.nan])
def test_wrong_priors_are_named(prior: float) -> None:
    with pytest.raises(ArgumentError, match="prior must be positive and finite"):
        log_odds([[1, 2], [3, 4]], prior)


def test_wrong_counts_are_named() -> None:
    for counts in ([1, 2], [[1, -1], [2, 3]], [[[1]]]):
        with pytest.raises(ArgumentError, match="counts must be"):
            log_odds(counts)


@pytest.mark.parametrize("z", [-40.0, -2.0, 0.0, 0.5, 3.0, 800.0])
def test_scores_by_the_formula(z: float) -> None:
    wanted = z + log1p(exp(-z)) if z > 0 else log1p(exp(z))
    assert motif_scores([3], [7], [z])[0] == pytest.approx(21 * wanted, rel=1e-12)


def families(motifs: list[list[tuple[int, int]]], moments: int) -> tuple[list[int], list[bool]]:
    """Family of each motif and which are shown; motifs come by falling score."""
    motif = [m for m, runs in enumerate(motifs) for _ in runs]
    start, end = zip(*(run for runs in motifs for run in runs), strict=True)
    scores = np.arange(len(motifs), 0, -1)
    found = group_families(motif, start, end, scores, np.ones(moments))
    return found.family.tolist(), found.shown.tolist()


def test_who_joins_a_family() -> None:
    """More than two thirds of a motif's moments must be the representative's."""
    assert Fraction(MEMBER).limit_denominator(10) == Fraction(2, 3)
    # 6 of 9 moments are two thirds exactly: not more.
    assert families([[(0, 30)], [(24, 33)]], 40)[0] == [0, 1]
    assert families([[(0, 30)], [(23, 32)]], 40)[0] == [0, 0]
    # Instances far apart count together.
    assert families([[(0, 10), (50, 60)], [(8, 12), (50, 56)]], 60)[0] == [0, 0]
    assert families([[(0, 10), (50, 60)], [(8, 12), (58, 62)]], 70)[0] == [0, 1]


def test_a_motif_joins_the_family_that_has_most_of_it() -> None:
    # Nine of the third's ten moments are the second's, one is the first's.
    assert families([[(0, 10)], [(10, 30)], [(9, 19)]], 30)[0] == [0, 1, 1]
    assert families([[(10, 30)], [(0, 10)], [(9, 19)]], 30)[0] == [0, 1, 0]


def test_a_moment_belongs_to_the_higher_score() -> None:
    # The third has 5 of 9 with the first and 4 of 9 with the second: neither is enough.
    assert families([[(0, 10)], [(10, 20)], [(5, 14)]], 20)[0][2] == 2
    # All of the third lies in both; the first owns what they share.
    assert families([[(0, 20)], [(14, 40)], [(14, 20)]], 40)[0] == [0, 1, 0]


def test_which_families_are_shown() -> None:
    """No more than half of the smaller one's moments may be shared with a shown family."""
    assert SHARED == 0.5
    # 5 of 10 shared: half exactly may be.
    assert families([[(0, 20)], [(15, 25)]], 30) == ([0, 1], [True, True])
    # 6 of 10: too much to be shown, too little to join.
    assert families([[(0, 20)], [(14, 24)]], 30) == ([0, 1], [True, False])
    # What is not shown does not keep another from being shown, and comes after those that are.
    family, shown = families([[(0, 20)], [(14, 24)], [(21, 31)]], 40)
    assert shown == [True, True, False]
    assert family == [0, 2, 1]


def test_a_family_is_shown_if_both_it_and_its_representative_fit() -> None:
    # The second joins the first and takes it to 12: of the third's 10 moments the family has 6, the
    # representative alone 4.
    family, shown = families([[(0, 10)], [(3, 12)], [(6, 16)]], 20)
    assert family == [0, 0, 1]
    assert shown == [True, False]
    # Without the second both have 4.
    assert families([[(0, 10)], [(6, 16)]], 20)[1] == [True, True]


def test_moments_of_a_shown_family_stay_its_own() -> None:
    # The second is shown beside the first, of which it holds 5 moments; of the third's 12 the first
    # has 8, those five among them.
    family, shown = families([[(0, 20)], [(15, 25)], [(12, 20), (30, 34)]], 40)
    assert family == [0, 1, 2]
    assert shown == [True, True, False]


def test_weights_are_seconds_not_numbers() -> None:
    start, end = [0, 1], [2, 3]
    short_middle = group_families([0, 1], start, end, [2, 1], np.array([1.0, 0.1, 1.0]))
    long_middle = group_families([0, 1], start, end, [2, 1], np.array([1.0, 9.0, 1.0]))
    assert short_middle.family.tolist() == [0, 1]
    assert long_middle.family.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("motif", "start", "end", "what"),
    [
        ([0, 1], [0], [1], "must match"),
        ([0], [0, 1], [1, 2], "must match"),
        ([2], [0], [1], r"motif must be in 0\.\.1"),
        ([-1], [0], [1], r"motif must be in 0\.\.1"),
        ([0, 0], [0, 3], [1, 3], "within the 5 of weights"),
        ([0, 0], [0, 4], [1, 3], "within the 5 of weights"),
        ([0], [-1], [3], "within the 5 of weights"),
        ([0, 0], [0, 3], [1, 6], "within the 5 of weights"),
        ([0, 0], [-1, 3], [1, 5], "within the 5 of weights"),
        ([-1, 1], [0, 3], [1, 5], r"motif must be in 0\.\.1"),
        ([0, 2], [0, 3], [1, 5], r"motif must be in 0\.\.1"),
        ([0], [3], [6], "within the 5 of weights"),
    ],
)
def test_wrong_instances_are_named(
    motif: list[int], start: list[int], end: list[int], what: str
) -> None:
    with pytest.raises(ArgumentError, match=what):
        group_families(motif, start, end, [2.0, 1.0], np.ones(5))


def test_motifs_without_instances_stand_alone() -> None:
    found = group_families([], [], [], [1.0, 2.0], np.ones(3))
    assert sorted(found.family.tolist()) == [0, 1]
    assert found.representative.all()
    whole = group_families([0], [0], [5], [1.0], np.ones(5))
    assert (whole.family.tolist(), whole.shown.tolist()) == ([0], [True])
