"""The stages of ``mine``, each a map over recordings or singers with its reduce.

The coordinator keeps a row for every recording; audio, tracks, contours and instances stay with
the workers and on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from cantaor.clustering.histogram import ClusterHistogram
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, CantaorError, CorpusError, WorkerError
from cantaor.io.files import write_table
from cantaor.io.locations import Stamp
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.pipeline.clip_files import ClipJob, Rows, choose_examples, cut_recording, sweep_clips
from cantaor.pipeline.instances import InstanceJob, join_instances, locate_recording
from cantaor.pipeline.recordings import (
    ContourJob,
    PitchJob,
    Tracked,
    reduce_recording,
    track_recording,
)
from cantaor.pipeline.singers import (
    SingerJob,
    build_dictionary,
    count_singer,
    mine_singer,
    write_union,
)
from cantaor.pipeline.workers import WorkerPool, map_recordings, pieces_together
from cantaor.settings import Settings
from cantaor.types import Clusters
from cantaor.workspace.journal import Failure, RunLog
from cantaor.workspace.records import clusters_to_table
from cantaor.workspace.workspace import Workspace

Job = TypeVar("Job")
Result = TypeVar("Result")

#: In their order.
STAGES = ("pitch", "contour", "motifs", "distinctive", "instances", "clips")

#: A recording that fails with one of these is reported and the others go on.
_OWN_FAULT = (AudioError, CorpusError, WorkerError)
# Stages that take a millisecond or two a recording, and recordings that make one task of them.
_QUICK, _TOGETHER = ("contour", "instances"), 16
# Histograms that are gathered before they are merged: a merge walks over all bins.
_GATHERED = 64


@dataclass(slots=True)
class Run:
    """What every stage of a run needs.

    Attributes
    ----------
    workspace, settings, pool, log
        Where, how, by whom, and who is told.
    fresh
        Stages that compute again what is there.
    max_failures
        Most recordings that may fail, ``None`` for any number.
    strict
        Whether warnings are failures.
    """

    workspace: Workspace
    settings: Settings
    pool: WorkerPool
    log: RunLog
    fresh: frozenset[str]
    max_failures: int | None
    strict: bool = False

    def write(self, name: str, table: pa.Table) -> None:
        """Write a table of the workspace."""
        write_table(self.workspace.path / f"{name}.parquet", table)

    def fail(self, failure: Failure) -> None:
        """Journal a failure; too many end the run."""
        self.log.failed(failure)
        number = len(self.log.failures)
        if self.max_failures is not None and number > self.max_failures:
            raise CorpusError(
                f"{number} recordings failed, more than max_failures ({self.max_failures}); "
                f"the last: {failure.to_json()['reason']}"
            )

    def map(
        self,
        stage: str,
        function: Callable[[Job], Result],
        jobs: Sequence[Job] | Iterable[Job],
        total: int,
        name: Callable[[Job], str],
    ) -> Iterator[tuple[int, Result | CantaorError]]:
        """Outcomes as they come; an error that is not a recording's own ends the run."""
        together = pieces_together(total, _TOGETHER, self.pool) if stage in _QUICK else 1
        with self.log.stage(stage, total):
            for index, outcome in map_recordings(
                function, jobs, self.pool, name, together=together
            ):
                if isinstance(outcome, CantaorError) and not isinstance(outcome, _OWN_FAULT):
                    raise outcome
                yield index, outcome

    def all(
        self,
        stage: str,
        function: Callable[[Job], tuple[str, bool]],
        jobs: Sequence[Job],
        name: Callable[[Job], str],
    ) -> list[str]:
        """Keys of a stage in the order of the jobs; none of them may fail."""
        keys = [""] * len(jobs)
        for index, outcome in self.map(stage, function, jobs, len(jobs), name):
            if isinstance(outcome, CantaorError):
                raise outcome
            keys[index] = outcome[0]
            self.count(stage, outcome[1])
        return keys

    def count(self, stage: str, reused: bool, audio_s: float = 0.0) -> None:
        """One piece of a stage is done."""
        if reused:
            self.log.reused(stage)
        else:
            self.log.computed(stage, audio_s)


@dataclass(frozen=True, slots=True)
class Mined:
    """One usable recording, as the coordinator keeps it."""

    location: str
    entry: ManifestEntry
    stamp: Stamp
    content_hash: str
    pitch_key: str
    duration_s: float
    voiced_s: float


