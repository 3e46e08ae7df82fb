"""The workspaces of all shards of a corpus, joined to one that is mined to the end.

Pitch is not tracked again and its audio is not read: the shards' tables are linked (or copied), the
sums of their histograms added, which is exact. Clusters and all that follows go the way of
:func:`cantaor.pipeline.mine.mine`, so the tables are those of one run over the corpus.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import ArgumentError, CantaorError, WorkspaceError
from cantaor.io.files import link_or_copy, read_schema, read_table
from cantaor.io.locations import require_local
from cantaor.io.own_output import SETTINGS_FILE
from cantaor.parallel.workers import open_pool, workers_for
from cantaor.pipeline.histogram_sum import HistogramSum
from cantaor.pipeline.mine import Plan, Progress, clean_end, finish, watching
from cantaor.pipeline.publishing import refuse_loss, stage_versions
from cantaor.pipeline.recordings import seen_note
from cantaor.pipeline.shards import rows_to_recordings, state_in_words
from cantaor.pipeline.source_audio import source_note
from cantaor.pipeline.stages import STAGES, Mined, Run, reduce_pitch
from cantaor.settings import Settings, deciding_settings
from cantaor.types import Clusters
from cantaor.workspace import staging
from cantaor.workspace.journal import Failure, RunLog, Watch
from cantaor.workspace.provenance import CANTAOR, MadeBy, difference, maker_of
from cantaor.workspace.rooms import made, table_path
from cantaor.workspace.shard_facts import ShardFacts, read_facts
from cantaor.workspace.workspace import (
    Workspace,
    begin,
    create_workspace,
    is_locked,
    lock,
    settle,
)

# Shards that a message names.
_NAMED = 10


def merge_shards(
    shards: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    workers: int | None = 1,
    executor: Executor | None = None,
    dask: str | None = None,
    clips: bool | Literal["all"] = True,
    max_failures: int | None = None,
    prune: bool = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Workspace:
    """Join the shards of a corpus and mine it to the end.

    The tables are byte for byte those of one run of :func:`~cantaor.pipeline.mine.mine` over the
    corpus with the shards' settings. A run that was killed is taken up by the same call. The
    workspaces of the shards are not changed and not needed any more.

    Parameters
    ----------
    shards
        Workspaces of ``mine(..., shard="i/n")``: all n of them, in any order.
    out
        Folder of the workspace: new, empty, or one that was merged or mined before.
    workers, executor, dask, clips, max_failures, prune, progress, watch
        As for :func:`~cantaor.pipeline.mine.mine`; what failed in the shards counts as failed.

    Returns
    -------
    Workspace
        Mined to the end.

    Raises
    ------
    ArgumentError
        No shard is given, ``out`` is one of them, or an argument has a wrong value.
    WorkspaceError
        A shard is missing, incomplete, given twice, or of another run: other settings, other
        recordings, another number of shards; or ``out`` cannot be used.
    CorpusError
        No recording can be used, or too many cannot.
    """
    plan = Plan(STAGES[-1], None, False, clips, max_failures)
    parts = read_shards(shards)
    folder = require_local(out, "a workspace")
    _refuse_a_shard(folder, parts)
    recordings = sorted(
        (row for part in parts for row in part.recordings), key=lambda found: found[0]
    )
    manifest = Manifest(tuple(entry for _, entry, _ in recordings), Path(parts[0].facts.root))
    number = workers_for(len(manifest)) if workers is None and dask is None else workers
    with open_pool(number, executor, dask) as pool, lock(workspace := create_workspace(folder)):
        settle(workspace)
        lost = refuse_loss(workspace, manifest, prune)
        begin(workspace, parts[0].settings)
        log = RunLog(workspace.path, watching(progress, watch))
        with log.running(len(manifest), parts[0].facts.passed_over), clean_end(workspace):
            run = Run(workspace, parts[0].settings, pool, log, plan.fresh, max_failures)
            mined = [one for _, _, one in recordings if one is not None]
            finish(run, *_join_pitch(run, parts, mined, len(manifest)), plan.clips, lost)
    return workspace


@dataclass(frozen=True, eq=False, slots=True)
class CompleteShard:
    """A shard as it is read.

    Attributes
    ----------
    folder
        Its workspace.
    facts, settings
        Which part of what it is, and how it was made.
    recordings
        Position in the manifest, entry and result of every recording of its share.
    """

    folder: Path
    facts: ShardFacts
    settings: Settings
    recordings: list[tuple[int, ManifestEntry, Mined | None]]


def read_shards(folders: Sequence[str | os.PathLike[str]]) -> list[CompleteShard]:
    """All shards of one run, in their order.

    Raises
    ------
    ArgumentError
        None is given.
    WorkspaceError
        One is missing, incomplete, given twice or of another run.
    """
    if not folders:
        raise ArgumentError("give the workspaces of all shards, at least one")
    places = [require_local(folder, "a shard") for folder in folders]
    found = sorted(((_facts(place), place) for place in places), key=lambda one: one[0].number)
    _require_one_run(found)
    _require_all(found)
    return [_read(folder, facts) for facts, folder in found]


def _facts(folder: Path) -> ShardFacts:
    if staging.is_pending(folder):  # killed while it put its tables in place
        with lock(Workspace(folder)):
            settle(Workspace(folder))
    facts = read_facts(folder)
    if facts is None or Workspace(folder).is_mined:
        raise WorkspaceError(f"{folder}: {state_in_words(folder)}")
    if is_locked(folder):
        raise WorkspaceError(f"{folder}: shard {facts.name} is being tracked again at the moment")
    return facts


def _require_one_run(found: Sequence[tuple[ShardFacts, Path]]) -> None:
    """Raise where two shards do not belong together, naming what tells them apart."""
    here = MadeBy(CANTAOR, stage_versions())
    first, place = found[0]
    made = _maker(place)
    for facts, folder in found:
        maker = _maker(folder)
        both = f"{place} (shard {first.name}) and {folder} (shard {facts.name})"
        if facts.of != first.of:
            raise WorkspaceError(f"{both} are not shards of one run: {first.of} against {facts.of}")
        if told := difference(MadeBy(maker.cantaor, maker.stages), here):
            raise WorkspaceError(
                f"{folder}: shard {facts.name} was made by {maker}, this is {here}: {told}; run "
                "mine with --shard again"
            )
        if told := difference(made, maker):
            raise WorkspaceError(f"{both} were made with other settings: {told}")
        if facts.strict != first.strict:
            told = f"strict {first.strict} against {facts.strict}"
            raise WorkspaceError(f"{both} were made with other settings: {told}")
        if facts.corpus != first.corpus:
            raise WorkspaceError(f"{both} are of other corpora: {_corpora(first, facts)}")


def _corpora(one: ShardFacts, other: ShardFacts) -> str:
    told = [
        f"{facts.recordings} recordings below {facts.root} (state {facts.corpus[:8]})"
        for facts in (one, other)
    ]
    return " against ".join(told)


def _require_all(found: Sequence[tuple[ShardFacts, Path]]) -> None:
    """Raise where a shard is given twice or is missing."""
    by_number: dict[int, Path] = {}
    for facts, folder in found:
        if facts.number in by_number:
            other = by_number[facts.number]
            raise WorkspaceError(f"{other} and {folder} are both shard {facts.name}")
        by_number[facts.number] = folder
    of = found[0][0].of
    missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in by_number]
    if missing:
        given = [f"{facts.name} ({folder})" for facts, folder in found]
        raise WorkspaceError(
            f"{len(missing)} of {of} shards missing: {_shown(missing)}; given: {_shown(given)}"
        )


def _shown(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _maker(folder: Path) -> MadeBy:
    maker = maker_of(read_schema(folder / "shard.parquet"))
    if maker is None:
        raise WorkspaceError(f"{folder}: its tables do not say what made them; track it again")
    return maker


def _read(folder: Path, facts: ShardFacts) -> CompleteShard:
    path = folder / "shard.parquet"
    try:
        recordings = rows_to_recordings(read_table(path))
    except (KeyError, TypeError, ValueError, CantaorError) as error:
        raise WorkspaceError(f"{path}: is no table of a shard: {error}; track it again") from error
    places = list(range(facts.number - 1, facts.recordings, facts.of))
    if [place for place, _, _ in recordings] != places:
        raise WorkspaceError(
            f"{path}: lists {len(recordings)} recordings, the share of shard {facts.name} of "
            f"{facts.recordings} has {len(places)}; track it again"
        )
    maker, settings = _maker(folder), Workspace(folder).settings
    now = MadeBy(maker.cantaor, maker.stages, deciding_settings(settings), maker.state)
    if told := difference(now, maker):
        raise WorkspaceError(
            f"{folder / SETTINGS_FILE} is not what shard {facts.name} was made with: {told}; "
            "undo the change"
        )
    return CompleteShard(folder, facts, settings, recordings)


def _refuse_a_shard(out: Path, parts: Sequence[CompleteShard]) -> None:
    for part in parts:
        if out.resolve() == part.folder.resolve():
            raise ArgumentError(f"{out}: is shard {part.facts.name} itself; name another workspace")
    if (facts := read_facts(out)) is not None:
        raise WorkspaceError(f"{out}: is shard {facts.name} of a corpus; name another workspace")


def _join_pitch(
    run: Run, parts: Sequence[CompleteShard], mined: list[Mined], asked: int
) -> tuple[list[Mined], Clusters]:
    """The stage pitch from what the shards left."""
    histogram = HistogramSum()
    with run.log.stage("pitch", asked):
        for part in parts:
            for failure in _noted(part.folder):
                if failure.kind == "failed":
                    run.fail(failure)
                else:
                    run.log.warned(failure)
            for _, _, one in part.recordings:
                if one is not None:
                    _take_over(run, part.folder, one)
                    run.count("pitch", reused=True)
            table = read_table(part.folder / "histogram.parquet")
            histogram.add({name: table[name].to_numpy() for name in table.column_names})
    return reduce_pitch(run, mined, histogram, asked)


def _noted(folder: Path) -> list[Failure]:
    return [Failure(**row) for row in read_table(folder / "failures.parquet").to_pylist()]


def _take_over(run: Run, source: Path, one: Mined) -> None:
    """Let a recording's pitch, and what is known of its file, be in the joined workspace too."""
    target = run.workspace.path
    pitch = table_path(target, "pitch", one.pitch_key)
    link_or_copy(table_path(source, "pitch", one.pitch_key), made(pitch))
    notes = [(seen_note(source, one.location), seen_note(target, one.location))]
    if one.entry.start_s is not None or one.entry.end_s is not None:
        channel = run.settings.channel
        names = (one.content_hash, channel)
        notes.append((source_note(source, *names), source_note(target, *names)))
    for there, here in notes:
        if there.is_file():  # none is kept of a file that had just been written
            link_or_copy(there, made(here))
