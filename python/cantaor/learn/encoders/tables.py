"""Embeddings made elsewhere, in a Parquet table, and which of its rows belong to a clip."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from cantaor.errors import ArgumentError
from cantaor.io.files import read_table
from cantaor.io.locations import file_hash, is_url
from cantaor.types import Float32Array, Float64Array, Int64Array

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Span:
    """Where a clip lies: its recording, and seconds in it."""

    location: str
    start_s: float = 0.0
    end_s: float = float("inf")


@dataclass(frozen=True, eq=False, slots=True)
class EmbeddingTable:
    """Embeddings of recordings or of spans of them.

    Attributes
    ----------
    path
        The table.
    size
        Length of an embedding.
    digest
        Hash of the table.
    values
        float32 (rows, size).
    start_s, end_s
        float64 (rows,), seconds; NaN where a row is its whole recording's.
    rows
        Rows by location of the recording: absolute path or URL.
    """

    path: Path
    size: int
    digest: str
    values: Float32Array
    start_s: Float64Array
    end_s: Float64Array
    rows: Mapping[str, Int64Array]


def read_embeddings(path: str | os.PathLike[str]) -> EmbeddingTable:
    """Read a Parquet table of embeddings.

    Parameters
    ----------
    path
        Columns ``path`` (relative to the table's folder or to the current one, absolute, or a URL)
        and ``embedding`` (lists of one length); ``start_s`` and ``end_s`` where a row is of a span.
        A row whose ``kind`` is "recording", as ``embed`` writes, is of the whole recording.

    Raises
    ------
    WorkspaceError
        The table cannot be read.
    ArgumentError
        A column is missing, or the embeddings are not finite numbers of one length.
    """
    path = Path(path)
    table = read_table(path)
    missing = [name for name in ("path", "embedding") if name not in table.column_names]
    if missing:
        raise ArgumentError(f"{path}: a table of embeddings has a column {missing[0]}")
    if table.num_rows == 0:
        raise ArgumentError(f"{path}: holds no embedding")
    values = _values(path, table)
    start, end = (_seconds(path, table, name) for name in ("start_s", "end_s"))
    if "kind" in table.column_names:
        whole = np.array(table["kind"].to_pylist()) == "recording"
        start[whole], end[whole] = np.nan, np.nan
    rows = _rows(path, table["path"].to_pylist())
    return EmbeddingTable(path, values.shape[1], file_hash(path), values, start, end, rows)


def find_embeddings(table: EmbeddingTable, spans: Sequence[Span]) -> Float32Array:
    """Embedding of each clip: the mean of its recording's rows that overlap it.

    Where none does, the recording's own row, which has no times.

    Returns
    -------
    float32 (n, size).

    Raises
    ------
    ArgumentError
        Recordings have no row, or none for a clip; some are named, all are counted.
    """
    found = [_of_span(table, span) for span in spans]
    lacking = Counter(span.location for span, one in zip(spans, found, strict=True) if one is None)
    if lacking:
        names = [f"{name or 'samples without a path'} ({n})" for name, n in lacking.items()]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise ArgumentError(
            f"{table.path}: has no embedding for {sum(lacking.values())} of {len(spans)} clips, "
            f"of {len(names)} of {len({span.location for span in spans})} recordings: "
            f"{', '.join(names[:_NAMED])}{more}"
        )
    kept = [one for one in found if one is not None]
    return np.array(kept, dtype=np.float32).reshape(len(spans), table.size)


def _of_span(table: EmbeddingTable, span: Span) -> Float32Array | None:
    rows = table.rows.get(_place(span.location, Path())) if span.location else None
    if rows is None:
        return None
    overlaps = (table.start_s[rows] < span.end_s) & (table.end_s[rows] > span.start_s)
    chosen = rows[overlaps] if overlaps.any() else rows[np.isnan(table.start_s[rows])]
    if not chosen.size:
        return None
    mean: Float32Array = table.values[chosen].mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def _values(path: Path, table: pa.Table) -> Float32Array:
    column = table["embedding"].combine_chunks()
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
            or pa.types.is_fixed_size_list(column.type)):  # fmt: skip
        raise ArgumentError(f"{path}: embedding must hold lists of numbers, not {column.type}")
    if column.null_count:
        raise ArgumentError(f"{path}: {column.null_count} of {len(column)} rows have no embedding")
    sizes = np.unique(np.array(column.value_lengths().to_pylist()))
    if sizes.size != 1 or sizes[0] == 0:
        raise ArgumentError(
            f"{path}: embeddings must have one length above 0, not {sizes[:5].tolist()}"
        )
    flat = column.flatten()
    if not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)) or flat.null_count:
        raise ArgumentError(f"{path}: embedding must hold numbers, not {flat.type} with gaps")
    values = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(-1, int(sizes[0]))
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise ArgumentError(f"{path}: the embedding of row {row} is not finite")
    return values


def _seconds(path: Path, table: pa.Table, name: str) -> Float64Array:
    """Times of rows, NaN where a row has none."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    try:
        return np.array(table[name].cast(pa.float64()).to_pylist(), dtype=np.float64)
    except pa.ArrowException as error:
        raise ArgumentError(f"{path}: {name} must hold seconds: {error}") from error


def _rows(path: Path, names: Sequence[str | None]) -> dict[str, Int64Array]:
    """Rows by location; a path is looked for in the table's folder, then in the current one."""
    places: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if not name:
            raise ArgumentError(f"{path}: path of row {row} is empty")
        places.setdefault(name, []).append(row)
    found: dict[str, list[int]] = {}
    for folder in (path.parent, Path()):
        here = {_place(name, folder): rows for name, rows in places.items()}
        found = {**here, **found}
    return {place: np.array(rows, np.int64) for place, rows in found.items()}


def _place(name: str, folder: Path) -> str:
    return name if is_url(name) else os.path.realpath(folder / name)
