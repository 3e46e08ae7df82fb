"""``mine``: a corpus of recordings to pitch, clusters, contours, motifs and their instances.

A map over recordings (pitch), a reduce (clusters), a map (contours), a map over singers (motifs)
and a map over recordings again (instances, clips). Arronte Alvarez & Gómez-Martín 2020, section 3.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pyarrow as pa

from cantaor.clusters import ClusterHistogram
from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.manifest import Manifest, Recording, select_singers
from cantaor.dictionary import MotifDictionary
from cantaor.errors import CantaorError, CorpusError
from cantaor.run.batch import map_recordings, open_executor
from cantaor.run.instances import (
    ClipJob,
    clip_job,
    cut_recording,
    instance_tables,
    motif_names,
    replace_clips,
)
from cantaor.run.recordings import (
    ContourJob,
    PitchJob,
    Tracked,
    reduce_recording,
    track_recording,
)
from cantaor.run.tables import contour_from_table, join_contours
from cantaor.run.workspace import (
    Workspace,
    begin,
    clusters_to_table,
    create_workspace,
    lock,
    read_table,
    write_table,
)
from cantaor.settings import Settings, make_settings, read_settings
from cantaor.types import Clusters, Contour

#: Called with the stage's name, the units done and their number.
Progress: TypeAlias = Callable[[str, int, int], None]

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Mined:
    """One recording after the first map, with its row of the manifest."""

    file: Path
    entry: Recording
    tracked: Tracked


def mine(
    corpus: str | os.PathLike[str] | Manifest,
    out: str | os.PathLike[str],
    *,
    config: str | os.PathLike[str] | None = None,
    workers: int = 1,
    min_recordings: int = 1,
    styles: Sequence[str] = (),
    clips: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> Workspace:
    """Find the motifs of every singer of a corpus and where they are sung.

    A recording that cannot be used is written to the table ``failures`` with the reason, and the
    others go on. Running again on the same folder re-uses what is unchanged.

    Parameters
    ----------
    corpus
        A folder (``SINGER-anything.ext`` or ``SINGER/anything.ext``), a CSV or Parquet manifest,
        or a :class:`~cantaor.corpus.manifest.Manifest`.
    out
        Folder of the workspace: new, empty, or a workspace.
    config
        TOML file with a ``[mine]`` table; ``settings`` override it.
    workers
        Processes; the results do not depend on it.
    min_recordings, styles
        Keep singers with at least so many recordings, and recordings of these styles.
    clips
        Write the audio of every instance under ``clips``.
    progress
        Called as ``progress(stage, done, total)``.
    **settings
        Fields of :class:`~cantaor.settings.Settings`.

    Returns
    -------
    Workspace
        With the tables ``recordings``, ``clusters``, ``motifs``, ``instances`` and ``failures``.

    Raises
    ------
    CorpusError
        The corpus is empty or no recording of it can be used.
    WorkspaceError
        ``out`` cannot be written, is something else, or is in use by another run.
    ArgumentError
        A setting is unknown or out of range.
    """
    base = read_settings(config) if config is not None else None
    chosen = make_settings(settings, base)
    manifest = corpus if isinstance(corpus, Manifest) else read_corpus(corpus)
    manifest = select_singers(manifest, min_recordings=min_recordings, styles=tuple(styles))
    report = progress or (lambda _stage, _done, _total: None)
    workspace = create_workspace(out)
    with lock(workspace), open_executor(workers) as executor:
        begin(workspace, chosen)
        mined = _track(manifest, workspace, chosen, executor, report)
        clusters = fit_clusters([one.tracked for one in mined], chosen)
        write_table(workspace.path / "clusters.parquet", clusters_to_table(clusters))
        keys = _reduce(mined, workspace, clusters, chosen, executor, report)
        _write_recordings(workspace, mined, keys)
        contours = [load_contour(workspace, key) for key in keys]
        singers = [one.entry.singer for one in mined]
        report("motifs", 0, 1)
        dictionary = mine_singers(singers, contours, chosen)
        report("motifs", 1, 1)
        recordings = [(one.file, one.entry) for one in mined]
        instances = instance_tables(recordings, contours, dictionary, chosen)
        if clips:
            pairs = list(zip(recordings, instances, strict=True))
            replace_clips(
                workspace,
                lambda folder: _cut(
                    [clip_job(*where, table, folder) for where, table in pairs], executor, report
                ),
            )
        motifs = dictionary.to_arrow().add_column(0, "motif", [motif_names(dictionary)])
        write_table(workspace.path / "motifs.parquet", motifs)
        # Last: a workspace counts as mined once this table is there.
        write_table(workspace.path / "instances.parquet", pa.concat_tables(instances))
    return workspace


def fit_clusters(tracked: Sequence[Tracked], settings: Settings) -> Clusters:
    """Corpus-wide pitch clusters from the recordings' histograms (section 3, contour)."""
    total = ClusterHistogram()
    for one in tracked:
        total.merge(ClusterHistogram.from_arrays(one.histogram))
    return total.solve(settings.k)


