"""Figures: a recording's f0, its contour, and where its motifs lie (figure 1 of the paper)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cantaor.errors import require_extra
from cantaor.io.files import replacing
from cantaor.plotting.text import plain_text, short_label
from cantaor.types import Contour, PitchTrack
from cantaor.units import clock, hz_to_cents, note_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#24303a"
GRID = "#e6eaee"
_FRAMES = "#9db2bf"
_SEGMENT = "#b03a2e"
# Fraction of the figure's height that one motif's row of bars takes.
_LANE = 0.06
MOTIF_COLOURS = ("#e3b23c", "#5b8e7d", "#6a7fdb", "#c06c84", "#8d6a9f")


@dataclass(frozen=True, slots=True)
class MotifSpan:
    """One motif instance to mark.

    Attributes
    ----------
    name
        Label of the motif; equal names share a colour.
    start_s, end_s
        Seconds.
    """

    name: str
    start_s: float
    end_s: float


def plot_contour(
    track: PitchTrack,
    contour: Contour,
    spans: Sequence[MotifSpan] = (),
    *,
    from_s: float = 0.0,
    to_s: float | None = None,
    title: str = "",
) -> Figure:
    """Draw f0, its reduction to segments, and motif instances over time.

    Parameters
    ----------
    track
        The recording's pitch.
    contour
        Its contour.
    spans
        Instances to mark; those outside the window are left out.
    from_s, to_s
        Window in seconds; ``to_s`` ``None`` is the end of the track.
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
    require_extra("matplotlib", "plot")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator

    end_s = float(track.times[-1]) if to_s is None else to_s
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    axes = figure.add_subplot()
    shown = [s for s in spans if s.end_s > from_s and s.start_s < end_s]
    names = sorted({s.name for s in shown})
    for lane, name in enumerate(names):
        _draw_lane(axes, lane, [s for s in shown if s.name == name])
    axes.plot(track.times, hz_to_cents(track.hz), color=_FRAMES, lw=1.2, label="f0")
    axes.hlines(
        contour.cents, contour.start_s, contour.end_s, color=_SEGMENT, lw=2.2, label="contour"
    )
    axes.set_axisbelow(True)
    axes.set_xlim(from_s, end_s)
    _limit_pitch(axes, track, from_s, end_s, len(names))
    axes.set_xlabel("time (minutes:seconds)")
    axes.xaxis.set_major_formatter(
        lambda seconds, _: clock(seconds, 0 if end_s - from_s > 8 else 1)
    )
    axes.set_ylabel("pitch (A4 = 440 Hz)")
    axes.yaxis.set_major_locator(MultipleLocator(_note_step(axes)))
    axes.yaxis.set_major_formatter(lambda cents, _: note_name(cents))
    axes.set_title(short_label(title, 120), loc="left", color=INK)
    axes.grid(axis="y", color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure (PNG, SVG or PDF by the extension); the file appears only when complete."""
    target = Path(path)
    with replacing(target) as draft, plain_text(figure):
        figure.savefig(draft, dpi=130, format=target.suffix[1:] or "png")
    return target


def busiest_window(spans: Sequence[MotifSpan], length_s: float) -> float:
    """Start in seconds of the window that holds most spans, for a picture worth looking at.

    Examples
    --------
    >>> spans = [MotifSpan("a", 1.0, 2.0), MotifSpan("b", 9.0, 9.5), MotifSpan("b", 9.6, 10.0)]
    >>> busiest_window(spans, 3.0)
    9.0
    """
    starts = np.array(sorted(s.start_s for s in spans))
    ends = np.array(sorted(s.end_s for s in spans))
    if starts.size == 0:
        return 0.0
    inside = np.searchsorted(ends, starts + length_s, side="right") - np.searchsorted(
        starts, starts, side="left"
    )
    return float(starts[int(np.argmax(inside))])


def _draw_lane(axes: Axes, lane: int, spans: Sequence[MotifSpan]) -> None:
    """One row of bars under the melody for one motif: instances may overlap, motifs never do."""
    colour = MOTIF_COLOURS[lane % len(MOTIF_COLOURS)]
    bottom = _LANE * (lane + 0.25)
    axes.broken_barh(
        [(s.start_s, s.end_s - s.start_s) for s in spans],
        (bottom, _LANE * 0.6),
        transform=axes.get_xaxis_transform(),
        facecolors=colour,
        edgecolors="white",
        linewidth=1.0,
        label=short_label(spans[0].name),
    )


def _note_step(axes: Axes) -> int:
    """Cents between two named notes: at most a dozen names."""
    low, high = axes.get_ylim()
    return next((step for step in (100, 200, 300, 600) if (high - low) / step <= 12), 1200)


def _limit_pitch(axes: Axes, track: PitchTrack, from_s: float, to_s: float, lanes: int) -> None:
    window = (track.times >= from_s) & (track.times <= to_s) & (track.hz > 0)
    if window.any():
        cents = hz_to_cents(track.hz[window])
        low, high = float(cents.min()) - 100, float(cents.max()) + 100
        below = _LANE * lanes
        axes.set_ylim(low - (high - low) * below / (1 - below), high)
