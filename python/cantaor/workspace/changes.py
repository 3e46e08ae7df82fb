"""What a model keeps of the workspace that it was trained on, and whether that changed since."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cantaor.errors import CantaorError
from cantaor.io.locations import printable
from cantaor.io.own_output import is_workspace
from cantaor.settings import deciding_settings
from cantaor.workspace.provenance import MadeBy, difference
from cantaor.workspace.workspace import Workspace


def workspace_facts(workspace: Workspace, model: Path) -> dict[str, Any]:
    """What a model keeps: where the workspace lies from it, its state, and what made that.

    Parameters
    ----------
    workspace
        What the model was trained on.
    model
        Folder of the model.
    """
    made = workspace.made_by
    facts = {} if made is None else {"cantaor": made.cantaor, "stages": dict(made.stages)}
    return {
        **facts,
        "path": os.path.relpath(workspace.path.resolve(), model.resolve()),
        "state": "" if made is None else made.state,
        "settings": deciding_settings(workspace.settings),
    }


def changed_since(facts: object, model: Path) -> str:
    """A sentence where the workspace of a model is no longer what the model was trained on.

    Parameters
    ----------
    facts
        What the model keeps, see :func:`workspace_facts`; anything else says nothing.
    model
        Folder of the model.

    Returns
    -------
    str
        Empty where nothing changed, or where the workspace is not there any more.
    """
    if not isinstance(facts, Mapping) or not facts.get("path"):
        return ""
    try:
        folder = (model.resolve() / str(facts["path"])).resolve()
        if not is_workspace(folder):
            return ""
        return changed_state(Workspace(folder), facts)
    except (OSError, ValueError, RuntimeError):
        return ""


def changed_state(workspace: Workspace, facts: Mapping[str, Any]) -> str:
    """The same for a workspace that is known."""
    before = _maker(facts)
    if before is None:
        return ""
    name = printable(str(workspace.path))
    try:
        now = workspace.made_by if workspace.is_mined else None
    except CantaorError:
        now = None
    if now is None:
        return f"the workspace {name} changed since the model was trained on it: it is unfinished"
    if now.state == before.state:
        return ""
    found = difference(before, now)
    return f"the workspace {name} changed since the model was trained on it: {printable(found)}"


def _maker(facts: Mapping[str, Any]) -> MadeBy | None:
    try:
        return MadeBy(
            str(facts["cantaor"]),
            {str(name): int(number) for name, number in facts["stages"].items()},
            dict(facts["settings"]),
            str(facts["state"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
