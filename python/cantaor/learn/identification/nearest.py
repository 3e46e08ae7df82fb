"""Nearest motifs and recordings by the cosine of their embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError, require_extra
from cantaor.types import Float32Array, Int64Array

# Candidates kept while the graph is built and searched: twice the library's own, for recall.
INDEX_EXPANSION = 256


def nearest(
    embeddings: ArrayLike, queries: ArrayLike, count: int = 10, method: str = "exact"
) -> tuple[Int64Array, Float32Array]:
    """The most similar embeddings of each query.

    Parameters
    ----------
    embeddings
        (n, dim), what is searched.
    queries
        (m, dim).
    count
        How many for each query, at most n.
    method
        ``"exact"`` compares with all; ``"index"`` builds an approximate index (extra ``search``),
        for hundreds of thousands of embeddings and many queries.

    Returns
    -------
    int64 (m, count) indices into ``embeddings``, most similar first, and float32 cosines.

    Raises
    ------
    ArgumentError
        The dimensions differ, there is nothing to search, or the method is unknown.
    MissingExtraError
        ``"index"`` without usearch.

    Examples
    --------
    >>> index, cosine = nearest([[1, 0], [0, 1], [1, 1]], [[2, 0.1]], 2)
    >>> index.tolist()
    [[0, 2]]
    """
    base, asked = _unit("embeddings", embeddings), _unit("queries", queries)
    if base.shape[1] != asked.shape[1]:
        raise ArgumentError(
            f"dimension of queries ({asked.shape[1]}) must match embeddings ({base.shape[1]})"
        )
    if count < 1:
        raise ArgumentError(f"count must be at least 1; got {count}")
    wanted = min(count, len(base))
    if method == "exact":
        return _exact(base, asked, wanted)
    if method == "index":
        return _indexed(base, asked, wanted)
    raise ArgumentError(f"method must be exact or index; got {method!r}")


def _unit(name: str, values: ArrayLike) -> Float32Array:
    rows = np.asarray(values, dtype=np.float32)
    if rows.ndim != 2 or rows.size == 0:
        raise ArgumentError(f"{name} must be (n, dim) and not empty; got {rows.shape}")
    unit: Float32Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _exact(base: Float32Array, asked: Float32Array, count: int) -> tuple[Int64Array, Float32Array]:
    cosine_similarities = asked @ base.T
    # Equal cosine_similarities keep the order of the embeddings.
    order = np.argsort(-cosine_similarities, axis=1, kind="stable")[:, :count].astype(np.int64)
    return order, np.take_along_axis(cosine_similarities, order, axis=1)


def _indexed(
    base: Float32Array, asked: Float32Array, count: int
) -> tuple[Int64Array, Float32Array]:
    library: Any = require_extra("usearch.index", "search")
    index = library.Index(
        ndim=base.shape[1],
        metric="cos",
        dtype="f32",
        expansion_add=INDEX_EXPANSION,
        expansion_search=max(INDEX_EXPANSION, 4 * count),
    )
    # Several threads link the graph in an order of their own: other neighbours on every run.
    index.add(np.arange(len(base)), base, threads=1)
    found = index.search(asked, count)
    keys = np.asarray(found.keys, dtype=np.int64).reshape(len(asked), count)
    distances = np.asarray(found.distances, dtype=np.float32).reshape(len(asked), count)
    return keys, 1 - distances
