"""The motif finder that a model is saved with: clusters, dictionary and settings of its chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cantaor.chain import MotifFinder
from cantaor.errors import ModelError
from cantaor.learn.export.bundle import Bundle
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
    return {"settings": settings_to_plain(finder.settings), "inertia": finder.clusters.inertia}


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
    arrays = bundle.arrays
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
    return MotifFinder(clusters, motifs, settings)
