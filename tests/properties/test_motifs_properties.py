"""Every engine against its definition and its plain-Python twin, on random small databases."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor import _core, find_occurrences, mine_closed
from cantaor.errors import ArgumentError
from cantaor.motifs.arguments import flatten_sequences
from cantaor.motifs.mining import mine_right_closed
from cantaor.types import Motifs
from tests.reference import motifs as reference

SYMBOLS = st.one_of(st.integers(-1, 1), st.integers(-3, 3), st.integers(-(2**31), 2**31 - 1))
SHORT = st.lists(st.lists(SYMBOLS, max_size=9), max_size=6)
SMALL_ALPHABET = st.integers(0, 2)
LONGER = st.lists(st.lists(SMALL_ALPHABET, max_size=90), min_size=2, max_size=5)
GAP = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda pair: tuple(sorted(pair)))


def pairs(motifs: Motifs) -> list[tuple[tuple[int, ...], int]]:
    return [(tuple(m.tolist()), int(n)) for m, n in zip(motifs, motifs.support, strict=True)]


@given(SHORT, st.integers(1, 4))
def test_any_gap_equals_its_definition(rows, least):
    expected = reference.define_any_gap(rows, least)
    assert reference.grow_any_gap(rows, least) == expected
    assert pairs(mine_closed(rows, least)) == reference.ordered(expected)


@given(SHORT, st.integers(1, 4), st.sampled_from(["bitmaps", "lists"]), st.integers(1, 3))
def test_both_layouts_equal_the_definition(rows, least, layout, threads):
    values, offsets = flatten_sequences(rows)
    found = _core.mine_any_gap(
        values, offsets, least, 1, None, None, None, threads, None, layout=layout
    )
    assert pairs(Motifs(*found[:3])) == reference.ordered(reference.define_any_gap(rows, least))


@given(LONGER, st.sampled_from(["bitmaps", "lists"]), st.integers(1, 3))
def test_layouts_agree_on_sequences_of_several_blocks(rows, layout, threads):
    values, offsets = flatten_sequences(rows)
    limits = (len(rows), 1, 5, None, None)
    found = _core.mine_any_gap(values, offsets, *limits, threads, None, layout=layout)
    counted = [
        sum(reference.is_subsequence(p, row) for row in rows) for p, _ in pairs(Motifs(*found[:3]))
    ]
    assert counted == [n for _, n in pairs(Motifs(*found[:3]))]
    other = _core.mine_any_gap(values, offsets, *limits, 1, None, layout="lists")
    assert pairs(Motifs(*found[:3])) == pairs(Motifs(*other[:3]))


@given(SHORT, st.integers(1, 4), GAP, st.integers(1, 3))
def test_gaps_equal_their_definition(rows, least, gap, threads):
    expected = reference.define_gapped(rows, least, *gap)
    assert reference.grow_gapped(rows, least, *gap) == expected
    assert pairs(mine_closed(rows, least, gap=gap, threads=threads)) == reference.ordered(expected)


@given(SHORT, st.integers(1, 4), GAP, st.sampled_from(["bitmaps", "lists"]), st.integers(1, 3))
def test_both_gapped_layouts_equal_the_definition(rows, least, gap, layout, threads):
    values, offsets = flatten_sequences(rows)
    limits = (least, 1, None, None, None, threads, None)
    found = _core.mine_gapped(values, offsets, *limits, *gap, layout=layout)
    assert pairs(Motifs(*found[:3])) == reference.ordered(
        reference.define_gapped(rows, least, *gap)
    )


SPARSE = st.lists(st.lists(st.sampled_from([0, 1, 1, 2, 7, 8, 9]), max_size=200), max_size=5)


@given(SPARSE, st.integers(2, 3), st.integers(0, 62), st.integers(0, 4))
def test_gapped_layouts_agree_on_sequences_of_several_blocks(rows, least, low, more):
    values, offsets = flatten_sequences(rows)
    limits = (least, 1, 6, None, None, 1, None)
    gap = (low, min(62, low + more))
    found = [
        Motifs(*_core.mine_gapped(values, offsets, *limits, *gap, layout=layout)[:3])
        for layout in ("bitmaps", "lists")
    ]
    assert pairs(found[0]) == pairs(found[1])


@given(LONGER, st.integers(2, 4), st.tuples(st.integers(0, 1), st.integers(0, 1)))
def test_gaps_equal_their_twin_on_longer_sequences(rows, least, steps):
    gap = (steps[0], steps[0] + steps[1])
    rows = [row[:25] for row in rows]
    found = pairs(mine_closed(rows, least, gap=gap))
    assert found == reference.ordered(reference.grow_gapped(rows, least, *gap))


@given(LONGER, st.integers(1, 5))
def test_contiguous_equals_the_gapped_engine(rows, least):
    values, offsets = flatten_sequences(rows)
    limits = (least, 1, None, None, None, 1, None)
    assert pairs(Motifs(*_core.mine_contiguous(values, offsets, *limits)[:3])) == pairs(
        Motifs(*_core.mine_gapped(values, offsets, *limits, 0, 0)[:3])
    )


REPEATED = st.tuples(st.lists(SMALL_ALPHABET, min_size=1, max_size=5), st.integers(1, 400)).map(
    lambda pair: (pair[0] * pair[1])[:1200]
)


@settings(max_examples=40)
@given(st.lists(REPEATED, min_size=1, max_size=5), st.integers(1, 4), st.integers(0, 2))
def test_contiguous_equals_the_gapped_engine_on_repetitive_text(rows, least, noise):
    for row in rows[:noise]:
        row[len(row) // 2] = 3
    values, offsets = flatten_sequences(rows)
    limits = (least, 1, None, None, None, 1, None)
    assert pairs(Motifs(*_core.mine_contiguous(values, offsets, *limits)[:3])) == pairs(
        Motifs(*_core.mine_gapped(values, offsets, *limits, 0, 0)[:3])
    )


@given(st.lists(st.lists(st.just(7), max_size=200), min_size=1, max_size=4), st.integers(1, 3))
def test_contiguous_runs_longer_than_a_sort_key(rows, least):
    expected = reference.define_gapped(rows, least, 0, 0)
    assert pairs(mine_closed(rows, least, gap=(0, 0))) == reference.ordered(expected)


@given(SHORT, st.integers(1, 4))
def test_right_closed_equals_its_definition(rows, least):
    expected = reference.define_right_closed(rows, least)
    assert pairs(mine_right_closed(rows, least, min_length=1)) == reference.ordered(expected)


@given(SHORT, st.integers(1, 3), st.one_of(st.none(), GAP), st.integers(1, 5), st.integers(1, 3))
def test_limits_filter_the_whole_answer(rows, least, gap, k, shortest):
    everything = dict(pairs(mine_closed(rows, least, gap=gap)))
    wanted = {p: n for p, n in everything.items() if shortest <= len(p) <= shortest + 2}
    found = mine_closed(rows, least, gap=gap, top_k=k, min_length=shortest, max_length=shortest + 2)
    assert pairs(found) == reference.ordered(reference.best(wanted, k))


@given(
    st.lists(st.lists(SMALL_ALPHABET, min_size=1, max_size=4), max_size=8),
    st.lists(st.lists(SMALL_ALPHABET, max_size=14), max_size=5),
    st.one_of(st.none(), GAP),
)
def test_occurrences_equal_minimal_windows(motifs, rows, gap):
    low, high = gap or (0, 100)
    found = find_occurrences(motifs, rows, gap=gap)
    expected = [
        (m, s, *window)
        for m, motif in enumerate(motifs)
        for s, row in enumerate(rows)
        for window in reference.windows(tuple(motif), row, low, high)
    ]
    columns = (found.motif, found.sequence, found.start, found.end)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == expected


@given(
    st.lists(st.integers(-5, 9), max_size=6),
    st.lists(st.integers(-5, 9), max_size=6),
    st.one_of(st.integers(-2, 4), st.floats(-1, 2), st.just(float("nan"))),
    st.one_of(st.none(), st.tuples(st.integers(-1, 3), st.integers(-1, 3))),
)
def test_whatever_comes_in_is_mined_or_refused(values, offsets, least, gap):
    pair = (np.array(values, dtype=np.int64), np.array(offsets, dtype=np.int64))
    message = ""
    try:
        motifs = mine_closed(pair, least, gap=gap)
        find_occurrences(motifs, pair, gap=gap)
    except ArgumentError as error:
        message = str(error)
    assert not message or any(name in message for name in ("offsets", "min_support", "gap"))
