"""What a shard says of itself: which part it is, of which corpus, tracked how strictly.

The facts stand in the metadata of the table ``shard`` under ``cantaor.shard``, beside what made it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cantaor.errors import WorkspaceError
from cantaor.io.files import read_schema
from cantaor.workspace.staging import SHARD_TABLES

_NAME = b"cantaor.shard"


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """One part of a run that is divided over several workspaces.

    Attributes
    ----------
    number, of
        Which part, from 1, of how many.
    recordings
        Recordings of the whole corpus.
    corpus
        Digest of the names, labels and places of all its recordings.
    root
        Folder or URL that its paths start from.
    strict
        Whether warnings were failures.
    passed_over
        Folders of the corpus that hold no recordings: path and reason.
    """

    number: int
    of: int
    recordings: int
    corpus: str
    root: str
    strict: bool = False
    passed_over: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Such as ``"2/8"``."""
        return f"{self.number}/{self.of}"

    def metadata(self) -> dict[bytes, bytes]:
        """The facts as metadata of a table."""
        return {_NAME: json.dumps(asdict(self)).encode()}


def facts_of(schema: pa.Schema) -> ShardFacts | None:
    """The facts in a table's metadata; None where there are none."""
    try:
        found: dict[str, Any] = json.loads((schema.metadata or {})[_NAME])
        pairs = tuple((str(path), str(reason)) for path, reason in found["passed_over"])
        number, of, recordings = (int(found[name]) for name in ("number", "of", "recordings"))
        corpus, root = (str(found[name]) for name in ("corpus", "root"))
        return ShardFacts(number, of, recordings, corpus, root, bool(found["strict"]), pairs)
    except (KeyError, ValueError, TypeError):
        return None


def read_facts(folder: Path) -> ShardFacts | None:
    """What the shard in a folder is; None where the folder holds no complete shard."""
    try:
        return facts_of(read_schema(folder / f"{SHARD_TABLES[0]}.parquet"))
    except WorkspaceError:
        return None


def forget_shard(folder: Path) -> None:
    """Let a folder be no shard any more; what was tracked stays."""
    for name in SHARD_TABLES:
        (folder / f"{name}.parquet").unlink(missing_ok=True)
