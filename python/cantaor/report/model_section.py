"""What the report shows of models: figures on held-out clips, learning curves, the grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.errors import WorkspaceError
from cantaor.io.files import read_table
from cantaor.metrics.calibration_error import expected_calibration_error
from cantaor.plotting.evaluation import (
    embedding_map,
    plot_calibration,
    plot_confusion,
    plot_embeddings,
)
from cantaor.plotting.learning_curves import plot_training
from cantaor.plotting.svg import figure_markup
from cantaor.report.foreign import naming, number_or_none
from cantaor.workspace.changes import changed_state
from cantaor.workspace.confinement import own_files
from cantaor.workspace.provenance import maker_of
from cantaor.workspace.workspace import Workspace

#: A map with more points than this is a blot; an even choice is drawn.
_MAX_POINTS = 1500
#: A confusion of more singers is a table only.
_MAX_CLASSES = 60


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure on the page.

    Attributes
    ----------
    title, markup
        Heading and vector drawing.
    """

    title: str
    markup: str


@dataclass(frozen=True, slots=True)
class TestedModel:
    """A model on its held-out clips.

    Attributes
    ----------
    protocol
        How the clips were set apart.
    figures
        What ``evaluate`` measured.
    calibration_error
        Expected calibration error; None where probabilities were not kept.
    drawings
        Confusion, calibration, embeddings, as far as there is something to draw.
    changed
        A sentence where the workspace changed since the model was trained on it.
    """

    protocol: str
    figures: Mapping[str, Any]
    calibration_error: float | None
    drawings: tuple[Drawing, ...]
    changed: str = ""

    @property
    def shared(self) -> float | None:
        """Fraction of the held-out clips that share audio with training; None: not kept."""
        found: float | None = self.figures.get("shared_audio", {}).get("test")
        return found


def tested_models(workspace: Workspace) -> list[TestedModel]:
    """Every evaluation that a workspace keeps.

    Raises
    ------
    WorkspaceError
        A file holds something else; the message names it.
    """
    tested = []
    for path in own_files(workspace.path, "evaluation-*.json"):
        with naming(path):
            tested.append(_tested(workspace, path))
    return tested


def learning_drawings(workspace: Workspace) -> list[Drawing]:
    """Learning curves of every model in a workspace."""
    drawings = []
    for path in own_files(workspace.path, "model*/model.json"):
        with naming(path):
            history = _read(path).get("history") or []
            name = path.parent.name
            measured = [key for key in ("loss", "accuracy") if any(key in one for one in history)]
            if measured:
                label = (
                    f"{' and '.join(measured).capitalize()} of {name} over {len(history)} epochs"
                )
                curves = plot_training([_numbers(epoch) for epoch in history])
                drawings.append(Drawing(name, figure_markup(curves, label, f"learning-{name}")))
    return drawings


def model_changes(workspace: Workspace) -> list[str]:
    """Sentences on the models of a workspace that changed since they were trained on it."""
    notes = []
    for path in own_files(workspace.path, "model*/model.json"):
        facts = _read(path).get("extra", {})
        facts = facts.get("workspace") if isinstance(facts, Mapping) else None
        changed = changed_state(workspace, facts) if isinstance(facts, Mapping) else ""
        if changed:
            notes.append(f"{path.parent.name}: {changed}")
    return notes


def _numbers(epoch: Mapping[str, object]) -> dict[str, float]:
    return {name: float(number_or_none(value, name) or 0.0) for name, value in epoch.items()}


def _figures(path: Path) -> dict[str, Any]:
    """Figures that ``evaluate`` wrote, checked as far as the page uses them."""
    figures = _read(path)
    classes, confusion = figures["classes"], np.array(figures["confusion"])
    if not all(isinstance(name, str) for name in classes):
        raise ValueError(f"classes must be names, not {classes!r:.80}")
    if confusion.shape != (len(classes), len(classes)) or confusion.dtype.kind != "i":
        raise ValueError(
            f"confusion must be {len(classes)} x {len(classes)} counts, not {confusion.shape}"
        )
    names = ("n", "accuracy", "balanced_accuracy", "auc", "recording_accuracy")
    shares = {name: number_or_none(figures.get(name), name) for name in names}
    model = str(figures.get("model", ""))
    shared = figures.get("shared_audio", {})
    test = shared.get("test") if isinstance(shared, Mapping) else None
    return {
        **shares,
        "classes": list(classes),
        "confusion": confusion.tolist(),
        "model": model,
        "shared_audio": {} if test is None else {"test": number_or_none(test, "shared_audio")},
        "workspace": figures.get("workspace"),
    }


def _tested(workspace: Workspace, path: Path) -> TestedModel:
    figures = _figures(path)
    protocol = path.stem.removeprefix("evaluation-")
    drawings = [_confusion(figures, protocol)] if len(figures["classes"]) <= _MAX_CLASSES else []
    held_out = workspace.path / f"heldout-{protocol}.parquet"
    if held_out not in own_files(workspace.path, "heldout-*.parquet"):
        return TestedModel(protocol, figures, None, tuple(drawings), _changed(workspace, figures))
    table = read_table(held_out)
    maker = maker_of(table.schema)
    made = "" if maker is None else str(maker.settings.get("model", ""))
    if made and figures["model"] and made != figures["model"]:
        raise WorkspaceError(
            f"{held_out}: holds clips heard with model {made}, but {path.name} is of model "
            f"{figures['model']}; evaluate the workspace again"
        )
    probability = table["probability"].to_numpy()
    singers = table["singer"].to_pylist()
    correct = np.array(singers) == np.array(table["answer"].to_pylist())
    drawings += [
        _calibration(probability, correct, protocol),
        _map(np.stack(table["embedding"].to_numpy()), singers, protocol),
    ]
    error = expected_calibration_error(probability, correct)
    return TestedModel(protocol, figures, error, tuple(drawings), _changed(workspace, figures))


def _changed(workspace: Workspace, figures: Mapping[str, Any]) -> str:
    facts = figures.get("workspace")
    return changed_state(workspace, facts) if isinstance(facts, Mapping) else ""


def _read(path: Path) -> dict[str, Any]:
    """A JSON object of the workspace's own."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{path}: not readable: {error}") from error
    if not isinstance(found, dict):
        raise WorkspaceError(f"{path}: must hold one JSON object")
    return found


def _confusion(figures: Mapping[str, Any], protocol: str) -> Drawing:
    figure = plot_confusion(figures["classes"], figures["confusion"])
    label = f"Confusion of singers, split {protocol}; the table below has the counts"
    return Drawing("Confusion", figure_markup(figure, label, f"confusion-{protocol}"))


def _calibration(probability: np.ndarray, correct: np.ndarray, protocol: str) -> Drawing:
    label = f"Accuracy over confidence, split {protocol}"
    figure = plot_calibration(probability, correct)
    return Drawing("Calibration", figure_markup(figure, label, f"calibration-{protocol}"))


def _map(embeddings: np.ndarray, singers: Sequence[str], protocol: str) -> Drawing:
    step = max(1, -(-len(singers) // _MAX_POINTS))
    points = embedding_map(embeddings)[::step]
    figure = plot_embeddings(points, singers[::step])
    label = f"Map of the embeddings of {len(points)} held-out clips by singer, split {protocol}"
    return Drawing("Embeddings", figure_markup(figure, label, f"embeddings-{protocol}"))
