"""``mine``: a corpus of recordings to pitch, clusters, contours, motifs and their instances.

A map over recordings (pitch), a reduce (clusters), a map (contours), a map and a reduce over
singers (motifs) and two maps over recordings again (instances, clips). Results are cached
by content, settings and version, so an interrupted run resumes. Arronte Alvarez & Gómez-Martín
2020, section 3.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from cantaor.corpus.audit.inspection import total_samples
from cantaor.corpus.audit.measurement_files import SharedPass
from cantaor.corpus.audit.winnowing import shared_run
from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.manifest import Manifest, require_unique_recordings, select_singers
from cantaor.errors import ArgumentError, require_extra
from cantaor.io.locations import require_local
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.parallel.workers import open_pool, workers_for
from cantaor.pipeline.clip_files import Rows
from cantaor.pipeline.families import add_families
from cantaor.pipeline.instances import motif_names
from cantaor.pipeline.publishing import publish, publish_part, refuse_loss
from cantaor.pipeline.shards import (
    parse_shard,
    refuse_other_use,
    require_pitch_only,
    track_shard,
)
from cantaor.pipeline.stages import (
    STAGES,
    ClipPlan,
    Mined,
    Run,
    count_usage,
    cut_clips,
    find_instances,
    mine_motifs,
    reduce_contours,
    track_pitch,
)
from cantaor.settings import Settings, make_settings, read_settings
from cantaor.types import Clusters, Contour
from cantaor.workspace import staging
from cantaor.workspace.journal import Progress as Progress
from cantaor.workspace.journal import RunLog, StageCount, Watch
from cantaor.workspace.records import join_contours
from cantaor.workspace.workspace import Workspace, begin, create_workspace, lock, settle


def mine(
    corpus: str | os.PathLike[str] | Manifest,
    out: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    workers: int | None = 1,
    executor: Executor | None = None,
    dask: str | None = None,
    min_recordings: int = 1,
    styles: Sequence[str] = (),
    clips: bool | Literal["all"] = True,
    stage: str | None = None,
    force: bool = False,
    max_failures: int | None = None,
    strict: bool = False,
    prune: bool = False,
    shard: str | None = None,
    audit_cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    **overrides: Any,
) -> Workspace:
    """Find the motifs of every singer of a corpus and where they are sung.

    A recording that cannot be used is written to the table ``failures`` with the reason, and the
    others go on. Running again on the same folder re-uses what is unchanged, also after a run
    that was killed. The tables are replaced together when all of them are complete: until then,
    and where the run ends in an error, a workspace that was mined stays as it was.

    Parameters
    ----------
    corpus
        A folder (``SINGER-anything.ext`` or ``SINGER/anything.ext``), a CSV or Parquet manifest,
        the URL of either, or a :class:`~cantaor.corpus.manifest.Manifest`.
    out
        Folder of the workspace: new, empty, or a workspace.
    settings
        Settings of every stage; None: the defaults, or those of ``config``.
    config
        TOML file with a ``[mine]`` table, in place of ``settings``.
    workers
        Processes, ``None`` for one a core (fewer for a few recordings); the results do not depend
        on it.
    executor
        Any ``concurrent.futures.Executor`` instead; its workers must see the same files.
    dask
        Address of a Dask scheduler instead, or ``"local"``.
    min_recordings, styles
        Keep singers with at least so many recordings, and recordings of these styles.
    clips
        Write audio under ``clips``: of the first three instances of every motif, or ``"all"`` of
        all instances, which is several times that of the recordings.
    stage
        Stop after this stage, one of ``"pitch"``, ``"contour"``, ``"motifs"``, ``"distinctive"``,
        ``"instances"``, ``"clips"``. Before the last, tables of a mined workspace stay as they
        were; another does not count as mined yet.
    force
        Compute again what is there; with ``stage``, of that stage only.
    max_failures
        Stop with an error once more recordings have failed.
    strict
        Whether a recording that would be used with a warning (a header that states another length,
        damaged frames, channels that cancel, a guitar) fails instead.
    prune
        Remove recordings of the workspace that the corpus does not have, with their clips;
        otherwise such a corpus is refused.
    shard
        ``"i/n"``: track the pitch of recordings i, i + n, i + 2n, ... of the corpus only, and stop;
        :func:`~cantaor.pipeline.merge.merge_shards` joins all n workspaces and goes on.
    audit_cache
        Folder where recordings that are whole files leave what an audit needs, in the pass that
        tracks their pitch: :func:`cantaor.audit` with this ``cache`` decodes only the others, and
        those whose pitch was there from an earlier run.
    progress
        Called as ``progress(stage, done, total)``.
    watch
        Called with a :class:`~cantaor.workspace.journal.StageCount` for every piece done.
    **overrides
        Single fields of :class:`~cantaor.settings.Settings`, such as ``min_length=4``; they
        override ``settings`` or ``config``.

    Returns
    -------
    Workspace
        With the tables ``recordings``, ``clusters``, ``motifs``, ``instances`` and ``failures``.

    Raises
    ------
    CorpusError
        The corpus is empty, no recording of it can be used, or too many cannot.
    WorkspaceError
        ``out`` cannot be written, is something else, is in use by another run, or has recordings
        that the corpus lacks.
    ArgumentError
        A setting, the stage or the shard is unknown or out of range, or both ``settings`` and
        ``config`` are given.
    MissingExtraError
        The pitch method needs a package that is not installed.
    """
    if settings is not None and config is not None:
        raise ArgumentError(f"settings and config ({os.fspath(config)}) exclude each other")
    base = read_settings(config) if config is not None else settings
    chosen = make_settings(overrides, base)
    part = None if shard is None else parse_shard(shard)
    plan = Plan(stage or STAGES[-1], stage, force, clips, max_failures)
    if part is not None:
        require_pitch_only(stage, prune)
    manifest = corpus if isinstance(corpus, Manifest) else read_corpus(corpus)
    manifest = select_singers(
        require_unique_recordings(manifest), min_recordings=min_recordings, styles=tuple(styles)
    )
    if chosen.pitch_method == "essentia":
        require_extra("essentia.standard", "essentia")
    whole, manifest = manifest, manifest if part is None else part.share(manifest)
    number = workers_for(len(manifest)) if workers is None and dask is None else workers
    with open_pool(number, executor, dask) as pool, lock(workspace := create_workspace(out)):
        settle(workspace)
        if part is not None:
            refuse_other_use(workspace, part)
        lost = refuse_loss(workspace, manifest, prune)
        begin(workspace, chosen)
        log = RunLog(workspace.path, watching(progress, watch))
        about = ("", None) if part is None else (part.name, len(whole))
        with log.running(len(manifest), manifest.passed_over, *about), clean_end(workspace):
            measured = None if audit_cache is None else _shared_pass(audit_cache, whole)
            run = Run(workspace, chosen, pool, log, plan.fresh, max_failures, strict, measured)
            if part is not None:
                track_shard(run, part, whole, manifest)
            else:
                _run(run, manifest, plan, lost)
    return workspace


def _shared_pass(folder: str | os.PathLike[str], manifest: Manifest) -> SharedPass:
    """Measuring as an audit of all of the manifest does."""
    return SharedPass(require_local(folder, "a cache"), shared_run(total_samples(manifest)))


@contextmanager
def clean_end(workspace: Workspace) -> Iterator[None]:
    """Let nothing wait where a run ends in an error; after Ctrl-C the next run goes on with it."""
    try:
        yield
    except Exception:
        if not staging.is_pending(workspace.path):
            staging.discard(workspace.path)
        raise


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a run goes.

    Attributes
    ----------
    last
        The last stage.
    only
        The stage that was named, if one was.
    force
        Compute again what is there.
    clips
        Which clips to cut.
    max_failures
        Bound on failures.
    """

    last: str
    only: str | None
    force: bool
    clips: bool | Literal["all"]
    max_failures: int | None

    def __post_init__(self) -> None:
        if self.only is not None and self.only not in STAGES:
            raise ArgumentError(f"stage must be one of {', '.join(STAGES)}, not {self.only!r}")
        if self.max_failures is not None and self.max_failures < 0:
            raise ArgumentError(f"max_failures must be at least 0, not {self.max_failures}")
        if self.clips not in (True, False, "all"):
            raise ArgumentError(f'clips must be True, False or "all", not {self.clips!r}')

    @property
    def fresh(self) -> frozenset[str]:
        """Stages that do not look for what is there."""
        if not self.force:
            return frozenset()
        return frozenset(STAGES if self.only is None else [self.only])

    def goes_past(self, stage: str) -> bool:
        """Whether stages after this one are to be run."""
        return STAGES.index(self.last) > STAGES.index(stage)

    @property
    def is_whole(self) -> bool:
        """Whether it goes to the end, so that its tables can be put in place."""
        return self.last == STAGES[-1]


