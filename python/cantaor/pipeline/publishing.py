"""The end of a run: its tables put in place together, and what nothing names any more removed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from cantaor.corpus.manifest import Manifest
from cantaor.errors import WorkspaceError
from cantaor.io.files import read_table, write_table, write_text
from cantaor.io.locations import printable
from cantaor.io.own_output import SETTINGS_FILE
from cantaor.pipeline.clip_files import CLIP_VERSION, Rows
from cantaor.pipeline.instances import INSTANCE_VERSION, join_instances
from cantaor.pipeline.recordings import CONTOUR_VERSION, PITCH_VERSION
from cantaor.pipeline.singers import MOTIF_VERSION
from cantaor.pipeline.stages import ClipPlan, Mined, Run
from cantaor.settings import deciding_settings, settings_to_toml
from cantaor.workspace import staging
from cantaor.workspace.clip_notes import note_name
from cantaor.workspace.provenance import CANTAOR, MadeBy, difference
from cantaor.workspace.rooms import files_in, table_path
from cantaor.workspace.shard_facts import ShardFacts, forget_shard
from cantaor.workspace.workspace import Workspace

# Recordings that a message names.
_NAMED = 5


def stage_versions() -> dict[str, int]:
    """Version of every stage's results, as this code makes them."""
    return {
        "pitch": PITCH_VERSION,
        "contour": CONTOUR_VERSION,
        "motifs": MOTIF_VERSION,
        "instances": INSTANCE_VERSION,
        "clips": CLIP_VERSION,
    }


def require_current(workspace: Workspace) -> None:
    """Refuse to go on from tables that other code made than this, naming both.

    Raises
    ------
    WorkspaceError
        A stage had another version, or the tables do not say.
    """
    made = workspace.made_by
    if made is None:
        raise WorkspaceError(
            f"{workspace.path}: its tables do not say what made them; run mine again with this "
            f"cantaor {CANTAOR}"
        )
    here = MadeBy(made.cantaor, stage_versions(), made.settings, made.state)
    if found := difference(made, here):
        raise WorkspaceError(
            f"{workspace.path}: made by {made}, this is {MadeBy(CANTAOR, stage_versions())}: "
            f"{found}; run mine again"
        )


def lost_recordings(workspace: Workspace, manifest: Manifest) -> list[dict[str, Any]]:
    """Rows of the workspace's recordings that a corpus does not have.

    Raises
    ------
    WorkspaceError
        The table of recordings is damaged.
    """
    path = workspace.path / "recordings.parquet"
    if not path.exists():
        return []
    try:
        rows = read_table(path, ["singer", "recording", "pitch_key"]).to_pylist()
    except WorkspaceError as error:
        raise WorkspaceError(f"{error}; with --prune the run goes on without it") from error
    if rows and rows[0].keys() != {"singer", "recording", "pitch_key"}:
        raise WorkspaceError(
            f"{path}: lacks columns, found {', '.join(rows[0])}; with --prune the run goes on "
            "without it"
        )
    there = {(entry.singer, entry.recording) for entry in manifest.entries}
    return [row for row in rows if (row["singer"], row["recording"]) not in there]


def refuse_loss(workspace: Workspace, manifest: Manifest, prune: bool) -> list[dict[str, Any]]:
    """Rows of recordings that are to go, if that was asked for in this run or a killed one.

    Raises
    ------
    WorkspaceError
        The corpus lacks recordings of the workspace and nobody asked to remove them.
    """
    try:
        lost = lost_recordings(workspace, manifest)
    except WorkspaceError:
        if prune:
            return []
        raise
    names = [(str(row["singer"]), str(row["recording"])) for row in lost]
    if lost and prune:
        staging.write_pruning(workspace.path, names)
    elif not set(names) <= staging.read_pruning(workspace.path):
        shown = ", ".join(printable(f"{recording} ({singer})") for singer, recording in names)
        if len(names) > _NAMED:
            first = [printable(f"{name} ({singer})") for singer, name in names[:_NAMED]]
            shown = f"{', '.join(first)} and {len(names) - _NAMED} more"
        raise WorkspaceError(
            f"{workspace.path}: the corpus lacks {len(names)} of its recordings: {shown}; "
            "nothing was changed. With --prune they are removed; or name another workspace"
        )
    return lost


