"""The state of a workspace changes at once: what is new waits in a folder until all of it is there.

A run writes its tables, clips and notes below ``.staging``. The file ``commit.json`` there says
that they are complete; only then do they move to their places, and what they replace goes. A run
that is killed before leaves the old state as it was. One that is killed after is completed by the
next that opens the workspace: every step may be done twice.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cantaor.errors import WorkspaceError
from cantaor.io.files import write_text
from cantaor.io.own_output import CLIPS_MARK, SETTINGS_FILE
from cantaor.workspace.clip_notes import read_note, remove_clips
from cantaor.workspace.confinement import path_to_write, refuse_links
from cantaor.workspace.rooms import STAGING as STAGING
from cantaor.workspace.rooms import made, note_path

#: What a commit may put into a workspace's own folder.
PUBLISHED = ("recordings", "clusters", "motifs", "failures", "instances")
#: The same of a shard: a row for every recording of its share, and the sum of their histograms.
SHARD_TABLES = ("shard", "histogram")
_COMMIT, _TABLES = "commit.json", "tables"
_PRUNING = "pruning.json"
_NOTE = re.compile(r"[0-9a-f]{32}\.json")


def prepare(folder: Path) -> None:
    """Make room for new tables; clips that a killed run left are kept to be used again.

    Raises
    ------
    WorkspaceError
        The folder cannot be written, or is a link.
    """
    refuse_links(folder, [STAGING])
    place = folder / STAGING
    try:
        shutil.rmtree(place / _TABLES, ignore_errors=True)
        for name in (_TABLES, "cut", "clips"):
            refuse_links(place, [name])
            (place / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{place}: cannot be written: {error}") from error


def staged_table(folder: Path, name: str) -> Path:
    """Where a run writes a table, or ``cantaor.toml``, until all are there."""
    return folder / STAGING / _TABLES / name


def discard(folder: Path) -> None:
    """Forget what waits; nothing of it was complete."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)


def commit(folder: Path, keep: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
    """Put everything staged in its place.

    Parameters
    ----------
    folder
        The workspace.
    keep
        Names of staged notes whose clips are to be put in place.
    drop
        Names of notes whose clips go.

    Raises
    ------
    WorkspaceError
        A file cannot be moved; the next run, or the next that opens the workspace, goes on.
    """
    record = {"keep": list(keep), "drop": list(drop)}
    write_text(folder / STAGING / _COMMIT, json.dumps(record))
    complete(folder)


def is_pending(folder: Path) -> bool:
    """Whether a run was killed while it put a new state in place."""
    return (folder / STAGING / _COMMIT).exists()


def complete(folder: Path) -> None:
    """Finish what a commit began; nothing where none is pending.

    Raises
    ------
    WorkspaceError
        A file cannot be moved, or the record of the commit is damaged.
    """
    if not is_pending(folder):
        return
    refuse_links(folder, [STAGING, "clips", "cut"])
    refuse_links(folder / STAGING, [_COMMIT, _TABLES, "clips", "cut"])
    record = _read_record(folder / STAGING / _COMMIT)
    try:
        (folder / "cut").mkdir(exist_ok=True)
        for name in record["keep"]:
            _install(folder, name)
        for name in record["drop"]:
            remove_clips(folder, read_note(folder, name).clips)
            note_path(folder, "cut", name).unlink(missing_ok=True)
        tables = (f"{table}.parquet" for table in (*PUBLISHED, *SHARD_TABLES))
        for name in (SETTINGS_FILE, *tables):
            waiting = staged_table(folder, name)
            if waiting.exists():
                waiting.replace(folder / name)
        (folder / _PRUNING).unlink(missing_ok=True)
        (folder / STAGING / _COMMIT).unlink()
    except OSError as error:
        raise WorkspaceError(f"{folder}: cannot be written: {error}") from error
    discard(folder)


def write_pruning(folder: Path, recordings: Sequence[tuple[str, str]]) -> None:
    """Remember which recordings (singer, name) may be removed, until that is done."""
    write_text(folder / _PRUNING, json.dumps(recordings))


def read_pruning(folder: Path) -> frozenset[tuple[str, str]]:
    """Recordings that a run was told to remove before it was killed."""
    try:
        rows = json.loads((folder / _PRUNING).read_text(encoding="utf-8"))
        return frozenset((str(singer), str(recording)) for singer, recording in rows)
    except (OSError, ValueError, TypeError):
        return frozenset()


def _install(folder: Path, name: str) -> None:
    """Put the staged clips of one recording in place, then their note."""
    waiting = note_path(folder / STAGING, "cut", name)
    if not waiting.exists():
        return  # done before the run was killed
    new, old = read_note(folder / STAGING, name), read_note(folder, name)
    (folder / "clips").mkdir(exist_ok=True)
    if not (folder / "clips" / CLIPS_MARK).is_file():
        write_text(folder / "clips" / CLIPS_MARK, "clips of a cantaor workspace\n")
    for clip in new.clips:
        source = path_to_write(folder / STAGING, "clips", clip)
        target = path_to_write(folder, "clips", clip)
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    remove_clips(folder, set(old.clips) - set(new.clips))
    waiting.replace(made(note_path(folder, "cut", name)))


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = [*record["keep"], *record["drop"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(f"{path}: damaged: {error}; remove {path.parent}") from error
    if not all(isinstance(name, str) and _NOTE.fullmatch(name) for name in names):
        raise WorkspaceError(f"{path}: names something that is no note; remove {path.parent}")
    return record
