"""Splits of manifests and by columns, and what validation leaves: worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.columns import clip_columns, clip_table
from cantaor.corpus.splits.protocols import Split, group_splits, split_clips
from cantaor.corpus.splits.split_assignment import read_split_assignment
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import ArgumentError, CorpusError, SplitError
from cantaor.io.audio import write_audio
from cantaor.io.files import write_table


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Files a to d of noise; d holds the same as a. Two singers, all four on named sides."""
    folder = tmp_path_factory.mktemp("files")
    random = np.random.default_rng(0)
    noise = [random.uniform(-0.5, 0.5, 8000).astype(np.float32) for _ in range(3)]
    for name, samples in zip("abcd", [*noise, noise[0]], strict=True):
        write_audio(folder / f"{name}.wav", samples, 8000)
    sides = ["train", "test", "train", "test"]
    rows = zip("abcd", ("AM", "AM", "EC", "EC"), sides, strict=True)
    entries = tuple(ManifestEntry(f"{n}.wav", who, n, split=side) for n, who, side in rows)
    return Manifest(entries, folder)


def test_a_manifest_gives_its_sides_and_its_files_what_they_share(manifest: Manifest) -> None:
    found = split_clips(manifest, protocol="column")
    assert (found.train.tolist(), found.test.tolist()) == ([0, 2], [1, 3])
    # The fourth file is the first.
    assert (found.leaks, found.shared_audio) == (True, 0.5)
    assert found.notes == ("training and test share audio: 50 % of the test clips",)
    sides = ["test", "train", "train", "validation"]
    other = split_clips(manifest, protocol="column", column=sides)
    assert (other.train.tolist(), other.test.tolist()) == ([1, 2], [0])
    assert other.notes == ("1 clips marked validation are on neither side",)
    with pytest.raises(ArgumentError, match="recordings must be left out"):
        split_clips(manifest, ["a", "b", "c", "d"], protocol="column")
    with pytest.raises(ArgumentError, match="recordings must be given with labels"):
        split_clips(["AM", "EC"], protocol="column")


def test_a_manifest_says_which_files_cannot_be_read(manifest: Manifest) -> None:
    entries = (*manifest.entries[:3], replace(manifest.entries[3], path="gone.wav"))
    found = split_clips(replace(manifest, entries=entries), protocol="column")
    assert not found.leaks
    assert found.notes == ("1 of 4 files cannot be read: copies of them are not recognised",)


def test_a_manifest_is_split_as_its_columns_are(manifest: Manifest) -> None:
    more = [replace(e, recording=f"{e.recording}2", path="gone.wav") for e in manifest.entries]
    both = replace(manifest, entries=(*manifest.entries, *more))
    for seed in range(4):
        given = split_clips(both, protocol="recording", test_fraction=0.4, seed=seed)
        columns = clip_columns(both)
        # Without hashes the first and the fourth file are not known to be the same.
        columns["content"] = ["same" if i in (0, 3) else "" for i in range(8)]
        expected = split_clips(**columns, protocol="recording", test_fraction=0.4, seed=seed)
        assert given.test.tolist() == expected.test.tolist()


def test_columns_of_entries(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    entries = (
        ManifestEntry("a.wav", "AM", "a", group="g", start_s=1.0, end_s=2.5),
        ManifestEntry("link.wav", "EC", "b"),
        ManifestEntry("b.wav", "EC", "c", start_s=4.0, source_hash="long", content_hash="k"),
        ManifestEntry("https://host/c.wav", "EC", "d"),
    )
    found = clip_columns(Manifest(entries, tmp_path))
    place = f"file {(tmp_path / 'a.wav').resolve()}"
    assert found["sources"] == [place, place, "long", "file https://host/c.wav"]
    assert found["labels"] == ["AM", "EC", "EC", "EC"]
    assert found["recordings"] == ["a", "b", "c", "d"]
    assert found["groups"] == ["g", "", "", ""]
    assert found["content"] == ["", "", "k", ""]
    assert list(found["starts_s"]) == [1.0, 0.0, 4.0, 0.0]
    assert list(found["ends_s"]) == [2.5, np.inf, np.inf, np.inf]
    table = clip_table(Manifest(entries, tmp_path))
    assert table.tracks[0] == table.tracks[1]
    assert table.singers == ("AM", "EC")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["train", "test", "test"], r"length of column \(3\) must match labels \(2\)"),
        (["train", "train"], "the split column marks no clip as test"),
        (["dev", "dev"], "split of clip 0 must be train, test or validation, not 'dev'"),
    ],
)
def test_columns_that_are_no_split(column: list[str], message: str) -> None:
    with pytest.raises((ArgumentError, SplitError), match=message):
        split_clips(["AM", "AM"], ["a", "b"], protocol="column", column=column)


def test_groups_are_held_out_in_all_ways_that_leave_everybody_some() -> None:
    """A group of both singers holds all that EC has of one side: it cannot go with the other."""
    labels, recordings = ["AM", "AM", "EC", "EC"], ["a", "b", "c", "d"]
    splits = list(group_splits(labels, recordings, ["g", "h", "g", "i"]))
    # g alone holds one of each; h with i too. g with i would take all of EC, h with g of AM.
    assert [split.test.tolist() for split in splits] == [[0, 2], [1, 3]]
    assert [split.train.tolist() for split in splits] == [[1, 3], [0, 2]]
    drawn = [split.test.tolist() for split in group_splits(labels, recordings, draws=4, seed=3)]
    assert sorted(drawn) == [[0, 2], [0, 3], [1, 2], [1, 3]]


def whole(count: int, protocol: str) -> Split:
    return Split(np.arange(count), np.zeros(0, np.int64), protocol, False)


