"""Approximate matching of figures: equal to its definition, and fast over long corpora."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor._core import find_near_figures
from cantaor.errors import ArgumentError
from cantaor.motifs.similarity import default_distance, match_figure
from tests.reference.similarity import distance, latest_start, nearest_ending_at

STEPS = st.sampled_from([-2, -1, 1, 2])
TEXT = st.lists(st.one_of(STEPS, STEPS, STEPS, st.just(0)), max_size=30)
FIGURE = st.lists(STEPS, min_size=1, max_size=7)


@given(TEXT, FIGURE, st.integers(0, 3))
def test_matches_equal_the_definition(text, figure, most):
    most = min(most, len(figure) - 1)
    found = match_figure(np.array(text, np.int32), figure, most)
    best = [nearest_ending_at(text, figure, end) for end in range(1, len(text) + 1)]
    for start, end, far in zip(found.start, found.end, found.distance, strict=True):
        assert 0 not in text[start:end]
        assert distance(figure, text[start:end]) == far == best[end - 1] <= most
    covered = np.zeros(len(text) + 1, int)
    for start, end in zip(found.start, found.end, strict=True):
        covered[start:end] += 1
    assert covered.max() <= 1
    assert found.distance.tolist() == sorted(found.distance.tolist())
    # Nothing near is left out: every stretch near enough touches a match.
    for end, far in enumerate(best, 1):
        if far <= most and text[end - 1] != 0:
            assert covered[max(0, end - len(figure) - most) : end].any()


@given(TEXT, FIGURE, st.integers(0, 4))
def test_steps_alone_are_as_steps_in_one_rhythm(text, figure, most):
    most = min(most, len(figure) - 1)
    steps = np.array(text, np.int32)
    alone = match_figure(steps, figure, most)
    even = match_figure(
        steps, figure, most, rhythm=np.zeros(steps.size), figure_rhythm=np.zeros(len(figure))
    )
    assert alone.start.tolist() == even.start.tolist()
    assert alone.end.tolist() == even.end.tolist()
    assert alone.distance.tolist() == even.distance.tolist()


@given(TEXT, FIGURE, st.integers(0, 4))
def test_the_kernel_gives_the_latest_start_of_every_end(text, figure, most):
    most = min(most, len(figure) - 1)
    steps, sought = np.array(text, np.int32), np.array(figure, np.int32)
    starts, ends, edits = find_near_figures(steps, sought, most)
    expected = [
        (latest_start(text, figure, end), end, nearest_ending_at(text, figure, end))
        for end in range(1, len(text) + 1)
        if text[end - 1] != 0 and nearest_ending_at(text, figure, end) <= most
    ]
    assert list(zip(starts, ends, edits, strict=True)) == expected


@pytest.mark.parametrize(
    ("figure", "most", "message"),
    [([], 0, "1 to 64 steps, not 0"), ([1, 0], 0, "step of 0"), ([1, 2], 2, "below the 2 steps")],
)
def test_the_kernel_refuses_what_it_cannot_search(figure, most, message):
    with pytest.raises(ValueError, match=message):
        find_near_figures(np.ones(3, np.int32), np.array(figure, np.int32), most)
    with pytest.raises(TypeError, match="int32"):
        find_near_figures(np.ones(3), np.ones(1, np.int32), 0)


@pytest.mark.parametrize("edit", ["insert", "delete", "swap", "replace"])
def test_a_planted_figure_is_found_with_one_edit(edit):
    random = np.random.default_rng(3)
    found = 0
    for _ in range(100):
        figure = random.choice([-3, -2, -1, 1, 2, 3], 8)
        sung = list(figure)
        place = int(random.integers(1, 7))
        if edit == "insert":
            sung.insert(place, int(random.choice([-3, 3])))
        elif edit == "delete":
            del sung[place]
        elif edit == "swap":
            sung[place - 1 : place + 1] = sung[place - 1 : place + 1][::-1]
        else:
            sung[place] = -sung[place]
        text = random.choice([-3, -2, -1, 1, 2, 3], 400).astype(np.int32)
        text[::37] = 0
        text[101 : 101 + len(sung)] = sung
        text[[100, 101 + len(sung)]] = 0
        matches = match_figure(text, figure, default_distance(8))
        inside = (matches.start < 101 + len(sung)) & (matches.end > 101)
        found += bool(np.any(matches.distance[inside] <= 1))
    assert found >= 95


def test_rhythm_counts_where_it_is_asked_for():
    text = np.array([1, 2, 3, 0, 1, 2, 3], np.int32)
    rhythm = np.array([0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    found = match_figure(text, [1, 2, 3], 2, rhythm=rhythm, figure_rhythm=[0.0, 1.0, -1.0])
    assert found.distance.tolist() == [0.0, 1.0]
    assert found.start.tolist() == [0, 4]


def test_long_texts_are_searched_in_pieces():
    random = np.random.default_rng(0)
    text = random.choice([-2, -1, 1, 2], 200_000).astype(np.int32)
    text[random.integers(0, text.size, 5_000)] = 0
    found = match_figure(text, [3, -3, 3], 0)
    assert len(found) == 0
    places = random.choice(text.size // 10, 50, replace=False) * 10
    for place in places:
        text[place : place + 5] = [0, 3, -3, 3, 0]
    found = match_figure(text, [3, -3, 3], 0)
    assert found.start.tolist() == sorted((places + 1).tolist())


def test_a_limit_keeps_the_nearest():
    text = np.array([1, 2, 4, 0, 1, 2, 3, 0, 1, 2, 3], np.int32)
    assert match_figure(text, [1, 2, 3], 1, limit=2).start.tolist() == [4, 8]


@pytest.mark.parametrize(
    ("figure", "most", "message"),
    [
        ([], 0, "figure"),
        ([1, 0], 1, "step of 0"),
        ([1] * 65, 1, "64"),
        ([1], 1, "max_distance"),
        ([1 << 31], 0, "32 bits"),
    ],
)
def test_bad_figures_are_named(figure, most, message):
    with pytest.raises(ArgumentError, match=message):
        match_figure(np.array([1], np.int32), np.array(figure, int), most)
