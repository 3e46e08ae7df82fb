"""A split that somebody else made, read from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cantaor.corpus.identity import plain_name
from cantaor.corpus.manifest import SIDES, Manifest, side_of
from cantaor.corpus.manifest_files import read_rows
from cantaor.errors import CorpusError, SplitError


def read_split_assignment(path: str | os.PathLike[str], manifest: Manifest) -> tuple[str, ...]:
    """Side of every entry of a manifest, from a table of recordings or of files.

    Parameters
    ----------
    path
        CSV or Parquet with a column ``split`` (``train``, ``test`` or ``validation``) and a column
        ``recording``, or else ``path`` as it stands in the manifest. A column ``singer`` beside
        ``recording`` tells recordings of one name apart.
    manifest
        The entries to place.

    Returns
    -------
    One side per entry, as :func:`~cantaor.corpus.splits.protocols.split_clips` takes them under
    ``column``, which says what the sides share; :func:`~cantaor.corpus.splits.columns.clip_columns`
    gives it the audio.

    Raises
    ------
    CorpusError
        The file cannot be read or lacks a column.
    SplitError
        A row names no side, a name is on two sides, or an entry is on none.
    """
    file = Path(path)
    rows = list(read_rows(file, ("split",)))
    keys = _key_columns([row for _, row in rows], file)
    sides: dict[tuple[str, ...], str] = {}
    for where, row in rows:
        name, side = _name(row, keys), side_of(str(row["split"] or ""), where)
        if not side:
            raise SplitError(f"{where}: split is empty; it must be one of {', '.join(SIDES)}")
        if sides.setdefault(name, side) != side:
            hint = (
                "" if "singer" in keys or "path" in keys else "; a column singer tells them apart"
            )
            raise SplitError(
                f"{where}: {_said(keys, name)} is on two sides, {sides[name]} and {side}{hint}"
            )
    names = [_name({key: getattr(e, key) for key in keys}, keys) for e in manifest.entries]
    missing = [name for name in names if name not in sides]
    if missing:
        raise SplitError(
            f"{file} names no side for {len(missing)} of {len(manifest)} entries, "
            f"such as {_said(keys, missing[0])}"
        )
    return tuple(sides[name] for name in names)


def _key_columns(rows: Sequence[Mapping[str, Any]], file: Path) -> tuple[str, ...]:
    """Columns that tell entries apart: the first of these that every row has."""
    for keys in (("singer", "recording"), ("recording",), ("path",)):
        if all(row.get(key) for row in rows for key in keys):
            return keys
    raise CorpusError(f"{file}: column recording or path missing")


def _name(row: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        str(row[key]) if key == "path" else plain_name(str(row[key]).strip()) for key in keys
    )


def _said(keys: tuple[str, ...], name: tuple[str, ...]) -> str:
    return " of ".join(f"{k} {n!r}" for k, n in reversed(list(zip(keys, name, strict=True))))
