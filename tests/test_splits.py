"""Splits: what each protocol holds out, what it refuses, what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.overlap import merge_partitions
from cantaor.corpus.splits.protocols import PROTOCOLS, Split, group_splits, split_clips
from cantaor.corpus.splits.split_assignment import read_split_assignment
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import ArgumentError, CorpusError, SplitError


def corpus(recordings: int = 4, clips: int = 10) -> dict[str, list]:  # type: ignore[type-arg]
    """Two singers; clips of 1 s every 0.75 s, so neighbours overlap, in blocks of five."""
    rows = [(s, r, c) for s in ("AM", "EC") for r in range(recordings) for c in range(clips)]
    starts = [0.75 * c + 10.0 * (c // 5) for _, _, c in rows]
    return {
        "labels": [s for s, _, _ in rows],
        "recordings": [f"{s}-{r}" for s, r, _ in rows],
        "groups": [f"{s}{r // 2}" for s, r, _ in rows],
        "starts_s": starts,
        "ends_s": [start + 1.0 for start in starts],
    }


def names(column: list[str], index: np.ndarray) -> set[str]:
    return {column[i] for i in index}


def test_paper_is_stratified_and_always_marked() -> None:
    split = split_clips(["AM"] * 10 + ["EC"] * 20, ["a"] * 30, protocol="paper", test_fraction=0.2)
    assert [int(np.sum(split.test < 10)), split.test.size] == [2, 6]
    assert split.leaks
    assert "random over clips" in split.notes[0]


@pytest.mark.parametrize(("protocol", "column"), [("recording", "recordings"), ("group", "groups")])
def test_whole_units_are_held_out(protocol: str, column: str) -> None:
    data = corpus()
    split = split_clips(**data, protocol=protocol, seed=3)
    assert not split.leaks
    assert not names(data[column], split.train) & names(data[column], split.test)
    for side in (split.train, split.test):
        assert names(data["labels"], side) == {"AM", "EC"}
    assert np.array_equal(np.sort(np.concatenate([split.train, split.test])), np.arange(80))


def test_recordings_come_near_the_fraction_asked_for() -> None:
    data = corpus(recordings=10)
    assert split_clips(**data, protocol="recording", test_fraction=0.3).test.size == 60


def test_audio_keeps_overlapping_clips_together() -> None:
    split = split_clips(**corpus(), protocol="audio", test_fraction=0.25)
    blocks = np.arange(80) // 5
    assert not split.leaks
    assert split.test.size == 20
    assert not set(blocks[split.train]) & set(blocks[split.test])


def test_equal_content_is_never_separated() -> None:
    data = corpus()
    content = [""] * 80
    content[0] = content[15] = "same"
    for protocol in ("audio", "recording", "group"):
        for seed in range(5):
            split = split_clips(**data, protocol=protocol, content=content, seed=seed)
            assert not split.leaks
            assert (0 in split.test) == (15 in split.test)


def test_recordings_of_two_singers_differ_also_under_one_name() -> None:
    labels, recordings = ["V1"] * 8 + ["V2"] * 8, [f"take {n // 2}" for n in range(8)] * 2
    held = []
    for seed in range(8):
        split = split_clips(labels, recordings, protocol="recording", seed=seed)
        assert not split.leaks
        held.append([{recordings[i] for i in split.test if labels[i] == who} for who in labels])
    assert any(one[0] != one[-1] for one in held)


def test_spans_of_one_source_stay_together_whatever_they_are_called() -> None:
    labels, recordings = ["AM"] * 4 + ["EC"] * 4, list("abcdefgh")
    data = {
        "sources": ["x", "x", "y", "z", *"stuv"],
        "starts_s": [0.0, 4.0, 0.0, 0.0] * 2,
        "ends_s": [5.0, 9.0, 5.0, 5.0] * 2,
    }
    for protocol in ("audio", "recording", "group"):
        for seed in range(6):
            split = split_clips(labels, recordings, protocol=protocol, seed=seed, **data)
            assert not split.leaks
            assert (0 in split.test) == (1 in split.test)
    sides = ["train", "test"] * 4
    split = split_clips(labels, recordings, protocol="column", column=sides, **data)
    assert split.shared_audio == 0.25


def test_a_given_column_is_taken_and_checked() -> None:
    data = corpus(recordings=2)
    subsets = ["train"] * 10 + ["test"] * 10 + ["Train"] * 10 + ["validation"] * 5 + ["test"] * 5
    split = split_clips(**data, protocol="column", column=subsets)
    assert not split.leaks
    assert split.notes == ("5 clips marked validation are on neither side",)
    subsets[1] = "test"
    split = split_clips(**data, protocol="column", column=subsets)
    assert split.leaks
    assert split.shared_audio == 1 / 16
    assert split.notes[0] == "training and test share audio: 6.25 % of the test clips"


def test_a_split_can_come_from_a_file(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    manifest = Manifest(tuple(ManifestEntry(f"{n}.wav", "AM", n) for n in names), tmp_path)
    file = tmp_path / "sides.csv"
    file.write_text("recording,split\nc,test\na,train\nb,train\nd,test\n")
    assert read_split_assignment(file, manifest) == ("train", "train", "test")
    file.write_text("path,split\nc.wav,test\na.wav,train\nb.wav,train\n")
    assert read_split_assignment(file, manifest) == ("train", "train", "test")
    file.write_text("recording,split\na,train\na,test\n")
    with pytest.raises(SplitError, match="'a' is on two sides, train and test"):
        read_split_assignment(file, manifest)
    file.write_text("recording,split\na,train\n")
    with pytest.raises(SplitError, match="no side for 2 of 3 entries, such as recording 'b'"):
        read_split_assignment(file, manifest)
    for text, message in (
        ("name,split\na,x\n", "recording or path"),
        ("path\na\n", "column split"),
    ):
        file.write_text(text)
        with pytest.raises(CorpusError, match=message):
            read_split_assignment(file, manifest)


def test_what_cannot_be_split_names_singer_and_number() -> None:
    labels, recordings = ["AM"] * 4 + ["EC"] * 2, ["a", "a", "b", "b", "c", "c"]
    with pytest.raises(SplitError, match="singer EC has 1 recording; the recording split needs"):
        split_clips(labels, recordings, protocol="recording")
    with pytest.raises(SplitError, match="singer AM has 1 source group"):
        split_clips(labels, recordings, ["g", "g", "g", "g", "h", ""], protocol="group")
    with pytest.raises(SplitError, match="singer EC has 1 set of clips without shared audio"):
        split_clips(labels, recordings, protocol="audio")
    with pytest.raises(SplitError, match="singer EC has 1 clip; the paper split"):
        split_clips(["AM", "AM", "EC"], ["a", "a", "b"], protocol="paper")
    with pytest.raises(SplitError, match="clip 1 must be train, test or validation, not 'x'"):
        split_clips(["AM"] * 2, ["a"] * 2, protocol="column", column=["test", "x"])
    with pytest.raises(SplitError, match="marks no clip as train"):
        split_clips(["AM"] * 2, ["a"] * 2, protocol="column", column=["test", "test"])
    with pytest.raises(SplitError, match="too many units hold clips of several singers"):
        split_clips(
            ["AM", "JT", "AM", "EC", "EC", "JT"],
            list("uvwxyz"),
            protocol="recording",
            sources=list("aabbcc"),
        )


def test_wrong_columns() -> None:
    def check(message: str, **changed: object) -> None:
        columns: dict[str, object] = {"labels": ["AM"] * 2, "recordings": ["a", "b"], **changed}
        with pytest.raises(ArgumentError, match=message):
            split_clips(**{"protocol": "recording", **columns})  # type: ignore[arg-type]

    check(r"length of recordings \(1\) must match labels \(2\)", recordings=["a"])
    check(r"length of content \(3\) must match labels \(2\)", content=["a"] * 3)
    check("labels is empty", labels=[], recordings=[])
    check("given together", starts_s=[0, 1])
    check(r"shape of ends_s \(1,\) must match labels", starts_s=[0, 1], ends_s=[2])
    check("clip 1 runs from 1.0 to 1.0", starts_s=[0, 1], ends_s=[1, 1])
    check("protocol must be one of paper, audio", protocol="fair")
    check("fraction must be between 0 and 1, not 1", test_fraction=1)
    check(r"length of column \(nothing\)", protocol="column")


def test_every_way_to_hold_out_a_group() -> None:
    labels = ["AM"] * 3 + ["EC"] * 2
    recordings = ["a", "b", "c", "d", "e"]
    every = list(group_splits(labels, recordings))
    assert len({tuple(split.test) for split in every}) == len(every) == 6
    assert not any(split.leaks for split in every)
    some = list(group_splits(labels, recordings, draws=4, seed=1))
    assert len({tuple(split.test) for split in some}) == 4
    assert [s.test.tolist() for s in some] == [
        s.test.tolist() for s in group_splits(labels, recordings, draws=4, seed=1)
    ]
    assert len(list(group_splits(labels, recordings, draws=100))) == 6


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "column"])
def test_a_seed_fixes_the_draw(protocol: str) -> None:
    data = corpus()
    tests = [split_clips(**data, protocol=protocol, seed=s).test.tolist() for s in (1, 1, 2, 3, 4)]
    assert tests[0] == tests[1]
    assert any(test != tests[0] for test in tests[2:])


def validation(split: Split, data: dict[str, list]) -> Split:  # type: ignore[type-arg]
    return validation_split(split, **data)


@pytest.mark.parametrize("protocol", ["recording", "audio"])
def test_validation_holds_out_the_same_kind_of_unit(protocol: str) -> None:
    data = corpus()
    split = split_clips(**data, protocol=protocol)
    inner = validation(split, data)
    assert not inner.leaks
    assert not np.intersect1d(inner.test, split.test).size
    assert np.array_equal(np.union1d(inner.train, inner.test), split.train)
    for side in (inner.train, inner.test):
        assert names(data["labels"], side) == {"AM", "EC"}
    if protocol == "recording":
        assert not names(data["recordings"], inner.train) & names(data["recordings"], inner.test)


def test_a_single_group_left_gives_one_of_its_recordings() -> None:
    data = corpus()
    inner = validation(split_clips(**data, protocol="group"), data)
    assert not inner.leaks
    assert "singer AM: a single training group, one of its recordings is watched" in inner.notes
    assert inner.test.size == 20


def test_a_single_recording_left_gives_its_last_part() -> None:
    data = corpus(recordings=2, clips=20)
    split = split_clips(**data, protocol="recording")
    inner = validation(split, data)
    assert not inner.leaks
    assert "singer AM: a single training recording, its last part is watched" in inner.notes
    assert inner.test.size == 4
    # One clip of each singer overlaps the first watched one.
    assert "2 clips that reach across a cut are on neither side" in inner.notes
    assert inner.train.size + inner.test.size == split.train.size - 2


def test_validation_without_times_says_what_is_missing() -> None:
    data = corpus(recordings=2)
    del data["starts_s"], data["ends_s"]
    with pytest.raises(SplitError, match="single training recording and no times to cut it at"):
        validation(split_clips(**data, protocol="recording"), data)


def test_validation_never_takes_all_of_a_singer() -> None:
    labels, recordings = ["AM"] * 4 + ["EC"] * 4, list("aabbccdd")
    split = split_clips(labels, recordings, protocol="recording")
    content = [f"all {label}" for label in labels]
    spans = {"starts_s": [0.0, 2.0] * 4, "ends_s": [1.0, 3.0] * 4}
    with pytest.raises(SplitError, match="singer AM: training clips all share audio"):
        validation_split(split, labels, recordings, content=content, **spans)


def test_validation_under_paper_is_random_and_marked() -> None:
    data = corpus()
    inner = validation(split_clips(**data, protocol="paper"), data)
    assert inner.leaks
    assert inner.test.size == 6


def test_partitions_are_joined_transitively() -> None:
    assert merge_partitions(np.array([5, 5, 1, 2, 2]), np.array([0, 3, 3, 9, 8])).tolist() == [
        0,
        0,
        0,
        1,
        1,
    ]
    assert merge_partitions(np.zeros(0, np.int64)).size == 0
