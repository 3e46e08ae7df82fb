"""``mine``: a corpus of recordings to pitch, clusters, contours, motifs and their instances.

A map over recordings (pitch), a reduce (clusters), a map (contours), a map and a reduce over
singers (motifs) and two maps over recordings again (instances, clips). What a piece of work finds
is kept under a key of all that decides it, so a run goes on where the last one ended. Arronte
Alvarez & Gómez-Martín 2020, section 3.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.manifest import Manifest, select_singers
from cantaor.errors import ArgumentError
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.pipeline.clip_files import Rows
from cantaor.pipeline.families import add_families
from cantaor.pipeline.instances import motif_names
from cantaor.pipeline.stages import (
    STAGES,
    Run,
    count_usage,
    cut_clips,
    find_instances,
    finish,
    mine_motifs,
    reduce_contours,
    track_pitch,
)
from cantaor.pipeline.workers import open_pool, workers_for
from cantaor.settings import Settings, make_settings, read_settings
from cantaor.types import Contour
from cantaor.workspace.journal import Progress as Progress
from cantaor.workspace.journal import RunLog, StageCount, Watch
from cantaor.workspace.records import join_contours
from cantaor.workspace.workspace import Workspace, begin, create_workspace, lock


def mine(
    corpus: str | os.PathLike[str] | Manifest,
    out: str | os.PathLike[str],
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
    progress: Progress | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Workspace:
    """Find the motifs of every singer of a corpus and where they are sung.

    A recording that cannot be used is written to the table ``failures`` with the reason, and the
    others go on. Running again on the same folder re-uses what is unchanged, also after a run
    that was killed.

    Parameters
    ----------
    corpus
        A folder (``SINGER-anything.ext`` or ``SINGER/anything.ext``), a CSV or Parquet manifest,
        the URL of either, or a :class:`~cantaor.corpus.manifest.Manifest`.
    out
        Folder of the workspace: new, empty, or a workspace.
    config
        TOML file with a ``[mine]`` table; ``settings`` override it.
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
        ``"instances"``, ``"clips"``; the workspace does not count as mined then.
    force
        Compute again what is there; with ``stage``, of that stage only.
    max_failures
        Stop with an error once more recordings have failed.
    progress
        Called as ``progress(stage, done, total)``.
    watch
        Called with a :class:`~cantaor.workspace.journal.StageCount` for every piece done.
    **settings
        Fields of :class:`~cantaor.settings.Settings`.

    Returns
    -------
    Workspace
        With the tables ``recordings``, ``clusters``, ``motifs``, ``instances`` and ``failures``.

    Raises
    ------
    CorpusError
        The corpus is empty, no recording of it can be used, or too many cannot.
    WorkspaceError
        ``out`` cannot be written, is something else, or is in use by another run.
    ArgumentError
        A setting or the stage is unknown or out of range.
    """
    base = read_settings(config) if config is not None else None
    chosen = make_settings(settings, base)
    if stage is not None and stage not in STAGES:
        raise ArgumentError(f"stage must be one of {', '.join(STAGES)}, not {stage!r}")
    if max_failures is not None and max_failures < 0:
        raise ArgumentError(f"max_failures must be at least 0, not {max_failures}")
    if clips not in (True, False, "all"):
        raise ArgumentError(f'clips must be True, False or "all", not {clips!r}')
    manifest = corpus if isinstance(corpus, Manifest) else read_corpus(corpus)
    manifest = select_singers(manifest, min_recordings=min_recordings, styles=tuple(styles))
    workspace = create_workspace(out)
    plan = Plan(stage or "clips", stage, force, clips, max_failures)
    number = workers_for(len(manifest)) if workers is None and dask is None else workers
    with lock(workspace), open_pool(number, executor, dask) as pool:
        begin(workspace, chosen)
        log = RunLog(workspace.path, _watching(progress, watch))
        with log.running(len(manifest)):
            _run(Run(workspace, chosen, pool, log, plan.fresh, max_failures), manifest, plan)
    return workspace


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

    @property
    def fresh(self) -> frozenset[str]:
        """Stages that do not look for what is there."""
        if not self.force:
            return frozenset()
        return frozenset(STAGES if self.only is None else [self.only])

    def goes_past(self, stage: str) -> bool:
        """Whether stages after this one are to be run."""
        return STAGES.index(self.last) > STAGES.index(stage)


def _run(run: Run, manifest: Manifest, plan: Plan) -> None:
    mined, clusters = track_pitch(run, manifest)
    if not plan.goes_past("pitch"):
        return
    contours = reduce_contours(run, mined, clusters)
    if not plan.goes_past("contour"):
        return
    motifs = mine_motifs(run, mined, contours)
    if not plan.goes_past("motifs"):
        return
    dictionary, singers = count_usage(run, mined, contours, motifs)
    table = dictionary.to_arrow().add_column(0, "motif", pa.array(motif_names(dictionary)))
    sung: dict[str, list[str]] = {}
    for one, key in zip(mined, contours, strict=True):
        sung.setdefault(one.entry.singer, []).append(key)
    run.write("motifs", add_families(table, dictionary, sung, run.workspace.path))
    if not plan.goes_past("distinctive"):
        return
    instances = find_instances(run, mined, contours, motifs)
    if not plan.goes_past("instances"):
        return
    written: list[Rows] = [()] * len(mined)
    if plan.clips:
        counts = {singer: dictionary.of(singer).size for singer in dictionary.singers}
        every = plan.clips == "all"
        written = cut_clips(run, mined, instances, None if every else counts)
    # Last: a workspace counts as mined once the table of instances is there.
    finish(run, mined, contours, instances, singers, written)


def _watching(progress: Progress | None, watch: Watch | None) -> Watch:
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
