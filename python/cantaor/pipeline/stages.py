"""The stages of ``mine``, each a map over recordings or singers with its reduce.

The coordinator keeps a row for every recording; audio, tracks, contours and instances stay with
the workers and on disk.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa

from cantaor.corpus.audit.measurement_files import SharedPass
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, CantaorError, CorpusError, WorkerError
from cantaor.io.locations import Stamp, printable
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.parallel.workers import WorkerPool, map_recordings, pieces_together
from cantaor.pipeline.clip_files import ClipJob, Rows, choose_examples, cut_recording
from cantaor.pipeline.histogram_sum import HistogramSum
from cantaor.pipeline.instances import InstanceJob, locate_recording
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
from cantaor.settings import Settings
from cantaor.types import Clusters
from cantaor.workspace.clip_notes import note_name
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
    audit
        How recordings that are whole files are measured for an audit as well, None: not at all.
    tables
        Small tables of the new state, by name; written together at the end.
    """

    workspace: Workspace
    settings: Settings
    pool: WorkerPool
    log: RunLog
    fresh: frozenset[str]
    max_failures: int | None
    strict: bool = False
    audit: SharedPass | None = None
    tables: dict[str, pa.Table] = field(default_factory=dict)

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

    def singers(
        self, stage: str, function: Callable[[SingerJob], tuple[str, bool]], jobs: list[SingerJob]
    ) -> dict[str, str]:
        """Key of every singer's result; none of them may fail."""
        keys = {}
        for index, outcome in self.map(stage, function, jobs, len(jobs), lambda job: job.singer):
            if isinstance(outcome, CantaorError):
                raise outcome
            keys[jobs[index].singer] = outcome[0]
            self.count(stage, outcome[1])
        return {job.singer: keys[job.singer] for job in jobs}

    def recordings(
        self,
        stage: str,
        function: Callable[[Job], tuple[str, bool]],
        jobs: Sequence[Job],
        mined: Sequence[Mined],
    ) -> list[str]:
        """Key of every recording's result in their order; empty where it failed, journalled."""
        keys = [""] * len(jobs)
        locations = {id(job): one.location for job, one in zip(jobs, mined, strict=True)}
        outcomes = self.map(stage, function, jobs, len(jobs), lambda job: locations[id(job)])
        for index, outcome in outcomes:
            if isinstance(outcome, CantaorError):
                self.fail(failure_of(mined[index], stage, outcome))
                continue
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
    samples_hash: str
    source_hash: str
    pitch_key: str
    duration_s: float
    voiced_s: float


def failure_of(one: Mined, stage: str, error: CantaorError) -> Failure:
    """What is journalled of a recording that failed after its pitch was tracked."""
    return Failure(one.location, one.entry.singer, one.entry.recording, stage, str(error))


def track_pitch(run: Run, manifest: Manifest) -> tuple[list[Mined], Clusters]:
    """Pitch of every recording, and the pitch clusters of the corpus (section 3, contour)."""
    mined, histogram = map_pitch(run, manifest)
    return reduce_pitch(run, [one for one in mined if one is not None], histogram, len(manifest))


def map_pitch(run: Run, manifest: Manifest) -> tuple[list[Mined | None], HistogramSum]:
    """Pitch of every recording, None where it failed, and the sum of their histograms."""
    entries, folder = manifest.entries, run.workspace.path
    fresh = "pitch" in run.fresh
    # What is one of several parts of a file is left to the audit itself.
    used = Counter(entry.path for entry in entries)
    jobs = (
        PitchJob(
            manifest.location(entry),
            entry,
            folder,
            run.settings,
            fresh,
            run.strict,
            run.audit if used[entry.path] == 1 and entry.is_whole_file else None,
        )
        for entry in entries
    )
    for path, reason in manifest.skipped:
        run.fail(Failure(path, "", "", "corpus", reason))
    mined: list[Mined | None] = [None] * len(entries)
    histogram = HistogramSum()
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
    return mined, histogram


def reduce_pitch(
    run: Run, usable: list[Mined], histogram: HistogramSum, asked: int
) -> tuple[list[Mined], Clusters]:
    """The pitch clusters of the recordings that can be used, of so many."""
    require_some(run, usable, asked)
    clusters = histogram.solve(run.settings)
    run.tables["clusters"] = clusters_to_table(clusters)
    return usable, clusters