def track_pitch(run: Run, manifest: Manifest) -> tuple[list[Mined], Clusters]:
    """Pitch of every recording, and the pitch clusters of the corpus (section 3, contour)."""
    entries, folder = manifest.entries, run.workspace.path
    fresh = "pitch" in run.fresh
    jobs = (
        PitchJob(manifest.location(entry), entry, folder, run.settings, fresh, run.strict)
        for entry in entries
    )
    for path, reason in manifest.skipped:
        run.fail(Failure(path, "", "", "corpus", reason))
    mined: list[Mined | None] = [None] * len(entries)
    histogram = _Merged()
    outcomes = run.map("pitch", track_recording, jobs, len(entries), lambda job: job.location)
    for index, outcome in outcomes:
        entry = entries[index]
        location = manifest.location(entry)
        if isinstance(outcome, CantaorError):
            failure = Failure(location, entry.singer, entry.recording, "pitch", str(outcome))
            run.fail(failure)
            continue
        histogram.add(outcome.histogram)
        mined[index] = _mined(location, entry, outcome)
        if outcome.warnings:
            who = (location, entry.singer, entry.recording)
            run.log.warned(Failure(*who, "pitch", "; ".join(outcome.warnings), "warned"))
        run.count("pitch", outcome.reused, outcome.duration_s)
    write_failures(run)
    usable = [one for one in mined if one is not None]
    if not usable:
        reason = run.log.failures[0].to_json()["reason"]
        raise CorpusError(f"none of {len(entries)} recordings can be used; the first: {reason}")
    clusters = histogram.solve(run.settings)
    run.write("clusters", clusters_to_table(clusters))
    return usable, clusters


def reduce_contours(run: Run, mined: Sequence[Mined], clusters: Clusters) -> list[str]:
    """Contour of every recording; returns the names of their tables."""
    digest = hashlib.blake2b(
        clusters.centers.tobytes() + clusters.edges.tobytes(), digest_size=16
    ).hexdigest()
    fresh, folder = "contour" in run.fresh, run.workspace.path
    jobs = [
        ContourJob(folder, one.pitch_key, clusters, digest, run.settings, fresh) for one in mined
    ]
    return run.all("contour", reduce_recording, jobs, lambda job: job.pitch_key)


def mine_motifs(run: Run, mined: Sequence[Mined], contours: Sequence[str]) -> dict[str, str]:
    """Motifs of every singer; returns the name of each one's table."""
    jobs = _singer_jobs(run, mined, contours, "motifs")
    keys = run.all("motifs", mine_singer, jobs, lambda job: job.singer)
    return {job.singer: key for job, key in zip(jobs, keys, strict=True)}


def count_usage(
    run: Run, mined: Sequence[Mined], contours: Sequence[str], motifs: Mapping[str, str]
) -> tuple[MotifDictionary, list[str]]:
    """What each singer makes of all motifs, and so which of them mark whom; names of the tables."""
    union = write_union(run.workspace.path, list(motifs.values()))
    jobs = _singer_jobs(run, mined, contours, "distinctive", union)
    keys = run.all("distinctive", count_singer, jobs, lambda job: job.singer)
    usage = {job.singer: key for job, key in zip(jobs, keys, strict=True)}
    dictionary = build_dictionary(run.workspace.path, dict(motifs), usage, run.settings)
    return dictionary, [union, *motifs.values(), *keys]


def find_instances(
    run: Run, mined: Sequence[Mined], contours: Sequence[str], motifs: Mapping[str, str]
) -> list[str]:
    """Where every singer's motifs are sung; returns the names of the recordings' tables."""
    jobs = [
        InstanceJob(
            run.workspace.path,
            contour,
            motifs[one.entry.singer],
            one.location,
            one.entry.singer,
            one.entry.recording,
            one.entry.span[0],
            run.settings,
            "instances" in run.fresh,
        )
        for one, contour in zip(mined, contours, strict=True)
    ]
    return run.all("instances", locate_recording, jobs, lambda job: job.recording)


def cut_clips(
    run: Run,
    mined: Sequence[Mined],
    instances: Sequence[str],
    motifs: Mapping[str, int] | None,
) -> list[Rows]:
    """Clips of a few instances of each motif, or of all; a recording that fails is journalled.

    Parameters
    ----------
    run, mined, instances
        The run, its recordings and the tables of their instances.
    motifs
        How many motifs each singer has; None: write all instances.

    Returns
    -------
    Rows of each recording's table whose audio is there.
    """
    rows: list[Rows] = [None] * len(mined)
    if motifs is not None:
        tables = zip((one.entry.singer for one in mined), instances, strict=True)
        rows = choose_examples(run.workspace.path, tables, motifs)
    wanted = [index for index, chosen in enumerate(rows) if chosen != ()]
    sweep_clips(run.workspace.path, [mined[index].entry for index in wanted])
    jobs = [_clip_job(run, mined[index], instances[index], rows[index]) for index in wanted]
    outcomes = run.map("clips", cut_recording, jobs, len(jobs), lambda job: job.location)
    for number, outcome in outcomes:
        one = mined[wanted[number]]
        if isinstance(outcome, CantaorError):
            rows[wanted[number]] = ()
            who = (one.location, one.entry.singer, one.entry.recording)
            run.fail(Failure(*who, "clips", str(outcome)))
        else:
            run.count("clips", outcome[1], one.duration_s)
    return rows


