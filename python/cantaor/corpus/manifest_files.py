"""Manifests on disk: CSV or Parquet, one row per entry, paths relative to the file.

Columns: ``path``, ``singer``, and where known ``recording``, ``group``, ``style``, ``start_s``,
``end_s``, ``content_hash``, ``duration_s``, ``split``, ``source_hash``, ``motif``. Further columns
are left alone. Without a ``recording`` the path without its extension names it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from cantaor.corpus.manifest import Manifest, ManifestEntry, side_of
from cantaor.errors import CorpusError, WorkspaceError
from cantaor.io.files import read_table, replacing, write_table
from cantaor.io.locations import Location, is_url, join, open_bytes, parent_of

COLUMNS = tuple(field.name for field in fields(ManifestEntry))
TIMES = ("start_s", "end_s", "duration_s")
REQUIRED = ("path", "singer")


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest; its kind is told by the extension, ``.csv`` or ``.parquet``.

    Parameters
    ----------
    path
        Manifest file, or its URL. CSV is UTF-8 with a header, comma between columns. Paths in
        what lies behind a URL are URLs too, from there.

    Raises
    ------
    CorpusError
        The file is missing, empty, or of another kind; a required column is missing (those found
        are named); a row is wrong (its line is named); two rows are the same file and label;
        spans may repeat, as published clips do (an audit counts them).
    """
    entries = [_entry(row, where) for where, row in read_rows(path, REQUIRED)]
    if not entries:
        raise CorpusError(f"{path} has a header but no rows")
    _refuse_twins(entries, path)
    if not is_url(path):
        return Manifest(tuple(entries), Path(path).parent)
    parent = parent_of(path)
    return Manifest(tuple(replace(e, path=join(parent, e.path)) for e in entries), Path())


def read_clips(path: Location) -> Manifest:
    """Read labelled clips: a manifest whose column ``split``, if it has one, names sides.

    Returns
    -------
    Manifest whose ``split`` is ``"train"``, ``"validation"``, ``"test"`` or empty.

    Raises
    ------
    CorpusError
        As :func:`read_manifest`.
    SplitError
        A row names another side; the message has its line.
    """
    clips = read_manifest(path)
    places = [where for where, _ in read_rows(path, REQUIRED)]
    entries = tuple(
        replace(entry, split=side_of(entry.split, where))
        for entry, where in zip(clips.entries, places, strict=True)
    )
    return replace(clips, entries=entries)