def _run(run: Run, manifest: Manifest, plan: Plan, lost: Sequence[Mapping[str, Any]]) -> None:
    if not plan.is_whole:
        _run_part(run, manifest, plan)
        publish_part(run)
        return
    mined, clusters = track_pitch(run, manifest)
    finish(run, mined, clusters, plan.clips, lost)


def finish(
    run: Run,
    mined: list[Mined],
    clusters: Clusters,
    clips_wanted: bool | Literal["all"],
    lost: Sequence[Mapping[str, Any]],
) -> None:
    """All stages after pitch, and the new state put in place.

    Parameters
    ----------
    run
        The run.
    mined, clusters
        What the pitch stage left.
    clips_wanted
        As ``clips`` of :func:`mine`.
    lost
        Rows of recordings that are removed.
    """
    mined, contours = reduce_contours(run, mined, clusters)
    motifs = mine_motifs(run, mined, contours)
    dictionary, singers = _dictionary(run, mined, contours, motifs)
    instances = find_instances(run, mined, contours, motifs)
    rows: list[Rows] = [()] * len(mined)
    clips: ClipPlan | None = None
    if clips_wanted:
        counts = {singer: dictionary.of(singer).size for singer in dictionary.singers}
        rows, clips = cut_clips(run, mined, instances, None if clips_wanted == "all" else counts)
    keys = {"contours": contours, "instances": instances, "singers": singers}
    publish(run, mined, keys, rows, clips, lost)


