"""What is known of the clips of a recording, from notes and clips made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cantaor.errors import WorkspaceError
from cantaor.workspace.clip_notes import (
    ClipNote,
    is_whole,
    note_name,
    read_note,
    remove_clips,
    write_note,
)
from cantaor.workspace.provenance import CANTAOR
from tests.file_trees import put

NOTE = f"{'a1' * 16}.json"


def inside(folder: Path) -> list[str]:
    """Folders too."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_the_name_of_a_note_stays_what_it_was_in_earlier_versions() -> None:
    assert note_name("AM", "AM-1") == "1b7fca2f8c0b3ceb5784d3a330d2db58.json"
    assert note_name("AM-1", "AM") != note_name("AM", "AM-1")


def test_a_note_comes_back(tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    write_note(tmp_path, NOTE, ClipNote("key", {"A/x.wav": 44, "y.wav": 0}))
    assert json.loads((tmp_path / "cut" / "a1" / NOTE).read_text()) == {
        "cantaor": CANTAOR,
        "key": "key",
        "clips": {"A/x.wav": 44, "y.wav": 0},
    }
    assert read_note(tmp_path, NOTE) == ClipNote("key", {"A/x.wav": 44, "y.wav": 0})


def test_notes_without_sizes_say_so(tmp_path: Path) -> None:
    put(tmp_path / "cut" / "a1" / NOTE, '{"key": "k", "clips": ["x.wav", "y.wav"]}')
    note = read_note(tmp_path, NOTE)
    assert note == ClipNote("k", {"x.wav": -1, "y.wav": -1})
    # So a clip of any length, also of none, has to be made again.
    put(tmp_path / "clips" / "x.wav")
    put(tmp_path / "clips" / "y.wav", "1")
    assert not is_whole(tmp_path, note, "k")


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "5", '{"key": "k"}', '{"clips": {}}', '{"key": "k", "clips": 5}'),
        '{"key": "k", "clips": {"x.wav": "long"}}',
        '{"key": "k", "clips": {"x.wav": null}}',
    ],
)
def test_a_note_that_cannot_be_read_lists_nothing(text: str, tmp_path: Path) -> None:
    assert read_note(tmp_path, NOTE) == ClipNote("", {})
    put(tmp_path / "cut" / "a1" / NOTE, text)
    assert read_note(tmp_path, NOTE) == ClipNote("", {})


def test_clips_are_whole_where_each_is_as_long_as_it_was(tmp_path: Path) -> None:
    put(tmp_path / "clips" / "A" / "x.wav", "123")
    put(tmp_path / "clips" / "y.wav", "12345")
    note = ClipNote("key", {"A/x.wav": 3, "y.wav": 5})
    assert is_whole(tmp_path, note, "key")
    assert not is_whole(tmp_path, note, "other")
    assert not is_whole(tmp_path, ClipNote("key", {"A/x.wav": 3, "y.wav": 4}), "key")
    assert not is_whole(tmp_path, ClipNote("key", {"A/x.wav": 4, "y.wav": 5}), "key")
    assert not is_whole(tmp_path, ClipNote("key", {"A/x.wav": 3, "z.wav": 0}), "key")
    # A recording may have no clips at all.
    assert is_whole(tmp_path, ClipNote("key"), "key")
    assert is_whole(tmp_path, ClipNote(), "")
    with pytest.raises(
        WorkspaceError, match=r"names '\.\./x', which is not below its folder clips"
    ):
        is_whole(tmp_path, ClipNote("key", {"../x": 1}), "key")


def test_clips_are_removed_with_folders_that_are_empty_then(tmp_path: Path) -> None:
    for name in ("A/x.wav", "A/y.wav", "B/x.wav", "B/kept.wav", "C/D/x.wav", "x.wav"):
        put(tmp_path / "clips" / name)
    remove_clips(tmp_path, ["A/x.wav", "A/y.wav", "B/x.wav", "C/D/x.wav", "gone/x.wav", "gone.wav"])
    assert inside(tmp_path / "clips") == ["B", "B/kept.wav", "C", "x.wav"]
    remove_clips(tmp_path, ["x.wav", "B/kept.wav"])
    assert inside(tmp_path / "clips") == ["C"]


def test_the_folder_of_all_clips_stays(tmp_path: Path) -> None:
    put(tmp_path / "clips" / "x.wav")
    remove_clips(tmp_path, ["x.wav"])
    assert inside(tmp_path) == ["clips"]


def test_what_is_none_of_ours_is_passed_over(tmp_path: Path) -> None:
    work, victim = tmp_path / "w", put(tmp_path / "victim.wav")
    put(work / "clips" / "A" / "B" / "x.wav")
    put(work / "clips" / "y.wav")
    (work / "clips" / "link").symlink_to(tmp_path)
    (work / "clips" / "A" / "folder").symlink_to(tmp_path)
    names = ["../../victim.wav", str(victim), "link/victim.wav", "", ".", "A/B", "A/folder"]
    remove_clips(work, [*names, "y.wav"])
    assert victim.exists()
    # A link among the clips goes, what it leads to stays; a folder is no clip.
    assert inside(work / "clips") == ["A", "A/B", "A/B/x.wav", "link"]
