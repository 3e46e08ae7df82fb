"""Where a workspace keeps what it has one file each of: recordings, singers, notes.

A file lies in a folder named after the first two digits of its key, 256 of them in every room, so
that no folder grows too long to be listed. Workspaces of earlier versions kept all files of a room
in one folder; they can be read, and the next run moves their files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cantaor.errors import WorkspaceError
from cantaor.io.locations import printable
from cantaor.workspace.confinement import refuse_links

#: Folder of a workspace where a new state waits; it has rooms too.
STAGING = ".staging"
#: Folders of a workspace that hold keyed results, one file each.
ROOMS = ("seen", "pitch", "contours", "singers", "instances", "cut")

_KEY = re.compile(r"[0-9a-f]{8,64}")
_FILE = re.compile(r"[0-9a-f]{8,64}\.(parquet|json)")
_DIGITS = re.compile(r"[0-9a-f]{2}")


def table_path(folder: Path, room: str, key: str) -> Path:
    """A keyed table of a workspace.

    Raises
    ------
    WorkspaceError
        The key is none: hexadecimal digits.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise WorkspaceError(f"{folder}: {printable(repr(key))} is no key of a table in {room}")
    return folder / room / key[:2] / f"{key}.parquet"


def note_path(folder: Path, room: str, name: str) -> Path:
    """A keyed note of a workspace, or of what waits in it, by its file name.

    Raises
    ------
    WorkspaceError
        The name is none of a note.
    """
    if not _FILE.fullmatch(name):
        raise WorkspaceError(f"{folder}: {printable(repr(name))} is no note in {room}")
    return folder / room / name[:2] / name


def made(path: Path) -> Path:
    """The same path; its folder, of two digits, is there.

    Raises
    ------
    WorkspaceError
        The folder cannot be made.
    """
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{path.parent}: cannot be written: {error}") from error
    return path


def existing_table(folder: Path, room: str, key: str) -> Path:
    """A keyed table for reading, wherever this or an earlier version put it.

    Raises
    ------
    WorkspaceError
        The key is none.
    """
    path = table_path(folder, room, key)
    flat = folder / room / path.name
    return flat if not path.exists() and flat.exists() else path


def files_in(folder: Path, room: str, ending: str) -> Iterator[Path]:
    """All files of a room with an ending such as ``".parquet"``, in any order."""
    for place in _folders_of_digits(folder / room):
        with os.scandir(place) as found:
            yield from (Path(one.path) for one in found if one.name.endswith(ending))


def prepare_rooms(folder: Path) -> None:
    """Make the rooms of a workspace, and drop what a killed run had half written there.

    Raises
    ------
    WorkspaceError
        A folder cannot be written, or is a link to somewhere else.
    """
    for room in ROOMS:
        place = folder / room
        place.mkdir(exist_ok=True)
        _refuse_linked_digits(place)
        for within in (place, *_folders_of_digits(place)):
            with os.scandir(within) as found:
                drafts = [one.path for one in found if one.name.endswith(".part")]
            for draft in drafts:
                Path(draft).unlink(missing_ok=True)


def nest(folder: Path) -> None:
    """Move the files of an earlier version's rooms to their folders; others must be kept out.

    May be stopped at any moment and done again: a file is read at either place.

    Raises
    ------
    WorkspaceError
        A file cannot be moved, or a room is a link to somewhere else.
    """
    refuse_links(folder, [STAGING])
    for base in (folder, folder / STAGING):
        refuse_links(base, ROOMS)
        for room in ROOMS:
            if (base / room).is_dir():
                _nest_room(base / room)


def _nest_room(place: Path) -> None:
    _refuse_linked_digits(place)
    with os.scandir(place) as found:
        flat = [one.name for one in found if _FILE.fullmatch(one.name)]
    try:
        for name in flat:
            (place / name).replace(made(place / name[:2] / name))
    except OSError as error:
        raise WorkspaceError(f"{place}: cannot be written: {error}") from error


def _folders_of_digits(place: Path) -> list[Path]:
    with suppress(FileNotFoundError), os.scandir(place) as found:
        names = [one.name for one in found if _DIGITS.fullmatch(one.name)]
        return [place / name for name in sorted(names)]
    return []


def _refuse_linked_digits(place: Path) -> None:
    refuse_links(place, [inner.name for inner in _folders_of_digits(place)])
