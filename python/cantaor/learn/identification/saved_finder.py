"""What finds a model's motifs, as its bundle keeps it; one from elsewhere is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cantaor.chain import DATA, MotifFinder
from cantaor.errors import ModelError
from cantaor.learn.export.bundle import Bundle, shortened
from cantaor.settings import make_settings, settings_to_plain
from cantaor.types import Clusters, Motifs


def finder_arrays(finder: MotifFinder) -> dict[str, np.ndarray[Any, Any]]:
    """A finder's arrays as a bundle keeps them."""
    return {
        "cluster_centers": finder.clusters.centers,
        "cluster_edges": finder.clusters.edges,
        "cluster_counts": finder.clusters.counts,
        "motif_values": finder.motifs.values,
        "motif_offsets": finder.motifs.offsets,
        "motif_support": finder.motifs.support,
    }


def finder_facts(finder: MotifFinder) -> dict[str, Any]:
    """The rest of a finder, as plain values."""
    return {
        "settings": settings_to_plain(finder.settings),
        "inertia": finder.clusters.inertia,
    }


def finder_from_bundle(bundle: Bundle) -> MotifFinder:
    """The finder that was trained with a model.

    Raises
    ------
    ModelError
        The model was trained on clips alone and has no motif dictionary.
    """
    facts: Mapping[str, Any] | None = bundle.extra.get("finder")
    if facts is None:
        raise ModelError(
            "the model was trained on clips alone and holds no motif dictionary; "
            "train on a workspace to identify whole recordings"
        )
    arrays, where = bundle.arrays, f"model {bundle.path}".rstrip()
    try:
        clusters = Clusters(
            arrays["cluster_centers"],
            arrays["cluster_edges"],
            float(facts["inertia"]),
            arrays["cluster_counts"],
        )
        settings = make_settings(facts["settings"])
        values, offsets, support = (
            arrays[f"motif_{name}"] for name in ("values", "offsets", "support")
        )
        motifs = Motifs(values, offsets, support, settings.gap)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: its motif dictionary is damaged: {error!r}") from error
    if bundle.extra.get("data") not in DATA:
        raise ModelError(
            f"{where}: 'data' must be one of {', '.join(DATA)}, not "
            f"{shortened(bundle.extra.get('data'))}"
        )
    _check_clusters(clusters, where)
    _check_motifs(motifs, clusters, where)
    return MotifFinder(clusters, motifs, settings)


def _check_clusters(clusters: Clusters, where: str) -> None:
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


def _check_motifs(motifs: Motifs, clusters: Clusters, where: str) -> None:
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
