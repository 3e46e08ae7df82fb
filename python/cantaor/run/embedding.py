"""Embeddings of recordings and of their motif clips, as one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cantaor.learn.identification import HeardClips

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
