"""A split that somebody else made, read from a file."""

from __future__ import annotations

import os
from pathlib import Path

from cantaor.corpus.manifest import Manifest
from cantaor.corpus.manifest_files import read_rows
from cantaor.errors import CorpusError, SplitError


def read_split_assignment(path: str | os.PathLike[str], manifest: Manifest) -> tuple[str, ...]:
    """Side of every entry of a manifest, from a table of recordings or of files.

    Parameters
    ----------
    path
        CSV or Parquet with a column ``split`` (``train``, ``test`` or ``validation``) and a column
        ``recording``, or else ``path`` as it stands in the manifest.
    manifest
        The entries to place.

    Returns
    -------
    One side per entry, as :func:`~cantaor.corpus.splits.protocols.split_clips` takes them under
    ``column``.

    Raises
    ------
    CorpusError
        The file cannot be read or lacks a column.
    SplitError
        A name is on two sides, or an entry is on none.
    """
    file = Path(path)
    rows = [row for _, row in read_rows(file, ("split",))]
    key = "recording" if all("recording" in row for row in rows) else "path"
    if not all(key in row for row in rows):
        raise CorpusError(f"{file}: column recording or path missing")
    subsets: dict[str, str] = {}
    for row in rows:
        name, subset = str(row[key]), str(row["split"])
        if subsets.setdefault(name, subset) != subset:
            raise SplitError(
                f"{file}: {key} {name!r} is on two sides, {subsets[name]} and {subset}"
            )
    missing = [e for e in manifest.entries if getattr(e, key) not in subsets]
    if missing:
        raise SplitError(
            f"{file} names no side for {len(missing)} of {len(manifest)} entries, "
            f"such as {key} {getattr(missing[0], key)!r}"
        )
    return tuple(subsets[getattr(entry, key)] for entry in manifest.entries)
