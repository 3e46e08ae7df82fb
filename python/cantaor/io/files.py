"""Tables and texts on disk, written under a temporary name and renamed: whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cantaor.errors import CantaorError, WorkspaceError
from cantaor.io.locations import require_local

# Why a file cannot have a second name: another device, a file system without links, too many.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
# Rows that a growing table gathers before it writes them.
_ROW_GROUP = 1 << 16
# What pyarrow raises for a damaged table: names in it may be no UTF-8.
_UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
# Longest part of a file name that is made from one name, in bytes.
_NAME_BYTES = 100


@contextmanager
def replacing(path: Path, raises: type[CantaorError] = WorkspaceError) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to; it replaces ``path`` once the block ends well.

    Yields
    ------
    The temporary name, in the same folder; no file is there yet.

    Raises
    ------
    WorkspaceError
        Or ``raises``: the file cannot be written. Whatever ends the block, nothing is left under
        the temporary name, and ``path`` is as it was unless the block ended well.
    """
    require_local(path, "what is written")
    draft = path.with_name(f".{short_name(path.name)}.{os.getpid()}.part")
    try:
        # Whatever a killed run or a stranger left under this name is not written through.
        draft.unlink(missing_ok=True)
        yield draft
        draft.replace(path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, (OSError, pa.ArrowException)):
            raise raises(f"{path}: cannot be written: {error}") from error
        raise


def link_or_copy(source: Path, target: Path) -> None:
    """Let a file stand under another name too: a hard link, or a copy on another file system.

    Parameters
    ----------
    source
        A file, not a symbolic link; it must only ever be replaced, never written into.
    target
        Its other name; what is there and is no such link or copy is replaced.

    Raises
    ------
    WorkspaceError
        There is no such file, or the other name cannot be written.
    """
    try:
        found = source.lstat()
    except OSError as error:
        raise WorkspaceError(f"{source}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise WorkspaceError(f"{source}: is no file of its own, but a link or a folder")
    if target.exists() and _is_same(found, target.lstat()):
        return
    with replacing(target) as draft:
        try:
            os.link(source, draft)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copy2(source, draft)


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two names lead to one file, or to a copy that kept its time."""
    if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino):
        return True
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def short_name(name: str) -> str:
    """The start of a file name that leaves room for an ending: file systems take 255 bytes."""
    return name.encode("utf-8", "surrogateescape")[:200].decode("utf-8", "ignore")


def write_text(path: Path, text: str) -> None:
    """Write a text file that is either whole or absent."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def json_text(value: object, **options: Any) -> str:
    """JSON that every reader takes: numbers that are not finite become null.

    Parameters
    ----------
    value
        What ``json.dumps`` takes.
    options
        Of ``json.dumps``.

    Examples
    --------
    >>> json_text({"auc": float("nan"), "n": (1, 2.5)})
    '{"auc": null, "n": [1, 2.5]}'
    """
    return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def write_json(path: Path, value: object) -> None:
    """Write :func:`json_text`, indented, to a file that is either whole or absent."""
    write_text(path, json_text(value, indent=2) + "\n")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet table that is either whole or absent.

    Raises
    ------
    WorkspaceError
        The file cannot be written; nothing is left under its name.
    """
    words = [f.name for f in table.schema if pa.types.is_string(f.type)]
    with replacing(path) as draft:
        pq.write_table(table, draft, compression="zstd", use_dictionary=words or False)


@contextmanager
def growing_table(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write a Parquet table in pieces; it appears under its name once it is whole.

    Parameters
    ----------
    path
        Where to.
    schema
        Of the table; its pieces may order their columns otherwise.

    Yields
    ------
    A function that appends a piece.

    Raises
    ------
    WorkspaceError
        The file cannot be written; nothing is left under its name.
    """
    waiting: list[pa.Table] = []
    rows = 0
    with replacing(path) as draft, pq.ParquetWriter(draft, schema, compression="zstd") as writer:

        def flush() -> None:
            nonlocal rows
            if waiting:
                writer.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting.clear()
                rows = 0

        def append(piece: pa.Table) -> None:
            nonlocal rows
            waiting.append(piece.select(schema.names))
            rows += piece.num_rows
            if rows >= _ROW_GROUP:
                flush()

        yield append
        flush()


def read_table(
    path: Path, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Read a Parquet table, or some of its columns and rows.

    Parameters
    ----------
    path
        The table.
    columns
        Names of the columns to read; None: all.
    where
        Condition on rows, such as ``pc.field("singer") == "AM"``; groups of rows whose statistics
        exclude it are not read.

    Raises
    ------
    WorkspaceError
        The file is missing or damaged, or holds text that is not UTF-8.
    """
    if not path.exists():
        raise WorkspaceError(f"{path}: no such table")
    with _readable(path):
        if where is not None:
            return _checked(
                pq.read_table(
                    path, columns=columns, filters=where, use_threads=False, partitioning=None
                )
            )
        # Not pq.read_table: its discovery of data sets costs more than such small files.
        with pq.ParquetFile(path) as file:
            return _checked(file.read(columns=columns, use_threads=False))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise WorkspaceError(f"{path}: not a readable table: {error}") from error


def _checked(table: pa.Table) -> pa.Table:
    """A table whose text can be decoded, which reading does not check; a few ms for a million."""
    table.validate(full=True)
    return table


def table_facts(path: Path) -> dict[str, str] | None:
    """What a Parquet table says of itself (its metadata), or None: it is no such table."""
    try:
        with pq.ParquetFile(path) as file:
            facts = file.schema_arrow.metadata or {}
    except _UNREADABLE:
        return None
    return {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in facts.items()}


def table_batches(path: Path, rows: int) -> Iterator[pa.Table]:
    """A Parquet table in pieces of at most so many rows; WorkspaceError as :func:`read_table`."""
    with _readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, use_threads=False):
            yield _checked(pa.Table.from_batches([batch]))


def table_column(path: Path, name: str) -> list[Any]:
    """A column of a Parquet table as plain values; None in each row where there is no such one."""
    with _readable(path), pq.ParquetFile(path) as file:
        if name not in file.schema_arrow.names:
            return [None] * file.metadata.num_rows
        values: list[Any] = _checked(file.read([name], use_threads=False))[name].to_pylist()
        return values


def read_schema(path: Path) -> pa.Schema:
    """Columns and metadata of a Parquet table, without its rows.

    Raises
    ------
    WorkspaceError
        The file is missing or damaged.
    """
    if not path.exists():
        raise WorkspaceError(f"{path}: no such table")
    # Not pq.read_schema: its discovery of file systems costs more than such small files.
    with _readable(path), pq.ParquetFile(path) as file:
        return file.schema_arrow


def is_table(path: Path) -> bool:
    """Whether a whole Parquet table is there, as far as its ends tell."""
    try:
        read_schema(path)
    except WorkspaceError:
        return False
    return True


@lru_cache(maxsize=4096)  # instances repeat the names of motifs
def file_name(name: str) -> str:
    """A name that is safe as one path component, and still different where names differ.

    Examples
    --------
    >>> file_name("AM-1"), file_name("../x").startswith("_")
    ('AM-1', True)
    """
    safe = re.sub(r"[^\w.-]", "_", name)
    safe = re.sub(r"^\.+", "_", safe)
    # File systems count bytes: a name of 100 letters may have 400 of them.
    safe = safe.encode("utf-8", "replace")[:_NAME_BYTES].decode("utf-8", "ignore")
    if safe == name and name:
        return name
    encoded = name.encode("utf-8", "surrogatepass")
    return f"{safe}-{hashlib.blake2b(encoded, digest_size=4).hexdigest()}"
