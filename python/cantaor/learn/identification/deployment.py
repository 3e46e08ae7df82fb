"""Whole bundles as files: a model with what was fitted to read its answers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cantaor.learn.export.bundle import Bundle
from cantaor.learn.export.deployed import Decision
from cantaor.learn.export.formats import export_model
from cantaor.learn.identification.enrolment import backend_from_bundle
from cantaor.learn.networks.ensemble import EnsembleClassifier


def export_bundle(bundle: Bundle, path: str | os.PathLike[str]) -> Path:
    """Write a model, its calibration and its enrolled singers as one file.

    Parameters
    ----------
    bundle
        The model.
    path
        As for :func:`~cantaor.learn.export.formats.export_model`.

    Raises
    ------
    ModelError
        As for :func:`~cantaor.learn.export.formats.export_model`.
    """
    return export_model(bundle.trained, path, decision_of(bundle))


def decision_of(bundle: Bundle) -> Decision | None:
    """How a bundle's answers are read; None where nothing was fitted and nobody enrolled."""
    backend = backend_from_bundle(bundle)
    calibration, gallery = backend.calibration, backend.gallery
    if not isinstance(bundle.trained.module, EnsembleClassifier):
        return None
    if calibration is None and (gallery is None or not gallery.names):
        return None
    nobody = np.empty((0, bundle.trained.module.embedding_size))
    return Decision(
        1.0 if calibration is None else calibration.temperature,
        0.0 if calibration is None else calibration.unknown_below,
        nobody if gallery is None else gallery.trained,
        nobody if gallery is None else gallery.enrolled,
        () if gallery is None else gallery.names,
        1.0 if gallery is None else gallery.temperature,
    )
