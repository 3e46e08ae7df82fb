"""How a new state of a workspace is put in place, from files made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from cantaor.errors import WorkspaceError
from cantaor.workspace import staging
from cantaor.workspace.clip_notes import ClipNote, read_note, write_note
from cantaor.workspace.staging import (
    commit,
    complete,
    discard,
    is_pending,
    prepare,
    read_pruning,
    staged_table,
    write_pruning,
)
from tests.file_trees import inside, put

NOTE, OTHER = f"{'a1' * 16}.json", f"{'b2' * 16}.json"
TABLES = ("recordings", "clusters", "motifs", "failures", "instances", "shard", "histogram")


def put_clips(folder: Path, name: str, clips: Sequence[str], text: str = "") -> None:
    """Clips and their note, in a workspace or in what waits in it."""
    for clip in clips:
        put(folder / "clips" / clip, text)
    (folder / "cut").mkdir(exist_ok=True)
    write_note(folder, name, ClipNote("key", dict.fromkeys(clips, len(text))))


def put_record(folder: Path, record: object) -> Path:
    return put(folder / ".staging" / "commit.json", json.dumps(record))


def test_a_run_begins_without_tables_but_with_the_clips_that_wait(tmp_path: Path) -> None:
    prepare(tmp_path)
    place = tmp_path / ".staging"
    assert sorted(path.name for path in place.iterdir()) == ["clips", "cut", "tables"]
    assert staged_table(tmp_path, "motifs.parquet") == place / "tables" / "motifs.parquet"
    put(staged_table(tmp_path, "motifs.parquet"))
    put(place / "clips" / "a.wav")
    put(place / "cut" / "a1" / NOTE)
    prepare(tmp_path)
    assert inside(place) == ["clips/a.wav", f"cut/a1/{NOTE}"]
    assert (place / "tables").is_dir()
    discard(tmp_path)
    assert not place.exists()
    discard(tmp_path)


@pytest.mark.parametrize("name", [".staging", ".staging/tables", ".staging/cut", ".staging/clips"])
def test_nothing_waits_behind_a_link(name: str, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "tables" / "x")
    link = tmp_path / "w" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "outside")
    with pytest.raises(WorkspaceError, match=rf"{link.name}: is a link to .*outside"):
        prepare(tmp_path / "w")
    assert outside.exists()
    assert inside(tmp_path / "outside") == ["tables/x"]


def test_room_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    put(tmp_path / ".staging" / "cut")
    with pytest.raises(WorkspaceError, match=r"\.staging: cannot be written"):
        prepare(tmp_path)


def test_a_commit_puts_every_table_in_place_and_leaves_nothing_waiting(tmp_path: Path) -> None:
    prepare(tmp_path)
    for name in ("cantaor.toml", *(f"{table}.parquet" for table in TABLES)):
        put(staged_table(tmp_path, name), "new")
        put(tmp_path / name, "old")
    put(staged_table(tmp_path, "stranger.parquet"))
    put(tmp_path / "pruning.json", "[]")
    commit(tmp_path)
    assert inside(tmp_path) == sorted(["cantaor.toml", *(f"{table}.parquet" for table in TABLES)])
    assert {path.read_text() for path in tmp_path.glob("*.*") if path.is_file()} == {"new"}
    assert not (tmp_path / ".staging").exists()


def test_a_table_that_is_not_new_stays(tmp_path: Path) -> None:
    prepare(tmp_path)
    put(staged_table(tmp_path, "motifs.parquet"), "new")
    put(tmp_path / "motifs.parquet", "old")
    put(tmp_path / "clusters.parquet", "old")
    commit(tmp_path)
    assert (tmp_path / "motifs.parquet").read_text() == "new"
    assert (tmp_path / "clusters.parquet").read_text() == "old"


def test_what_waits_is_not_touched_before_it_is_complete(tmp_path: Path) -> None:
    prepare(tmp_path)
    waiting = put(staged_table(tmp_path, "motifs.parquet"))
    assert not is_pending(tmp_path)
    complete(tmp_path)
    assert waiting.exists()
    put_record(tmp_path, {"keep": [], "drop": []})
    assert is_pending(tmp_path)
    complete(tmp_path)
    assert not is_pending(tmp_path)
    assert inside(tmp_path) == ["motifs.parquet"]


def test_new_clips_replace_the_old_of_their_recording(tmp_path: Path) -> None:
    put_clips(tmp_path, NOTE, ["A/1/x.wav", "A/1/y.wav", "B/z.wav"], "old")
    put_clips(tmp_path, OTHER, ["C/c.wav", "B/b.wav"], "old")
    prepare(tmp_path)
    put_clips(tmp_path / ".staging", NOTE, ["A/1/x.wav", "A/2/y.wav"], "new")
    put(tmp_path / ".staging" / "clips" / "unnamed.wav")
    commit(tmp_path, [NOTE])
    clips = tmp_path / "clips"
    assert inside(clips) == [".cantaor-clips", "A/1/x.wav", "A/2/y.wav", "B/b.wav", "C/c.wav"]
    assert (clips / "A/1/x.wav").read_text() == (clips / "A/2/y.wav").read_text() == "new"
    assert (clips / ".cantaor-clips").read_text() == "clips of a cantaor workspace\n"
    assert read_note(tmp_path, NOTE).clips == {"A/1/x.wav": 3, "A/2/y.wav": 3}
    assert read_note(tmp_path, OTHER).clips == {"C/c.wav": 3, "B/b.wav": 3}
    assert not (tmp_path / ".staging").exists()


def test_the_first_clips_of_a_workspace(tmp_path: Path) -> None:
    prepare(tmp_path)
    put_clips(tmp_path / ".staging", NOTE, ["A/1/x.wav"])
    commit(tmp_path, [NOTE])
    assert inside(tmp_path) == ["clips/.cantaor-clips", "clips/A/1/x.wav", f"cut/a1/{NOTE}"]


def test_a_mark_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    put(tmp_path / "clips" / ".cantaor-clips", "mine")
    prepare(tmp_path)
    put_clips(tmp_path / ".staging", NOTE, ["x.wav"])
    commit(tmp_path, [NOTE])
    assert (tmp_path / "clips" / ".cantaor-clips").read_text() == "mine"


def test_notes_that_are_not_kept_do_not_come(tmp_path: Path) -> None:
    prepare(tmp_path)
    put_clips(tmp_path / ".staging", NOTE, ["x.wav"])
    put_clips(tmp_path / ".staging", OTHER, ["y.wav"])
    commit(tmp_path, [OTHER])
    assert inside(tmp_path) == ["clips/.cantaor-clips", "clips/y.wav", f"cut/b2/{OTHER}"]


def test_clips_of_recordings_that_are_gone_go_with_their_notes(tmp_path: Path) -> None:
    put_clips(tmp_path, NOTE, ["A/x.wav", "A/y.wav"])
    put_clips(tmp_path, OTHER, ["B/x.wav"])
    prepare(tmp_path)
    commit(tmp_path, drop=[NOTE, f"{'c3' * 16}.json"])
    assert inside(tmp_path) == ["clips/B/x.wav", f"cut/b2/{OTHER}"]
    assert not (tmp_path / "clips" / "A").exists()


def test_a_commit_that_was_stopped_between_two_clips_goes_on(tmp_path: Path) -> None:
    prepare(tmp_path)
    put_clips(tmp_path / ".staging", NOTE, ["x.wav", "y.wav"], "new")
    put(tmp_path / "clips" / "x.wav", "new")
    (tmp_path / ".staging" / "clips" / "x.wav").unlink()
    # One recording was done; its clips and its note are in place.
    put_clips(tmp_path, OTHER, ["z.wav"], "new")
    put_record(tmp_path, {"keep": [OTHER, NOTE], "drop": []})
    complete(tmp_path)
    assert inside(tmp_path / "clips") == [".cantaor-clips", "x.wav", "y.wav", "z.wav"]
    assert read_note(tmp_path, NOTE).clips == {"x.wav": 3, "y.wav": 3}
    assert read_note(tmp_path, OTHER).clips == {"z.wav": 3}


def test_a_commit_that_was_stopped_while_it_cleared_up_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_folder: Path) -> None:
        raise KeyboardInterrupt

    prepare(tmp_path)
    put(staged_table(tmp_path, "motifs.parquet"), "new")
    monkeypatch.setattr(staging, "discard", stop)
    with pytest.raises(KeyboardInterrupt):
        commit(tmp_path)
    # The record went before the rest: what is left of the folder is not taken for a new state.
    assert not is_pending(tmp_path)
    assert (tmp_path / "motifs.parquet").read_text() == "new"


def test_a_commit_that_cannot_go_on_waits(tmp_path: Path) -> None:
    prepare(tmp_path)
    put(staged_table(tmp_path, "motifs.parquet"), "new")
    stone = put(tmp_path / "motifs.parquet" / "stone")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        commit(tmp_path)
    assert is_pending(tmp_path)
    stone.unlink()
    stone.parent.rmdir()
    complete(tmp_path)
    assert (tmp_path / "motifs.parquet").read_text() == "new"
    assert not (tmp_path / ".staging").exists()


@pytest.mark.parametrize(
    "name",
    [
        *(".staging", "clips", "cut", ".staging/commit.json"),
        *(".staging/tables", ".staging/clips", ".staging/cut"),
    ],
)
def test_nothing_is_put_in_place_through_a_link(name: str, tmp_path: Path) -> None:
    work, outside = tmp_path / "w", tmp_path / "outside"
    put(work / "x")
    prepare(work)
    put_record(work, {"keep": [], "drop": []})
    (work / "clips").mkdir()
    (work / "cut").mkdir()
    (work / name).rename(outside)
    before = inside(outside) if outside.is_dir() else [outside.read_text()]
    (work / name).symlink_to(outside)
    with pytest.raises(WorkspaceError, match=r": is a link to .*outside"):
        complete(work)
    assert (inside(outside) if outside.is_dir() else [outside.read_text()]) == before


@pytest.mark.parametrize("text", ["[", "[]", "{}", '{"keep": []}', '{"keep": 5, "drop": []}'])
def test_a_damaged_record_is_named_and_what_to_remove(text: str, tmp_path: Path) -> None:
    record = put(tmp_path / ".staging" / "commit.json", text)
    with pytest.raises(WorkspaceError, match=r"commit\.json: damaged: .*; remove .*\.staging$"):
        complete(tmp_path)
    assert record.exists()


@pytest.mark.parametrize(
    "name", ["a" * 32, f"{'a' * 31}.json", f"{'a' * 33}.json", f"{'A' * 32}.json", 5, None]
)
@pytest.mark.parametrize("side", ["keep", "drop"])
def test_a_record_names_notes_only(name: object, side: str, tmp_path: Path) -> None:
    put_record(tmp_path, {"keep": [NOTE], "drop": [OTHER], side: [NOTE, name]})
    with pytest.raises(WorkspaceError, match=r"names something that is no note; remove .*staging$"):
        complete(tmp_path)


def test_what_may_be_pruned_is_remembered(tmp_path: Path) -> None:
    assert read_pruning(tmp_path) == frozenset()
    write_pruning(tmp_path, [("A", "a1"), ("Ñ", "ñ")])
    assert read_pruning(tmp_path) == {("A", "a1"), ("Ñ", "ñ")}
    assert (tmp_path / "pruning.json").is_file()
    for damaged in ("[", "5", "[5]", '[["A"]]'):
        put(tmp_path / "pruning.json", damaged)
        assert read_pruning(tmp_path) == frozenset()
    assert staging.STAGING == ".staging"