def read_rows(
    location: Location, required: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows of a CSV or Parquet table, each with the place to name in a message about it.

    Parameters
    ----------
    location
        The table, told by its extension: a file or a URL.
    required
        Columns that must be there.

    Raises
    ------
    CorpusError
        The file is missing, of another kind, damaged, or lacks a required column.
    """
    if is_url(location):
        yield from _rows_behind(os.fspath(location), required)
        return
    file = Path(location)
    if not file.is_file():
        raise CorpusError(f"no table at {file}")
    readers = {".csv": _csv_rows, ".parquet": _parquet_rows}
    if file.suffix.lower() not in readers:
        raise CorpusError(f"{file}: a table ends in .csv or .parquet, not {file.suffix!r}")
    yield from readers[file.suffix.lower()](file, required)


def _rows_behind(url: str, required: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows of a table behind a URL, which messages name."""
    with TemporaryDirectory() as folder:
        copy = Path(folder, PurePosixPath(url).name)
        try:
            with open_bytes(url) as source:
                copy.write_bytes(source.read())
            for where, row in read_rows(copy, required):
                yield where.replace(str(copy), url), row
        except OSError as error:
            raise CorpusError(f"no table at {url}: {error}") from error
        except CorpusError as error:
            raise CorpusError(str(error).replace(str(copy), url)) from error


def write_manifest(manifest: Manifest, path: str | os.PathLike[str]) -> Path:
    """Write a manifest as CSV or Parquet, told by the extension, and return its path.

    Audio inside the folder of the manifest is named relative to it, so both can move together;
    other audio by its absolute path. The file appears under its name only once it is complete.

    Raises
    ------
    CorpusError
        The extension is neither ``.csv`` nor ``.parquet``, or the folder cannot be written to.
    """
    file = Path(path)
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    if file.suffix.lower() not in writers:
        raise CorpusError(f"{file}: a table ends in .csv or .parquet, not {file.suffix!r}")
    rows = [_row(manifest, entry, file.parent) for entry in manifest.entries]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writers[file.suffix.lower()](rows, file)
    except (OSError, WorkspaceError) as error:
        raise CorpusError(f"cannot write {file}: {error}") from error
    return file


def _csv_rows(file: Path, required: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            _require_columns(reader.fieldnames or (), required, file)
            for row in reader:
                where = f"{file}, line {reader.line_num}"
                if None in row or None in row.values():
                    raise CorpusError(
                        f"{where}: the row must have {len(reader.fieldnames or ())} columns"
                    )
                yield where, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorpusError(f"{file} is not a CSV file in UTF-8: {error}") from error


def _parquet_rows(file: Path, required: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        table = read_table(file)
    except WorkspaceError as error:
        raise CorpusError(f"{file} is not a Parquet file: {error}") from error
    _require_columns(table.column_names, required, file)
    kept = table.select([name for name in COLUMNS if name in table.column_names])
    try:
        rows = kept.to_pylist()
    # Dates that Python cannot hold; time zones that nobody knows.
    except (ValueError, OverflowError, LookupError) as error:
        raise CorpusError(f"{file}: a value cannot be read: {error}") from error
    for index, row in enumerate(rows):
        yield f"{file}, row {index}", row


def _require_columns(found: Iterable[str], required: Sequence[str], file: Path) -> None:
    names = list(found)
    missing = [name for name in required if name not in names]
    if missing:
        raise CorpusError(
            f"{file}: column {' and '.join(missing)} missing; "
            f"found: {', '.join(names) if names else 'nothing, the file is empty'}"
        )


def _entry(row: Mapping[str, Any], where: str) -> ManifestEntry:
    values: dict[str, Any] = {}
    for name in COLUMNS:
        text = row.get(name)
        if text is None or text == "":
            continue
        values[name] = _time(text, name, where) if name in TIMES else str(text).strip()
    values["path"] = str(row["path"] or "")
    try:
        if "recording" not in values and values["path"]:
            values["recording"] = PurePosixPath(values["path"]).with_suffix("").as_posix()
        return ManifestEntry(**{"singer": "", "recording": "", **values})
    except ValueError as error:
        raise CorpusError(f"{where}: {error}") from error


def _time(text: object, name: str, where: str) -> float:
    try:
        return float(str(text))
    except ValueError:
        raise CorpusError(f"{where}: {name} must be seconds, not {text!r}") from None


def _refuse_twins(entries: list[ManifestEntry], file: Location) -> None:
    seen: dict[object, int] = {}
    for index, entry in enumerate(entries):
        if entry.start_s is not None:
            continue
        key = (entry.path, entry.span, entry.singer, entry.recording)
        if key in seen:
            raise CorpusError(
                f"{file}: rows {seen[key]} and {index} (counted from 0, without the header) "
                f"are the same: {entry.path!r}, singer {entry.singer!r}"
            )
        seen[key] = index


def _row(manifest: Manifest, entry: ManifestEntry, folder: Path) -> dict[str, Any]:
    if is_url(entry.path):
        return asdict(entry)
    # Only the folder part is resolved: a linked file keeps the name it has in the corpus.
    file = manifest.file(entry)
    absolute = file.parent.resolve() / file.name
    inside = absolute.is_relative_to(folder.resolve())
    path = absolute.relative_to(folder.resolve()) if inside else absolute
    return {**asdict(entry), "path": path.as_posix()}


def _write_csv(rows: list[dict[str, Any]], file: Path) -> None:
    with replacing(file) as draft, draft.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(rows: list[dict[str, Any]], file: Path) -> None:
    kinds = {name: pa.float64() if name in TIMES else pa.string() for name in COLUMNS}
    write_table(file, pa.Table.from_pylist(rows, schema=pa.schema(kinds)))
