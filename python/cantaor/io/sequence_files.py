"""Sequences of anything in files: SPMF text, lines of tokens, list columns of Parquet tables.

SPMF text has one sequence a line, ``-1`` behind every item and ``-2`` at the end, as
``1 -1 2 -1 -2``; lines that begin with ``#``, ``%`` or ``@`` are comments, and ``@ITEM=1=word``
gives item 1 a name. Empty lines are no sequences. Text may be compressed with gzip.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from cantaor.errors import ArgumentError
from cantaor.io.files import read_schema, read_table, write_table, write_text
from cantaor.types import Int64Array

SequenceFormat: TypeAlias = Literal["spmf", "tokens", "parquet"]
FORMATS = ("spmf", "tokens", "parquet")

_COMMENTS = ("#", "%", "@")
_NAMES = "@ITEM="
# Lines that decide what a text is, and bad lines that an error names.
_LOOKED_AT, _NAMED = 100, 5
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class SequenceFile:
    """What stands in a file of sequences.

    Attributes
    ----------
    sequences
        ``(values, offsets)`` or an Arrow list column, as :func:`cantaor.mine_closed` takes them.
    rows
        Number of sequences.
    format
        How the file was read.
    """

    sequences: Any
    rows: int
    format: SequenceFormat


def read_sequences(path: Path, form: str | None = None, column: str | None = None) -> SequenceFile:
    """Read sequences from a file.

    Parameters
    ----------
    path
        A Parquet table by its ending, or text.
    form
        One of :data:`FORMATS`. None: a text is SPMF where most of its first hundred lines are.
    column
        List column of a Parquet table; None where it has just one.

    Returns
    -------
    SequenceFile
        Items of SPMF text are ints, or strings where the file names them; tokens are ints where
        all of them are, strings otherwise.

    Raises
    ------
    ArgumentError
        The file cannot be read, or lines are not what they should be: they are named by number.
        Itemsets are refused.
    """
    if form not in (None, *FORMATS):
        raise ArgumentError(f"format must be one of {', '.join(FORMATS)}, not {form!r}")
    if form == "parquet" or (form is None and path.suffix.lower() == ".parquet"):
        found = _read_column(path, column)
        return SequenceFile(found, len(found), "parquet")
    if column is not None:
        raise ArgumentError(f"column {column!r} was named, but {path} is text")
    lines = _read_lines(path)
    chosen = form or ("spmf" if _looks_like_spmf(lines) else "tokens")
    items, offsets = _read_spmf(lines, path) if chosen == "spmf" else _read_tokens(lines)
    names = _item_names(lines) if chosen == "spmf" else {}
    return SequenceFile(
        (_values(items, names, path), offsets),
        offsets.size - 1,
        "spmf" if chosen == "spmf" else "tokens",
    )


def write_patterns(
    path: Path, patterns: Sequence[Sequence[object]], support: Sequence[int], table: pa.Table
) -> None:
    """Write patterns to a Parquet table, a CSV or SPMF text by the ending of the name.

    Parameters
    ----------
    path
        Ends with ``.parquet`` (columns ``symbols`` and ``support``), ``.csv`` (the same, symbols
        with spaces between them) or ``.spmf`` (``1 -1 2 -1 #SUP: 3``).
    patterns, support
        Symbols of each, and how many sequences hold it.
    table
        The same as a table.

    Raises
    ------
    ArgumentError
        Another ending, or a symbol with white space, which text cannot hold.
    WorkspaceError
        The file cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        return write_table(path, table)
    if ending not in (".csv", ".spmf"):
        raise ArgumentError(f"{path}: must end with .parquet, .csv or .spmf")
    rows = zip(patterns, support, strict=True)
    text = _csv_text(rows) if ending == ".csv" else _spmf_text(rows)
    return write_text(path, text)


def _read_column(path: Path, column: str | None) -> pa.ChunkedArray:
    schema = read_schema(path)
    lists = [field.name for field in schema if _is_list(field.type)]
    if column is None and len(lists) != 1:
        raise ArgumentError(f"{path}: has list columns {lists}: name one with column")
    name = lists[0] if column is None else column
    if name not in lists:
        raise ArgumentError(f"{path}: no list column {name!r}; list columns are {lists}")
    found = read_table(path, [name])[name]
    return found.combine_chunks() if found.num_chunks != 1 else found.chunk(0)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _read_lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig").split("\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path}: cannot be read as text: {error}") from error


