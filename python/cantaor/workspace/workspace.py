"""A workspace: the folder where ``mine`` keeps its tables, and the only door to them.

Every file is written under a temporary name and renamed, so a file that exists is complete. What a
recording costs is kept under a key of its content, the settings that matter and the stage's
version; a run finds it again there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cantaor.errors import WorkspaceError
from cantaor.io.files import read_table, write_text
from cantaor.settings import Settings, read_settings, settings_to_toml
from cantaor.types import Clusters, Contour, PitchTrack
from cantaor.workspace.records import clusters_from_table, contour_from_table, track_from_table

_SETTINGS = "cantaor.toml"
_LOCK = ".lock"
_LAST_TABLE = "instances"


#: Folders of a workspace that hold keyed results, one file each.
FOLDERS = ("seen", "pitch", "contours", "singers", "instances", "cut")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one mined corpus.

    Attributes
    ----------
    path
        The folder. It holds ``cantaor.toml`` and the tables ``recordings``, ``clusters``,
        ``motifs``, ``instances``, ``failures`` (Parquet), folders with one table a recording or
        singer (``pitch``, ``contours``, ``singers``, ``instances``), and ``clips`` with audio
        of instances. ``progress.json`` and ``journal.jsonl`` tell what the runs did.
    """

    path: Path

    @property
    def settings(self) -> Settings:
        """The settings that made the tables."""
        return read_settings(self.path / _SETTINGS)

    @property
    def is_mined(self) -> bool:
        """Whether the last run finished."""
        return (self.path / f"{_LAST_TABLE}.parquet").exists()

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table of the workspace by name, such as ``"motifs"``, or some of its columns.

        Raises
        ------
        WorkspaceError
            There is no such table, or it cannot be read.
        """
        return read_table(self.path / f"{name}.parquet", columns)

    def clusters(self) -> Clusters:
        """The pitch clusters of the corpus, in cents."""
        return clusters_from_table(self.table("clusters"))

    def track(self, key: str) -> PitchTrack:
        """A recording's pitch by its ``pitch_key`` in the table ``recordings``."""
        return track_from_table(read_table(self.path / "pitch" / f"{key}.parquet"))[0]

    def contour(self, key: str) -> Contour:
        """A recording's contour by its ``contour_key`` in the table ``recordings``."""
        return contour_from_table(read_table(self.path / "contours" / f"{key}.parquet"))


def create_workspace(path: str | os.PathLike[str]) -> Workspace:
    """Make the folder of a workspace, or take an existing one over for another run.

    Raises
    ------
    WorkspaceError
        The path is a file, holds something else than a workspace, or cannot be written.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError(f"{folder}: is a file; the output must be a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = [p for p in folder.iterdir() if p.name not in (_SETTINGS, _LOCK)]
        if strangers and not (folder / _SETTINGS).exists():
            raise WorkspaceError(
                f"{folder}: is not empty and not a workspace ({strangers[0].name}); name another"
            )
        (folder / _LOCK).touch()
    except OSError as error:
        raise WorkspaceError(f"{folder}: cannot be written: {error}") from error
    return Workspace(folder)


def begin(workspace: Workspace, settings: Settings) -> None:
    """Start a run: from here to its end the workspace does not count as mined.

    Raises
    ------
    WorkspaceError
        The folder cannot be written.
    """
    (workspace.path / f"{_LAST_TABLE}.parquet").unlink(missing_ok=True)
    write_text(workspace.path / _SETTINGS, settings_to_toml(settings))
    for name in FOLDERS:
        (workspace.path / name).mkdir(exist_ok=True)


def open_workspace(path: str | os.PathLike[str]) -> Workspace:
    """Open a workspace that ``mine`` has finished.

    Raises
    ------
    WorkspaceError
        The folder is missing, is no workspace, or mining has not finished.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise WorkspaceError(f"{folder}: no such workspace")
    if not (folder / _SETTINGS).exists():
        raise WorkspaceError(f"{folder}: not a workspace (no {_SETTINGS}); make one with: mine")
    if not Workspace(folder).is_mined:
        raise WorkspaceError(f"{folder}: mining has not finished; run mine again, it resumes")
    return Workspace(folder)


@contextmanager
def lock(workspace: Workspace) -> Iterator[None]:
    """Keep other runs out of the workspace; the system releases it if the process dies.

    Raises
    ------
    WorkspaceError
        Another run holds the workspace.
    """
    with (workspace.path / _LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkspaceError(f"{workspace.path}: another run is using it") from error
        yield


def is_locked(folder: Path) -> bool:
    """Whether a run holds the workspace at this moment."""
    try:
        with (folder / _LOCK).open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def stage_key(stage: str, version: int, parts: Mapping[str, Any]) -> str:
    """Key of a cached result: stage, version and everything that decides it.

    Examples
    --------
    >>> stage_key("pitch", 1, {"hop": 256}) == stage_key("pitch", 2, {"hop": 256})
    False
    """
    text = json.dumps([stage, version, dict(parts)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