def publish(
    run: Run,
    mined: Sequence[Mined],
    keys: Mapping[str, Sequence[str]],
    rows: Sequence[Rows],
    clips: ClipPlan | None,
    lost: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Put the whole new state of a workspace in place, then drop what it does not name.

    Parameters
    ----------
    run
        With its small tables.
    mined
        The usable recordings.
    keys
        Names of the tables in ``contours``, ``instances`` and ``singers``; those of recordings in
        their order.
    rows
        Which instances of each recording have clips.
    clips
        Clips that are to be there; None leaves those that are, but for lost recordings.
    lost
        Rows of recordings that are removed.
    """
    folder = run.workspace.path
    recordings = _recordings_table(mined, keys["contours"])
    maker = _maker(run, recordings)
    tables = {**run.tables, "failures": failures_table(run), "recordings": recordings}
    for name, table in tables.items():
        write_table(staging.staged_table(folder, f"{name}.parquet"), maker.label(table))
    target = staging.staged_table(folder, "instances.parquet")
    join_instances(folder, target, keys["instances"], rows, maker)
    _write_settings(run)
    gone = {note_name(str(row["singer"]), str(row["recording"])) for row in lost}
    there = {path.name for path in files_in(folder, "cut", ".json")}
    drop = there & gone if clips is None else there - clips.current
    staging.commit(folder, [] if clips is None else clips.waiting, sorted(drop))
    forget_shard(folder)  # where the whole corpus was mined on from a part of it
    for room, names in keys.items():
        _sweep(folder, room, names)
    _forget(folder, lost, {one.pitch_key for one in mined})


def publish_shard(run: Run, facts: ShardFacts, rows: pa.Table, histogram: pa.Table) -> None:
    """After the pitch of a share of the corpus: its recordings, their histogram, what failed."""
    folder = run.workspace.path
    maker = MadeBy(CANTAOR, stage_versions(), deciding_settings(run.settings), "shard")
    rows = rows.replace_schema_metadata(facts.metadata())
    tables = {"shard": rows, "histogram": histogram, "failures": failures_table(run)}
    for name, table in tables.items():
        write_table(staging.staged_table(folder, f"{name}.parquet"), maker.label(table))
    _write_settings(run)
    staging.commit(folder)


def publish_part(run: Run) -> None:
    """After a run of some stages: what they found, where the workspace was not mined before."""
    folder = run.workspace.path
    if run.workspace.is_mined:
        staging.discard(folder)
        return
    maker = MadeBy(CANTAOR, stage_versions(), deciding_settings(run.settings), "unfinished")
    for name, table in {**run.tables, "failures": failures_table(run)}.items():
        write_table(staging.staged_table(folder, f"{name}.parquet"), maker.label(table))
    _write_settings(run)
    staging.commit(folder)


def failures_table(run: Run) -> pa.Table:
    """The table of what failed so far, or was used with a warning (``kind``)."""
    columns = ("path", "singer", "recording", "stage", "reason", "kind")
    schema = pa.schema([(column, pa.string()) for column in columns])
    rows = [failure.to_json() for failure in (*run.log.failures, *run.log.warnings)]
    # They come in the order in which workers end; the table must not depend on it.
    rows.sort(key=lambda row: (row["path"], row["recording"], row["stage"]))
    return pa.Table.from_pylist(rows, schema)


def _maker(run: Run, recordings: pa.Table) -> MadeBy:
    """What makes this state, with a digest of all that decides it."""
    settings, stages = deciding_settings(run.settings), stage_versions()
    rows = recordings.drop_columns(["path", "duration_s", "voiced_s"]).to_pylist()
    rows.sort(key=lambda row: (row["singer"], row["recording"]))
    text = json.dumps([stages, settings, rows], sort_keys=True)
    state = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return MadeBy(CANTAOR, stages, settings, state)


def _write_settings(run: Run) -> None:
    target = staging.staged_table(run.workspace.path, SETTINGS_FILE)
    write_text(target, settings_to_toml(run.settings))


def _recordings_table(mined: Sequence[Mined], contours: Sequence[str]) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "path": pa.array([one.location for one in mined], pa.string()),
        **{
            name: pa.array([getattr(one.entry, name) for one in mined], pa.string())
            for name in ("singer", "recording", "group", "style")
        },
        **{
            name: pa.array([getattr(one.entry, name) for one in mined], pa.float64())
            for name in ("start_s", "end_s")
        },
        **{
            name: pa.array([getattr(one, name) for one in mined], pa.string())
            for name in ("content_hash", "samples_hash", "source_hash")
        },
        "duration_s": pa.array([one.duration_s for one in mined], pa.float64()),
        "voiced_s": pa.array([one.voiced_s for one in mined], pa.float64()),
        "pitch_key": pa.array([one.pitch_key for one in mined], pa.string()),
        "contour_key": pa.array(list(contours), pa.string()),
    }
    return pa.table(columns)


def _sweep(folder: Path, room: str, keys: Iterable[str]) -> None:
    """Remove keyed tables that no table names any more."""
    current = {f"{key}.parquet" for key in keys}
    for path in files_in(folder, room, ".parquet"):
        if path.name not in current:
            path.unlink(missing_ok=True)


def _forget(folder: Path, lost: Sequence[Mapping[str, Any]], kept: set[str]) -> None:
    """Remove the pitch of recordings that were removed on request."""
    for row in lost:
        if row["pitch_key"] in kept:
            continue
        try:
            table_path(folder, "pitch", row["pitch_key"]).unlink(missing_ok=True)
        except WorkspaceError:
            continue  # no key of ours: nothing of ours is there
