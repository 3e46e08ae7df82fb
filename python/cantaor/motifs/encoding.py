"""Sequences of anything as ragged int32 symbols: lists, numpy, Arrow, pandas and Polars columns.

Integers are taken as they are, without a copy where they lie in memory as int32. Strings are
numbered once, in their own order, so that patterns sort as their strings do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cantaor.errors import ArgumentError
from cantaor.motifs.arguments import Sequences, checked_offsets, flatten_sequences
from cantaor.motifs.vocabulary import itemset_error, number_strings
from cantaor.types import Int32Array, Int64Array

if TYPE_CHECKING:
    import pyarrow as pa

#: What :func:`encode_sequences` takes, next to :data:`~cantaor.motifs.arguments.Sequences`: rows of
#: strings, numpy strings with offsets, and whatever hands out Arrow lists.
AnySequences: TypeAlias = (
    "Sequences | Iterable[Sequence[str]] | tuple[NDArray[Any], Int64Array] | Any"
)

# In more symbols than this nobody is told which one is odd: a range may hold any number of them.
_LOOKED_AT = 10_000_000


@dataclass(frozen=True, eq=False, slots=True)
class EncodedSequences:
    """Ragged symbols and what they stand for.

    Attributes
    ----------
    values, offsets
        int32 (symbols,) and int64 (sequences + 1,), both contiguous.
    vocabulary
        The string of every symbol, ascending; None for ints, which stand for themselves.
    """

    values: Int32Array
    offsets: Int64Array
    vocabulary: tuple[str, ...] | None = None

    @property
    def rows(self) -> tuple[Int32Array, Int64Array]:
        """Values and offsets, as every kernel takes them."""
        return self.values, self.offsets

    def in_vocabulary_of(self, other: EncodedSequences) -> Int32Array:
        """``values`` in the symbols of other sequences; -1 for strings that those never hold.

        Raises
        ------
        ArgumentError
            One is of strings, the other of ints.
        """
        if self.vocabulary == other.vocabulary:
            return self.values
        if self.vocabulary is None or other.vocabulary is None:
            if self.values.size == 0 or other.values.size == 0:
                return self.values
            kinds = ("ints", "strings") if self.vocabulary is None else ("strings", "ints")
            raise ArgumentError(f"motifs are of {kinds[0]}, sequences of {kinds[1]}")
        index = {word: code for code, word in enumerate(other.vocabulary)}
        return np.array([index.get(word, -1) for word in self.vocabulary], np.int32)[self.values]


def encode_sequences(sequences: AnySequences, name: str = "sequences") -> EncodedSequences:
    """Ragged symbols from sequences of ints or of strings.

    Parameters
    ----------
    sequences
        A list of int or of string sequences; a tuple ``(values, offsets)`` of numpy arrays, values
        ints or strings; a two-dimensional numpy array; or a list column: an Arrow array (also
        chunked, large, of fixed size or with a dictionary), a pandas or Polars series. What is
        encoded already is taken as it is.
    name
        What error messages call it.

    Raises
    ------
    ArgumentError
        Symbols are neither all int32 nor all strings, one is missing, or there are itemsets.

    Examples
    --------
    >>> found = encode_sequences([["la", "si"], [], ["la"]])
    >>> found.values.tolist(), found.offsets.tolist(), found.vocabulary
    ([0, 1, 0], [0, 2, 2, 3], ('la', 'si'))
    """
    given: Any = sequences
    if isinstance(given, EncodedSequences):
        return given
    if hasattr(given, "__arrow_c_array__") or hasattr(given, "__arrow_c_stream__"):
        from cantaor.motifs.arrow_lists import encode_arrow

        return EncodedSequences(*encode_arrow(given, name))
    if _is_flat(given):
        values, offsets = np.asarray(given[0]), given[1]
        if not _holds_strings(values):
            return EncodedSequences(*flatten_sequences((values, offsets), name))
        codes, vocabulary = number_strings(_strings(values, name))
        return EncodedSequences(codes, checked_offsets(offsets, codes.size, name), vocabulary)
    if (
        isinstance(given, str | bytes)
        or not isinstance(given, Iterable)
        or _is_array_of_ints(given)
    ):
        return EncodedSequences(*flatten_sequences(given, name))  # or refused there
    return _encode_rows(list(given), name)


def _is_array_of_ints(sequences: Any) -> bool:
    """Whether it is one numpy array that holds no rows of strings."""
    if not isinstance(sequences, np.ndarray) or sequences.dtype == object:
        return False
    return sequences.ndim != 2 or not _holds_strings(sequences)


def _is_flat(sequences: object) -> bool:
    return (
        isinstance(sequences, tuple)
        and len(sequences) == 2
        and isinstance(sequences[1], np.ndarray)
        and not _holds_strings(sequences[1])
    )


def _holds_strings(values: NDArray[Any]) -> bool:
    if values.dtype.kind == "O":
        return values.size > 0 and isinstance(values.flat[0], str)
    return values.dtype.kind in "UT"


def _strings(values: NDArray[Any], name: str) -> pa.Array:
    if values.ndim != 1:
        raise ArgumentError(f"values of {name} must have 1 dimension, not {values.ndim}")
    found = values.astype(object) if values.dtype.kind == "T" else values
    return _arrow_strings(found, lambda: [found], name)


def _arrow_strings(flat: Any, rows: Callable[[], Sequence[Any]], name: str) -> pa.Array:
    import pyarrow as pa

    try:
        strings = pa.array(flat, pa.large_string(), from_pandas=False)
    except (pa.ArrowException, UnicodeEncodeError, TypeError, ValueError) as error:
        raise _odd_symbol(rows(), str, name) or ArgumentError(
            f"{name} hold a string that is no Unicode text: {error}"
        ) from error
    if strings.null_count:
        raise _odd_symbol(rows(), str, name) or ArgumentError(f"{name} hold a missing symbol")
    return strings


def _encode_rows(rows: list[Any], name: str) -> EncodedSequences:
    if not _rows_of_strings(rows, name):
        try:
            return EncodedSequences(*flatten_sequences(rows, name))
        except ArgumentError as error:
            raise _odd_symbol(rows, int, name) or error from None
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    if all(isinstance(row, np.ndarray) for row in rows):
        rows = [row.tolist() for row in rows]
    flat = list(chain.from_iterable(rows))
    codes, vocabulary = number_strings(_arrow_strings(flat, lambda: rows, name))
    return EncodedSequences(codes, offsets, vocabulary)


def _rows_of_strings(rows: Iterable[Any], name: str) -> bool:
    """Whether the first symbol of all is a string; rows that have no order are refused."""
    strings: bool | None = None
    for index, row in enumerate(rows):
        if isinstance(row, set | frozenset | dict):
            raise ArgumentError(
                f"{name}[{index}] must be a sequence, not {type(row).__name__}: order matters"
            )
        if isinstance(row, str | bytes) or not isinstance(row, Sequence | np.ndarray):
            raise ArgumentError(
                f"{name}[{index}] must be a sequence of ints or strings, not {type(row).__name__}"
            )
        if isinstance(row, np.ndarray) and row.ndim != 1:
            return False  # refused as ints
        if strings is None and len(row):
            strings = isinstance(row[0], str)
    return bool(strings)


def _odd_symbol(rows: Sequence[Any], kind: type, name: str) -> ArgumentError | None:
    """The error that names the first symbol of another kind."""
    wanted: Any = str if kind is str else (int, np.integer)
    if any(np.ndim(row) != 1 for row in rows if isinstance(row, np.ndarray)):
        return None
    if sum(len(row) for row in rows) > _LOOKED_AT:
        return None
    for index, row in enumerate(rows):
        for place, symbol in enumerate(row):
            if isinstance(symbol, list | tuple | set | frozenset | dict | np.ndarray):
                return itemset_error(f"{name}[{index}][{place}]")
            if not isinstance(symbol, wanted) or isinstance(symbol, bool | np.bool_):
                kinds = "a string" if kind is str else "an int"
                return ArgumentError(
                    f"{name}[{index}][{place}] must be {kinds} like the first symbol of all, "
                    f"not {symbol!r}"
                )
    return None
