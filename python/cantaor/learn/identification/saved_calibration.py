"""Calibration and melody as a model's bundle keeps them; those from elsewhere are checked."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from cantaor.errors import ModelError
from cantaor.learn.evaluation.voting import VOTE_RULE
from cantaor.learn.export.bundle import Bundle, is_number, shortened
from cantaor.learn.identification.calibration import Calibration
from cantaor.learn.identification.melody import Melody, MotifShares

_KINDS = {"sums": np.float64, "singers": np.int32, "offsets": np.int64, "groups": np.int64}


def calibration_facts(calibration: Calibration) -> dict[str, Any]:
    """A calibration as plain values."""
    return {**asdict(calibration), "rule": VOTE_RULE}


def calibration_from(facts: Any, where: str) -> Calibration:
    """A calibration from plain values; ``where`` is how messages call the model.

    Raises
    ------
    ModelError
        A number is missing, or it was fitted to votes by another rule.
    """
    names = [field.name for field in fields(Calibration)]
    numbers = isinstance(facts, dict) and all(is_number(facts.get(name)) for name in names)
    if not numbers or not facts["temperature"] > 0:
        raise ModelError(
            f"{where}: 'calibration' must hold numbers under {', '.join(names)} with a temperature "
            f"above 0, not {shortened(facts)}"
        )
    if facts.get("rule") != VOTE_RULE:
        raise ModelError(
            f"{where}: was calibrated for votes by {facts.get('rule', 'arithmetic mean')}, but "
            f"this cantaor votes by {VOTE_RULE}; train the model again"
        )
    return Calibration(**{name: facts[name] for name in names})


def melody_parts(melody: Melody) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """A melody as a bundle keeps it: arrays and plain values."""
    sums = melody.shares.sums
    arrays = {
        "melody_sums": sums.data.astype(np.float64),
        "melody_singers": sums.indices.astype(np.int32),
        "melody_offsets": sums.indptr.astype(np.int64),
        "melody_groups": melody.shares.groups.astype(np.int64),
    }
    facts = {"weight": melody.weight, "calibration": calibration_facts(melody.calibration)}
    return arrays, {"melody": facts}


def melody_from(bundle: Bundle, facts: Any, where: str) -> Melody:
    """A melody from a bundle; ``where`` is how messages call the model.

    Raises
    ------
    ModelError
        Values or arrays are missing or do not fit the model's singers and motifs.
    """
    weight = facts.get("weight") if isinstance(facts, dict) else None
    if not is_number(weight) or not weight > 0:
        raise ModelError(f"{where}: 'weight' of 'melody' must be above 0, not {shortened(weight)}")
    arrays = {name: bundle.arrays.get(f"melody_{name}", np.empty(0)) for name in _KINDS}
    for name, array in arrays.items():
        if array.dtype != _KINDS[name] or array.ndim != 1:
            raise ModelError(
                f"{where}: melody_{name} must be {np.dtype(_KINDS[name])} of one dimension, not "
                f"{array.dtype} {array.shape}"
            )
    singers = len(bundle.trained.classes)
    motifs = bundle.arrays.get("motif_support", np.empty(0)).size
    sums, index, offsets, groups = arrays.values()
    if groups.size != singers or offsets.size != motifs + 1:
        raise ModelError(
            f"{where}: melody_groups and melody_offsets must be {singers} and {motifs + 1} long, "
            f"as 'classes' and motif_support say, not {groups.size} and {offsets.size}"
        )
    ordered = offsets[0] == 0 and offsets[-1] == sums.size and (np.diff(offsets) >= 0).all()
    inside = index.size == sums.size and ((index >= 0) & (index < singers)).all()
    if not ordered or not inside or not np.isfinite(sums).all() or (sums < 0).any():
        raise ModelError(
            f"{where}: melody_offsets must rise from 0 to the {sums.size} melody_sums, which must "
            f"be 0 or more, each with one of {singers} melody_singers"
        )
    if (groups < 0).any() or not (groups > 0).any():
        raise ModelError(f"{where}: melody_groups must be 0 or more, and some above 0")
    shares = MotifShares(csc_array((sums, index, offsets), shape=(singers, motifs)), groups)
    return Melody(shares, float(weight), calibration_from(facts.get("calibration"), where))
