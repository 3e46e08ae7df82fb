"""Contours, motifs and instances as tables, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cantaor.types import Contour, Int32Array, Int64Array


def contour_to_table(contour: Contour) -> pa.Table:
    """A contour as one row a segment; ``step`` leads to the next segment, 0 ends a phrase."""
    counts = np.diff(contour.segment_offsets)
    step = np.zeros(contour.cluster.size, np.int32)
    step[_inner(contour.segment_offsets)] = contour.symbols
    return pa.table(
        {
            "phrase": np.repeat(np.arange(counts.size), counts),
            "cluster": contour.cluster,
            "cents": contour.cents,
            "start_s": contour.start_s,
            "end_s": contour.end_s,
            "step": step,
        }
    )


def contour_from_table(table: pa.Table) -> Contour:
    """A contour from its table."""
    phrase = table["phrase"].to_numpy()
    counts = np.bincount(phrase) if phrase.size else np.empty(0, np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Contour(
        cluster=table["cluster"].to_numpy(),
        cents=table["cents"].to_numpy(),
        start_s=table["start_s"].to_numpy(),
        end_s=table["end_s"].to_numpy(),
        segment_offsets=offsets,
        symbols=np.ascontiguousarray(table["step"].to_numpy()[_inner(offsets)]),
        symbol_offsets=offsets - np.arange(offsets.size),
    )


def join_phrases(contours: list[Contour]) -> tuple[Int32Array, Int64Array]:
    """The phrases of several recordings as one database of symbols and offsets."""
    values = [contour.symbols for contour in contours]
    lengths = [np.diff(contour.symbol_offsets) for contour in contours]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths]))])
    joined = np.concatenate([np.empty(0, np.int32), *values])
    return joined.astype(np.int32), offsets.astype(np.int64)


def _inner(segment_offsets: Int64Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which segments have a successor in their phrase."""
    inner = np.ones(int(segment_offsets[-1]), dtype=np.bool_)
    inner[segment_offsets[1:][np.diff(segment_offsets) > 0] - 1] = False
    return inner
