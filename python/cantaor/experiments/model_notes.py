"""Notes for users of a model about the data it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cantaor.io.locations import printable
from cantaor.pipeline.publishing import stage_versions
from cantaor.workspace.changes import changed_since
from cantaor.workspace.provenance import CANTAOR, MadeBy

# What identification does to a recording, as mining did.
_SHARED = ("pitch", "contour", "motifs")


def model_notes(extra: Mapping[str, Any], model: Path) -> list[str]:
    """Sentences where a model's workspace changed since, or was mined by other code than this.

    Parameters
    ----------
    extra
        What was saved with the model.
    model
        Its folder.
    """
    facts = extra.get("workspace")
    notes = [note for note in [changed_since(facts, model)] if note]
    stages = facts.get("stages") if isinstance(facts, dict) else None
    if isinstance(facts, dict) and isinstance(stages, dict):
        here = stage_versions()
        other = [name for name in _SHARED if stages.get(name) != here[name]]
        if other:
            made = MadeBy(str(facts.get("cantaor")), {name: stages.get(name, 0) for name in other})
            code = MadeBy(CANTAOR, {name: here[name] for name in other})
            notes.append(
                f"the model's motifs were mined by {printable(str(made))}, this is {code}: "
                "mine and train again"
            )
    return notes
