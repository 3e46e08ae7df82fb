"""Curves of learning: over the epochs of one training, over its clips, and over noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cantaor.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEARNED, _WATCHED = "#9db2bf", "#b03a2e"


def plot_training(history: Sequence[Mapping[str, float]], title: str = "") -> Figure:
    """Loss and accuracy over the epochs of a training.

    Parameters
    ----------
    history
        One mapping for each epoch: ``epoch``, ``loss``, ``accuracy`` and, where clips were
        watched, ``validation_loss`` and ``validation_accuracy``.
    title
        Heading of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    figure, axes = _two_axes(title)
    for place, name in zip(axes, ("loss", "accuracy"), strict=True):
        for key, label, colour in (
            (name, "learned from", _LEARNED),
            (f"validation_{name}", "watched", _WATCHED),
        ):
            points = [(one["epoch"], one[key]) for one in history if key in one]
            if points:
                place.plot(*zip(*points, strict=True), color=colour, label=label, marker=".")
        _label(place, "epoch", name)
    return figure


def plot_robustness(records: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Accuracy over the share of training clips and over noise, one line for each network.

    Parameters
    ----------
    records
        Of a grid: ``model``, ``features``, ``data``, ``protocol``, ``fraction``, ``accuracy`` and
        ``noise``, accuracies by signal-to-noise ratio in dB. Empty records are left out.
    title
        Heading of the figure.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    figure, (shares, noises) = _two_axes(title)
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if "empty" not in record:
            name = " ".join(record[key] for key in ("model", "features", "data", "protocol"))
            lines.setdefault(name, []).append(record)
    for name, found in lines.items():
        ordered = sorted(found, key=lambda record: float(record["fraction"]))
        points = [(record["fraction"], record["accuracy"]) for record in ordered]
        shares.plot(*zip(*points, strict=True), marker=".", label=name)
        noise = sorted((float(level), share) for level, share in ordered[-1]["noise"].items())
        if noise:
            noises.plot(*zip(*noise, strict=True), marker=".", label=name)
    _label(shares, "share of the training clips", "accuracy")
    _label(noises, "signal to noise (dB)", "accuracy")
    return figure


def _two_axes(title: str) -> tuple[Figure, Sequence[Axes]]:
    require_extra("matplotlib", "plot")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    return figure, figure.subplots(1, 2)


def _label(axes: Axes, below: str, beside: str) -> None:
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.grid(color="#e6eaee")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False, fontsize="small")
