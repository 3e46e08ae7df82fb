"""The contour of a mined recording with the motifs that mark its singer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from cantaor.errors import ArgumentError
from cantaor.plotting.contours import MotifSpan, busiest_window, plot_contour, save_figure
from cantaor.workspace.workspace import Workspace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOTIFS_SHOWN = 4
_WINDOW_S = 12.0


def distinctive_spans(workspace: Workspace, recording: str) -> list[MotifSpan]:
    """Instances in one recording of the motifs that mark its singer most.

    Parameters
    ----------
    workspace
        A mined workspace.
    recording
        Name of the recording.

    Returns
    -------
    list of MotifSpan
        Instances of the four motifs with the highest log-odds among those sung in it; empty where
        none is.
    """
    own = workspace.table("instances", where=pc.field("recording") == recording)
    instances = own.to_pylist()
    z_score = {row["motif"]: row["z_score"] for row in workspace.table("motifs").to_pylist()}
    sung = sorted({row["motif"] for row in instances}, key=lambda m: (-z_score[m], m))
    chosen = set(sung[:_MOTIFS_SHOWN])
    return [
        MotifSpan(row["motif"], row["start_s"], row["end_s"])
        for row in instances
        if row["motif"] in chosen
    ]


def contour_figure(workspace: Workspace, recording: str) -> Figure:
    """The stretch of a recording where its distinctive motifs are densest.

    Parameters
    ----------
    workspace
        A mined workspace.
    recording
        Name of the recording.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        The workspace has no such recording.
    """
    rows = [r for r in workspace.table("recordings").to_pylist() if r["recording"] == recording]
    if not rows:
        raise ArgumentError(f"{workspace.path} holds no recording {recording!r}")
    row = rows[0]
    track = workspace.track(row["pitch_key"])
    offset = row["start_s"] or 0.0
    spans = [
        MotifSpan(s.name, s.start_s - offset, s.end_s - offset)
        for s in distinctive_spans(workspace, recording)
    ]
    from_s = max(0.0, busiest_window(spans, _WINDOW_S) - 0.5)
    return plot_contour(
        track,
        workspace.contour(row["contour_key"]),
        spans,
        from_s=from_s,
        to_s=min(row["duration_s"], from_s + _WINDOW_S + 1.0),
        title=f"{recording}: f0, contour and the motifs that mark {row['singer']}",
    )


def draw_distinctive_contour(workspace: Workspace, path: str | os.PathLike[str]) -> Path:
    """Draw the recording that shows best what a distinctive motif is, to a PNG, SVG or PDF file.

    It is the one with most distinctive instances of the singer who has the strongest motif.
    """
    strongest = max(workspace.table("motifs").to_pylist(), key=lambda row: row["z_score"])
    recordings = [
        row["recording"]
        for row in workspace.table("recordings").to_pylist()
        if row["singer"] == strongest["singer"]
    ]
    chosen = max(recordings, key=lambda name: len(distinctive_spans(workspace, name)))
    return save_figure(contour_figure(workspace, chosen), path)
