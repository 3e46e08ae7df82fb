"""Embeddings of recordings, of their motif clips, and of held-out clips, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cantaor.corpus.manifest import Manifest
from cantaor.learn.identification import HeardClips
from cantaor.types import Float32Array

_COLUMNS = ("path", "kind", "motif", "start_s", "end_s", "embedding")


def embedding_table(heard: Sequence[HeardClips]) -> pa.Table:
    """One row for each recording (``kind`` "recording") and for each of its motif clips ("motif").

    Parameters
    ----------
    heard
        Recordings that the network has judged.

    Returns
    -------
    pyarrow.Table
        ``path``, ``kind``, ``motif`` (list of int32), ``start_s``, ``end_s`` (seconds) and
        ``embedding`` (list of float32). A recording's embedding is the mean of its clips'.
    """
    schema = pa.schema(
        [
            ("path", pa.string()),
            ("kind", pa.string()),
            ("motif", pa.list_(pa.int32())),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("embedding", pa.list_(pa.float32())),
        ]
    )
    return pa.Table.from_pylist([row for one in heard for row in _rows(one)], schema)


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
    answer = probabilities.argmax(axis=1)
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
            "answer": [classes[index] for index in answer],
            "probability": probabilities[np.arange(len(rows)), answer],
            "embedding": list(embeddings),
        }
    )


def _rows(heard: HeardClips) -> list[dict[str, object]]:
    ends = (float(np.min(heard.start_s)), float(np.max(heard.end_s)))
    mean = heard.embeddings.mean(axis=0).tolist()
    whole: tuple[object, ...] = (heard.path, "recording", [], *ends, mean)
    clips: list[tuple[object, ...]] = [
        (heard.path, "motif", list(motif), float(start), float(end), embedding.tolist())
        for motif, start, end, embedding in zip(
            heard.motifs, heard.start_s, heard.end_s, heard.embeddings, strict=True
        )
    ]
    return [dict(zip(_COLUMNS, row, strict=True)) for row in [whole, *clips]]
