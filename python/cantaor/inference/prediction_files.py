"""Answers on disk as they come: JSON lines or Parquet that a second run completes.

A JSON lines file gets one line a recording, written at once; a run that was killed leaves whole
lines and at most a piece of one, which the next run cuts off. Parquet cannot grow, so rows gather
in a folder of parts beside it; the file itself is written when the run ends, also by Ctrl-C, and
stays as it was until then. Of two answers for one recording the later counts. An answer that was
an error is asked for again, and so is one whose audio has changed.

A file that holds anything else is never touched, and one writer at a time holds a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from cantaor.errors import ArgumentError, CantaorError, WorkspaceError
from cantaor.io.files import (
    growing_table,
    json_text,
    replacing,
    short_name,
    table_batches,
    table_column,
    table_facts,
    write_table,
)

# Rows that wait in memory before they become a part.
_PART = 4096
# Rows of a finished file that are read at once.
_BATCH = 1024
# What each of our lines begins with, and so does a piece of one.
_LINE = b'{"path": '
_META = "cantaor."


class PredictionWriter(Protocol):
    """Where answers go."""

    @property
    def contents(self) -> Mapping[str, str]:
        """Hash of the audio of every recording that was answered before; empty where not kept."""

    @property
    def done(self) -> frozenset[str]:
        """Recordings that an earlier run answered."""

    def add(self, line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the answer for one recording: as a line of JSON, and as rows of a table."""

    def drop(self, name: str) -> None:
        """Take away what an earlier run answered for a recording."""

    def close(self) -> None:
        """Finish the file; what was added is in it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a file of answers; answers of two origins are not mixed.

    Attributes
    ----------
    model
        What tells the model apart.
    cantaor
        Version of the code.
    answers
        What the answers are of, such as ``"embeddings"``.
    """

    model: str
    cantaor: str
    answers: str

    def require(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Raise ArgumentError unless a file states the same origin."""
        if facts.get("answers") != self.answers:
            raise ArgumentError(
                f"{path}: holds {facts.get('answers')}, but these are {self.answers}; name another "
                "file"
            )
        if (facts.get("model"), facts.get("cantaor")) != (self.model, self.cantaor):
            raise ArgumentError(
                f"{path}: holds answers of another model: {facts.get('model')} under cantaor "
                f"{facts.get('cantaor')}, but this is {self.model} under cantaor {self.cantaor}; "
                "name another file, or begin anew with force"
            )


def open_predictions(
    path: Path, model: str, schema: pa.Schema, force: bool = False
) -> PredictionWriter:
    """Begin a file of answers, or go on with one.

    Parameters
    ----------
    path
        ``.jsonl`` or ``.parquet``.
    model
        What tells the model apart; its answers are not mixed with another's, nor are those of
        another version of cantaor.
    schema
        Of the table's rows; must have ``path``, and ``content`` where answers are kept by it. Its
        metadata is kept, and may name what the answers are of (``cantaor.answers``).
    force
        Begin anew. A file of anything but answers is left alone all the same.

    Raises
    ------
    ArgumentError
        The extension is neither, or the file holds something else or answers of another model.
        Nothing has changed then.
    WorkspaceError
        The file cannot be read or written, or another run writes it.
    """
    kinds: Mapping[str, type[_Lines] | type[_Parts]] = {".jsonl": _Lines, ".parquet": _Parts}
    if path.suffix.lower() not in kinds:
        raise ArgumentError(f"{path}: answers go to .jsonl or .parquet, not {path.suffix!r}")
    about = (schema.metadata or {}).get(f"{_META}answers".encode(), b"answers")
    origin = Origin(model, version("cantaor"), about.decode())
    try:
        # What a link names is meant: replacing the link would leave it as it is.
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "not a file"
            raise ArgumentError(f"{path}: is {kind}; name a file")
        hold = _hold(path)
        try:
            return kinds[path.suffix.lower()](path, origin, schema, force, hold)
        except BaseException:
            _release(hold)
            raise
    except (OSError, RuntimeError, pa.ArrowException) as error:
        if isinstance(error, CantaorError):
            raise
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error


def _hold(path: Path) -> FileLock:
    """Lock a file; the system releases it if the process dies."""
    hold = FileLock(path.with_name(f".{short_name(path.name)}.lock"), blocking=False)
    try:
        hold.acquire()
    except Timeout as error:
        raise WorkspaceError(f"{path}: another run writes it; name another file") from error
    return hold


def _release(hold: FileLock) -> None:
    # While it is held: whoever opened it before gets a file without a name, and tries again.
    with suppress(OSError):
        Path(hold.lock_file).unlink()
    hold.release()


class _Lines:
    """One line of JSON for each recording."""

    def __init__(
        self, path: Path, origin: Origin, schema: pa.Schema, force: bool, hold: FileLock
    ) -> None:
        self._path, self._origin, self._hold = path, origin, hold
        self._contents: dict[str, str] = {}
        self._seen: set[str] = set()
        self._again: bool = False
        self._dropped: set[str] = set()
        size, rest = self._look(None if force else origin) if path.exists() else (0, b"")
        if force:
            self._contents, self._seen, self._again, size, rest = {}, set(), False, 0, b""
        # Unbuffered: a line is in the file before the next recording is heard.
        self._handle = path.open("ab", buffering=0)
        self._handle.truncate(size)
        self._handle.write(rest)

    @property
    def contents(self) -> Mapping[str, str]:
        return self._contents

    @property
    def done(self) -> frozenset[str]:
        return frozenset(self._contents)

    def add(self, line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        text = json_text({"path": line["path"], **line, **asdict(self._origin)}) + "\n"
        try:
            self._handle.write(text.encode())
        except OSError as error:
            raise WorkspaceError(f"{self._path}: cannot be written: {error}") from error
        self._again |= line["path"] in self._seen
        self._dropped.discard(line["path"])

    def drop(self, name: str) -> None:
        if name in self._seen:
            self._dropped.add(name)

    def close(self) -> None:
        try:
            self._handle.close()
            if self._again or self._dropped:
                self._tidy()
        finally:
            _release(self._hold)

    def _look(self, origin: Origin | None) -> tuple[int, bytes]:
        """Bytes of whole answers, and what the last of them lacks."""
        size, rest = 0, b""
        with self._path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                answer, whole = _answer_in(raw), raw.endswith(b"\n")
                if answer is None and not whole and _is_piece(raw):
                    break
                if answer is None:
                    raise ArgumentError(
                        f"{self._path}, line {number}: not an answer; name another file"
                    )
                if origin is not None:
                    origin.require(self._path, answer)
                self._note(answer)
                size, rest = size + len(raw), b"" if whole else b"\n"
        return size, rest

    def _note(self, answer: Mapping[str, Any]) -> None:
        name = answer["path"]
        self._again |= name in self._seen
        self._seen.add(name)
        self._contents.pop(name, None)
        if "error" not in answer:
            self._contents[name] = str(answer.get("content") or "")

    def _tidy(self) -> None:
        """Leave the last answer for each recording."""
        with self._path.open("rb") as file:
            names = [str(json.loads(raw)["path"]) for raw in file]
        last = {name: index for index, name in enumerate(names) if name not in self._dropped}
        kept = frozenset(last.values())
        with replacing(self._path) as draft, draft.open("wb") as tidy, self._path.open("rb") as old:
            tidy.writelines(raw for index, raw in enumerate(old) if index in kept)


def _answer_in(raw: bytes) -> Mapping[str, Any] | None:
    """The answer that a line holds, or None: it holds none."""
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if isinstance(answer, dict) and isinstance(answer.get("path"), str) and "model" in answer:
        return answer
    return None


def _is_piece(raw: bytes) -> bool:
    return raw.startswith(_LINE) or _LINE.startswith(raw)


class _Parts:
    """Rows in parts of Parquet, joined when the run ends."""

    def __init__(
        self, path: Path, origin: Origin, schema: pa.Schema, force: bool, hold: FileLock
    ) -> None:
        self._path, self._hold = path, hold
        facts = {f"{_META}{name}": value for name, value in asdict(origin).items()}
        self._schema = schema.with_metadata({**(schema.metadata or {}), **facts})
        self._folder = path.with_name(f".{short_name(path.name)}.parts")
        self._waiting: list[Mapping[str, Any]] = []
        self._dropped: set[str] = set()
        self._contents: dict[str, str] = {}
        for source in self._sources():
            found = _origin_of(source)
            if not force:
                origin.require(path, found)
        if force:
            self._remove(self._sources())
        for source in self._sources():
            self._note(source)

    @property
    def contents(self) -> Mapping[str, str]:
        return self._contents

    @property
    def done(self) -> frozenset[str]:
        return frozenset(self._contents)

    def add(self, line: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        self._waiting.extend(rows)
        self._dropped.difference_update(row["path"] for row in rows)
        if len(self._waiting) >= _PART:
            self._flush()

    def drop(self, name: str) -> None:
        self._dropped.add(name)

    def close(self) -> None:
        try:
            self._flush()
            if self._parts() or self._dropped or not self._written():
                self._join()
        finally:
            _release(self._hold)

    def _join(self) -> None:
        """Write the file anew from itself and the parts, the last answer for each recording."""
        sources = self._sources()
        last = {n: i for i, source in enumerate(sources) for n in table_column(source, "path")}
        for name in self._dropped:
            last.pop(name, None)
        with growing_table(self._path, self._schema) as append:
            for index, source in enumerate(sources):
                own = pa.array([n for n, i in last.items() if i == index], pa.string())
                for batch in table_batches(source, _BATCH):
                    kept = batch.filter(pc.is_in(batch["path"], value_set=own))
                    append(_with_columns(kept, self._schema))
        self._remove(self._parts())

    def _sources(self) -> list[Path]:
        """The file and its parts, earlier answers first."""
        return [self._path, *self._parts()] if self._written() else self._parts()

    def _written(self) -> bool:
        return self._path.exists() and self._path.stat().st_size > 0

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.parquet"))

    def _remove(self, files: Sequence[Path]) -> None:
        """Remove files of ours, and the folder of parts if nothing else is in it."""
        for file in files:
            file.unlink()
        with suppress(OSError):
            self._folder.rmdir()

    def _note(self, source: Path) -> None:
        """Whom a file answers."""
        failed = [error is not None for error in table_column(source, "error")]
        rows = zip(
            table_column(source, "path"), table_column(source, "content"), failed, strict=True
        )
        for name, content, is_failure in rows:
            self._contents.pop(name, None)
            if not is_failure:
                self._contents[name] = content or ""

    def _flush(self) -> None:
        if self._waiting:
            numbers = [int(part.stem) for part in self._parts()]
            self._folder.mkdir(exist_ok=True)
            target = self._folder / f"{max(numbers, default=0) + 1:06d}.parquet"
            write_table(target, pa.Table.from_pylist(self._waiting, self._schema))
            self._waiting = []


def _origin_of(source: Path) -> dict[str, str]:
    """What a table of answers says of its origin.

    Raises
    ------
    ArgumentError
        It is no such table.
    """
    facts = table_facts(source) or {}
    if f"{_META}model" not in facts:
        raise ArgumentError(f"{source}: not a table of answers; name another file")
    return {name.removeprefix(_META): value for name, value in facts.items()}


def _with_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a schema; those that an older table lacks are null."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
