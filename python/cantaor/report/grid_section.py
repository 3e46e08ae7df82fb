"""What the report shows of a grid: cells that can be compared, and apart those that cannot."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cantaor.metrics.paper_table import paper_figures
from cantaor.report.foreign import naming, number_or_none
from cantaor.workspace.changes import changed_state
from cantaor.workspace.confinement import own_files
from cantaor.workspace.workspace import Workspace

# Settings of the cell itself, and those that change no figure.
_OWN = ("model", "features", "device")
_CELL = ("model", "features", "data", "protocol")


@dataclass(frozen=True, slots=True)
class GridSection:
    """Cells of a grid.

    Attributes
    ----------
    cells
        Those of the last run's settings on the workspace as it is, the paper's figures beside.
    others
        Those of other settings, or of the workspace as it was; ``why`` says what differs.
    """

    cells: tuple[dict[str, Any], ...] = ()
    others: tuple[dict[str, Any], ...] = ()


def grid_section(workspace: Workspace) -> GridSection:
    """Cells of a grid in the workspace's folder ``grid``.

    Raises
    ------
    WorkspaceError
        A figure of a cell is no number; the message names the file.
    """
    folder = workspace.path / "grid"
    cells = []
    for path in own_files(workspace.path, "grid/*.json"):
        found = _read(path)
        if isinstance(found, dict) and all(name in found for name in _CELL):
            with naming(path):
                cells.append(_checked(found))
    if not cells:
        return GridSection()
    reference = _reference(_read(folder / "grid.json"), cells)
    same, others = [], []
    for one in cells:
        shown = {**one, "paper": paper_figures(one["model"], one["features"], one["data"])}
        why = [*_other_settings(one, reference), *_other_source(one, workspace)]
        if why:
            others.append({**shown, "why": ", ".join(why)})
        else:
            same.append(shown)
    return GridSection(tuple(same), tuple(others))


def _checked(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell as far as the page uses it."""
    shares = {name: number_or_none(cell.get(name), name) for name in ("accuracy", "auc")}
    return {**cell, **shares, **{name: str(cell[name]) for name in _CELL}}


def _reference(last: object, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Settings of the last run; those of most cells where it left none."""
    run = [one for one in last if isinstance(one, dict)] if isinstance(last, list) else []
    known = [_settings(one) for one in run if _settings(one)] or [_settings(one) for one in cells]
    counts = Counter(json.dumps(one, sort_keys=True) for one in known)
    found: dict[str, Any] = json.loads(counts.most_common(1)[0][0])
    return found


def _settings(cell: Mapping[str, Any]) -> dict[str, Any]:
    settings = cell.get("settings")
    if not isinstance(settings, Mapping):
        return {}
    return {name: value for name, value in settings.items() if name not in _OWN}


def _other_settings(cell: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    own = _settings(cell)
    names = sorted({*own, *reference})
    return [
        f"{name} {own.get(name)} against {reference.get(name)}"
        for name in names
        if own.get(name) != reference.get(name)
    ]


def _other_source(cell: Mapping[str, Any], workspace: Workspace) -> list[str]:
    source = cell.get("source")
    changed = changed_state(workspace, source) if isinstance(source, Mapping) else ""
    return [changed.replace("the model was trained on it", "then")] if changed else []


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
