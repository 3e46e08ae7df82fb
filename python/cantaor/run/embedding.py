"""Embeddings of recordings and of their motif clips, as rows of a table or a line of JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from cantaor.learn.identification import HeardClips

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
