"""Embeddings that were computed before, one SQLite file for each encoder and for profiles.

The folder is ``$CANTAOR_CACHE``, or the platform's folder for caches of a user. A file that cannot
be used is said once; embeddings are then kept in memory, as long as the encoder is.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from cantaor.types import Float32Array

_TABLE = "CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
# Variables that every SQLite allows in one statement.
_TOGETHER = 500


def cache_folder() -> Path:
    """Where embeddings are kept: ``$CANTAOR_CACHE``, else the platform's place for caches."""
    named = os.environ.get("CANTAOR_CACHE")
    if named:
        return Path(named)
    home = Path("~").expanduser()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "cantaor"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "cantaor"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "cantaor"


class EmbeddingCache:
    """Embeddings of one encoder by key; several threads and processes may use one file.

    Parameters
    ----------
    digest
        Of the encoder.
    size
        Length of an embedding.
    folder
        Where the file goes; None: :func:`cache_folder`.
    """

    def __init__(self, digest: str, size: int, folder: Path | None = None) -> None:
        self._size = size
        self._lock = Lock()
        try:
            # A folder may also be unknown: a user without a home.
            place = cache_folder() if folder is None else folder
            self.path: Path | None = place / "encoders" / f"{digest}.sqlite"
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open(str(self.path))
        except (OSError, RuntimeError, sqlite3.Error) as error:
            self._give_up(error)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Float32Array]:
        """The embeddings, float32 (size,), of those keys that are known."""
        rows: list[tuple[bytes, bytes]] = []
        with self._lock:
            try:
                for first in range(0, len(keys), _TOGETHER):
                    part = keys[first : first + _TOGETHER]
                    marks = ", ".join("?" * len(part))
                    rows += self._file.execute(
                        f"SELECT key, value FROM embeddings WHERE key IN ({marks})", part
                    ).fetchall()
            except sqlite3.Error as error:
                self._give_up(error)
        found = {key: np.frombuffer(value, np.float32) for key, value in rows if _fits(value)}
        return {k: v for k, v in found.items() if v.size == self._size and np.isfinite(v).all()}

    def put(self, embeddings: Mapping[bytes, Float32Array]) -> None:
        """Keep embeddings, float32 (size,)."""
        rows = [(key, value.astype(np.float32).tobytes()) for key, value in embeddings.items()]
        with self._lock:
            try:
                self._write(rows)
            except sqlite3.Error as error:
                self._give_up(error)
                self._write(rows)

    def _write(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)

    def _give_up(self, error: Exception) -> None:
        """Say that the file cannot be used, and go on in memory."""
        where = self.path if getattr(self, "path", None) else "the cache of embeddings"
        sys.stderr.write(
            f"note: {where} cannot be used ({error}); what it would keep is computed in every run. "
            "CANTAOR_CACHE names another folder\n"
        )
        self.path = None
        self._file = _open(":memory:")


def _open(path: str) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=60, check_same_thread=False)
    with file:
        file.execute(_TABLE)
    return file


def _fits(value: object) -> bool:
    return isinstance(value, bytes) and len(value) % 4 == 0
