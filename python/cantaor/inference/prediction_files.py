"""Answers on disk as they come: JSON lines or Parquet that a second run completes.

A JSON lines file gets one line a recording, written at once; a run that was killed leaves whole
lines and at most a piece of one, which the next run cuts off. Parquet cannot grow, so rows gather
in a folder of parts beside it; the file itself is written when the run ends, also by Ctrl-C. An
answer that was an error is asked for again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.io.files import growing_table, read_table, write_table, write_text

# Rows that wait in memory before they become a part.
_PART = 4096


class PredictionWriter(Protocol):
    """Where answers go."""

    #: Recordings that an earlier run answered.
    done: frozenset[str]

    def add(self, line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the answer for one recording: as a line of JSON, and as rows of a table."""

    def close(self) -> None:
        """Finish the file; what was added is in it."""


def open_predictions(
    path: Path, model: str, schema: pa.Schema, force: bool = False
) -> PredictionWriter:
    """Begin a file of answers, or go on with one.

    Parameters
    ----------
    path
        ``.jsonl`` or ``.parquet``.
    model
        What tells the model apart; its answers are not mixed with another's.
    schema
        Of the table's rows; must have ``path``.
    force
        Begin anew.

    Raises
    ------
    ArgumentError
        The extension is neither, or the file holds answers of another model.
    WorkspaceError
        The file cannot be read or written.
    """
    if path.suffix.lower() not in (".jsonl", ".parquet"):
        raise ArgumentError(f"{path}: answers go to .jsonl or .parquet, not {path.suffix!r}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise ArgumentError(f"{path}: is a folder; name a file")
        if force:
            path.unlink(missing_ok=True)
            shutil.rmtree(_parts_of(path), ignore_errors=True)
        if path.suffix.lower() == ".jsonl":
            return _Lines(path, model)
        return _Parts(path, model, schema)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error


class _Lines:
    """One line of JSON for each recording."""

    def __init__(self, path: Path, model: str) -> None:
        self._model = model
        kept = _whole_lines(path, model) if path.exists() else []
        self.done = frozenset(str(json.loads(line)["path"]) for line in kept)
        write_text(path, "".join(f"{line}\n" for line in kept))
        self._path = path
        # Unbuffered: a line is in the file before the next recording is heard.
        self._handle = path.open("ab", buffering=0)

    def add(self, line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        text = json.dumps({**line, "model": self._model}) + "\n"
        try:
            self._handle.write(text.encode())
        except OSError as error:
            raise WorkspaceError(f"{self._path}: cannot be written: {error}") from error

    def close(self) -> None:
        self._handle.close()


def _whole_lines(path: Path, model: str) -> list[str]:
    """The answers of a file, without errors and without a last line that was cut off."""
    kept = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        try:
            record = json.loads(line)
            other = record["model"] != model
        except (ValueError, KeyError, TypeError) as error:
            raise ArgumentError(f"{path}, line {number}: not an answer; name another file") from (
                error
            )
        if other:
            raise _other_model(path)
        if "error" not in record:
            kept.append(line)
    return kept


def _other_model(path: Path) -> ArgumentError:
    return ArgumentError(
        f"{path}: holds answers of another model; name another file, or begin anew with force"
    )


class _Parts:
    """Rows in parts of Parquet, joined when the run ends."""

    def __init__(self, path: Path, model: str, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema.with_metadata({"cantaor.model": model})
        self._folder = _parts_of(path)
        self._waiting: list[Mapping[str, Any]] = []
        self._folder.mkdir(exist_ok=True)
        if path.exists():
            # An earlier run's file becomes the first part of this one's.
            path.replace(self._folder / "000000.parquet")
        self.done = frozenset().union(*(self._known(part) for part in self._parts()))

    def add(self, line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        self._waiting.extend(rows)
        if len(self._waiting) >= _PART:
            self._flush()

    def close(self) -> None:
        self._flush()
        with growing_table(self._path, self._schema) as append:
            for part in self._parts():
                append(read_table(part).replace_schema_metadata(self._schema.metadata))
        shutil.rmtree(self._folder)

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.parquet"))

    def _known(self, part: Path) -> frozenset[str]:
        table = read_table(part)
        facts = table.schema.metadata or {}
        if facts.get(b"cantaor.model") != self._schema.metadata[b"cantaor.model"]:
            if part.name == "000000.parquet":
                part.replace(self._path)
                shutil.rmtree(self._folder)
            raise _other_model(self._path)
        if "error" in table.column_names:
            succeeded = table["error"].is_null()
            if table.filter(succeeded).num_rows < table.num_rows:
                table = table.filter(succeeded)
                write_table(part, table)
        return frozenset(table["path"].to_pylist())

    def _flush(self) -> None:
        if self._waiting:
            numbers = [int(part.stem) for part in self._parts()]
            target = self._folder / f"{max(numbers, default=0) + 1:06d}.parquet"
            write_table(target, pa.Table.from_pylist(self._waiting, self._schema))
            self._waiting = []


def _parts_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.parts")