def require_some(run: Run, usable: Sequence[Mined], asked: int) -> None:
    """Raise where no recording is left to go on with; the message has the first reason."""
    if not usable:
        reason = run.log.failures[0].to_json()["reason"]
        raise CorpusError(f"none of {asked} recordings can be used; the first: {reason}")


def reduce_contours(
    run: Run, mined: Sequence[Mined], clusters: Clusters
) -> tuple[list[Mined], list[str]]:
    """Contour of every recording; returns those that have one, and the names of their tables."""
    digest = hashlib.blake2b(
        clusters.centers.tobytes() + clusters.edges.tobytes(), digest_size=16
    ).hexdigest()
    fresh, folder = "contour" in run.fresh, run.workspace.path
    jobs = [
        ContourJob(
            printable(one.location), folder, one.pitch_key, clusters, digest, run.settings, fresh
        )
        for one in mined
    ]
    keys = run.recordings("contour", reduce_recording, jobs, mined)
    usable = [one for one, key in zip(mined, keys, strict=True) if key]
    require_some(run, usable, len(mined))
    return usable, [key for key in keys if key]


def mine_motifs(run: Run, mined: Sequence[Mined], contours: Sequence[str]) -> dict[str, str]:
    """Motifs of every singer; returns the name of each one's table."""
    jobs = _singer_jobs(run, mined, contours, "motifs")
    return run.singers("motifs", mine_singer, jobs)


def count_usage(
    run: Run, mined: Sequence[Mined], contours: Sequence[str], motifs: Mapping[str, str]
) -> tuple[MotifDictionary, list[str]]:
    """What each singer makes of all motifs, and so which of them mark whom; names of the tables."""
    union = write_union(run.workspace.path, list(motifs.values()))
    jobs = _singer_jobs(run, mined, contours, "distinctive", union)
    usage = run.singers("distinctive", count_singer, jobs)
    dictionary = build_dictionary(run.workspace.path, dict(motifs), usage, run.settings)
    return dictionary, [union, *motifs.values(), *usage.values()]


def find_instances(
    run: Run, mined: Sequence[Mined], contours: Sequence[str], motifs: Mapping[str, str]
) -> list[str]:
    """Where every singer's motifs are sung; the recordings' tables, empty where one failed."""
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
    return run.recordings("instances", locate_recording, jobs, mined)


def cut_clips(
    run: Run,
    mined: Sequence[Mined],
    instances: Sequence[str],
    motifs: Mapping[str, int] | None,
) -> tuple[list[Rows], ClipPlan]:
    """Clips of a few instances of each motif, or of all; a recording that fails is journalled.

    Parameters
    ----------
    run, mined, instances
        The run, its recordings and the tables of their instances.
    motifs
        How many motifs each singer has; None: write all instances.

    Returns
    -------
    Rows of each recording's table whose audio is there, and what is to be put in place.
    """
    rows: list[Rows] = [None if key else () for key in instances]
    if motifs is not None:
        tables = [(one.entry.singer, key) for one, key in zip(mined, instances, strict=True)]
        rows = choose_examples(run.workspace.path, tables, motifs)
    wanted = [index for index, chosen in enumerate(rows) if chosen != ()]
    jobs = [_clip_job(run, mined[index], instances[index], rows[index]) for index in wanted]
    plan = ClipPlan()
    outcomes = run.map("clips", cut_recording, jobs, len(jobs), lambda job: job.location)
    for number, outcome in outcomes:
        one = mined[wanted[number]]
        if isinstance(outcome, CantaorError):
            rows[wanted[number]] = ()
            run.fail(failure_of(one, "clips", outcome))
        else:
            plan.add(note_name(one.entry.singer, one.entry.recording), outcome[2])
            run.count("clips", outcome[1], one.duration_s)
    return rows, plan


@dataclass(slots=True)
class ClipPlan:
    """Notes of the clips that there are to be: those that stay, and those that wait."""

    current: set[str] = field(default_factory=set)
    waiting: list[str] = field(default_factory=list)

    def add(self, note: str, waiting: str) -> None:
        """One recording has its clips."""
        self.current.add(note)
        if waiting:
            self.waiting.append(waiting)


def _mined(location: str, entry: ManifestEntry, tracked: Tracked) -> Mined:
    return Mined(
        location,
        entry,
        tracked.stamp,
        tracked.content_hash,
        tracked.samples_hash,
        tracked.source_hash,
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
