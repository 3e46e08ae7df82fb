"""What the report shows of models: figures on held-out clips, learning curves, the grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
from cantaor.workspace.workspace import Workspace

#: A map with more points than this is a blot; an even choice is drawn.
_MAX_POINTS = 1500


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
    """

    protocol: str
    figures: Mapping[str, Any]
    calibration_error: float | None
    drawings: tuple[Drawing, ...]


def tested_models(workspace: Workspace) -> list[TestedModel]:
    """Every evaluation that a workspace keeps."""
    return [_tested(workspace, path) for path in sorted(workspace.path.glob("evaluation-*.json"))]


def learning_drawings(workspace: Workspace) -> list[Drawing]:
    """Learning curves of every model in a workspace."""
    drawings = []
    for path in sorted(workspace.path.glob("model*/model.json")):
        history = json.loads(path.read_text(encoding="utf-8"))["history"]
        name = path.parent.name
        measured = [key for key in ("loss", "accuracy") if any(key in one for one in history)]
        if measured:
            told = " and ".join(measured).capitalize()
            label = f"{told} of {name} over {len(history)} epochs"
            drawings.append(Drawing(name, figure_markup(plot_training(history), label, name)))
    return drawings


def grid_records(workspace: Workspace) -> list[dict[str, Any]]:
    """Cells of a grid in the workspace's folder ``grid``, with the paper's figures beside."""
    files = sorted((workspace.path / "grid").glob("*.json"))
    records = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    cells = [one for one in records if isinstance(one, dict) and "model" in one and "data" in one]
    if not cells:
        return []
    from cantaor.learn.evaluation.grid import Cell, paper_figures

    names = ("model", "features", "data", "protocol")
    return [{**one, "paper": paper_figures(Cell(*(one[name] for name in names)))} for one in cells]


def _tested(workspace: Workspace, path: Path) -> TestedModel:
    figures = json.loads(path.read_text(encoding="utf-8"))
    protocol = path.stem.removeprefix("evaluation-")
    drawings = [_confusion(figures, protocol)]
    held_out = workspace.path / f"heldout-{protocol}.parquet"
    if not held_out.exists():
        return TestedModel(protocol, figures, None, tuple(drawings))
    table = read_table(held_out)
    probability = table["probability"].to_numpy()
    singers = table["singer"].to_pylist()
    correct = np.array(singers) == np.array(table["answer"].to_pylist())
    drawings += [
        _calibration(probability, correct, protocol),
        _map(np.stack(table["embedding"].to_numpy()), singers, protocol),
    ]
    error = expected_calibration_error(probability, correct)
    return TestedModel(protocol, figures, error, tuple(drawings))


def _confusion(figures: Mapping[str, Any], protocol: str) -> Drawing:
    figure = plot_confusion(figures["classes"], figures["confusion"])
    label = f"Confusion of singers, split {protocol}; the table below has the counts"
    return Drawing("Confusion", figure_markup(figure, label, f"confusion-{protocol}"))


def _calibration(probability: np.ndarray, correct: np.ndarray, protocol: str) -> Drawing:
    label = f"Share of right answers over their probability, split {protocol}"
    figure = plot_calibration(probability, correct)
    return Drawing("Calibration", figure_markup(figure, label, f"calibration-{protocol}"))


def _map(embeddings: np.ndarray, singers: Sequence[str], protocol: str) -> Drawing:
    step = max(1, -(-len(singers) // _MAX_POINTS))
    points = embedding_map(embeddings)[::step]
    figure = plot_embeddings(points, singers[::step])
    label = f"Map of the embeddings of {len(points)} held-out clips by singer, split {protocol}"
    return Drawing("Embeddings", figure_markup(figure, label, f"embeddings-{protocol}"))
