"""A workspace: the folder where ``mine`` keeps its tables, and the only door to them.

Every file is written under a temporary name and renamed, so a file that exists is complete. Results
are cached by content, settings and version of the stage. The tables are replaced together, see
:mod:`cantaor.workspace.staging`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from cantaor.errors import WorkspaceError
from cantaor.io.files import read_schema, read_table, write_text
from cantaor.io.locations import require_local
from cantaor.io.own_output import SETTINGS_FILE, WORKSPACE_SIGNS, is_workspace
from cantaor.settings import Settings, deciding_settings, read_settings, settings_to_toml
from cantaor.types import Clusters, Contour, PitchTrack
from cantaor.workspace import staging
from cantaor.workspace.confinement import refuse_links
from cantaor.workspace.provenance import MadeBy, difference, maker_of
from cantaor.workspace.provenance import stage_key as stage_key
from cantaor.workspace.records import clusters_from_table, contour_from_table, track_from_table
from cantaor.workspace.rooms import ROOMS, existing_table, nest, prepare_rooms
from cantaor.workspace.shard_facts import read_facts

_LOCK = ".lock"
_LAST_TABLE = "instances"
# Seconds that a run waits for one that only looks, and looking for another that looks.
_PATIENCE_S = 0.3


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
        return read_settings(self.path / SETTINGS_FILE)

    @property
    def is_mined(self) -> bool:
        """Whether a run finished, and its tables are all in place."""
        there = (self.path / f"{_LAST_TABLE}.parquet").exists()
        return there and not staging.is_pending(self.path)

    @property
    def made_by(self) -> MadeBy | None:
        """What made the tables; None where they do not say."""
        return maker_of(read_schema(self.path / "recordings.parquet"))

    def table(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """A table of the workspace by name, such as ``"motifs"``, or some columns and rows of it.

        ``columns`` and ``where`` are those of :func:`cantaor.io.files.read_table`.

        Raises
        ------
        WorkspaceError
            There is no such table, or it cannot be read.
        """
        return read_table(self.path / f"{name}.parquet", columns, where)

    def clusters(self) -> Clusters:
        """The pitch clusters of the corpus, in cents."""
        return clusters_from_table(self.table("clusters"))

    def track(self, key: str) -> PitchTrack:
        """A recording's pitch by its ``pitch_key`` in the table ``recordings``."""
        return track_from_table(read_table(existing_table(self.path, "pitch", key)))[0]

    def contour(self, key: str) -> Contour:
        """A recording's contour by its ``contour_key`` in the table ``recordings``."""
        return contour_from_table(read_table(existing_table(self.path, "contours", key)))


def create_workspace(path: str | os.PathLike[str]) -> Workspace:
    """Make the folder of a workspace, or take an existing one over for another run.

    Raises
    ------
    WorkspaceError
        The path is a file or a URL, holds something else than a workspace, or cannot be written.
    """
    folder = require_local(path, "a workspace")
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError(f"{folder}: is a file; the output must be a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = [p for p in folder.iterdir() if p.name not in (SETTINGS_FILE, _LOCK)]
        if strangers and not is_workspace(folder):
            raise WorkspaceError(
                f"{folder}: is not empty and not a workspace ({strangers[0].name}); name another"
            )
        refuse_links(folder, [_LOCK])
        (folder / _LOCK).touch()
    except OSError as error:
        raise WorkspaceError(f"{folder}: cannot be written: {error}") from error
    return Workspace(folder)


def begin(workspace: Workspace, settings: Settings) -> None:
    """Start a run: make its folders. A workspace that is mined stays as it is until the run ends.

    Raises
    ------
    WorkspaceError
        The folder cannot be written, or a part of it is a link to somewhere else.
    """
    folder = workspace.path
    refuse_links(folder, [*ROOMS, *WORKSPACE_SIGNS, "clips"])
    if not workspace.is_mined:
        write_text(folder / SETTINGS_FILE, settings_to_toml(settings))
    try:
        prepare_rooms(folder)
        for draft in folder.glob(".*.part"):
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{folder}: cannot be written: {error}") from error
    staging.prepare(folder)


def settle(workspace: Workspace) -> None:
    """Complete what a run that was killed had begun to put in place; others must be kept out.

    Files of an earlier version move to where this one looks for them.

    Raises
    ------
    WorkspaceError
        The folder cannot be written, or a part of it is a link to somewhere else.
    """
    nest(workspace.path)
    staging.complete(workspace.path)


def open_workspace(path: str | os.PathLike[str]) -> Workspace:
    """Open a workspace that ``mine`` has finished.

    Raises
    ------
    WorkspaceError
        The folder is missing, is no workspace, mining has not finished, or its tables and its
        settings were not made together.
    """
    folder = require_local(path, "a workspace")
    if not folder.is_dir():
        raise WorkspaceError(f"{folder}: no such workspace")
    if not (folder / SETTINGS_FILE).exists():
        raise WorkspaceError(f"{folder}: not a workspace (no {SETTINGS_FILE}); make one with: mine")
    workspace = Workspace(folder)
    if staging.is_pending(folder):
        with lock(workspace):
            settle(workspace)
    if not workspace.is_mined and (part := read_facts(folder)):
        raise WorkspaceError(
            f"{folder}: is shard {part.name} of a corpus, with pitch only; join all shards with: "
            "merge"
        )
    if not workspace.is_mined:
        raise WorkspaceError(f"{folder}: mining has not finished; run mine again, it resumes")
    _refuse_mixture(workspace)
    return workspace


def _refuse_mixture(workspace: Workspace) -> None:
    """Raise where a table, or the file of settings, is not of the same run as the others."""
    makers = {}
    for name in staging.PUBLISHED:
        maker = maker_of(read_schema(workspace.path / f"{name}.parquet"))
        if maker is not None:
            makers[name] = maker
    if not makers:
        return
    first, reference = next(iter(makers.items()))
    for name, maker in makers.items():
        if found := difference(reference, maker):
            raise WorkspaceError(
                f"{workspace.path}: {first}.parquet and {name}.parquet were not made together: "
                f"{found}; run mine again"
            )
    file = MadeBy(reference.cantaor, reference.stages, deciding_settings(workspace.settings))
    made = MadeBy(reference.cantaor, reference.stages, reference.settings)
    if found := difference(file, made):
        raise WorkspaceError(
            f"{workspace.path}: {SETTINGS_FILE} is not what its tables were made with: {found}; "
            f"run mine again with --config {workspace.path / SETTINGS_FILE}, or undo the change"
        )


@contextmanager
def lock(workspace: Workspace) -> Iterator[None]:
    """Keep other runs out of the workspace; the system releases it if the process dies.

    Raises
    ------
    WorkspaceError
        Another run holds the workspace, or it cannot be written.
    """
    refuse_links(workspace.path, [_LOCK])
    try:
        held = FileLock(workspace.path / _LOCK, timeout=_PATIENCE_S)
        held.acquire()
    except Timeout as error:
        raise WorkspaceError(f"{workspace.path}: another run is using it") from error
    except OSError as error:
        raise WorkspaceError(f"{workspace.path / _LOCK}: cannot be locked: {error}") from error
    try:
        yield
    finally:
        held.release()


def is_locked(folder: Path) -> bool:
    """Whether a run holds the workspace at this moment."""
    if not (folder / _LOCK).is_file() or (folder / _LOCK).is_symlink():
        return False
    try:
        with FileLock(folder / _LOCK, timeout=_PATIENCE_S / 2):
            return False
    except Timeout:
        return True
    except OSError:
        return False
