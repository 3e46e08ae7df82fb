"""Rooms, notes, commits and rows of a workspace, made by hand."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from filelock import FileLock

from cantaor.errors import WorkspaceError
from cantaor.io.files import write_table
from cantaor.settings import Settings
from cantaor.workspace import staging
from cantaor.workspace.clip_notes import (
    ClipNote,
    is_whole,
    note_name,
    read_note,
    remove_clips,
    write_note,
)
from cantaor.workspace.rooms import existing_table, files_in, nest, prepare_rooms, table_path
from cantaor.workspace.shard_facts import ShardFacts, facts_of, forget_shard, read_facts
from cantaor.workspace.workspace import (
    begin,
    create_workspace,
    is_locked,
    lock,
    open_workspace,
)

KEY = "ab" + "0" * 30
NOTE = f"{KEY}.json"


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_table_is_read_where_it_is(tmp_path: Path) -> None:
    nested, flat = tmp_path / "pitch" / "ab" / f"{KEY}.parquet", tmp_path / f"pitch/{KEY}.parquet"
    assert table_path(tmp_path, "pitch", KEY) == nested
    assert existing_table(tmp_path, "pitch", KEY) == nested
    put(flat)
    assert existing_table(tmp_path, "pitch", KEY) == flat
    put(nested)
    assert existing_table(tmp_path, "pitch", KEY) == nested
    flat.unlink()
    assert existing_table(tmp_path, "pitch", KEY) == nested


@pytest.mark.parametrize("digits", [7, 8, 64, 65])
def test_a_key_has_eight_to_sixty_four_digits(digits: int, tmp_path: Path) -> None:
    if digits in (8, 64):
        assert table_path(tmp_path, "pitch", "a" * digits).parent.name == "aa"
        return
    with pytest.raises(WorkspaceError, match="is no key of a table in pitch"):
        table_path(tmp_path, "pitch", "a" * digits)


def test_files_of_a_room_are_those_of_its_folders_of_digits(tmp_path: Path) -> None:
    for name in (
        "ab/one.parquet",
        "ab/two.json",
        "0f/three.parquet",
        "xy/four.parquet",
        "a.parquet",
    ):
        put(tmp_path / "pitch" / name)
    found = {path.name for path in files_in(tmp_path, "pitch", ".parquet")}
    assert found == {"one.parquet", "three.parquet"}
    assert list(files_in(tmp_path, "contours", ".parquet")) == []


def test_rooms_are_made_and_drafts_go(tmp_path: Path) -> None:
    put(tmp_path / "pitch" / "one.part")
    put(tmp_path / "pitch" / "ab" / "two.part")
    put(tmp_path / "pitch" / "ab" / "three.parquet")
    prepare_rooms(tmp_path)
    prepare_rooms(tmp_path)
    rooms = {"seen", "pitch", "contours", "singers", "instances", "cut"}
    assert {path.name for path in tmp_path.iterdir()} == rooms
    assert tree(tmp_path) == {"pitch/ab/three.parquet"}


def test_loose_files_move_and_others_stay(tmp_path: Path) -> None:
    for base in (tmp_path, tmp_path / ".staging"):
        put(base / "cut" / NOTE, "note")
        put(base / "cut" / "readme.txt")
    put(tmp_path / "pitch" / f"{KEY}.parquet")
    nest(tmp_path)
    assert tree(tmp_path) == {
        f"cut/ab/{NOTE}",
        "cut/readme.txt",
        f".staging/cut/ab/{NOTE}",
        ".staging/cut/readme.txt",
        f"pitch/ab/{KEY}.parquet",
    }


@pytest.mark.parametrize("name", ["pitch", "cut", ".staging", ".staging/cut", "cut/ab"])
def test_nothing_moves_where_a_link_leads(name: str, tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    put(work / "cut" / NOTE)
    put(outside / f"{'cd' * 16}.json")
    (work / name).parent.mkdir(parents=True, exist_ok=True)
    if name == "cut":
        shutil.rmtree(work / "cut")
    (work / name).symlink_to(outside, target_is_directory=True)
    with pytest.raises(WorkspaceError, match="link"):
        nest(work)
    assert tree(outside) == {f"{'cd' * 16}.json"}


def test_a_note_lists_clips_that_are_whole(tmp_path: Path) -> None:
    put(tmp_path / "clips" / "ana" / "a.wav", "12345")
    note = ClipNote("key", {"ana/a.wav": 5})
    (tmp_path / "cut").mkdir()
    write_note(tmp_path, NOTE, note)
    assert read_note(tmp_path, NOTE) == note
    assert is_whole(tmp_path, note, "key")
    assert not is_whole(tmp_path, note, "other")
    assert not is_whole(tmp_path, replace(note, clips={"ana/a.wav": 6}), "key")
    assert not is_whole(tmp_path, replace(note, clips={"ana/a.wav": 5, "ana/b.wav": 5}), "key")
    assert is_whole(tmp_path, ClipNote("key"), "key")


def test_names_of_notes_depend_on_singer_and_recording() -> None:
    names = {note_name(*pair) for pair in (("a", "b"), ("b", "a"), ("ab", ""), ("a", "b"))}
    assert len(names) == 3
    assert all(len(name) == 37 for name in names)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"key": "k"}', '{"clips": {}}', '{"key": "k", "clips": {"a": "x"}}']
)
def test_a_note_that_cannot_be_read_is_empty(text: str, tmp_path: Path) -> None:
    assert read_note(tmp_path, NOTE) == ClipNote()
    put(tmp_path / "cut" / "ab" / NOTE, text)
    assert read_note(tmp_path, NOTE) == ClipNote("", {})


def test_an_old_note_names_clips_of_unknown_size(tmp_path: Path) -> None:
    put(tmp_path / "cut" / "ab" / NOTE, '{"key": "k", "clips": ["a.wav"]}')
    assert read_note(tmp_path, NOTE) == ClipNote("k", {"a.wav": -1})


def test_clips_go_with_their_folder_where_it_is_empty(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    for name in ("ana/a.wav", "ana/b.wav", "luz/a.wav", "loose.wav", "eva/deep/a.wav"):
        put(clips / name)
    outside = put(tmp_path / "outside.wav")
    remove_clips(tmp_path, ["../outside.wav", "luz/a.wav", "ana/a.wav", "gone.wav", "eva"])
    assert outside.exists()
    assert tree(clips) == {"ana/b.wav", "loose.wav", "eva/deep/a.wav"}
    assert not (clips / "luz").exists()
    remove_clips(tmp_path, ["loose.wav", "ana/b.wav", "eva/deep/a.wav"])
    assert clips.is_dir()
    assert tree(clips) == set()


def staged(folder: Path) -> Path:
    """A workspace with a table and a clip in place, and others that wait."""
    put(folder / "clips" / "ana" / "old.wav")
    put(folder / "clips" / "ana" / "both.wav", "old")
    (folder / "cut").mkdir()
    write_note(folder, NOTE, ClipNote("old", {"ana/old.wav": 0, "ana/both.wav": 3}))
    put(folder / "motifs.parquet", "old")
    staging.prepare(folder)
    put(staging.staged_table(folder, "motifs.parquet"), "new")
    put(staging.staged_table(folder, "cantaor.toml"), "settings")
    put(staging.staged_table(folder, "stranger.parquet"), "stranger")
    put(folder / ".staging" / "clips" / "ana" / "both.wav", "new")
    put(folder / ".staging" / "clips" / "ana" / "more.wav", "more")
    write_note(folder / ".staging", NOTE, ClipNote("new", {"ana/both.wav": 3, "ana/more.wav": 4}))
    return folder


def test_a_commit_puts_all_in_place_at_once(tmp_path: Path) -> None:
    staged(tmp_path)
    staging.write_pruning(tmp_path, [("ana", "a")])
    assert not staging.is_pending(tmp_path)
    staging.complete(tmp_path)
    assert (tmp_path / "motifs.parquet").read_text() == "old"
    staging.commit(tmp_path, keep=[NOTE])
    assert (tmp_path / "motifs.parquet").read_text() == "new"
    assert (tmp_path / "cantaor.toml").read_text() == "settings"
    assert (tmp_path / "clips" / "ana" / "both.wav").read_text() == "new"
    found = tree(tmp_path)
    assert {"clips/ana/both.wav", "clips/ana/more.wav", f"cut/ab/{NOTE}"} <= found
    assert not found & {"clips/ana/old.wav", "stranger.parquet", "pruning.json"}
    assert read_note(tmp_path, NOTE).key == "new"
    assert not (tmp_path / ".staging").exists()


def test_the_first_clips_of_a_workspace_come_too(tmp_path: Path) -> None:
    staged(tmp_path)
    for name in ("cut", "clips"):
        shutil.rmtree(tmp_path / name)
    staging.commit(tmp_path, keep=[NOTE])
    assert {"clips/ana/more.wav", f"cut/ab/{NOTE}"} <= tree(tmp_path)
    assert (tmp_path / "clips" / ".cantaor-clips").is_file()
    assert is_whole(tmp_path, read_note(tmp_path, NOTE), "new")


def test_what_is_not_kept_does_not_come(tmp_path: Path) -> None:
    staging.commit(staged(tmp_path))
    assert read_note(tmp_path, NOTE).key == "old"
    assert (tmp_path / "clips" / "ana" / "both.wav").read_text() == "old"


def test_clips_of_a_dropped_note_go(tmp_path: Path) -> None:
    staging.commit(staged(tmp_path), drop=[NOTE])
    assert tree(tmp_path) == {"motifs.parquet", "cantaor.toml"}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "damaged"),
        ('{"keep": []}', "damaged"),
        ('{"drop": []}', "damaged"),
        ('{"keep": 3, "drop": []}', "damaged"),
        ('{"keep": ["../x.json"], "drop": []}', "names something that is no note"),
        ('{"keep": [], "drop": [3]}', "names something that is no note"),
    ],
)
def test_a_damaged_commit_is_named_and_moves_nothing(
    record: str, message: str, tmp_path: Path
) -> None:
    put(staged(tmp_path) / ".staging" / "commit.json", record)
    assert staging.is_pending(tmp_path)
    with pytest.raises(WorkspaceError, match=rf"commit\.json: {message}.*remove .*staging"):
        staging.complete(tmp_path)
    assert (tmp_path / "motifs.parquet").read_text() == "old"


@pytest.mark.parametrize(
    "name", [".staging", "clips", "cut", ".staging/tables", ".staging/clips", ".staging/cut"]
)
def test_a_commit_follows_no_link(name: str, tmp_path: Path) -> None:
    work, outside = staged(tmp_path / "work"), tmp_path / "outside"
    put(work / ".staging" / "commit.json", json.dumps({"keep": [NOTE], "drop": []}))
    shutil.move(work / name, outside)
    before = tree(outside)
    (work / name).symlink_to(outside, target_is_directory=True)
    with pytest.raises(WorkspaceError, match="link"):
        staging.complete(work)
    assert tree(outside) == before
    assert (work / "motifs.parquet").read_text() == "old"


@pytest.mark.parametrize("name", [".staging", ".staging/cut", ".staging/clips"])
def test_room_for_new_tables_is_not_made_behind_a_link(name: str, tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    put(outside / "tables" / "mine.parquet")
    (work / name).parent.mkdir(parents=True, exist_ok=True)
    (work / name).symlink_to(outside, target_is_directory=True)
    with pytest.raises(WorkspaceError, match="link"):
        staging.prepare(work)
    assert tree(outside) == {"tables/mine.parquet"}


def test_new_tables_start_empty_and_clips_stay(tmp_path: Path) -> None:
    staged(tmp_path)
    staging.prepare(tmp_path)
    found = tree(tmp_path / ".staging")
    assert found == {"clips/ana/both.wav", "clips/ana/more.wav", f"cut/ab/{NOTE}"}
    staging.discard(tmp_path)
    assert not (tmp_path / ".staging").exists()


def test_what_may_be_removed_is_remembered(tmp_path: Path) -> None:
    assert staging.read_pruning(tmp_path) == frozenset()
    staging.write_pruning(tmp_path, [("ana", "a"), ("luz", "b")])
    assert staging.read_pruning(tmp_path) == {("ana", "a"), ("luz", "b")}
    put(tmp_path / "pruning.json", "[1]")
    assert staging.read_pruning(tmp_path) == frozenset()


FACTS = ShardFacts(2, 8, 16, "digest", "root", True, (("clips", "results"),))


def test_a_shard_tells_what_it_is(tmp_path: Path) -> None:
    assert FACTS.name == "2/8"
    schema = pa.schema([("x", pa.int64())], metadata=FACTS.metadata())
    assert facts_of(schema) == FACTS
    assert facts_of(pa.schema([("x", pa.int64())])) is None
    for name in ("of", "strict", "passed_over"):
        told = json.loads(FACTS.metadata()[b"cantaor.shard"])
        del told[name]
        less = {b"cantaor.shard": json.dumps(told).encode()}
        assert facts_of(schema.with_metadata(less)) is None
    assert read_facts(tmp_path) is None
    for name in ("shard", "histogram", "motifs"):
        write_table(tmp_path / f"{name}.parquet", schema.empty_table())
    assert read_facts(tmp_path) == FACTS
    forget_shard(tmp_path)
    forget_shard(tmp_path)
    assert tree(tmp_path) == {"motifs.parquet"}


def test_a_workspace_is_made_or_taken_over(tmp_path: Path) -> None:
    work = create_workspace(tmp_path / "deep" / "work")
    assert work.path.is_dir()
    assert create_workspace(work.path) == work
    begin(work, Settings())
    assert (work.path / "cantaor.toml").exists()
    put(work.path / ".motifs.parquet.1.part")
    begin(create_workspace(work.path), Settings(hop=512))
    assert work.settings.hop == 512
    assert not list(work.path.glob(".*.part"))
    assert not work.is_mined
    with pytest.raises(WorkspaceError, match="mining has not finished"):
        open_workspace(work.path)


def test_settings_of_a_mined_workspace_stay_until_the_run_ends(tmp_path: Path) -> None:
    work = create_workspace(tmp_path / "work")
    begin(work, Settings())
    put(work.path / "instances.parquet")
    assert work.is_mined
    begin(work, Settings(hop=512))
    assert work.settings.hop == Settings().hop
    put(work.path / ".staging" / "commit.json")
    assert not work.is_mined


def test_what_holds_something_else_is_no_workspace(tmp_path: Path) -> None:
    put(tmp_path / "some" / "letter.txt")
    with pytest.raises(WorkspaceError, match=r"is not empty and not a workspace \(letter\.txt\)"):
        create_workspace(tmp_path / "some")
    with pytest.raises(WorkspaceError, match="is a file; the output must be a folder"):
        create_workspace(put(tmp_path / "file"))
    assert tree(tmp_path / "some") == {"letter.txt"}


def test_a_lock_keeps_others_out_until_it_is_left(tmp_path: Path) -> None:
    work = create_workspace(tmp_path / "work")
    assert not is_locked(work.path)
    assert not is_locked(tmp_path / "nowhere")
    with FileLock(work.path / ".lock"):
        assert is_locked(work.path)
        with pytest.raises(WorkspaceError, match="another run is using it"), lock(work):
            pass
    with lock(work):
        assert is_locked(work.path)
    assert not is_locked(work.path)
