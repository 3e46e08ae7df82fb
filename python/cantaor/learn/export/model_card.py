"""The model card: what a model is, how it was made, how well it does and where it fails.

References
----------
Mitchell, M. et al. (2019). Model cards for model reporting. FAT*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cantaor.errors import ModelError
from cantaor.io.files import replacing
from cantaor.learn.export.bundle import describe_model
from cantaor.learn.training.trained_model import TrainedModel

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
        f"# Singers: {', '.join(trained.classes)}",
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
        *(f"| {name} | {value} |" for name, value in asdict(trained.settings).items()),
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
        The file cannot be written.
    """
    path = Path(path)
    with replacing(path, ModelError) as draft:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(model_card(trained, evaluation, data), encoding="utf-8")
    return path


def _figures(evaluation: Mapping[str, Any] | None) -> list[str]:
    if evaluation is None:
        return ["None were measured."]
    auc = "none" if evaluation["auc"] is None else f"{evaluation['auc']:.4f}"
    lines = [
        f"Protocol: {evaluation['protocol'] or 'not stated'}; {evaluation['n']} clips.",
        "",
        "| accuracy | balanced accuracy | macro AUC |",
        "|---|---|---|",
        f"| {evaluation['accuracy']:.4f} | {evaluation['balanced_accuracy']:.4f} | {auc} |",
    ]
    shared = evaluation.get("shared_audio", {}).get("test")
    if shared is not None:
        lines += ["", f"Clips that share audio with what was learnt from: {shared:.1%}."]
    if evaluation["missing"]:
        lines += ["", f"Without clips to be tested on: {', '.join(evaluation['missing'])}."]
    return lines