def _run_part(run: Run, manifest: Manifest, plan: Plan) -> None:
    """The stages up to the one that was named."""
    mined, clusters = track_pitch(run, manifest)
    if not plan.goes_past("pitch"):
        return
    mined, contours = reduce_contours(run, mined, clusters)
    if not plan.goes_past("contour"):
        return
    motifs = mine_motifs(run, mined, contours)
    if not plan.goes_past("motifs"):
        return
    _dictionary(run, mined, contours, motifs)
    if plan.goes_past("distinctive"):
        find_instances(run, mined, contours, motifs)


def _dictionary(
    run: Run, mined: list[Mined], contours: list[str], motifs: dict[str, str]
) -> tuple[MotifDictionary, list[str]]:
    """The motifs of all singers, also as a table; names of what it was made from."""
    dictionary, singers = count_usage(run, mined, contours, motifs)
    table = dictionary.to_arrow().add_column(0, "motif", pa.array(motif_names(dictionary)))
    sung: dict[str, list[str]] = {}
    for one, key in zip(mined, contours, strict=True):
        sung.setdefault(one.entry.singer, []).append(key)
    run.tables["motifs"] = add_families(
        table, dictionary, sung, run.workspace.path, run.pool if run.pool.executor else None
    )
    return dictionary, singers


def watching(progress: Progress | None, watch: Watch | None) -> Watch:
    """One callback in place of the two that a run may be given."""

    def tell(count: StageCount) -> None:
        if progress is not None:
            progress(count.stage, count.done, count.total)
        if watch is not None:
            watch(count)

    return tell


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
