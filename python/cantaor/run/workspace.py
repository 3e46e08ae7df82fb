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
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.settings import Settings, read_settings, settings_to_toml
from cantaor.types import Clusters, PitchTrack

_SETTINGS = "cantaor.toml"
_LOCK = ".lock"
_LAST_TABLE = "instances"

# Rows that a growing table gathers before it writes them.
_ROW_GROUP = 1 << 16

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


def write_text(path: Path, text: str) -> None:
    """Write a text file that is either whole or absent."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet table that is either whole or absent.

    Raises
    ------
    WorkspaceError
        The file cannot be written; nothing is left under its name.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        words = [f.name for f in table.schema if pa.types.is_string(f.type)]
        pq.write_table(table, draft, compression="zstd", use_dictionary=words or False)
        draft.replace(path)
    except (OSError, pa.ArrowException) as error:
        draft.unlink(missing_ok=True)
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error


@contextmanager
def growing_table(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write a Parquet table in pieces; it appears under its name once it is whole.

    Parameters
    ----------
    path
        Where to.
    schema
        Of the table; its pieces may order their columns otherwise.

    Yields
    ------
    A function that appends a piece.

    Raises
    ------
    WorkspaceError
        The file cannot be written; nothing is left under its name.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    waiting: list[pa.Table] = []
    try:
        with pq.ParquetWriter(draft, schema, compression="zstd") as writer:

            def flush() -> None:
                if waiting:
                    writer.write_table(pa.concat_tables(waiting).combine_chunks())
                    waiting.clear()

            def append(piece: pa.Table) -> None:
                waiting.append(piece.select(schema.names))
                if sum(one.num_rows for one in waiting) >= _ROW_GROUP:
                    flush()

            yield append
            flush()
        draft.replace(path)
    except (OSError, pa.ArrowException) as error:
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet table, or some of its columns.

    Raises
    ------
    WorkspaceError
        The file is missing or damaged.
    """
    if not path.exists():
        raise WorkspaceError(f"{path}: no such table")
    try:
        # Not read_table: its discovery of data sets costs more than such small files.
        with pq.ParquetFile(path) as file:
            return file.read(columns=columns, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise WorkspaceError(f"{path}: not a readable table: {error}") from error


def stage_key(stage: str, version: int, parts: Mapping[str, Any]) -> str:
    """Key of a cached result: stage, version and everything that decides it.

    Examples
    --------
    >>> stage_key("pitch", 1, {"hop": 256}) == stage_key("pitch", 2, {"hop": 256})
    False
    """
    text = json.dumps([stage, version, dict(parts)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)  # instances repeat the names of motifs
def file_name(name: str) -> str:
    """A name that is safe as one path component, and still different where names differ.

    Examples
    --------
    >>> file_name("AM-1"), file_name("../x").startswith("_")
    ('AM-1', True)
    """
    safe = re.sub(r"[^\w.-]", "_", name)
    safe = re.sub(r"^\.+", "_", safe)[:100]
    if safe == name and name:
        return name
    encoded = name.encode("utf-8", "surrogatepass")
    return f"{safe}-{hashlib.blake2b(encoded, digest_size=4).hexdigest()}"


def track_to_table(track: PitchTrack, audio_duration_s: float) -> pa.Table:
    """A pitch track as a table; hop, method and duration are in its metadata."""
    columns = {"hz": track.hz, "salience": track.salience}
    if track.octave_confidence is not None:
        columns["octave_confidence"] = track.octave_confidence
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    facts = {"hop_s": track.hop_s, "method": track.method, "duration_s": audio_duration_s}
    return table.replace_schema_metadata({"cantaor": json.dumps(facts)})


def track_from_table(table: pa.Table) -> tuple[PitchTrack, float]:
    """A pitch track and its recording's duration in seconds from a table."""
    facts = json.loads(table.schema.metadata[b"cantaor"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    track = PitchTrack(**columns, hop_s=facts["hop_s"], method=facts["method"])
    return track, facts["duration_s"]


def clusters_to_table(clusters: Clusters) -> pa.Table:
    """Clusters as a table; the lowest has no lower edge (-inf)."""
    table = pa.table(
        {
            "center_cents": clusters.centers,
            "lower_edge_cents": np.concatenate([[-np.inf], clusters.edges]),
            "count": clusters.counts,
        }
    )
    return table.replace_schema_metadata({"inertia": repr(clusters.inertia)})


def clusters_from_table(table: pa.Table) -> Clusters:
    """Clusters from their table.

    Raises
    ------
    ArgumentError
        The table is not one of clusters.
    """
    try:
        return Clusters(
            table["center_cents"].to_numpy(),
            table["lower_edge_cents"].to_numpy()[1:],
            float(table.schema.metadata[b"inertia"]),
            table["count"].to_numpy(),
        )
    except (KeyError, TypeError) as error:
        raise ArgumentError(f"not a table of clusters: {table.column_names}") from error
