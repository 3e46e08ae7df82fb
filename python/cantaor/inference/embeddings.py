"""Embeddings of recordings, of their motif clips, and of held-out clips, as rows and tables."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cantaor.corpus.manifest import Manifest
from cantaor.errors import ArgumentError
from cantaor.io.files import read_table
from cantaor.learn.identification.evidence import ClipPredictions
from cantaor.learn.identification.nearest import nearest
from cantaor.types import Float32Array

#: Of the rows that :func:`embedding_rows` gives.
EMBEDDINGS = pa.schema(
    [
        ("path", pa.string()),
        ("kind", pa.string()),
        ("motif", pa.list_(pa.int32())),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("embedding", pa.list_(pa.float32())),
        ("content", pa.string()),
    ],
    {"cantaor.answers": "embeddings"},
)


def embedding_rows(predictions: ClipPredictions) -> list[dict[str, Any]]:
    """A row for a recording (``kind`` "recording") and one for each of its clips ("motif").

    Parameters
    ----------
    predictions
        A recording that the network has judged.

    Returns
    -------
    Rows with ``path``, ``kind``, ``motif`` (symbols), ``start_s``, ``end_s`` (seconds),
    ``embedding`` and ``content``, the hash of the file. A recording's embedding is the mean of
    its clips'.
    """
    ends = (float(np.min(predictions.start_s)), float(np.max(predictions.end_s)))
    mean = predictions.embeddings.mean(axis=0).tolist()
    content = predictions.content
    whole: tuple[object, ...] = (predictions.path, "recording", [], *ends, mean, content)
    clips: list[tuple[object, ...]] = [
        (
            predictions.path,
            "motif",
            list(motif),
            float(start),
            float(end),
            embedding.tolist(),
            content,
        )
        for motif, start, end, embedding in zip(
            predictions.motifs,
            predictions.start_s,
            predictions.end_s,
            predictions.embeddings,
            strict=True,
        )
    ]
    return [dict(zip(EMBEDDINGS.names, row, strict=True)) for row in [whole, *clips]]


def nearest_clips(
    table: Path,
    predictions: ClipPredictions,
    kind: str = "recording",
    count: int = 10,
    method: str = "exact",
) -> list[dict[str, Any]]:
    """Rows of a table of embeddings that are most like a recording.

    Parameters
    ----------
    table
        Parquet of :func:`embedding_rows`, made with the same model.
    predictions
        The recording.
    kind
        ``"recording"``, or ``"motif"``: single clips.
    count
        How many.
    method
        As for :func:`cantaor.learn.identification.nearest.nearest`.

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
    kept = read_table(table)
    missing = [name for name in EMBEDDINGS.names if name not in (*kept.column_names, "content")]
    if missing:
        raise ArgumentError(f"{table}: not a table of embeddings, it lacks {', '.join(missing)}")
    _require_model(table, kept, predictions.model)
    rows = [row for row in kept.to_pylist() if row["kind"] == kind]
    if not rows:
        raise ArgumentError(f"{table}: no embedding of kind {kind!r}")
    base = np.array([row["embedding"] for row in rows], dtype=np.float32)
    query = predictions.embeddings.mean(axis=0, keepdims=True)
    index, cosines = nearest(base, query, count, method)
    names = ("path", "motif", "start_s", "end_s")
    return [
        {**{name: rows[i][name] for name in names}, "cosine": float(cosine)}
        for i, cosine in zip(index[0], cosines[0], strict=True)
    ]


def _require_model(table: Path, kept: pa.Table, model: str) -> None:
    """Raise unless a table that names its model and version was made by these."""
    facts = kept.schema.metadata or {}
    made = tuple(facts.get(name, b"").decode() for name in (b"cantaor.model", b"cantaor.cantaor"))
    here = (model, version("cantaor"))
    if made[0] and model and made != here:
        raise ArgumentError(
            f"{table}: was made with model {made[0]} under cantaor {made[1]}, but the recording "
            f"was heard with model {here[0]} under cantaor {here[1]}; embed again with this model"
        )


def held_out_table(
    clips: Manifest,
    classes: Sequence[str],
    probabilities: Float32Array,
    embeddings: Float32Array,
) -> pa.Table:
    """One row for each held-out clip that a model has judged.

    Parameters
    ----------
    clips
        The clips, n of them.
    classes
        Names of the model's singers.
    probabilities
        float32 (n, classes).
    embeddings
        float32 (n, dim).

    Returns
    -------
    pyarrow.Table
        ``path``, ``recording``, ``start_s``, ``end_s`` (seconds, null = whole file), ``singer``,
        ``answer``, ``probability`` (of the answer) and ``embedding`` (list of float32).
    """
    best = probabilities.argmax(axis=1)
    rows = clips.entries
    columns = {name: [getattr(row, name) for row in rows] for name in ("path", "recording")}
    times = {
        name: pa.array([getattr(row, name) for row in rows], pa.float64())
        for name in ("start_s", "end_s")
    }
    return pa.table(
        {
            **columns,
            **times,
            "singer": [row.singer for row in rows],
            "answer": [classes[index] for index in best],
            "probability": probabilities[np.arange(len(rows)), best],
            "embedding": list(embeddings),
        }
    )