def mine_singers(
    singers: Sequence[str], contours: Sequence[Contour], settings: Settings
) -> MotifDictionary:
    """Closed motifs of every singer over the phrases of all that singer's recordings."""
    sung = {
        singer: join_contours(
            [c for name, c in zip(singers, contours, strict=True) if name == singer]
        )
        for singer in sorted(set(singers))
    }
    return MotifDictionary.build(
        {singer: (one.symbols, one.symbol_offsets) for singer, one in sung.items()},
        settings.min_support,
        spans={singer: one.span_s for singer, one in sung.items()},
        min_length=settings.min_length,
        max_length=settings.max_length,
        gap=settings.gap,
        max_patterns=settings.max_patterns,
    )


def load_contour(workspace: Workspace, key: str) -> Contour:
    """A recording's contour by its key in the table ``recordings``."""
    return contour_from_table(read_table(workspace.path / "contours" / f"{key}.parquet"))


def _track(
    manifest: Manifest,
    workspace: Workspace,
    settings: Settings,
    executor: Executor | None,
    report: Progress,
) -> list[Mined]:
    jobs = [
        PitchJob(manifest.file(entry), entry, workspace.path, settings)
        for entry in manifest.entries
    ]
    outcomes = _collect("pitch", track_recording, jobs, executor, report)
    failures = [
        (str(job.file), job.entry.singer, str(outcome))
        for job, outcome in zip(jobs, outcomes, strict=True)
        if isinstance(outcome, CantaorError)
    ]
    columns = ("path", "singer", "reason")
    rows = [dict(zip(columns, failure, strict=True)) for failure in failures]
    schema = pa.schema([(column, pa.string()) for column in columns])
    write_table(workspace.path / "failures.parquet", pa.Table.from_pylist(rows, schema))
    mined = [
        Mined(job.file, job.entry, outcome)
        for job, outcome in zip(jobs, outcomes, strict=True)
        if not isinstance(outcome, CantaorError)
    ]
    if not mined:
        raise CorpusError(
            f"none of {len(jobs)} recordings can be used; the first: {failures[0][2]}"
        )
    return mined


def _reduce(
    mined: Sequence[Mined],
    workspace: Workspace,
    clusters: Clusters,
    settings: Settings,
    executor: Executor | None,
    report: Progress,
) -> list[str]:
    digest = hashlib.blake2b(
        clusters.centers.tobytes() + clusters.edges.tobytes(), digest_size=16
    ).hexdigest()
    jobs = [
        ContourJob(workspace.path, one.tracked.pitch_key, clusters, digest, settings)
        for one in mined
    ]
    keys = []
    for outcome in _collect("contour", reduce_recording, jobs, executor, report):
        if isinstance(outcome, CantaorError):
            raise outcome
        keys.append(outcome)
    return keys


def _cut(jobs: Sequence[ClipJob], executor: Executor | None, report: Progress) -> None:
    for outcome in _collect("clips", cut_recording, jobs, executor, report):
        if isinstance(outcome, CantaorError):
            raise outcome


def _collect(
    stage: str,
    function: Callable[[Item], Result],
    jobs: Sequence[Item],
    executor: Executor | None,
    report: Progress,
) -> list[Result | CantaorError]:
    """Outcomes in the order of the jobs, whatever order they come in."""
    report(stage, 0, len(jobs))
    found: dict[int, Result | CantaorError] = {}
    for index, outcome in map_recordings(function, jobs, executor):
        found[index] = outcome
        report(stage, len(found), len(jobs))
    return [found[index] for index in range(len(jobs))]


def _write_recordings(workspace: Workspace, mined: Sequence[Mined], keys: Sequence[str]) -> None:
    rows: list[Mapping[str, Any]] = [
        {
            "path": str(one.file.resolve()),
            "singer": one.entry.singer,
            "recording": one.entry.recording,
            "group": one.entry.group,
            "style": one.entry.style,
            "start_s": one.entry.start_s,
            "end_s": one.entry.end_s,
            "content_hash": one.tracked.content_hash,
            "duration_s": one.tracked.duration_s,
            "voiced_s": one.tracked.voiced_s,
            "pitch_key": one.tracked.pitch_key,
            "contour_key": key,
            "was_cached": one.tracked.was_cached,
        }
        for one, key in zip(mined, keys, strict=True)
    ]
    table = pa.Table.from_pylist(list(rows))
    for name in ("start_s", "end_s"):
        column = table.column_names.index(name)
        table = table.set_column(column, name, table[name].cast(pa.float64()))
    write_table(workspace.path / "recordings.parquet", table)
