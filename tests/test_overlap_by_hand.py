"""Which clips share audio, and how sets of them are numbered: worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from cantaor.corpus.splits.overlap import (
    ClipTable,
    audio_components,
    encode_columns,
    join_pairs,
    merge_partitions,
    overlaps_any,
    share_notes,
    shared_audio,
    shared_fraction,
)
from cantaor.corpus.splits.protocols import split_clips
from cantaor.errors import ArgumentError


def timed(
    sources: str, starts: Sequence[float], ends: Sequence[float], content: str = ""
) -> ClipTable:
    """Clips of one singer, each a recording; sources and content are a letter each, "-" none."""
    count = len(sources)
    keys = ["" if key == "-" else key for key in content] if content else None
    names = [f"r{number}" for number in range(count)]
    return encode_columns(
        ["AM"] * count, names, starts_s=starts, ends_s=ends, content=keys, sources=list(sources)
    )


def test_clips_are_joined_by_a_chain_of_overlaps_in_one_source() -> None:
    # In x a long clip reaches over a short one to a third; the fourth only touches it. In y the
    # times are the same, and nothing else.
    clips = timed("xxxxyy", [0, 1, 8, 10, 0, 2], [9, 2, 10, 11, 1, 3])
    assert audio_components(clips).tolist() == [0, 0, 0, 1, 2, 3]
    # The order of the rows says nothing.
    order = [3, 5, 2, 0, 4, 1]
    mixed = timed(
        "xyxxyx", [[0, 1, 8, 10, 0, 2][i] for i in order], [[9, 2, 10, 11, 1, 3][i] for i in order]
    )
    assert audio_components(mixed).tolist() == [0, 1, 2, 2, 3, 2]


def test_equal_content_joins_clips_and_no_content_joins_none() -> None:
    clips = timed("xxyz", [0, 5, 0, 0], [1, 6, 1, 1], "k--k")
    assert audio_components(clips).tolist() == [0, 1, 2, 0]
    # Of some of the clips.
    assert audio_components(clips, np.array([3, 1, 0])).tolist() == [0, 1, 0]


def test_without_times_all_clips_of_a_source_are_joined() -> None:
    clips = encode_columns(["AM"] * 4, ["a", "a", "b", "c"], content=["", "k", "k", ""])
    assert audio_components(clips).tolist() == [0, 0, 0, 1]
    some, others = np.array([0, 2]), np.array([1, 3])
    assert overlaps_any(clips, some, others).tolist() == [True, True]
    assert overlaps_any(clips, np.array([0]), np.array([2, 3])).tolist() == [False]


def test_clips_that_touch_others_share_nothing_with_them() -> None:
    starts, ends = [0, 2, 4, 1, 3.5, 0, 9], [1, 4, 5, 2, 6, 9, 10]
    clips = timed("xxxxxyz", starts, ends, "-----kk")
    others = np.array([1, 5])
    # The second runs from 2 to 4: the third begins there, the fourth ends there, and the fifth
    # begins before it is over. The last is of another source with the content of the sixth.
    some = np.array([0, 2, 3, 4, 6])
    assert overlaps_any(clips, some, others).tolist() == [False, False, False, True, True]
    assert shared_fraction(clips, some, others) == 0.4
    assert shared_fraction(clips, some[:0], others) == 0.0
    assert overlaps_any(clips, some, others[:0]).tolist() == [False] * 5


def test_a_clip_inside_a_long_one_shares_its_audio() -> None:
    clips = timed("xxx", [0, 4, 6], [10, 5, 7])
    assert overlaps_any(clips, np.array([1, 2]), np.array([0])).tolist() == [True, True]
    assert overlaps_any(clips, np.array([0, 2]), np.array([1])).tolist() == [True, False]


def test_what_each_side_has_been_learnt_from() -> None:
    # Recording a is on all sides; b is watched and tested; c is on no side and tested.
    clips = encode_columns(["AM"] * 8, list("aaabbccd"))
    sides = ["train", "validation", "test", "validation", "test", "", "test", "test"]
    assert shared_audio(clips, sides) == {"test": 0.5, "validation": 0.5}
    assert shared_audio(clips, ["test"] * 8) == {"test": 0.0}
    assert shared_audio(clips, ["train"] * 8) == {}
    assert share_notes({"validation": 0.5, "test": 0.0}) == (
        "training and validation share audio: 50 % of the validation clips",
    )


def test_a_group_of_one_name_joins_singers_and_a_recording_does_not() -> None:
    clips = encode_columns(["b", "a", "a", "b"], ["x", "x", "y", "y"], ["g", "g", "", ""])
    assert clips.singers == ("a", "b")
    assert clips.labels.tolist() == [1, 0, 0, 1]
    assert len(set(clips.recordings.tolist())) == 4
    assert clips.groups[0] == clips.groups[1]
    assert len(set(clips.groups.tolist())) == 3
    assert clips.contents.tolist() == [0, 1, 2, 3]
    assert (clips.starts_s, clips.ends_s, len(clips)) == (None, None, 4)


def test_accents_are_one_letter_however_they_are_written() -> None:
    composed, apart = "Ni\u00f1o", "Nin\u0303o"
    clips = encode_columns(["AM", "AM"], [composed, apart], [composed, apart])
    assert (clips.recordings[0], clips.groups[0]) == (clips.recordings[1], clips.groups[1])


@pytest.mark.parametrize(
    ("starts", "ends", "message"),
    [
        ([0.0, 3.0, 5.0], [1.0, 2.0, 5.0], "clip 1 runs from 3.0 to 2.0"),
        ([0.0, float("nan"), 0.0], [1.0, 1.0, 1.0], "clip 1 runs from nan to 1.0"),
        (None, [1.0, 1.0, 1.0], "must be given together"),
    ],
)
def test_the_first_wrong_span_is_named(
    starts: list[float] | None, ends: list[float], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        encode_columns(["AM"] * 3, ["a"] * 3, starts_s=starts, ends_s=ends)


def test_sets_are_numbered_as_they_appear() -> None:
    assert merge_partitions(np.array([9, 4, 9, 0])).tolist() == [0, 1, 0, 2]
    one, other = np.array([2, 2, 0, 0, 1]), np.array([7, 6, 6, 5, 5])
    # The first column joins 1, 2 and 3, 4; the second 2, 3 and 4, 5.
    assert merge_partitions(one, other).tolist() == [0, 0, 0, 0, 0]
    assert merge_partitions(one, np.arange(5)).tolist() == [0, 0, 1, 1, 2]
    third = np.array([0, 1, 2, 3, 0])
    assert merge_partitions(one, np.arange(5), third).tolist() == [0, 0, 1, 1, 0]


def test_pairs_join_what_they_link() -> None:
    assert join_pairs(5, [0, 3], [2, 2]).tolist() == [0, 1, 0, 0, 2]
    # A link counts both ways.
    assert join_pairs(3, [2], [0]).tolist() == [0, 1, 0]
    assert join_pairs(2, [], []).tolist() == [0, 1]


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.0, float("nan")])
def test_a_fraction_holds_out_something_and_not_all(fraction: float) -> None:
    with pytest.raises(ArgumentError, match="fraction must be between 0 and 1"):
        split_clips(["AM"] * 2, list("ab"), protocol="recording", test_fraction=fraction)
