"""``cantaor report``: one self-contained HTML page about a mined workspace.

Everything is inside the file (pictures, audio, styles), so it opens by double click and can be
sent as it is.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.errors import require_extra
from cantaor.run.workspace import Workspace, write_text
from cantaor.settings import settings_to_plain
from cantaor.show.contours import contour_figure
from cantaor.show.terminal import motif_rows

_SKETCH = (150, 44)


@dataclass(frozen=True, slots=True)
class MotifCard:
    """One marking motif as the page shows it.

    Attributes
    ----------
    name, symbols
        The motif.
    support, occurrences, z_score
        As in the table of motifs.
    sketch
        Points of its contour in an SVG of 150 x 44 units.
    sounds
        Instances: where, and a WAV as a data URL (empty where clips were not written).
    """

    name: str
    symbols: tuple[int, ...]
    support: int
    occurrences: int
    z_score: float
    sketch: str
    sounds: tuple[tuple[str, str], ...]


def write_report(
    workspace: Workspace,
    path: str | os.PathLike[str],
    *,
    motifs_per_singer: int = 8,
    recordings: int = 24,
) -> Path:
    """Write the report of a workspace.

    Parameters
    ----------
    workspace
        A mined workspace.
    path
        HTML file to write.
    motifs_per_singer
        Most motifs shown of each singer, by how strongly they mark the singer.
    recordings
        Most recordings drawn, evenly over the singers; the page says how many there are.

    Returns
    -------
    Path
        The file, complete.

    Raises
    ------
    MissingExtraError
        matplotlib or jinja2 is not installed.
    WorkspaceError
        A table is missing or the file cannot be written.
    """
    jinja2 = require_extra("jinja2", "plot")
    template = files("cantaor.show").joinpath("report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string(template).render(
        title=workspace.path.resolve().name,
        version=version("cantaor"),
        singers=motif_rows(workspace),
        cards=_cards(workspace, motifs_per_singer),
        drawings=_drawings(workspace, recordings),
        total_recordings=workspace.table("recordings").num_rows,
        evaluations=_evaluations(workspace),
        settings=settings_to_plain(workspace.settings),
        failures=workspace.table("failures").to_pylist(),
    )
    target = Path(path)
    write_text(target, text)
    return target


def sketch_points(symbols: Sequence[int]) -> str:
    """A motif's contour as the points of an SVG polyline, one flat step a segment.

    Examples
    --------
    >>> sketch_points([1])
    '4.0,40.0 75.0,40.0 75.0,4.0 146.0,4.0'
    """
    width, height = _SKETCH
    levels = np.concatenate([[0], np.cumsum(symbols)]).astype(float)
    low, high = levels.min(), levels.max()
    y = height - 4 - (levels - low) / max(high - low, 1.0) * (height - 8)
    x = np.linspace(4, width - 4, levels.size + 1)
    corners = [(x[i + side], y[i]) for i in range(levels.size) for side in (0, 1)]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)


def _cards(workspace: Workspace, count: int) -> dict[str, list[MotifCard]]:
    motifs = workspace.table("motifs").to_pylist()
    first: dict[str, list[dict[str, Any]]] = {}
    for row in workspace.table("instances").to_pylist():
        kept = first.setdefault(row["motif"], [])
        if len(kept) < 2:
            kept.append(row)
    cards: dict[str, list[MotifCard]] = {}
    for row in sorted(motifs, key=lambda m: (-m["z_score"], m["motif"])):
        shown = cards.setdefault(row["singer"], [])
        if len(shown) < count:
            shown.append(
                MotifCard(
                    row["motif"],
                    tuple(row["symbols"]),
                    row["support"],
                    row["occurrences"],
                    row["z_score"],
                    sketch_points(row["symbols"]),
                    tuple(_sound(workspace, one) for one in first.get(row["motif"], [])),
                )
            )
    return dict(sorted(cards.items()))


def _sound(workspace: Workspace, instance: dict[str, Any]) -> tuple[str, str]:
    where = f"{instance['recording']} at {instance['start_s']:.2f} s"
    clip = workspace.path / "clips" / instance["clip"]
    if not clip.exists():
        return where, ""
    return where, "data:audio/wav;base64," + base64.b64encode(clip.read_bytes()).decode()


def _drawings(workspace: Workspace, count: int) -> list[tuple[str, str, str]]:
    """Recording, singer and picture as a data URL, evenly over the singers."""
    rows = workspace.table("recordings").to_pylist()
    turn: dict[str, int] = {}
    ranked = []
    for row in rows:
        turn[row["singer"]] = turn.get(row["singer"], 0) + 1
        ranked.append((turn[row["singer"]], row["singer"], row["recording"]))
    chosen = sorted(ranked)[:count]
    return [(name, singer, _picture(workspace, name)) for _, singer, name in chosen]


def _picture(workspace: Workspace, recording: str) -> str:
    buffer = io.BytesIO()
    contour_figure(workspace, recording).savefig(buffer, dpi=110, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _evaluations(workspace: Workspace) -> list[dict[str, Any]]:
    found = sorted(workspace.path.glob("evaluation*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]