def _rows(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Number from 1 and words of every line of SPMF text that is no comment."""
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and not words[0].startswith(_COMMENTS):
            yield number, words


def _looks_like_spmf(lines: Sequence[str]) -> bool:
    if any(line.startswith("@") for line in lines[:_LOOKED_AT]):
        return True
    rows = [words for _, words in _rows(lines[:_LOOKED_AT])]
    good = sum(words[-1] == "-2" and ("-1" in words or len(words) == 1) for words in rows)
    return 2 * good > len(rows)


def _read_spmf(lines: Sequence[str], path: Path) -> tuple[list[str], Int64Array]:
    items: list[str] = []
    lengths = [0]
    bad: list[str] = []
    for number, words in _rows(lines):
        row = words[:-1:2]
        if words[-1] == "-2" and words[1:-1:2] == ["-1"] * len(row):
            items += row
            lengths.append(len(row))
        else:
            bad.append(f"line {number}: {_why_bad(words)}")
    bad += _odd_items(lines, items)
    if bad:
        more = f" (and {len(bad) - _NAMED} more lines)" if len(bad) > _NAMED else ""
        raise ArgumentError(f"{path}: not SPMF text: {'; '.join(bad[:_NAMED])}{more}")
    return items, np.cumsum(lengths)


def _why_bad(words: Sequence[str]) -> str:
    if words[-1] != "-2":
        return "does not end with -2"
    if "-2" in words[:-1]:
        return "goes on behind -2"
    items = [word not in ("-1", "-2") for word in words]
    itemset = any(first and second for first, second in pairwise(items))
    if itemset:
        return "holds an itemset; only sequences of single items are mined"
    return "must have one -1 behind every item"


def _odd_items(lines: Sequence[str], items: list[str]) -> list[str]:
    """What to say of items that are no whole numbers from 0."""
    if all(map(str.isdecimal, items)):
        return []
    return [
        f"line {number}: item {odd!r} is no whole number from 0"
        for number, words in _rows(lines)
        if (odd := next((w for w in words[:-1:2] if not w.isdecimal()), None)) is not None
    ]


def _item_names(lines: Sequence[str]) -> dict[str, str]:
    found = (line[len(_NAMES) :].strip().split("=", 1) for line in lines if line.startswith(_NAMES))
    return {pair[0]: pair[1] for pair in found if len(pair) == 2}


def _read_tokens(lines: Sequence[str]) -> tuple[list[str], Int64Array]:
    rows = [words for line in lines if (words := line.split())]
    return [word for words in rows for word in words], np.cumsum([0, *map(len, rows)])


def _values(items: list[str], names: dict[str, str], path: Path) -> Any:
    if names:
        items = [names.get(item, item) for item in items]
    elif all(item.removeprefix("-").isdecimal() for item in items):
        try:
            return np.array(items, dtype=object).astype(np.int64)
        except (OverflowError, ValueError) as error:
            raise ArgumentError(f"{path}: a symbol is too large: {error}") from error
    return np.array(items, dtype=object)


def _words(pattern: Sequence[object]) -> list[str]:
    words = [str(symbol) for symbol in pattern]
    odd = next((word for word in words if not word or word.split() != [word]), None)
    if odd is not None:
        raise ArgumentError(f"symbol {odd!r} cannot stand in text: write a Parquet table")
    return words


def _csv_text(rows: Iterable[tuple[Sequence[object], int]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["symbols", "support"])
    writer.writerows((" ".join(_words(pattern)), number) for pattern, number in rows)
    return text.getvalue()


def _spmf_text(rows: Iterable[tuple[Sequence[object], int]]) -> str:
    return "".join(
        f"{' '.join(f'{word} -1' for word in _words(pattern))} #SUP: {number}\n"
        for pattern, number in rows
    )
