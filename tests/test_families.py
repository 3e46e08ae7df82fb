"""Families of motifs: what is one moment is one family, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor.corpus.synthetic.corpus import SyntheticCorpus, make_corpus
from cantaor.errors import ArgumentError
from cantaor.motifs.families import MEMBER, SHARED, group_families, motif_scores
from cantaor.motifs.mining import mine_closed
from cantaor.pipeline.families import singer_families
from cantaor.pipeline.mine import mine
from cantaor.report.motif_cards import motif_cards
from cantaor.types import Contour, Motifs
from cantaor.workspace.summary import family_rows
from cantaor.workspace.workspace import Workspace

_MOMENTS = 40
RUNS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, _MOMENTS - 1), st.integers(1, 9)), max_size=25
)


def moments_of(runs: list[tuple[int, int, int]], motif: int) -> set[int]:
    return {m for k, a, n in runs if k == motif for m in range(a, min(a + n, _MOMENTS))}


def lasting(moments: set[int], weights: np.ndarray) -> float:
    return float(weights[sorted(moments)].sum())


@given(RUNS, st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_families_keep_what_they_promise(runs, seed):
    random = np.random.default_rng(seed)
    scores, weights = random.random(8), random.random(_MOMENTS) + 0.1
    starts = [a for _, a, _ in runs]
    ends = [min(a + n, _MOMENTS) for _, a, n in runs]
    found = group_families([k for k, _, _ in runs], starts, ends, scores, weights)
    assert found.family.size == 8
    assert np.bincount(found.family[found.representative]).tolist() == [1] * len(found)
    stands = {int(found.family[i]): int(i) for i in np.flatnonzero(found.representative)}
    for motif in range(8):
        head = stands[int(found.family[motif])]
        assert scores[head] >= scores[motif]
        if head != motif:
            mine, theirs = moments_of(runs, motif), moments_of(runs, head)
            assert lasting(mine & theirs, weights) > MEMBER * lasting(mine, weights) - 1e-9
    unions = [
        set().union(*(moments_of(runs, int(i)) for i in np.flatnonzero(found.family == f)))
        for f in range(len(found))
    ]
    heads = [moments_of(runs, stands[f]) for f in range(len(found))]
    for sides in (unions, heads):
        for a in np.flatnonzero(found.shown):
            for b in np.flatnonzero(found.shown)[:a]:
                smaller = min(lasting(sides[a], weights), lasting(sides[b], weights))
                common = lasting(sides[a] & sides[b], weights)
                assert common <= SHARED * smaller + 1e-9 or a == b


def test_cuts_of_one_passage_are_one_family():
    passage = [3, 1, -2, 4, -1, -3, 2]
    rows = [[*passage, 9 + i] for i in range(4)] + [passage[:5], passage[1:], [7, 7, 7]] * 3
    motifs = mine_closed(rows, 3, gap=(0, 0), min_length=3)
    contour = contour_of(rows)
    found = singer_families(motifs, np.ones(len(motifs)), contour)
    by_family = [set(np.flatnonzero(found.family == f).tolist()) for f in range(len(found))]
    assert len(motifs) > len(found)
    first = int(np.flatnonzero(found.representative & (found.family == 0))[0])
    assert motifs[first].tolist() in (passage, passage[1:])
    assert sum(map(len, by_family)) == len(motifs)


def contour_of(rows: list[list[int]]) -> Contour:
    counts = np.array([len(row) + 1 for row in rows])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    start = np.arange(offsets[-1], dtype=float)
    return Contour(
        np.zeros(offsets[-1], np.int32),
        np.zeros(offsets[-1]),
        start,
        start + 1,
        offsets,
        np.concatenate(rows).astype(np.int32),
        offsets - np.arange(offsets.size),
    )


def test_scores_grow_with_each_factor():
    assert motif_scores([6], [3], [1.0]) > motif_scores([5], [3], [1.0])
    assert motif_scores([5], [4], [-1.0]) > motif_scores([5], [3], [-1.0]) > 0
    assert motif_scores([5], [3], [2.0]) > motif_scores([5], [3], [1.0])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (([0, 0], [0], [1]), "must match"),
        (([2], [0], [1]), "motif must be"),
        (([0], [1], [1]), "runs must"),
        (([0], [0], [9]), "runs must"),
    ],
)
def test_bad_runs_are_named(runs, message):
    with pytest.raises(ArgumentError, match=message):
        group_families(*runs, [1.0], np.ones(4))


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyntheticCorpus, Workspace]:
    folder = tmp_path_factory.mktemp("families")
    corpus = make_corpus(folder / "corpus", voices=3, recordings=4, seconds=20.0, seed=11)
    return corpus, mine(folder / "corpus", folder / "work", clips=False)


def test_the_first_families_are_the_planted_motifs(mined):
    corpus, workspace = mined
    spans = {one.recording: one.spans for one in corpus.recordings}
    instances = workspace.table("instances").to_pylist()
    found: list[str] = []
    for rows in family_rows(workspace).values():
        for row in rows[:8]:
            own = [one for one in instances if one["motif"] == row["motif"]]
            hits: dict[str, int] = {}
            for one in own:
                for span in spans[one["recording"]]:
                    common = min(one["end_s"], span.end_s) - max(one["start_s"], span.start_s)
                    longest = max(one["end_s"] - one["start_s"], span.end_s - span.start_s)
                    if common >= 0.5 * longest:
                        hits[span.motif] = hits.get(span.motif, 0) + 1
            best = max(hits, key=lambda name: hits[name], default="")
            if best and hits[best] > len(own) / 2:
                found.append(best)
    assert len(found) == len(set(found))
    assert len(found) >= 0.8 * len(corpus.motifs)


def test_tables_and_cards_show_families(mined):
    _, workspace = mined
    table = workspace.table("motifs")
    assert {"family", "representative", "shown"} <= set(table.column_names)
    cards = motif_cards(workspace, 8)
    rows = family_rows(workspace)
    for singer, kept in cards.items():
        assert [card.name for card in kept] == [row["motif"] for row in rows[singer][:8]]
        assert all(len(card.notes) == len(card.symbols) + 1 for card in kept)
        assert any(card.members for card in kept)


def test_real_singers_have_families_of_different_moments(shared_data, tmp_path):
    workspace = mine(shared_data / "flamenco" / "recordings", tmp_path / "work", clips=False)
    instances = workspace.table("instances").to_pylist()
    for rows in family_rows(workspace).values():
        firsts = set()
        for row in rows[:8]:
            own = [one for one in instances if one["motif"] == row["motif"]]
            firsts.add((own[0]["recording"], round(own[0]["start_s"], 1)))
        assert len(firsts) >= 6


def test_motifs_without_instances_stand_alone():
    found = group_families([], [], [], [2.0, 1.0], np.ones(3))
    assert found.family.tolist() == [0, 1]
    assert found.shown.tolist() == [True, True]
    assert len(Motifs(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32))) == 0
