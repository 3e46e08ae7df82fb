"""Cutting clips: figures worked out by hand, and plain slices as the definition."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.clips.batches import cut_blocks, encode_wav, pad_rows, to_16_bits
from cantaor.clips.spans import clip_bounds, random_spans, segment_spans
from cantaor.errors import ArgumentError
from cantaor.types import Audio


def audio(samples: int, rate: int = 10) -> Audio:
    return Audio(np.arange(samples, dtype=np.float32), rate)


def test_bounds_are_rounded_half_to_even_and_hold_a_sample() -> None:
    first, last = clip_bounds(
        audio(100), [0.0, 0.25, 0.35, 9.9, 9.96, 3.0], [0.1, 0.75, 0.41] + [99.0] * 2 + [3.001]
    )
    assert first.tolist() == [0, 2, 4, 99, 99, 30]
    assert last.tolist() == [1, 8, 5, 100, 100, 31]
    first, last = clip_bounds(audio(100), [0.0], [1e15])
    assert (first.tolist(), last.tolist()) == ([0], [100])


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ([np.nan], [1.0]),
        ([0.0], [np.nan]),
        ([0.0], [np.inf]),
        ([-0.001], [1.0]),
        ([1.0], [1.0]),
        ([10.0], [11.0]),
        ([0.0, 1.0], [2.0]),
        ([[0.0]], [[1.0]]),
    ],
)
def test_impossible_bounds_are_named(starts: list[float], ends: list[float]) -> None:
    with pytest.raises(ArgumentError, match=r"span 0 from|starts_s .* must be \(n,\)"):
        clip_bounds(audio(100), starts, ends)


def test_the_first_wrong_span_is_the_one_that_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"span 1 from 4\.0 s to 3\.0 s"):
        clip_bounds(audio(100), [0.0, 4.0, 6.0], [1.0, 3.0, 5.0])


def test_three_seconds_around_a_motif_stay_within_the_recording() -> None:
    starts, ends = segment_spans([0.0, 5.0, 9.0, 2.0], [0.5, 5.5, 9.8, 6.0], 10.0)
    assert starts.tolist() == [0.0, 3.75, 7.0, 2.0]
    assert ends.tolist() == [3.0, 6.75, 10.0, 6.0]
    starts, ends = segment_spans([1.0], [1.5], 2.0)
    assert (starts.tolist(), ends.tolist()) == ([0.0], [2.0])
    starts, ends = segment_spans([1.0], [1.5], 9.0, 0.75)
    assert (starts.tolist(), ends.tolist()) == ([0.875], [1.625])
    for length in (0.0, -1.0, np.nan):
        with pytest.raises(ArgumentError, match="length_s must be positive"):
            segment_spans([1.0], [1.5], 2.0, length)


def test_random_spans_lie_in_one_stretch_and_everywhere_alike() -> None:
    # Room for 1 s: 3 of 4 s of the first stretch, 1 of 2 s of the last, none of the second.
    low, high = [0.0, 10.0, 20.0], [4.0, 10.5, 22.0]
    starts, ends = random_spans(low, high, np.full(4_000, 1.0), seed=5)
    np.testing.assert_allclose(ends - starts, 1.0)
    inside = [(starts >= a) & (ends <= b) for a, b in zip(low, high, strict=True)]
    counts = [int(one.sum()) for one in inside]
    assert sum(counts) == 4_000
    assert counts[1] == 0
    assert counts[0] == pytest.approx(3_000, abs=100)
    assert starts[inside[0]].mean() == pytest.approx(1.5, abs=0.05)
    assert starts[inside[2]].mean() == pytest.approx(20.5, abs=0.03)
    assert (starts.min(), starts[inside[2]].max()) == pytest.approx((0.0, 21.0), abs=0.02)


def test_what_fits_nowhere_takes_the_longest_stretch() -> None:
    # The longest of them begins neither first nor last, and does not end last.
    starts, ends = random_spans([0.0, 5.0, 9.0], [1.0, 8.0, 10.5], [7.0, 3.0, 0.5], seed=1)
    assert (starts[0], ends[0]) == (5.0, 8.0)
    assert (starts[1], ends[1]) == (5.0, 8.0)
    assert ends[2] - starts[2] == pytest.approx(0.5)
    with pytest.raises(ArgumentError, match="lengths_s must be positive"):
        random_spans([0.0], [1.0], [0.5, 0.0], seed=0)
    with pytest.raises(ArgumentError, match="no stretch"):
        random_spans([], [], [0.5], seed=0)


def test_random_spans_of_one_seed_are_one() -> None:
    drawn = [random_spans([0.0, 3.0], [2.0, 9.0], [0.5] * 9, seed=s)[0].tolist() for s in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]


@given(st.data())
def test_spans_out_of_blocks_are_slices(data: st.DataObject) -> None:
    signal = np.arange(100, 100 + data.draw(st.integers(1, 40)), dtype=np.int32)
    size = signal.size
    spans = data.draw(
        st.lists(st.tuples(st.integers(0, size + 5), st.integers(1, size + 9)), max_size=12)
    )
    starts = [start for start, _ in spans]
    ends = [start + length for start, length in spans]
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=6)))
    blocks = np.split(signal, cuts)
    found = [(i, cut.tolist()) for i, cut in cut_blocks(blocks, starts, ends)]
    order = sorted(range(len(spans)), key=lambda i: ends[i])
    assert [i for i, _ in found] == order
    for i, cut in found:
        assert cut == signal[min(starts[i], size - 1) : ends[i]].tolist()


def test_blocks_are_read_no_further_than_needed_and_not_kept() -> None:
    read: list[int] = []

    def blocks() -> object:
        for number in range(100):
            read.append(number)
            yield np.full(10, number, np.int16)

    found = dict(cut_blocks(blocks(), [5, 995 - 940], [8, 57]))
    assert found[0].tolist() == [0, 0, 0]
    assert found[1].tolist() == [5, 5]
    # The view of the last span is into what was kept: the part of one block and the next.
    assert found[1].base.size <= 20
    assert read == [0, 1, 2, 3, 4, 5, 6]
    assert list(cut_blocks(blocks(), [], [])) == []


@pytest.mark.parametrize(
    ("starts", "ends"), [([0, 1], [2]), ([-1], [3]), ([2], [2]), ([3], [2]), ([0, 5], [1, 5])]
)
def test_spans_that_are_none_are_refused(starts: list[int], ends: list[int]) -> None:
    with pytest.raises(ArgumentError, match="0 <= start < end"):
        list(cut_blocks([np.arange(9)], starts, ends))


def test_nothing_can_be_cut_from_nothing() -> None:
    for blocks in ([], [np.zeros(0)], [np.zeros(0)] * 2):
        with pytest.raises(ArgumentError, match="hold no samples"):
            list(cut_blocks(blocks, [0], [1]))


def test_runs_are_padded_at_their_end() -> None:
    signal = np.arange(1, 7, dtype=np.float32)
    rows = pad_rows(signal, np.array([0, 4, 6, 3]), np.array([3, 2, 0, 1]), 3)
    assert rows.tolist() == [[1, 2, 3], [5, 6, 0], [0, 0, 0], [4, 0, 0]]


@pytest.mark.parametrize(
    ("starts", "lengths", "wrong"),
    [([0, -1], [1, 1], 1), ([0, 1], [1, -1], 1), ([0, 5], [1, 2], 1), ([0, 2], [4, 1], 0)],
)
def test_runs_outside_are_named(starts: list[int], lengths: list[int], wrong: int) -> None:
    with pytest.raises(ArgumentError, match=f"run {wrong} of {lengths[wrong]} samples"):
        pad_rows(np.zeros(6, np.float32), np.array(starts), np.array(lengths), 3)
    with pytest.raises(ArgumentError, match=r"starts \(1\) must match lengths \(2\)"):
        pad_rows(np.zeros(6, np.float32), np.array([0]), np.array([1, 1]), 3)


def test_16_bits_are_rounded_and_clipped() -> None:
    given_ = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 1.5 / 32768, 2.5 / 32768, 7.0, -7.0], np.float32)
    assert to_16_bits(given_).tolist() == [0, 16384, -16384, 32767, -32768, 2, 2, 32767, -32768]
    every = np.arange(-32768, 32768)
    assert np.array_equal(to_16_bits((every / 32768).astype(np.float32)), every)


def test_a_wav_file_says_what_is_in_it() -> None:
    samples = np.array([1, -2, 32767], np.int16)
    with wave.open(io.BytesIO(encode_wav(samples, 22_050))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        assert np.frombuffer(file.readframes(9), np.int16).tolist() == samples.tolist()
