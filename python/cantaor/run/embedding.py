"""Embeddings of recordings and of their motif clips, as rows of a table or a line of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cantaor.errors import ArgumentError
from cantaor.learn.identification import HeardClips
from cantaor.learn.search import nearest
from cantaor.run.workspace import read_table

#: Of the rows that :func:`embedding_rows` gives.
EMBEDDINGS = pa.schema(
    [
        ("path", pa.string()),
        ("kind", pa.string()),
        ("motif", pa.list_(pa.int32())),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("embedding", pa.list_(pa.float32())),
    ]
)


def embedding_rows(heard: HeardClips) -> list[dict[str, Any]]:
    """A row for a recording (``kind`` "recording") and one for each of its clips ("motif").

    Parameters
    ----------
    heard
        A recording that the network has judged.

    Returns
    -------
    Rows with ``path``, ``kind``, ``motif`` (symbols), ``start_s``, ``end_s`` (seconds) and
    ``embedding``. A recording's embedding is the mean of its clips'.
    """
    ends = (float(np.min(heard.start_s)), float(np.max(heard.end_s)))
    mean = heard.embeddings.mean(axis=0).tolist()
    whole: tuple[object, ...] = (heard.path, "recording", [], *ends, mean)
    clips: list[tuple[object, ...]] = [
        (heard.path, "motif", list(motif), float(start), float(end), embedding.tolist())
        for motif, start, end, embedding in zip(
            heard.motifs, heard.start_s, heard.end_s, heard.embeddings, strict=True
        )
    ]
    return [dict(zip(EMBEDDINGS.names, row, strict=True)) for row in [whole, *clips]]


def most_alike(
    table: Path, heard: HeardClips, kind: str = "recording", count: int = 10, method: str = "exact"
) -> list[dict[str, Any]]:
    """Rows of a table of embeddings that are most like a recording.

    Parameters
    ----------
    table
        Parquet of :func:`embedding_rows`, made with the same model.
    heard
        The recording.
    kind
        ``"recording"``, or ``"motif"``: single clips.
    count
        How many.
    method
        As for :func:`cantaor.learn.search.nearest`.

    Returns
    -------
    ``path``, ``motif``, ``start_s``, ``end_s`` and ``cosine``, most alike first.

    Raises
    ------
    WorkspaceError
        The table cannot be read.
    ArgumentError
        It holds nothing of that kind, or was made with another model.
    """
    rows = [row for row in read_table(table).to_pylist() if row["kind"] == kind]
    if not rows:
        raise ArgumentError(f"{table}: no embedding of kind {kind!r}")
    base = np.array([row["embedding"] for row in rows], dtype=np.float32)
    asked = heard.embeddings.mean(axis=0, keepdims=True)
    index, cosines = nearest(base, asked, count, method)
    names = ("path", "motif", "start_s", "end_s")
    return [
        {**{name: rows[i][name] for name in names}, "cosine": float(cosine)}
        for i, cosine in zip(index[0], cosines[0], strict=True)
    ]
