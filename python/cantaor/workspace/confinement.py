"""Names that a workspace holds, as paths that stay below it.

A workspace may come from somebody else: a name in it may be wrong, but must never lead to a file
that is not its own, neither by ``..`` nor by a link.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cantaor.errors import WorkspaceError
from cantaor.io.locations import printable


def path_to_write(folder: Path, room: str, name: str) -> Path:
    """Where to write or delete ``name`` in a folder of a workspace; the file itself may be a link.

    Parameters
    ----------
    folder
        The workspace.
    room
        A folder of it, such as ``"clips"``.
    name
        A path below that, ``/`` between folders.

    Raises
    ------
    WorkspaceError
        The name leads outside.
    """
    base, target = _target(folder, room, name)
    try:
        parent = target.parent.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise _outside(folder, room, name) from error
    if not parent.is_relative_to(base):
        raise _outside(folder, room, name)
    return target


def path_to_read(folder: Path, room: str, name: str) -> Path:
    """Where to read ``name`` in a folder of a workspace, all links followed.

    Raises
    ------
    WorkspaceError
        The name, or what it links to, lies outside.
    """
    base, target = _target(folder, room, name)
    try:
        found = target.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise _outside(folder, room, name) from error
    if not found.is_relative_to(base):
        raise _outside(folder, room, name)
    return found


def own_files(folder: Path, pattern: str) -> list[Path]:
    """Files of a workspace by a pattern, sorted; none that is a link to somewhere else."""
    root = folder.resolve()
    found = []
    for path in sorted(folder.glob(pattern)):
        try:
            inside = path.resolve().is_relative_to(root)
        except (OSError, RuntimeError):
            continue
        if inside and path.is_file():
            found.append(path)
    return found


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Raise where something that runs write to is a link.

    Raises
    ------
    WorkspaceError
        One of the names is a link; the message says where to.
    """
    for name in names:
        place = folder / name
        if place.is_symlink():
            raise WorkspaceError(
                f"{place}: is a link to {printable(str(place.readlink()))}; a workspace is "
                "written to in its own folder only: remove the link"
            )


def _target(folder: Path, room: str, name: str) -> tuple[Path, Path]:
    base = folder.resolve() / room
    if not name or "\0" in name or ".." in Path(name).parts or Path(name).is_absolute():
        raise _outside(folder, room, name)
    target = base / name
    if target == base:
        raise _outside(folder, room, name)
    return base, target


def _outside(folder: Path, room: str, name: str) -> WorkspaceError:
    return WorkspaceError(
        f"{folder}: names {printable(repr(name))}, which is not below its folder {room}"
    )
