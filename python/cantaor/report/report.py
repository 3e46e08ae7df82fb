"""``cantaor report``: one self-contained HTML page about a mined workspace.

Everything is inside the file (drawings, audio, styles, script), so it opens by double click and
can be sent as it is.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cantaor.corpus.audit.summary import AuditReport
from cantaor.errors import require_extra
from cantaor.report.grid_section import grid_section
from cantaor.report.model_section import learning_drawings, model_changes, tested_models
from cantaor.report.motif_cards import motif_cards, sounds_of
from cantaor.report.templates import page_file, require_own_page, write_page
from cantaor.report.viewer_data import choose_recordings, track_data
from cantaor.settings import settings_to_plain
from cantaor.units import clock, note_cents
from cantaor.workspace.summary import motif_rows
from cantaor.workspace.workspace import Workspace

_LIBRARIES = ("numpy", "scipy", "numba", "soxr", "pyarrow", "torch", "torchaudio", "essentia")


def write_report(
    workspace: Workspace,
    path: str | os.PathLike[str],
    *,
    audit: AuditReport | None = None,
    motifs_per_singer: int = 8,
    recordings: int = 24,
    tonics: Mapping[str, str] | None = None,
) -> Path:
    """Write the report of a workspace.

    Parameters
    ----------
    workspace
        A mined workspace.
    path
        HTML file to write.
    audit
        What an audit of its recordings found; None leaves that part out and says so.
    motifs_per_singer
        Most motifs shown of each singer, by how strongly they mark the singer.
    recordings
        Most recordings drawn, evenly over the singers; the page says how many there are.
    tonics
        Notes such as ``"E3"`` by name of recording, ``"*"`` for all others; where none is given
        the tonic is estimated.

    Returns
    -------
    Path
        The file, complete.

    Raises
    ------
    MissingExtraError
        matplotlib or jinja2 is not installed.
    WorkspaceError
        A table is missing or damaged, or the file cannot be written or is not a page of ours.
    """
    require_extra("jinja2", "plot")
    require_own_page(Path(path))
    cards = motif_cards(workspace, motifs_per_singer)
    shown = {card.name for kept in cards.values() for card in kept}
    known = {name: note_cents(note) for name, note in (tonics or {}).items()}
    tracks = [
        track_data(workspace, row, shown, known.get(row["recording"], known.get("*")))
        for row in choose_recordings(workspace, recordings)
    ]
    return write_page(
        path,
        "report.html",
        title=workspace.path.resolve().name,
        style=page_file("report.css"),
        script=page_file("report.js"),
        versions=_versions(),
        singers=motif_rows(workspace),
        total_recordings=workspace.table("recordings").num_rows,
        failures=_failures(workspace),
        audit=None if audit is None else audit.summary(),
        leaks=() if audit is None else audit.leaks,
        cards=cards,
        tracks=tracks,
        sounds=sounds_of(workspace, cards),
        models=tested_models(workspace),
        curves=learning_drawings(workspace),
        model_changes=model_changes(workspace),
        grid=grid_section(workspace),
        made_by=str(workspace.made_by or "code that did not name itself"),
        settings=settings_to_plain(workspace.settings),
        clock=clock,
    )


def _failures(workspace: Workspace) -> list[dict[str, Any]]:
    rows = workspace.table("failures").to_pylist()
    return [row for row in rows if row.get("kind", "failed") == "failed"]


def _versions() -> Mapping[str, Any]:
    found = {"cantaor": version("cantaor"), "Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
