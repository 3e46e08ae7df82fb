"""The families of every singer's motifs, one singer in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from cantaor.io.files import read_table
from cantaor.motifs.arguments import Gap
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.motifs.families import Families, group_families, motif_scores
from cantaor.motifs.mining import find_occurrences
from cantaor.types import Contour, Float64Array, Motifs
from cantaor.workspace.records import contour_from_table, join_contours
from cantaor.workspace.rooms import table_path


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


def add_families(
    table: pa.Table,
    dictionary: MotifDictionary,
    contours: Mapping[str, Sequence[str]],
    folder: Path,
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
    """
    family = np.zeros(len(dictionary), np.int32)
    representative = np.zeros(len(dictionary), np.bool_)
    shown = np.zeros(len(dictionary), np.bool_)
    for singer in dictionary.singers:
        entries = dictionary.of(singer)
        sung = join_contours(
            [
                contour_from_table(read_table(table_path(folder, "contours", key)))
                for key in contours[singer]
            ]
        )
        motifs = dictionary.motifs_of(singer)
        found = singer_families(motifs, dictionary.z_score[entries], sung, dictionary.gap)
        family[entries] = found.family
        representative[entries] = found.representative
        shown[entries] = found.shown[found.family]
    columns = {"family": family, "representative": representative, "shown": shown}
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table
