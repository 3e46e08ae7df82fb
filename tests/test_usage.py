"""Motifs are counted with the singers that sing them, and no motif is overlooked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor import MotifDictionary, find_occurrences, mine_closed
from cantaor.motifs import usage
from cantaor.motifs.usage import MotifIndex, union_of, unite
from cantaor.types import Motifs
from tests.reference import distinctive as plain

PHRASES = st.lists(st.lists(st.integers(-2, 2), max_size=12), min_size=1, max_size=8)
SINGERS = st.dictionaries(st.sampled_from("ABCD"), PHRASES, min_size=1)


def motifs_of(rows: list[list[int]]) -> Motifs:
    values = np.array([symbol for row in rows for symbol in row], np.int32)
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Motifs(values, offsets, np.arange(1, len(rows) + 1, dtype=np.int32))


def seconds(sequence: Any, start: Any, end: Any) -> Any:
    return start * 0.1 + sequence, end * 0.17 + sequence


def assert_like_asking_for_each(
    motifs: Motifs, phrases: list[list[int]], gap: tuple[int, int] | None
) -> None:
    """The same counts and the same bits of durations as where every motif is looked for."""
    found = find_occurrences(motifs, phrases, gap)
    used = MotifIndex(motifs).usage_in(phrases, seconds, gap)
    counts = np.diff(found.offsets)
    assert used.motif.tolist() == np.flatnonzero(counts).tolist()
    assert used.counts.tolist() == counts[counts > 0].tolist()
    start_s, end_s = seconds(found.sequence, found.start, found.end)
    total = np.bincount(found.motif, weights=end_s - start_s, minlength=counts.size)
    assert used.duration_s.tolist() == (total[used.motif] / used.counts).tolist()


@given(SINGERS, st.integers(1, 3), st.integers(1, 3))
def test_the_plain_twin_marks_the_same(
    phrases: dict[str, list[list[int]]], min_support: int, min_length: int
) -> None:
    found = MotifDictionary.build(phrases, min_support, min_length=min_length)
    mined = {
        singer: mine_closed(rows, min_support, gap=(0, 0), min_length=min_length)
        for singer, rows in phrases.items()
    }
    supports = {
        singer: {tuple(m.tolist()): int(n) for m, n in zip(own, own.support, strict=True)}
        for singer, own in mined.items()
    }
    expected = plain.scores(supports, phrases)
    assert len(expected) == len(found)
    for index, motif in enumerate(found.motifs):
        count, score = expected[found.singers[found.singer[index]], tuple(motif.tolist())]
        assert found.occurrences[index] == count
        assert found.z_score[index] == pytest.approx(score, rel=1e-12, abs=1e-12)
    union = found.union()
    assert {tuple(m.tolist()): int(n) for m, n in zip(union, union.support, strict=True)} == (
        plain.union(supports)
    )
    assert [tuple(m.tolist()) for m in union] == list(plain.union(supports))


@given(
    st.sets(st.lists(st.integers(-2, 2), min_size=1, max_size=6).map(tuple), max_size=20),
    PHRASES,
    st.sampled_from([(0, 0), (0, 1), (1, 2), None]),
)
def test_nothing_is_overlooked(
    motifs: set[tuple[int, ...]], phrases: list[list[int]], gap: tuple[int, int] | None
) -> None:
    assert_like_asking_for_each(motifs_of(sorted(map(list, motifs))), phrases, gap)


def test_long_motifs_and_large_symbols(rng: np.random.Generator) -> None:
    text = rng.integers(-(2**31), 2**31 - 1, 400).tolist()
    phrases = [text[:150], text[150:], text[20:90]]
    cuts = [text[a : a + n] for a, n in zip(range(0, 350, 7), range(1, 51), strict=True)]
    # The same first sixteen symbols, another end.
    other = [[*text[30:46], 5], text[30:60], [*text[30:50], 7, 7]]
    assert_like_asking_for_each(motifs_of(cuts + other), phrases, (0, 0))


def test_hashes_that_agree_do_not_matter(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def three(sums: Any, inverse: Any, starts: Any, ends: Any) -> Any:
        return hashes(sums, inverse, starts, ends) % np.uint64(3)

    hashes = usage._window_hashes
    monkeypatch.setattr(usage, "_window_hashes", three)
    rows = {tuple(rng.integers(-1, 2, rng.integers(1, 5)).tolist()) for _ in range(40)}
    phrases = [rng.integers(-1, 2, 30).tolist() for _ in range(4)]
    assert_like_asking_for_each(motifs_of(sorted(map(list, rows))), phrases, (0, 0))


def test_indices_of_many_motifs_are_hashed_in_pieces(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_ROWS", 7)
    rows = {tuple(rng.integers(-2, 3, rng.integers(1, 9)).tolist()) for _ in range(60)}
    phrases = [rng.integers(-2, 3, 40).tolist() for _ in range(5)]
    assert_like_asking_for_each(motifs_of(sorted(map(list, rows))), phrases, (0, 0))


def test_entries_know_their_motif_in_the_union() -> None:
    one, two = motifs_of([[3], [1, 2], [1, -2]]), motifs_of([[1, 2], [2, 1], [3, 3, 3]])
    union, place = unite([one, two])
    assert [m.tolist() for m in union] == [[3], [1, -2], [1, 2], [2, 1], [3, 3, 3]]
    assert place.tolist() == [0, 2, 1, 2, 3, 4]
    assert union.support.tolist() == [1, 3, 3, 2, 3]
    assert len(union_of([])) == 0
    assert len(MotifIndex(union_of([])).usage_in([[1, 2]]).motif) == 0


def test_selected_motifs_are_those_of_the_rows(rng: np.random.Generator) -> None:
    motifs = motifs_of([rng.integers(0, 9, n).tolist() for n in (3, 1, 4, 1, 5)])
    chosen = motifs.select(np.array([4, 0, 0, 3]))
    assert [m.tolist() for m in chosen] == [motifs[i].tolist() for i in (4, 0, 0, 3)]
    assert chosen.support.tolist() == [5, 1, 1, 4]
    assert chosen.offsets.tolist() == [0, 5, 8, 11, 12]
