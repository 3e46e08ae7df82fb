"""Motifs per singer: supports, occurrences, durations, log-odds, tables."""

from __future__ import annotations

import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from cantaor import MotifDictionary, mine_closed
from cantaor.errors import ArgumentError, TooManyPatternsError
from cantaor.motifs.dictionary import log_odds


def corpus(rng: np.random.Generator) -> dict[str, list[list[int]]]:
    planted = {"EM": [5, 5, -5], "AM": [4, -4, 4, -4], "JT": [3, -3, -3]}
    steps = [-2, -1, 1, 2]
    return {
        singer: [
            [*rng.choice(steps, 6).tolist(), *motif, *rng.choice(steps, 4).tolist()]
            for _ in range(12)
        ]
        for singer, motif in planted.items()
    }


@pytest.fixture
def dictionary(rng):
    return MotifDictionary.build(corpus(rng), 3, min_length=2)


def test_entries_are_each_singers_closed_motifs(rng, dictionary):
    assert dictionary.singers == ("AM", "EM", "JT")
    assert (np.diff(dictionary.singer) >= 0).all()
    for name, rows in corpus(np.random.default_rng(20201011)).items():
        mined = mine_closed(rows, 3, gap=(0, 0), min_length=2)
        entries = dictionary.of(name)
        assert [dictionary.motifs[i].tolist() for i in entries] == [m.tolist() for m in mined]
        assert dictionary.motifs.support[entries].tolist() == mined.support.tolist()
    assert (dictionary.occurrences >= dictionary.motifs.support).all()
    assert np.isnan(dictionary.duration_s).all()


def test_planted_motifs_mark_their_singers(dictionary):
    assert dictionary.distinctive("EM", 1)[0].tolist() == [5, 5, -5]
    assert dictionary.distinctive("AM", 1)[0].tolist() == [4, -4, 4, -4]
    assert len(dictionary.distinctive("JT", 10_000)) == dictionary.of("JT").size
    assert len(dictionary.distinctive("JT", 0)) == 0
    with pytest.raises(ArgumentError, match="singer 'XX'"):
        dictionary.distinctive("XX", 1)


def test_union_holds_every_motif_once_with_summed_support():
    found = MotifDictionary.build({"B": [[1, 2]] * 3, "A": [[1, 2], [3]] * 4}, 3, min_length=1)
    union = found.union()
    assert [m.tolist() for m in union] == [[3], [1, 2]]
    assert union.support.tolist() == [4, 7]


def test_durations_are_means_over_occurrences():
    def spans(sequence, start, end):
        return start * 1.0, end * 1.0 + sequence * 3.0

    rows = {"A": [[1, 2], [1, 2], [1, 2]]}
    found = MotifDictionary.build(rows, 3, min_length=2, spans={"A": spans})
    assert found.duration_s.tolist() == [5.0]
    with pytest.raises(ArgumentError, match="spans lack"):
        MotifDictionary.build(rows, 3, spans={})


@pytest.mark.parametrize("gap", [(0, 0), (0, 1), None])
def test_parquet_and_back(tmp_path, rng, gap):
    rows = {name: part[:6] for name, part in corpus(rng).items()}
    found = MotifDictionary.build(rows, 5, min_length=2, gap=gap, max_patterns=100_000)
    pq.write_table(found.to_arrow(), tmp_path / "motifs.parquet")
    again = MotifDictionary.from_arrow(pq.read_table(tmp_path / "motifs.parquet"))
    assert again.to_arrow().equals(found.to_arrow())
    assert (again.singers, again.gap) == (found.singers, found.gap)
    assert again.motifs.values.dtype == np.int32
    assert again.motifs.offsets.dtype == np.int64
    with pytest.raises(ArgumentError, match="z_score"):
        MotifDictionary.from_arrow(found.to_arrow().drop_columns(["z_score"]))


def test_an_empty_dictionary_is_a_dictionary():
    found = MotifDictionary.build({"A": [], "B": [[1]]}, 3)
    assert len(found) == len(found.union()) == len(found.distinctive("A", 3)) == 0
    assert len(MotifDictionary.from_arrow(found.to_arrow())) == 0
    assert len(MotifDictionary.build({})) == 0


def test_any_gap_needs_a_guard():
    with pytest.raises(ArgumentError, match="max_patterns"):
        MotifDictionary.build({"A": [[1]]}, gap=None)
    with pytest.raises(TooManyPatternsError):
        MotifDictionary.build({"A": [[1], [2]] * 3}, gap=None, max_patterns=1, min_length=1)


def test_log_odds_follow_the_paper(rng):
    counts = rng.integers(1, 50, (3, 7))
    prior = 2.0
    scores = log_odds(counts, prior)
    n, words = counts.sum(), counts.shape[1]
    for i in range(3):
        for w in range(words):
            a0 = prior * words
            a = a0 * counts[:, w].sum() / n
            y, z = counts[i, w], counts[:, w].sum() - counts[i, w]
            ny, nz = counts[i].sum(), n - counts[i].sum()
            delta = math.log((y + a) / (ny + a0 - y - a)) - math.log((z + a) / (nz + a0 - z - a))
            assert scores[i, w] == pytest.approx(delta / math.sqrt(1 / (y + a) + 1 / (z + a)))


def test_log_odds_where_nothing_can_be_compared():
    assert log_odds([[3], [5]]).tolist() == [[0.0], [0.0]]
    assert log_odds([[3, 0], [5, 0]]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert log_odds([[0, 0]]).tolist() == [[0.0, 0.0]]
    assert np.allclose(log_odds([[3, 5]]), 0.0)
    assert np.isfinite(log_odds([[9, 0, 0], [0, 4, 0]])).all()
    with pytest.raises(ArgumentError, match="prior"):
        log_odds([[1, 2]], 0)
    with pytest.raises(ArgumentError, match="counts"):
        log_odds([[-1, 2]])
