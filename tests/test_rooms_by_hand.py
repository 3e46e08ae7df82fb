"""Where a workspace keeps its files, and how those of earlier versions get there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cantaor.errors import WorkspaceError
from cantaor.workspace.rooms import (
    ROOMS,
    existing_table,
    files_in,
    made,
    nest,
    note_path,
    prepare_rooms,
    table_path,
)
from tests.file_trees import inside, put

KEY = "0f" + "a" * 30


def test_a_key_lies_below_its_first_two_digits(tmp_path: Path) -> None:
    table = tmp_path / "pitch" / "0f" / f"{KEY}.parquet"
    assert table_path(tmp_path, "pitch", KEY) == table
    note = tmp_path / "cut" / "0f" / f"{KEY}.json"
    assert note_path(tmp_path, "cut", f"{KEY}.json") == note


@pytest.mark.parametrize("digits", [8, 64])
def test_keys_of_8_to_64_digits_are_taken(digits: int, tmp_path: Path) -> None:
    assert table_path(tmp_path, "pitch", "a" * digits).stem == "a" * digits
    assert note_path(tmp_path, "cut", "a" * digits + ".parquet").stem == "a" * digits


@pytest.mark.parametrize("key", ["a" * 7, "a" * 65, "A" * 8, "g" * 8, "a" * 8 + "\n", None, 12])
def test_what_is_no_key_is_refused_and_named(key: object, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is no key of a table in pitch"):
        table_path(tmp_path, "pitch", key)  # type: ignore[arg-type]
    with pytest.raises(WorkspaceError, match="is no note in cut"):
        note_path(tmp_path, "cut", f"{key}.json")
    with pytest.raises(WorkspaceError, match="is no note in cut"):
        note_path(tmp_path, "cut", f"{KEY}.txt")


def test_a_table_is_read_where_it_lies(tmp_path: Path) -> None:
    nested, flat = table_path(tmp_path, "pitch", KEY), tmp_path / "pitch" / f"{KEY}.parquet"
    # Where there is neither, a message names the place of this version.
    assert existing_table(tmp_path, "pitch", KEY) == nested
    put(flat)
    assert existing_table(tmp_path, "pitch", KEY) == flat
    put(nested)
    assert existing_table(tmp_path, "pitch", KEY) == nested
    flat.unlink()
    assert existing_table(tmp_path, "pitch", KEY) == nested


def test_the_folder_of_a_key_is_made_and_only_that(tmp_path: Path) -> None:
    path = tmp_path / "0f" / "x"
    for _ in range(2):
        assert made(path) == path
        assert path.parent.is_dir()
    assert not path.exists()
    with pytest.raises(WorkspaceError, match="cannot be written"):
        made(tmp_path / "missing" / "0f" / "x")
    put(tmp_path / "0e")
    with pytest.raises(WorkspaceError, match="0e: cannot be written"):
        made(tmp_path / "0e" / "x")


def test_files_of_a_room_are_those_below_two_digits(tmp_path: Path) -> None:
    assert list(files_in(tmp_path, "seen", ".json")) == []
    kept = [put(tmp_path / "seen" / "0f" / "a.json"), put(tmp_path / "seen" / "ff" / "b.json")]
    put(tmp_path / "seen" / "0f" / "a.parquet")
    for folder in ("f", "0f0", "0F", "gg", "."):
        put(tmp_path / "seen" / folder / "c.json")
    put(tmp_path / "pitch" / "0f" / "d.json")
    assert sorted(files_in(tmp_path, "seen", ".json")) == kept


def test_preparing_makes_all_rooms_and_drops_what_was_half_written(tmp_path: Path) -> None:
    prepare_rooms(tmp_path)
    rooms = ["contours", "cut", "instances", "pitch", "seen", "singers"]
    assert sorted(path.name for path in tmp_path.iterdir()) == rooms
    for room in rooms:
        for name in (f".{KEY}.1.part", f"0f/.{KEY}.1.part", f"0f/{KEY}.json", f"{KEY}.json"):
            put(tmp_path / room / name)
    put(tmp_path / "other" / "x.part")
    prepare_rooms(tmp_path)
    assert inside(tmp_path) == sorted(
        ["other/x.part", *(f"{room}/{place}{KEY}.json" for room in rooms for place in ("0f/", ""))]
    )


def test_what_is_gone_before_it_is_dropped_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, unlink = put(tmp_path / "seen" / ".x.part"), Path.unlink

    def gone_already(path: Path, missing_ok: bool = False) -> None:
        unlink(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", gone_already)
    prepare_rooms(tmp_path)
    assert not draft.exists()


def test_nothing_is_dropped_behind_a_link(tmp_path: Path) -> None:
    draft = put(tmp_path / "outside" / "x.part")
    (tmp_path / "w" / "pitch").mkdir(parents=True)
    (tmp_path / "w" / "pitch" / "0f").symlink_to(tmp_path / "outside")
    with pytest.raises(WorkspaceError, match=r"0f: is a link to .*outside"):
        prepare_rooms(tmp_path / "w")
    assert draft.exists()


def test_files_of_an_earlier_version_move_below_two_digits(tmp_path: Path) -> None:
    put(tmp_path / "pitch" / f"{KEY}.parquet", "new")
    put(tmp_path / "pitch" / "0f" / f"{KEY}.parquet", "old")
    put(tmp_path / "seen" / f"{KEY}.json")
    put(tmp_path / "seen" / "ab.json")
    put(tmp_path / "seen" / f".{KEY}.json.1.part")
    put(tmp_path / ".staging" / "cut" / f"{KEY}.json")
    put(tmp_path / "clips" / f"{KEY}.json")
    for _ in range(2):
        nest(tmp_path)
        assert inside(tmp_path) == sorted(
            [
                f".staging/cut/0f/{KEY}.json",
                f"clips/{KEY}.json",
                f"pitch/0f/{KEY}.parquet",
                f"seen/.{KEY}.json.1.part",
                f"seen/0f/{KEY}.json",
                "seen/ab.json",
            ]
        )
        assert table_path(tmp_path, "pitch", KEY).read_text() == "new"
    # Rooms that were not there are not made.
    assert not (tmp_path / "contours").exists()


@pytest.mark.parametrize("place", [".staging", "pitch", ".staging/cut", "cut", "seen/0f"])
def test_nothing_is_moved_behind_a_link(place: str, tmp_path: Path) -> None:
    put(tmp_path / "outside" / f"{KEY}.json")
    put(tmp_path / "outside" / "cut" / f"{KEY}.json")
    before = inside(tmp_path / "outside")
    link = tmp_path / "w" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "outside")
    with pytest.raises(WorkspaceError, match=rf"{link.name}: is a link to .*outside"):
        nest(tmp_path / "w")
    assert inside(tmp_path / "outside") == before


def test_a_file_that_cannot_be_moved_is_told(tmp_path: Path) -> None:
    put(tmp_path / "seen" / f"{KEY}.json")
    put(tmp_path / "seen" / "0f" / f"{KEY}.json" / "x")
    with pytest.raises(WorkspaceError, match="seen: cannot be written"):
        nest(tmp_path)


def test_every_room_is_nested(tmp_path: Path) -> None:
    for base in (tmp_path, tmp_path / ".staging"):
        for room in ROOMS:
            put(base / room / f"{KEY}.json")
    nest(tmp_path)
    assert all(path.parent.name == "0f" for path in tmp_path.rglob("*.json"))
