"""Clips: cutting against the plain twin, segments and random spans, bad bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.clips.batches import cut_clips, pad_rows
from cantaor.clips.spans import random_spans, segment_spans
from cantaor.errors import ArgumentError
from cantaor.types import Audio
from tests.reference import clips as reference

AUDIO = Audio(np.arange(1, 101, dtype=np.float32), 10)


@given(
    st.lists(
        st.tuples(st.floats(0, 9.99), st.floats(0.001, 12.0)).map(lambda s: (s[0], s[0] + s[1])),
        max_size=8,
    ),
    st.integers(0, 30),
)
def test_equals_the_plain_twin(spans: list[tuple[float, float]], extra: int) -> None:
    starts, ends = [s for s, _ in spans], [e for _, e in spans]
    clips, lengths = cut_clips(AUDIO, starts, ends)
    width = clips.shape[1] + extra
    wider, _ = cut_clips(AUDIO, starts, ends, samples=width)
    rows, expected = reference.cut_clips(AUDIO.samples.tolist(), 10, starts, ends, width)
    assert wider.tolist() == rows
    assert lengths.tolist() == expected
    np.testing.assert_array_equal(wider[:, : clips.shape[1]], clips)


def test_no_clip_gives_an_empty_batch() -> None:
    clips, lengths = cut_clips(AUDIO, [], [])
    assert clips.shape == (0, 0)
    assert lengths.shape == (0,)


@pytest.mark.parametrize(
    ("starts", "ends", "message"),
    [
        ([1.0], [1.0], "span 0"),
        ([0.0, -0.1], [1.0, 1.0], "span 1"),
        ([10.0], [11.0], "recording's end at 10"),
        ([float("nan")], [1.0], "span 0"),
        ([0.0, 1.0], [1.0], "match ends_s"),
    ],
)
def test_bad_bounds(starts: list[float], ends: list[float], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        cut_clips(AUDIO, starts, ends)


def test_too_narrow_a_buffer_names_both_sides() -> None:
    with pytest.raises(ArgumentError, match="samples is 5, but the longest clip has 10"):
        cut_clips(AUDIO, [0.0], [1.0], samples=5)


@given(
    st.floats(0.5, 100.0),
    st.lists(st.tuples(st.floats(0, 0.9), st.floats(0.01, 1.0)), min_size=1, max_size=5),
)
def test_segments_contain_their_motif(duration: float, parts: list[tuple[float, float]]) -> None:
    starts = np.array([a * duration for a, _ in parts])
    ends = np.minimum(starts + np.array([b for _, b in parts]) * 5, duration)
    first, last = segment_spans(starts, ends, duration)
    assert (first >= 0).all()
    assert (last <= duration).all()
    assert (first <= starts + 1e-9).all()
    assert (last >= ends - 1e-9).all()
    wanted = np.minimum(np.maximum(3.0, ends - starts), duration)
    np.testing.assert_allclose(last - first, wanted, rtol=1e-9)


def test_random_spans_stay_inside_the_voice_and_repeat() -> None:
    low, high = np.array([0.0, 5.0, 9.0]), np.array([1.0, 7.0, 9.2])
    lengths = np.concatenate([np.linspace(0.1, 1.9, 500), np.full(200, 0.1)])
    starts, ends = random_spans(low, high, lengths, seed=3)
    inside = (starts[:, None] >= low - 1e-9) & (ends[:, None] <= high + 1e-9)
    assert inside.any(axis=1).all()
    np.testing.assert_allclose(ends - starts, lengths)
    np.testing.assert_array_equal(starts, random_spans(low, high, lengths, seed=3)[0])
    assert {int(i) for i in inside.argmax(axis=1)} == {0, 1, 2}


def test_random_spans_need_voice() -> None:
    with pytest.raises(ArgumentError, match="no stretch"):
        random_spans([], [], [1.0], seed=0)


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (99, 2), (0, 9), (3, -1)])
def test_runs_outside_the_signal_never_reach_the_copy(start: int, length: int) -> None:
    with pytest.raises(ArgumentError, match="run 0"):
        pad_rows(AUDIO.samples, np.array([start]), np.array([length]), 8)
