"""Checks of what a model from elsewhere brings: wrong arrays are named, never computed with."""

from __future__ import annotations

import numpy as np

from cantaor.errors import ModelError
from cantaor.types import Clusters, Motifs


def check_clusters(clusters: Clusters, where: str) -> None:
    """Raise ModelError unless clusters are ascending numbers that fit each other.

    Parameters
    ----------
    clusters
        From a model.
    where
        How the message calls it.
    """
    k = clusters.centers.size
    for name, size in (("centers", max(k, 1)), ("edges", max(k, 1) - 1), ("counts", max(k, 1))):
        array = getattr(clusters, name)
        if array.dtype != np.float64 or array.shape != (size,):
            raise ModelError(
                f"{where}: cluster_{name} must be float64 ({size},) beside {k} cluster_centers, "
                f"not {array.dtype} {array.shape}"
            )
    rows = (clusters.centers, clusters.edges)
    if not all(np.isfinite(row).all() and (np.diff(row) >= 0).all() for row in rows):
        raise ModelError(f"{where}: cluster_centers and cluster_edges must be ascending numbers")


def check_motifs(motifs: Motifs, clusters: Clusters, where: str) -> None:
    """Raise ModelError unless motifs are whole patterns of steps between some clusters.

    Parameters
    ----------
    motifs, clusters
        From a model.
    where
        How the message calls it.
    """
    for name, kind in (("values", np.int32), ("offsets", np.int64), ("support", np.int32)):
        array = getattr(motifs, name)
        if array.dtype != kind or array.ndim != 1:
            raise ModelError(
                f"{where}: motif_{name} must be {np.dtype(kind)} of one dimension, not "
                f"{array.dtype} {array.shape}"
            )
    values, offsets = motifs.values, motifs.offsets
    if offsets.size != motifs.support.size + 1:
        raise ModelError(
            f"{where}: length of motif_offsets ({offsets.size}) must be that of motif_support "
            f"({motifs.support.size}) and 1"
        )
    if offsets[0] != 0 or offsets[-1] != values.size or (np.diff(offsets) < 1).any():
        raise ModelError(
            f"{where}: motif_offsets must rise from 0 to the length of motif_values "
            f"({values.size}), not from {offsets[0]} to {offsets[-1]}"
        )
    k = clusters.centers.size
    if ((values == 0) | (np.abs(values.astype(np.int64)) >= k)).any():
        raise ModelError(f"{where}: motif_values must be steps between {k} clusters, none of 0")
