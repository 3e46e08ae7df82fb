"""What was made by what: the code, its stages' versions and the settings, named in every table.

The names stand in the metadata of the Parquet file under ``cantaor.made_by``. Tables of one
workspace must agree; where they do not, the message names both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from cantaor.settings import Settings, deciding_settings

#: Version of this code.
CANTAOR = version("cantaor")
_NAME = b"cantaor.made_by"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """What made a table.

    Attributes
    ----------
    cantaor
        Version of the code.
    stages
        Version of each stage.
    settings
        Plain settings of the run.
    state
        Digest of the workspace that the table belongs to; empty for a result of one stage.
    """

    cantaor: str
    stages: Mapping[str, int]
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""

    def label(self, table: pa.Table) -> pa.Table:
        """The table with this in its metadata."""
        return table.replace_schema_metadata(self.metadata(table.schema))

    def metadata(self, schema: pa.Schema) -> dict[bytes, bytes]:
        """Metadata of a schema with this in it."""
        facts = {"cantaor": self.cantaor, "stages": dict(self.stages), "state": self.state}
        text = json.dumps({**facts, "settings": dict(self.settings)}, sort_keys=True)
        return {**(schema.metadata or {}), _NAME: text.encode()}

    def __str__(self) -> str:
        stages = ", ".join(f"{name} {number}" for name, number in sorted(self.stages.items()))
        return f"cantaor {self.cantaor} ({stages})"


def made_by_stage(stage: str, number: int, settings: Settings | None = None) -> MadeBy:
    """What makes a result of one stage."""
    plain = {} if settings is None else deciding_settings(settings)
    return MadeBy(CANTAOR, {stage: number}, plain)


def maker_of(schema: pa.Schema) -> MadeBy | None:
    """What made a table, by its metadata; None where it does not say so."""
    try:
        facts = json.loads((schema.metadata or {})[_NAME])
        return MadeBy(
            str(facts["cantaor"]),
            {str(name): int(number) for name, number in facts["stages"].items()},
            dict(facts["settings"]),
            str(facts["state"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def stage_key(stage: str, version: int, parts: Mapping[str, Any]) -> str:
    """Key of a cached result: stage, version and everything that decides it.

    Examples
    --------
    >>> stage_key("pitch", 1, {"hop": 256}) == stage_key("pitch", 2, {"hop": 256})
    False
    """
    text = json.dumps([stage, version, dict(parts)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def difference(one: MadeBy, other: MadeBy) -> str:
    """What tells two makers apart, in words with both sides; empty where nothing does."""
    parts = []
    if one.cantaor != other.cantaor:
        parts.append(f"cantaor {one.cantaor} against {other.cantaor}")
    for kind in ("stages", "settings"):
        left, right = getattr(one, kind), getattr(other, kind)
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name):
                word = "version of " if kind == "stages" else ""
                both = f"{_value(left.get(name))} against {_value(right.get(name))}"
                parts.append(f"{word}{name} {both}")
    if not parts and one.state != other.state:
        parts.append(f"other recordings (state {one.state[:8]} against {other.state[:8]})")
    return ", ".join(parts)


def _value(value: object) -> str:
    return "none" if value is None else str(value)
