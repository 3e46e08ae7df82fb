"""The families of every singer's motifs, one singer in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from cantaor.errors import CantaorError
from cantaor.motifs.arguments import Gap
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.motifs.families import Families, group_families, motif_scores
from cantaor.motifs.mining import find_occurrences
from cantaor.parallel.workers import WorkerPool, map_recordings
from cantaor.pipeline.singers import read_joined_contour
from cantaor.types import Contour, Float64Array, Motifs


def singer_families(
    motifs: Motifs, z_score: Float64Array, contour: Contour, gap: Gap = (0, 0)
) -> Families:
    """The families of one singer's motifs; a moment is a contour segment.

    Parameters
    ----------
    motifs
        What was mined of that singer.
    z_score
        float64 (motifs,), log-odds of each for the singer.
    contour
        The contours of all recordings of the singer, joined.
    gap
        The gap they were mined with.
    """
    found = find_occurrences(motifs, (contour.symbols, contour.symbol_offsets), gap)
    first = contour.segment_offsets[found.sequence]
    scores = motif_scores(motifs.lengths, motifs.support, z_score)
    lasts = contour.end_s - contour.start_s
    return group_families(found.motif, first + found.start, first + found.end + 1, scores, lasts)


@dataclass(frozen=True, eq=False, slots=True)
class FamilyJob:
    """One singer whose motifs are to be grouped.

    Attributes
    ----------
    folder
        The workspace.
    singer
        The name.
    motifs, z_score
        What was mined of that singer, and the log-odds of each.
    contours
        Names of the tables of that singer's contours.
    """

    folder: Path
    singer: str
    motifs: Motifs
    z_score: Float64Array
    contours: tuple[str, ...]


def group_singer(job: FamilyJob) -> Families:
    """The families of one singer from the tables of a workspace."""
    sung = read_joined_contour(job.folder, job.contours)
    return singer_families(job.motifs, job.z_score, sung, job.motifs.gap)


def add_families(
    table: pa.Table,
    dictionary: MotifDictionary,
    contours: Mapping[str, Sequence[str]],
    folder: Path,
    pool: WorkerPool | None = None,
) -> pa.Table:
    """The table of motifs with the columns ``family``, ``representative`` and ``shown``.

    Parameters
    ----------
    table
        A row for every motif of ``dictionary``.
    dictionary
        The motifs of all singers.
    contours
        Names of the tables of every singer's contours.
    folder
        The workspace.
    pool
        Who groups the singers' motifs; None: this process.

    Raises
    ------
    CantaorError
        The contours of a singer cannot be read.
    """
    family = np.zeros(len(dictionary), np.int32)
    representative = np.zeros(len(dictionary), np.bool_)
    shown = np.zeros(len(dictionary), np.bool_)
    jobs = (
        FamilyJob(
            folder,
            singer,
            dictionary.motifs_of(singer),
            dictionary.z_score[dictionary.of(singer)],
            tuple(contours[singer]),
        )
        for singer in dictionary.singers
    )
    for index, found in map_recordings(group_singer, jobs, pool, lambda job: job.singer):
        if isinstance(found, CantaorError):
            raise found
        entries = dictionary.of(dictionary.singers[index])
        family[entries] = found.family
        representative[entries] = found.representative
        shown[entries] = found.shown[found.family]
    columns = {"family": family, "representative": representative, "shown": shown}
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table
