"""Figures of a tested model: confusion, calibration, and the map of its embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError, require_extra
from cantaor.metrics.calibration_error import calibration_bins
from cantaor.plotting.contours import GRID, INK, MOTIF_COLOURS
from cantaor.plotting.text import short_label
from cantaor.types import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vP*X"


def plot_confusion(classes: Sequence[str], confusion: ArrayLike, title: str = "") -> Figure:
    """Confusion matrix: fraction of each singer's clips by predicted singer.

    Parameters
    ----------
    classes
        Names of the singers.
    confusion
        int (classes, classes), clips by true (row) and predicted (column) singer.
    title
        Heading.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window.

    Raises
    ------
    ArgumentError
        The matrix is not square or not as large as ``classes``.
    MissingExtraError
        matplotlib is not installed.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    size = len(classes)
    if counts.shape != (size, size):
        raise ArgumentError(
            f"confusion must be {size} x {size} for {size} classes, not {counts.shape}"
        )
    figure, axes = _square(title, max(3.5, 1.2 + 0.62 * size))
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row in range(size):
        for column in range(size):
            _draw_cell(axes, row, column, fractions[row, column], int(counts[row, column]))
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_xticks(range(size), [short_label(name) for name in classes])
    axes.set_yticks(range(size), [short_label(name) for name in classes])
    axes.set_xlabel("predicted")
    axes.set_ylabel("who sings")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def plot_calibration(probability: ArrayLike, correct: ArrayLike, title: str = "") -> Figure:
    """Reliability diagram: accuracy over confidence.

    Parameters
    ----------
    probability
        float (n,), of the predicted singer, 0..1.
    correct
        bool (n,), whether the prediction is correct.
    title
        Heading.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    mean, accuracy, count = calibration_bins(probability, correct)
    figure, axes = _square(title, 4.0)
    axes.plot([0, 1], [0, 1], color=INK, lw=1, ls="--", label="calibrated")
    axes.plot(mean, accuracy, color=MOTIF_COLOURS[1], lw=2)
    axes.scatter(
        mean, accuracy, s=20 + 180 * count / count.max(), color=MOTIF_COLOURS[1], label="clips"
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    return figure


def embedding_map(embeddings: ArrayLike) -> Float64Array:
    """The two directions of largest variance (principal components), float64 (n, 2).

    Parameters
    ----------
    embeddings
        float (n, dim).

    Examples
    --------
    >>> embedding_map([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0]])[:, 0].tolist()
    [3.0, 0.0, -3.0]
    """
    rows = np.asarray(embeddings, np.float64)
    centred = rows - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    # The sign of a principal axis is arbitrary: the largest weight of each is made negative.
    axes = (
        axes[:2]
        * -np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    )
    found = np.zeros((rows.shape[0], 2))
    found[:, : axes.shape[0]] = centred @ axes.T
    return found


def plot_embeddings(points: ArrayLike, singers: Sequence[str], title: str = "") -> Figure:
    """Clips on the map of :func:`embedding_map`, a colour and a shape for each singer.

    Parameters
    ----------
    points
        float (n, 2).
    singers
        Singer of each point.
    title
        Heading.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    places = np.asarray(points, np.float64)
    figure, axes = _square(title, 4.6)
    for number, name in enumerate(sorted(set(singers))):
        own = np.array([singer == name for singer in singers])
        axes.scatter(
            places[own, 0],
            places[own, 1],
            s=14,
            alpha=0.75,
            linewidths=0,
            color=MOTIF_COLOURS[number % len(MOTIF_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            label=short_label(name),
        )
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small", bbox_to_anchor=(1.0, 1.0), loc="upper left")
    return figure


def _square(title: str, inches: float) -> tuple[Figure, Axes]:
    require_extra("matplotlib", "plot")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(inches * 1.25, inches), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK)
    return figure, axes


def _draw_cell(axes: Axes, row: int, column: int, fraction: float, count: int) -> None:
    from matplotlib.patches import Rectangle

    colour = MOTIF_COLOURS[1] if row == column else MOTIF_COLOURS[3]
    corner = (column - 0.47, row - 0.47)
    axes.add_patch(Rectangle(corner, 0.94, 0.94, color=colour, alpha=0.08 + 0.62 * fraction, lw=0))
    if count:
        axes.text(column, row, f"{fraction:.0%}", ha="center", va="center", color=INK, fontsize=9)
