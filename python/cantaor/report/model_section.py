"""What the report shows of models: figures on held-out clips, learning curves, the grid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cantaor.errors import CantaorError, WorkspaceError
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
    """

    protocol: str
    figures: Mapping[str, Any]
    calibration_error: float | None
    drawings: tuple[Drawing, ...]


def tested_models(workspace: Workspace) -> list[TestedModel]:
    """Every evaluation that a workspace keeps.

    Raises
    ------
    WorkspaceError
        A file holds something else; the message names it.
    """
    tested = []
    for path in sorted(workspace.path.glob("evaluation-*.json")):
        with _naming(path):
            tested.append(_tested(workspace, path))
    return tested


def learning_drawings(workspace: Workspace) -> list[Drawing]:
    """Learning curves of every model in a workspace."""
    drawings = []
    for path in sorted(workspace.path.glob("model*/model.json")):
        with _naming(path):
            history = json.loads(path.read_text(encoding="utf-8"))["history"]
            name = path.parent.name
            if history:
                label = f"Loss and accuracy of {name} over {len(history)} epochs"
                curves = plot_training([_numbers(epoch) for epoch in history])
                drawings.append(Drawing(name, figure_markup(curves, label, f"learning-{name}")))
    return drawings


def grid_records(workspace: Workspace) -> list[dict[str, Any]]:
    """Cells of a grid in the workspace's folder ``grid``, with the paper's figures beside."""
    records = []
    for path in sorted((workspace.path / "grid").glob("*.json")):
        with _naming(path):
            record = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(record, dict) and {"model", "data"} <= record.keys():
                records.append(_grid_record(record))
    return records


def _grid_record(record: Mapping[str, Any]) -> dict[str, Any]:
    from cantaor.learn.evaluation.grid import Cell, paper_figures

    names = ("model", "features", "data", "protocol")
    model, features, data, protocol = (str(record[name]) for name in names)
    shares = {name: _share(record.get(name), name) for name in ("accuracy", "auc")}
    return {**record, **shares, "paper": paper_figures(Cell(model, features, data, protocol))}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is wrong with a file of the workspace as an error that names it."""
    try:
        yield
    except CantaorError:
        raise
    except (
        OSError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
        pa.ArrowException,
    ) as error:
        raise WorkspaceError(f"{path}: not what cantaor writes there: {error!r}") from error


def _share(value: object, name: str) -> float | None:
    """A foreign share, or None where it is not there."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{name} must be a number, not {value!r:.80}")


def _numbers(epoch: Mapping[str, object]) -> dict[str, float]:
    return {name: float(_share(value, name) or 0.0) for name, value in epoch.items()}


def _figures(path: Path) -> dict[str, Any]:
    """Figures that ``evaluate`` wrote, checked as far as the page uses them."""
    figures = json.loads(path.read_text(encoding="utf-8"))
    classes, confusion = figures["classes"], np.array(figures["confusion"])
    if not all(isinstance(name, str) for name in classes):
        raise ValueError(f"classes must be names, not {classes!r:.80}")
    if confusion.shape != (len(classes), len(classes)) or confusion.dtype.kind != "i":
        raise ValueError(
            f"confusion must be {len(classes)} x {len(classes)} counts, not {confusion.shape}"
        )
    names = ("n", "accuracy", "balanced_accuracy", "auc", "recording_accuracy")
    shares = {name: _share(figures.get(name), name) for name in names}
    model = str(figures.get("model", ""))
    return {**shares, "classes": list(classes), "confusion": confusion.tolist(), "model": model}


def _tested(workspace: Workspace, path: Path) -> TestedModel:
    figures = _figures(path)
    protocol = path.stem.removeprefix("evaluation-")
    drawings = [_confusion(figures, protocol)] if len(figures["classes"]) <= _MAX_CLASSES else []
    held_out = workspace.path / f"heldout-{protocol}.parquet"
    if not held_out.exists():
        return TestedModel(protocol, figures, None, tuple(drawings))
    table = read_table(held_out)
    made = (table.schema.metadata or {}).get(b"cantaor.model", b"").decode()
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
