"""Figures within edits and rhythm, memory of a search, usage and unions, by their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor.errors import ArgumentError
from cantaor.motifs import find_occurrences, mine_right_closed
from cantaor.motifs.memory import expected_memory
from cantaor.motifs.similarity import _pieces, default_distance, match_figure
from cantaor.motifs.usage import MotifIndex, concatenate, unite
from cantaor.types import Motifs

STEPS = st.sampled_from([-2, -1, 1, 2])
#: Differences that halve to whole 128ths of an edit.
RHYTHM = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 3.0])
NOTES = st.lists(
    st.tuples(st.one_of(STEPS, STEPS, STEPS, STEPS, st.just(0)), RHYTHM), min_size=1, max_size=14
)
FIGURE = st.lists(st.tuples(STEPS, RHYTHM), min_size=1, max_size=5)
Notes = list[tuple[int, float]]


def distance(figure: Notes, text: Notes) -> float:
    """Cheapest insertions, deletions, other steps and swaps of neighbours, at one edit each."""
    table = [[float(max(i, j)) for j in range(len(text) + 1)] for i in range(len(figure) + 1)]
    for i, (step, rhythm) in enumerate(figure, 1):
        for j, (other, beat) in enumerate(text, 1):
            alike = min(abs(rhythm - beat) / 2, 1.0) if step == other else 1.0
            table[i][j] = min(table[i - 1][j - 1] + alike, table[i - 1][j] + 1, table[i][j - 1] + 1)
            if i > 1 and j > 1 and step == text[j - 2][0] and figure[i - 2][0] == other:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def nearest_ending_at(figure: Notes, text: Notes, end: int) -> float:
    """The cheapest stretch of one phrase that ends there."""
    first = max((i + 1 for i in range(end) if text[i][0] == 0), default=0)
    return min(distance(figure, text[start:end]) for start in range(first, end))


@settings(max_examples=150, deadline=None)
@given(NOTES, FIGURE, st.integers(0, 3))
def test_figures_with_rhythm_equal_the_definition(text: Notes, figure: Notes, most: int) -> None:
    most = min(most, len(figure) - 1)
    found = match_figure(
        np.array([step for step, _ in text], np.int32),
        [step for step, _ in figure],
        most,
        rhythm=np.array([rhythm for _, rhythm in text]),
        figure_rhythm=[rhythm for _, rhythm in figure],
    )
    covered = np.zeros(len(text), int)
    for start, end, far in zip(found.start, found.end, found.distance, strict=True):
        assert all(step != 0 for step, _ in text[start:end])
        assert far == distance(figure, text[start:end])
        assert far == nearest_ending_at(figure, text, end) <= most
        covered[start:end] += 1
    assert covered.max() <= 1
    assert found.distance.tolist() == sorted(found.distance.tolist())
    for end in range(1, len(text) + 1):
        if text[end - 1][0] != 0 and nearest_ending_at(figure, text, end) <= most:
            assert covered[max(0, end - len(figure) - most) : end].any()


def test_a_rhythm_that_differs_costs_half_the_difference_and_one_edit_at_most() -> None:
    text = np.array([1, -1, 2], np.int32)
    for beat, expected in ((0.0, 0.0), (0.5, 0.25), (-1.0, 0.5), (2.0, 1.0), (9.0, 1.0)):
        found = match_figure(
            text, [1, -1, 2], 2, rhythm=np.array([0.0, beat, 0.0]), figure_rhythm=[0.0, 0.0, 0.0]
        )
        assert found.distance.tolist() == [expected]


def test_edits_allowed_unless_told() -> None:
    assert [default_distance(n) for n in range(1, 9)] == [1, 1, 1, 1, 2, 2, 2, 3]


def test_figures_that_cannot_be_sought_are_named() -> None:
    text = np.array([1, 2, 3], np.int32)
    assert len(match_figure(text, [1] * 64, 63, limit=1)) == 1
    for figure, most, message in (
        ([], 0, "1 to 64 whole steps"),
        ([1] * 65, 0, "1 to 64 whole steps"),
        ([[1]], 0, "1 to 64 whole steps"),
        ([1.0], 0, "1 to 64 whole steps"),
        ([1, 0], 0, "must not hold a step of 0"),
        ([2**31], 0, "must fit into 32 bits"),
        ([1, 2], 2, "from 0 to below the 2 steps"),
        ([1, 2], -1, "from 0 to below the 2 steps"),
    ):
        with pytest.raises(ArgumentError, match=message):
            match_figure(text, figure, most)
    assert len(match_figure(text, [2**31 - 1], 0)) == 0
    with pytest.raises(ArgumentError, match="both the text and the figure"):
        match_figure(text, [1], 0, rhythm=np.zeros(3))


def test_an_exact_figure_ends_with_the_text() -> None:
    text = np.array([1, 2, 1, 2, 0, 1], np.int32)
    assert match_figure(text, [1, 2], 0).start.tolist() == [0, 2]
    assert match_figure(text, [1, 2, 0 + 1], 0).start.tolist() == [0]
    assert match_figure(text, [2, 1, 2], 0).start.tolist() == [1]
    assert match_figure(text[:0], [1], 0).start.tolist() == []


def test_pieces_end_between_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cantaor.motifs.similarity._TOGETHER", 4)
    text = np.array([1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1], np.int32)
    assert _pieces(text) == [(0, 7), (7, 15)]
    assert _pieces(text[:4]) == [(0, 4)]
    assert _pieces(text[:7]) == [(0, 7)]
    assert _pieces(text[:0]) == [(0, 0)]


def test_memory_is_of_symbols_and_of_sequences() -> None:
    assert expected_memory(10, 5, 3, (0, 0)) == 10 * 40 + 5 * 8
    for gap in (None, (0, 1), (1, 1)):
        assert expected_memory(10, 5, 256, gap) == 10 * 100 + 5 * 24
        assert expected_memory(10, 5, 257, gap) == 10 * 32 + 5 * 24


def motifs(*rows: list[int], support: list[int] | None = None) -> Motifs:
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    counts = [1] * len(rows) if support is None else support
    values = np.array([step for row in rows for step in row], np.int32)
    return Motifs(values, offsets, np.array(counts, np.int32), (0, 0))


def test_a_union_sums_support_and_is_ordered_by_length_then_symbols() -> None:
    one = motifs([2, 1], [3], [1, 2, 3], support=[5, 6, 7])
    other = motifs([-1, 9], [2, 1], [3], support=[1, 2, 3])
    union, place = unite([one, other])
    assert [motif.tolist() for motif in union] == [[3], [-1, 9], [2, 1], [1, 2, 3]]
    assert union.support.tolist() == [9, 1, 7, 7]
    assert place.tolist() == [2, 0, 3, 1, 2, 0]
    assert [motif.tolist() for motif in concatenate([one, other])][3] == [-1, 9]
    assert len(unite([])[0]) == len(concatenate([])) == 0


def test_usage_counts_and_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    index = MotifIndex(motifs([1], [2, 1], [1, 1], [7, 7]))
    rows = [[1, 1, 1], [2, 1], [1]]
    used = index.usage_in(rows)
    assert used.motif.tolist() == [0, 1, 2]
    assert used.counts.tolist() == [5, 1, 2]
    assert np.isnan(used.duration_s).all()

    def spans(sequence: Any, start: Any, end: Any) -> tuple[Any, Any]:
        return 10.0 * sequence + start, 10.0 * sequence + start + (end - start) * (1 + sequence)

    lasting = index.usage_in(rows, spans)
    # Single steps: three of 1 s, one of 2, one of 3; the pair lasts 4 s, the others 2 each.
    np.testing.assert_allclose(lasting.duration_s, [(3 * 1 + 2 + 3) / 5, 4.0, 2.0])
    apart = index.usage_in([[2, 9, 1], [7]], gap=(1, 1))
    assert (apart.motif.tolist(), apart.counts.tolist()) == ([0, 1], [1, 1])
    assert index.usage_in([[9]]).motif.tolist() == []
    assert index.usage_in([]).motif.tolist() == []


def test_a_motif_without_symbols_is_named_by_its_place() -> None:
    with pytest.raises(ArgumentError, match="motif 1 has none"):
        find_occurrences([[1], [], [2], []], [[1, 2]])


def test_right_closed_patterns_have_five_symbols_in_three_sequences_unless_told() -> None:
    rows = [[1, 2, 3, 4, 5, 6]] * 3
    found = mine_right_closed(rows)
    assert [motif.tolist() for motif in found] == [[2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]
    assert found.gap == (0, 0)
    assert len(mine_right_closed(rows[:2])) == 0
