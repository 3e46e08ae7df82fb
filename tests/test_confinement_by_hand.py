"""Names of a workspace lead below their folder, or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cantaor.errors import WorkspaceError
from cantaor.workspace.confinement import own_files, path_to_read, path_to_write, refuse_links

Find = Callable[[Path, str, str], Path]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A room with a folder, beside a room whose name begins alike."""
    for name in ("clips/a", "clips2"):
        (tmp_path / "w" / name).mkdir(parents=True)
    return tmp_path / "w" / "clips"


@pytest.mark.parametrize("find", [path_to_read, path_to_write])
@pytest.mark.parametrize("name", [".", "./", "./.", "", "..", "a/..", "/", "\0"])
def test_a_name_is_never_the_folder_itself(find: Find, name: str, room: Path) -> None:
    with pytest.raises(WorkspaceError, match="which is not below its folder clips") as found:
        find(room.parent, "clips", name)
    assert str(found.value).startswith(f"{room.parent}: names {name!r}, which")


@pytest.mark.parametrize("find", [path_to_read, path_to_write])
def test_names_with_dots_that_are_no_steps_upwards(find: Find, room: Path) -> None:
    for name in ("a/x..wav", "..x.wav", "...", "./a/x.wav", "a//x.wav"):
        assert find(room.parent, "clips", name) == room / name


@pytest.mark.parametrize("find", [path_to_read, path_to_write])
def test_a_room_beside_is_outside(find: Find, room: Path) -> None:
    (room / "link").symlink_to(room.parent / "clips2")
    with pytest.raises(WorkspaceError, match="names 'link/x', which is not below"):
        find(room.parent, "clips", "link/x")


def test_a_link_inside_is_followed_to_read_and_kept_to_write(room: Path) -> None:
    (room / "link").symlink_to(room / "a")
    (room / "a" / "x").touch()
    (room / "y").symlink_to(room / "a" / "x")
    assert path_to_read(room.parent, "clips", "link/x") == room / "a" / "x"
    assert path_to_read(room.parent, "clips", "y") == room / "a" / "x"
    assert path_to_write(room.parent, "clips", "link/x") == room / "link" / "x"
    assert path_to_write(room.parent, "clips", "y") == room / "y"


def test_a_workspace_may_itself_be_reached_by_a_link(room: Path, tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(room.parent)
    for find in (path_to_read, path_to_write):
        assert find(tmp_path / "again", "clips", "a/x") == room / "a" / "x"
    (room / "b.npz").touch()
    assert own_files(tmp_path / "again", "clips/*.npz") == [tmp_path / "again/clips/b.npz"]


def test_a_room_that_is_a_link_holds_nothing(room: Path) -> None:
    (room.parent / "linked").symlink_to(room.parent.parent)
    for find in (path_to_read, path_to_write):
        with pytest.raises(WorkspaceError, match="which is not below its folder linked"):
            find(room.parent, "linked", "x")


def test_the_first_link_is_named_with_where_it_leads(room: Path) -> None:
    refuse_links(room, [])
    refuse_links(room.parent, ["clips", "clips2", "missing"])
    (room / "one").symlink_to("somewhere\nelse")
    (room / "two").symlink_to(room / "a")
    with pytest.raises(WorkspaceError) as found:
        refuse_links(room, ["a", "one", "two"])
    assert str(found.value) == (
        f"{room}/one: is a link to somewhere\\nelse; a workspace is written to in its own folder "
        "only: remove the link"
    )
    with pytest.raises(WorkspaceError, match="two: is a link to"):
        refuse_links(room, iter(["two", "one"]))