def test_a_recording_in_several_files_cannot_be_cut() -> None:
    with pytest.raises(SplitError, match="a single training recording in several files"):
        validation_split(
            whole(4, "recording"),
            ["AM"] * 4,
            ["a"] * 4,
            sources=list("xxyy"),
            starts_s=[0.0, 2.0, 0.0, 2.0],
            ends_s=[1.0, 3.0, 1.0, 3.0],
        )
    # Recordings in one file, one after another, can: they are joined by content alone.
    found = validation_split(
        whole(4, "recording"),
        ["AM"] * 4,
        ["a", "a", "b", "b"],
        sources=["x"] * 4,
        starts_s=[4.0, 6.0, 0.0, 2.0],
        ends_s=[5.0, 7.0, 1.0, 3.0],
        content=["k", "", "k", ""],
        fraction=0.25,
    )
    # The last part is of the last recording, though it lies first in the file.
    assert (found.train.tolist(), found.test.tolist()) == ([0, 1, 2], [3])
    assert found.notes == ("singer AM: a single training recording, its last part is watched",)


def test_two_clips_of_a_singer_are_enough_to_watch_one() -> None:
    found = validation_split(whole(2, "recording"), ["AM"] * 2, ["a", "b"])
    assert (found.train.size, found.test.size, found.notes) == (1, 1, ())
    # Under the paper's protocol all training clips are on one side or the other.
    random = validation_split(whole(6, "paper"), ["AM"] * 6, ["a"] * 6, fraction=0.34)
    assert (random.train.size, random.test.size) == (4, 2)
    assert random.leaks
    assert random.notes == ("training and validation share audio: 100 % of the validation clips",)
    apart = validation_split(whole(6, "paper"), ["AM"] * 6, list("abcdef"))
    assert (apart.leaks, apart.notes) == (True, ("training and validation may share audio",))


def test_something_is_left_to_learn_from_whatever_is_asked() -> None:
    found = validation_split(whole(4, "recording"), ["AM"] * 4, list("abcd"), fraction=0.99)
    assert (found.train.size, found.test.size) == (1, 3)


def test_who_would_leave_another_without_training_clips_gives_way() -> None:
    # The only clip of A overlaps both of B's recordings; C has nothing to do with them.
    found = validation_split(
        whole(5, "recording"),
        ["A", "B", "B", "C", "C"],
        list("abcde"),
        sources=list("xxxyz"),
        starts_s=[0.0, 1.0, 5.0, 0.0, 0.0],
        ends_s=[9.0, 2.0, 6.0, 1.0, 1.0],
    )
    assert found.test.size == 1
    assert found.test[0] in (3, 4)
    assert found.train.size == 4
    assert found.notes == (
        "singer A: a single training clip, not watched",
        "singer B: training clips all share audio, not watched",
    )
    assert not found.leaks


@pytest.mark.parametrize("fraction", [0.0, 1.0, float("nan")])
def test_validation_is_some_of_the_training_clips(fraction: float) -> None:
    with pytest.raises(ArgumentError, match="fraction must be between 0 and 1"):
        validation_split(whole(2, "recording"), ["AM"] * 2, ["a", "b"], fraction=fraction)


def test_sides_of_recordings_that_singers_share_a_name_for(tmp_path: Path) -> None:
    rows = [("AM", "a"), ("EC", "a"), ("EC", "b")]
    manifest = Manifest(tuple(ManifestEntry(f"{s}{r}.wav", s, r) for s, r in rows), tmp_path)
    file = tmp_path / "sides.csv"
    file.write_text("singer,recording,split\nAM,a,test\nEC, a ,Train\nEC,b,validation\n")
    assert read_split_assignment(file, manifest) == ("test", "train", "validation")
    # Singers that only some rows name are not looked at.
    file.write_text("singer,recording,split\nAM,a,test\n,b,train\n")
    assert read_split_assignment(file, manifest) == ("test", "test", "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "recording,split\na,test\na,train\n",
            r"recording 'a' is on two sides, test and train; a column singer tells them apart$",
        ),
        (
            "singer,recording,split\nAM,a,test\nAM,a,train\n",
            r"recording 'a' of singer 'AM' is on two sides, test and train$",
        ),
        ("path,split\na.wav,test\na.wav,train\n", r"path 'a.wav' is on two sides, test and train$"),
        ("path,split\nAM.wav,\n", "line 2: split is empty; it must be one of"),
        (
            "singer,recording,split\nAM,b,test\n",
            "no side for 1 of 1 entries, such as recording 'a' of singer 'AM'",
        ),
        ("path,split\n AM.wav,test\n", "no side for 1 of 1 entries, such as path 'AM.wav'"),
    ],
)
def test_sides_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    manifest = Manifest((ManifestEntry("AM.wav", "AM", "a"),), tmp_path)
    (tmp_path / "sides.csv").write_text(text)
    with pytest.raises(SplitError, match=message):
        read_split_assignment(tmp_path / "sides.csv", manifest)


def test_sides_in_a_table_may_be_null_and_are_refused_then(tmp_path: Path) -> None:
    manifest = Manifest((ManifestEntry("AM.wav", "AM", "a"),), tmp_path)
    file = tmp_path / "sides.parquet"
    write_table(file, pa.table({"recording": ["a"], "split": pa.array([None], pa.string())}))
    with pytest.raises(SplitError, match="split is empty"):
        read_split_assignment(file, manifest)
    write_table(file, pa.table({"recording": ["a", None], "split": ["test", "train"]}))
    with pytest.raises(CorpusError, match="column recording or path missing"):
        read_split_assignment(file, manifest)
