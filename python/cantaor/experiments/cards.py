"""The model card of a model's folder: what was learned from, and the figures beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cantaor.corpus.manifest_files import read_manifest
from cantaor.errors import ModelError
from cantaor.experiments.learnt_audio import CLIPS
from cantaor.learn.data.subsets import select_split
from cantaor.learn.export.bundle import Bundle, is_number, load_bundle
from cantaor.learn.export.model_card import inline, write_model_card

#: Figures of a model on its held-out clips, beside it.
FIGURES = "evaluation.json"


def write_card(model: Path, out: Path) -> Path:
    """Write the model card of a model: its data, protocol, figures (once evaluated) and limits.

    Parameters
    ----------
    model
        Folder of a model.
    out
        The card, Markdown.
    """
    bundle = load_bundle(model)
    known = _figures_of(model, bundle)
    learned = "clips that are not listed"
    if (model / CLIPS).exists():
        clips = read_manifest(model / CLIPS)
        watched = bundle.trained.settings.early_stopping
        sides = ("train",) if watched else ("train", "validation")
        learned = f"{sum(len(select_split(clips, name)) for name in sides)} clips"
    notes, kind, protocol = (bundle.extra.get(name) for name in ("notes", "data", "protocol"))
    lines = [f"\n- {inline(str(note))}" for note in notes] if isinstance(notes, list) else []
    data = (
        f"{learned} of {len(bundle.trained.classes)} singers ({inline(str(kind))}), "
        f"split by the protocol {inline(str(protocol))}.\n{''.join(lines)}"
    )
    return write_model_card(out, bundle.trained, known, data.rstrip())


def _figures_of(model: Path, bundle: Bundle) -> Mapping[str, object] | None:
    """Figures beside a model, or None: there are none, or they are of the model before it."""
    file = model / FIGURES
    if not file.exists():
        return None
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: is damaged: {error}; evaluate the model again") from error
    if not isinstance(known, dict) or known.get("model") != bundle.digest:
        return None
    numbers = all(is_number(known.get(name)) for name in ("n", "accuracy", "balanced_accuracy"))
    numbers &= known.get("auc", 0) is None or is_number(known.get("auc"))
    texts = [known.get("protocol"), *(known.get("missing") or ())]
    if not numbers or not all(isinstance(text, str) for text in texts):
        raise ModelError(f"{file}: holds no figures of an evaluation; evaluate the model again")
    return {**known, "missing": list(known.get("missing") or ())}
