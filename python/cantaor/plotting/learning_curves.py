"""Curves of learning: over the epochs of one training, over its clips, and over noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cantaor.errors import ArgumentError, require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_TRAINING, _VALIDATION = "#9db2bf", "#b03a2e"
_NETWORKS = ("#b03a2e", "#1f4e79", "#3b7d4f", "#8a6d1b")
_FEATURES = ("-", "--", ":", "-.")


def plot_training(history: Sequence[Mapping[str, float]], title: str = "") -> Figure:
    """Loss and accuracy over the epochs of a training, as far as they were written down.

    Parameters
    ----------
    history
        One mapping for each epoch: ``epoch`` and, of ``loss``, ``accuracy``, ``validation_loss``
        and ``validation_accuracy``, what there is; a figure that no epoch has gets no axes.
    title
        Heading of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window.

    Raises
    ------
    ArgumentError
        No epoch has any of them.
    MissingExtraError
        matplotlib is not installed.
    """
    known = {key for one in history for key in one}
    names = [name for name in ("loss", "accuracy") if known & {name, f"validation_{name}"}]
    if not names:
        raise ArgumentError("history: no epoch has a loss or an accuracy")
    figure, axes = _axes_beside(len(names), title)
    for place, name in zip(axes, names, strict=True):
        for key, label, colour in (
            (name, "learned from", _TRAINING),
            (f"validation_{name}", "validation", _VALIDATION),
        ):
            points = [(one["epoch"], one[key]) for one in history if key in one]
            if points:
                place.plot(*zip(*points, strict=True), color=colour, label=label, marker=".")
        _label(place, "epoch", name)
    return figure


def plot_robustness(records: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Accuracy over noise and, where a grid has several, over fractions of the training clips.

    A column for each protocol and data set, a colour for each network, a stroke for each feature.

    Parameters
    ----------
    records
        Of a grid: ``model``, ``features``, ``data``, ``protocol``, ``fraction``, ``accuracy`` and
        ``noise``, accuracies by signal-to-noise ratio in dB. Empty records are left out.
    title
        Heading of the figure.

    Raises
    ------
    ArgumentError
        Every record is empty.
    MissingExtraError
        matplotlib is not installed.
    """
    require_extra("matplotlib", "plot")
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], dict[tuple[str, str], list[Mapping[str, Any]]]] = {}
    for record in sorted(_filled(records), key=lambda record: float(record["fraction"])):
        lines = panels.setdefault((record["protocol"], record["data"]), {})
        lines.setdefault((record["model"], record["features"]), []).append(record)
    several = any(len(line) > 1 for lines in panels.values() for line in lines.values())
    rows = (_over_noise, _over_fractions) if several else (_over_noise,)
    figure = Figure(figsize=(2.6 + 3.2 * len(panels), 0.6 + 3 * len(rows)), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(len(rows), len(panels), sharey=True, squeeze=False)
    strokes = _strokes([name for lines in panels.values() for name in lines])
    shown: dict[tuple[str, str], Line2D] = {}
    for column, ((protocol, data), lines) in enumerate(panels.items()):
        grid[0, column].set_title(f"{data}, {protocol} split", fontsize="medium")
        for row, points in enumerate(rows):
            for name, line in lines.items():
                drawn = points(grid[row, column], line, strokes[name])
                shown.setdefault(name, drawn)
            grid[row, column].set_ylim(0, 1.02)
            _frame(grid[row, column])
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy")
    names = [" ".join(name) for name in shown]
    figure.legend(list(shown.values()), names, loc="outside right upper", frameon=False)
    return figure


def _filled(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = [record for record in records if "empty" not in record]
    if not found:
        raise ArgumentError("records: every cell is empty, so there is nothing to draw")
    return found


def _strokes(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Colour by network, dashes by feature."""
    models, features = (list(dict.fromkeys(name[i] for name in names)) for i in (0, 1))
    return {
        (model, feature): {
            "color": _NETWORKS[models.index(model) % len(_NETWORKS)],
            "linestyle": _FEATURES[features.index(feature) % len(_FEATURES)],
            "marker": ".",
        }
        for model, feature in names
    }


def _over_noise(axes: Axes, line: Sequence[Mapping[str, Any]], stroke: dict[str, Any]) -> Line2D:
    levels = sorted((float(level), accuracy) for level, accuracy in line[-1]["noise"].items())
    axes.set_xlabel("signal to noise (dB)")
    return axes.plot(*_columns(levels), **stroke)[0]


def _over_fractions(
    axes: Axes, line: Sequence[Mapping[str, Any]], stroke: dict[str, Any]
) -> Line2D:
    axes.set_xlabel("fraction of the training clips")
    return axes.plot(*_columns([(one["fraction"], one["accuracy"]) for one in line]), **stroke)[0]


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _axes_beside(count: int, title: str) -> tuple[Figure, Sequence[Axes]]:
    require_extra("matplotlib", "plot")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * count, 4), layout="constrained")
    figure.suptitle(title)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _frame(axes: Axes) -> None:
    axes.grid(color="#e6eaee")
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Axes, below: str, beside: str) -> None:
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    _frame(axes)
    if axes.lines:
        axes.legend(frameon=False, fontsize="small")