def finish(
    run: Run,
    mined: Sequence[Mined],
    contours: Sequence[str],
    instances: Sequence[str],
    singers: Sequence[str],
    with_clips: Sequence[Rows],
) -> None:
    """Write the last tables, and drop keyed results that no table names any more."""
    write_failures(run)
    _write_recordings(run, mined, contours)
    join_instances(run.workspace.path, instances, with_clips)
    _prune(run.workspace, "contours", contours)
    _prune(run.workspace, "instances", instances)
    _prune(run.workspace, "singers", singers)


def write_failures(run: Run) -> None:
    """The table of what failed so far, or was used with a warning (``kind``)."""
    columns = ("path", "singer", "recording", "stage", "reason", "kind")
    schema = pa.schema([(column, pa.string()) for column in columns])
    rows = [failure.to_json() for failure in (*run.log.failures, *run.log.warnings)]
    # They come in the order in which workers end; the table must not depend on it.
    rows.sort(key=lambda row: (row["path"], row["recording"], row["stage"]))
    run.write("failures", pa.Table.from_pylist(rows, schema))


class _Merged:
    """The sum of many recordings' histograms."""

    def __init__(self) -> None:
        _load_kernels()
        self._total = ClusterHistogram()
        self._waiting: list[Mapping[str, np.ndarray[Any, Any]]] = []

    def add(self, histogram: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._waiting.append(histogram)
        if len(self._waiting) >= _GATHERED:
            self._flush()

    def solve(self, settings: Settings) -> Clusters:
        self._flush()
        return self._total.solve(settings.k)

    def _flush(self) -> None:
        if self._waiting:
            names = self._waiting[0]
            joined = {n: np.concatenate([one[n] for one in self._waiting]) for n in names}
            self._total.merge(ClusterHistogram.from_arrays(joined))
            self._waiting.clear()


def _load_kernels() -> None:
    """Load the compiled code of the reduce, while worker processes start."""
    histogram = ClusterHistogram()
    histogram.update(np.arange(3.0))
    histogram.solve(2)


def _mined(location: str, entry: ManifestEntry, tracked: Tracked) -> Mined:
    return Mined(
        location,
        entry,
        tracked.stamp,
        tracked.content_hash,
        tracked.pitch_key,
        tracked.duration_s,
        tracked.voiced_s,
    )


def _clip_job(run: Run, one: Mined, instances: str, rows: Rows) -> ClipJob:
    return ClipJob(
        one.location,
        one.entry,
        one.stamp,
        one.content_hash,
        run.workspace.path,
        instances,
        rows,
        "clips" in run.fresh,
        run.settings.channel,
    )


def _singer_jobs(
    run: Run, mined: Sequence[Mined], contours: Sequence[str], stage: str, union: str = ""
) -> list[SingerJob]:
    own: dict[str, list[str]] = {}
    for one, key in zip(mined, contours, strict=True):
        own.setdefault(one.entry.singer, []).append(key)
    fresh = stage in run.fresh
    return [
        SingerJob(run.workspace.path, singer, tuple(keys), run.settings, union, fresh)
        for singer, keys in sorted(own.items())
    ]


def _prune(workspace: Workspace, folder: str, keys: Sequence[str]) -> None:
    current = {f"{key}.parquet" for key in keys}
    for path in (workspace.path / folder).glob("*.parquet"):
        if path.name not in current:
            path.unlink(missing_ok=True)


def _write_recordings(run: Run, mined: Sequence[Mined], contours: Sequence[str]) -> None:
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
        "content_hash": pa.array([one.content_hash for one in mined], pa.string()),
        "duration_s": pa.array([one.duration_s for one in mined], pa.float64()),
        "voiced_s": pa.array([one.voiced_s for one in mined], pa.float64()),
        "pitch_key": pa.array([one.pitch_key for one in mined], pa.string()),
        "contour_key": pa.array(list(contours), pa.string()),
    }
    run.write("recordings", pa.table(columns))
