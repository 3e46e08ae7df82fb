"""Contours, motifs and instances as tables, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cantaor.errors import ArgumentError
from cantaor.types import Clusters, Contour, Float64Array, Int64Array, Motifs, PitchTrack

Number = TypeVar("Number", bound=np.generic)


def contour_to_table(contour: Contour) -> pa.Table:
    """A contour as one row a segment; ``step`` leads to the next segment, 0 ends a phrase."""
    counts = np.diff(contour.segment_offsets)
    step = np.zeros(contour.cluster.size, np.int32)
    step[_inner(contour.segment_offsets)] = contour.symbols
    columns = {
        "phrase": np.repeat(np.arange(counts.size), counts),
        "cluster": contour.cluster,
        "cents": contour.cents,
        "start_s": contour.start_s,
        "end_s": contour.end_s,
        "step": step,
    }
    if contour.vibrato_hz is not None:
        columns |= {"vibrato_hz": contour.vibrato_hz, "vibrato_cents": contour.vibrato_cents}
    return pa.table(columns)


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
        vibrato_hz=_optional(table, "vibrato_hz"),
        vibrato_cents=_optional(table, "vibrato_cents"),
    )


def _optional(table: pa.Table, name: str) -> Float64Array | None:
    return table[name].to_numpy() if name in table.column_names else None


def join_contours(contours: list[Contour]) -> Contour:
    """The phrases of several recordings as one contour; times stay those of each recording."""
    return Contour(
        cluster=_join([c.cluster for c in contours], np.int32),
        cents=_join([c.cents for c in contours], np.float64),
        start_s=_join([c.start_s for c in contours], np.float64),
        end_s=_join([c.end_s for c in contours], np.float64),
        segment_offsets=_join_offsets([c.segment_offsets for c in contours]),
        symbols=_join([c.symbols for c in contours], np.int32),
        symbol_offsets=_join_offsets([c.symbol_offsets for c in contours]),
        vibrato_hz=_join_known([c.vibrato_hz for c in contours]),
        vibrato_cents=_join_known([c.vibrato_cents for c in contours]),
    )


def _join_known(arrays: Sequence[Float64Array | None]) -> Float64Array | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if known and len(known) == len(arrays) else None


def motifs_from_table(table: pa.Table) -> Motifs:
    """Motifs from the table that :meth:`cantaor.types.Motifs.to_arrow` made."""
    symbols = table["symbols"].combine_chunks()
    if isinstance(symbols, pa.ChunkedArray):
        symbols = symbols.chunk(0) if symbols.num_chunks else pa.array([], symbols.type)
    offsets = symbols.offsets.to_numpy().astype(np.int64)
    return Motifs(
        np.ascontiguousarray(symbols.flatten().to_numpy(zero_copy_only=False), dtype=np.int32),
        offsets - offsets[0],
        table["support"].to_numpy().astype(np.int32),
        _gap(table),
    )


def _gap(table: pa.Table) -> tuple[int, int] | None:
    """The gap that motifs were mined with; tables of earlier versions held contiguous ones."""
    gap = json.loads((table.schema.metadata or {}).get(b"gap", b"[0, 0]"))
    return None if gap is None else (int(gap[0]), int(gap[1]))


def _join(parts: list[NDArray[Any]], dtype: type[Number]) -> NDArray[Number]:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype, copy=False)


def _join_offsets(parts: list[Int64Array]) -> Int64Array:
    lengths = np.concatenate([np.empty(0, np.int64), *(np.diff(part) for part in parts)])
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _inner(segment_offsets: Int64Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which segments have a successor in their phrase."""
    inner = np.ones(int(segment_offsets[-1]), dtype=np.bool_)
    inner[segment_offsets[1:][np.diff(segment_offsets) > 0] - 1] = False
    return inner


def track_to_table(
    track: PitchTrack,
    audio_duration_s: float,
    samples_hash: str = "",
    warnings: Sequence[str] = (),
) -> pa.Table:
    """A pitch track as a table; what is known of it and of its audio is in the metadata."""
    columns = {"hz": track.hz, "salience": track.salience}
    if track.octave_confidence is not None:
        columns["octave_confidence"] = track.octave_confidence
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    facts = {
        "hop_s": track.hop_s,
        "method": track.method,
        "duration_s": audio_duration_s,
        "samples_hash": samples_hash,
        "warnings": list(warnings),
    }
    return table.replace_schema_metadata({"cantaor": json.dumps(facts)})


def track_from_table(table: pa.Table) -> tuple[PitchTrack, float]:
    """A pitch track and its recording's duration in seconds from a table."""
    facts = json.loads(table.schema.metadata[b"cantaor"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    track = PitchTrack(**columns, hop_s=facts["hop_s"], method=facts["method"])
    return track, facts["duration_s"]


def samples_hash_of(table: pa.Table) -> str:
    """Key of the samples that a track was made from, from its table; empty where not kept."""
    return str(json.loads(table.schema.metadata[b"cantaor"]).get("samples_hash", ""))


def track_warnings(table: pa.Table) -> tuple[str, ...]:
    """What was wrong with the recording of a pitch track, in words."""
    return tuple(json.loads(table.schema.metadata[b"cantaor"]).get("warnings", ()))


def clusters_to_table(clusters: Clusters) -> pa.Table:
    """Clusters as a table; the lowest has no lower edge (-inf)."""
    table = pa.table(
        {
            "center_cents": clusters.centers,
            "lower_edge_cents": np.concatenate([[-np.inf], clusters.edges]),
            "count": clusters.counts,
        }
    )
    return table.replace_schema_metadata({"inertia": repr(clusters.inertia)})


def clusters_from_table(table: pa.Table) -> Clusters:
    """Clusters from their table.

    Raises
    ------
    ArgumentError
        The table is not one of clusters.
    """
    try:
        return Clusters(
            table["center_cents"].to_numpy(),
            table["lower_edge_cents"].to_numpy()[1:],
            float(table.schema.metadata[b"inertia"]),
            table["count"].to_numpy(),
        )
    except (KeyError, TypeError) as error:
        raise ArgumentError(f"not a table of clusters: {table.column_names}") from error
