"""The model card: what a model is, how it was made, how well it does and where it fails.

References
----------
Mitchell, M. et al. (2019). Model cards for model reporting. FAT*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cantaor.errors import ModelError
from cantaor.io.files import replacing
from cantaor.io.locations import printable
from cantaor.learn.export.bundle import describe_model
from cantaor.learn.training.trained_model import TrainedModel

# What tells a card of ours from other files.
_HEAD, _MADE = "# Singers: ", "\nMade by cantaor "

_LIMITS = """\
- It names one of the singers above for any sound at all; a high probability is no proof.
- Recordings of one session share room, microphone and noise. Where test clips come from recordings
  that were trained on, the figures mostly measure these; only held-out recordings and sources say
  whether a singer is recognised.
- Clips are read at {sample_rate} Hz and scaled by their own loudest value; what passes
  {longest_s:.2f} s is cut.
- Probabilities are not calibrated.
"""


def model_card(
    trained: TrainedModel,
    evaluation: Mapping[str, Any] | None = None,
    data: str = "not stated",
) -> str:
    """A model card in Markdown.

    Parameters
    ----------
    trained
        The model.
    evaluation
        Figures on clips that were not trained on, as :meth:`Evaluation.to_json` gives them, or
        None: the card says that there are none.
    data
        What the model was trained on, in a sentence.
    """
    record = describe_model(trained)
    rate = trained.module.sample_rate
    parameters = sum(weights.numel() for weights in trained.module.parameters())
    lines = [
        f"{_HEAD}{', '.join(map(inline, trained.classes))}",
        "",
        f"Made by cantaor {record['cantaor']} with torch {record['torch']}; "
        f"{trained.settings.model} on {trained.settings.features}, {parameters:,} parameters, "
        f"{len(trained.history)} epochs.",
        "",
        "## Data",
        "",
        data,
        "",
        "## Figures",
        "",
        *_figures(evaluation),
        "",
        "## Limits",
        "",
        _LIMITS.format(sample_rate=rate, longest_s=trained.module.max_samples / rate),
        "## Settings",
        "",
        "| setting | value |",
        "|---|---|",
        *(f"| {name} | {inline(str(value))} |" for name, value in asdict(trained.settings).items()),
    ]
    return "\n".join(lines) + "\n"


def write_model_card(
    path: str | Path,
    trained: TrainedModel,
    evaluation: Mapping[str, Any] | None = None,
    data: str = "not stated",
) -> Path:
    """Write :func:`model_card` to a file, complete or not at all.

    Raises
    ------
    ModelError
        The file cannot be written, or is there and is no model card.
    """
    path = Path(path)
    require_own_card(path)
    with replacing(path, ModelError) as draft:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(model_card(trained, evaluation, data), encoding="utf-8")
    return path


def inline(name: str) -> str:
    """A name inside Markdown: shown as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#!&])", r"\\\1", printable(name))


def require_own_card(path: Path) -> None:
    """Raise ModelError unless a card may be written: nothing is there, or a card of ours."""
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error}") from error
    if text and not (text.startswith(_HEAD) and _MADE in text):
        raise ModelError(
            f"{path} is there and no model card of cantaor; rename it, or export under another name"
        )


def _figures(evaluation: Mapping[str, Any] | None) -> list[str]:
    if evaluation is None:
        return ["None were measured."]
    auc = "none" if evaluation["auc"] is None else f"{evaluation['auc']:.4f}"
    lines = [
        f"Protocol: {inline(evaluation['protocol']) or 'not stated'}; {evaluation['n']} clips.",
        "",
        "| accuracy | balanced accuracy | macro AUC |",
        "|---|---|---|",
        f"| {evaluation['accuracy']:.4f} | {evaluation['balanced_accuracy']:.4f} | {auc} |",
    ]
    shared = evaluation.get("shared_audio", {}).get("test")
    if shared is not None:
        lines += ["", f"Clips that share audio with what was learnt from: {shared:.1%}."]
    if evaluation["missing"]:
        lines += [
            "",
            f"Without clips to be tested on: {', '.join(map(inline, evaluation['missing']))}.",
        ]
    return lines
