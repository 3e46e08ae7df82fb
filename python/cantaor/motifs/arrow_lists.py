"""List columns of Arrow, pandas and Polars as ragged symbols, int32 ones without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from cantaor.errors import ArgumentError
from cantaor.motifs.arguments import flatten_sequences
from cantaor.motifs.vocabulary import itemset_error, number_codes, number_strings
from cantaor.types import Int32Array, Int64Array

_Encoded = tuple[Int32Array, Int64Array, tuple[str, ...] | None]


def encode_arrow(column: Any, name: str) -> _Encoded:
    """Values, offsets and vocabulary of anything that hands out an Arrow list array.

    Raises
    ------
    ArgumentError
        It is a table or no list column, holds nulls or itemsets, or other symbols than int32 and
        strings.
    """
    chunks = [_as_large_list(chunk, name) for chunk in _chunks(column, name)]
    _check_nulls(chunks, name)
    parts = [_bounds(chunk) for chunk in chunks]
    symbols = [
        chunk.values[first:last] for chunk, (first, last, _) in zip(chunks, parts, strict=True)
    ]
    offsets = _join_offsets([offsets for _, _, offsets in parts])
    values, vocabulary = _encode_symbols(symbols, name)
    return *flatten_sequences((values, offsets), name), vocabulary


def _chunks(column: Any, name: str) -> list[pa.Array]:
    if hasattr(column, "schema") or hasattr(column, "columns"):
        raise ArgumentError(
            f"{name} must be one list column, not a {type(column).__name__}: name the column"
        )
    try:
        if isinstance(column, pa.ChunkedArray):
            return list(column.chunks)
        if isinstance(column, pa.Array):
            return [column]
        if hasattr(column, "__arrow_c_array__"):
            return [pa.array(column)]
        return list(pa.chunked_array(column).chunks)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ArgumentError(f"{name} cannot be read as an Arrow column: {error}") from error


def _as_large_list(chunk: pa.Array, name: str) -> pa.Array:
    kind = chunk.type
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    views = ("list_view", "large_list_view")
    if not any(is_kind(kind) for is_kind in lists) and not str(kind).startswith(views):
        raise ArgumentError(f"{name} must be a column of lists, not of {kind}")
    item = kind.value_type
    if pa.types.is_nested(item):
        raise itemset_error(f"{name}: a symbol of type {item}")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return chunk
    return chunk.cast(pa.large_list(item))


def _check_nulls(chunks: list[pa.Array], name: str) -> None:
    before = 0
    for chunk in chunks:
        if chunk.null_count:
            row = int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
            raise ArgumentError(f"{name}[{before + row}] is null; an empty list is a sequence too")
        first, last, offsets = _bounds(chunk)
        symbols = chunk.values[first:last]
        if symbols.null_count:
            place = int(np.flatnonzero(symbols.is_null().to_numpy(zero_copy_only=False))[0])
            row = int(np.searchsorted(offsets, place, side="right")) - 1
            raise ArgumentError(f"{name}[{before + row}][{place - int(offsets[row])}] is null")
        before += len(chunk)


def _bounds(chunk: pa.Array) -> tuple[int, int, Int64Array]:
    """First and last symbol of a chunk among its values, and its offsets from 0."""
    offsets = chunk.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    whole = offsets.astype(np.int64, copy=False)
    return first, last, whole - first if first else whole


def _join_offsets(parts: list[Int64Array]) -> Int64Array:
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(int(part[-1]) for part in parts)])
    moved = [part[1:] + end for part, end in zip(parts, ends, strict=False)]
    return np.concatenate([np.zeros(1, np.int64), *moved])


def _encode_symbols(
    symbols: list[pa.Array], name: str
) -> tuple[Int32Array, tuple[str, ...] | None]:
    if not symbols:
        return np.zeros(0, np.int32), None
    kind = symbols[0].type
    if pa.types.is_integer(kind):
        return _join([_integers(part, name) for part in symbols]), None
    if pa.types.is_null(kind):
        return np.zeros(0, np.int32), None
    if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        whole = pa.chunked_array(symbols).unify_dictionaries()
        words = whole.chunk(0).dictionary.cast(pa.large_string())
        codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in whole.chunks]
        # A dictionary may hold a word twice, and words that no row has.
        distinct, vocabulary = number_strings(words)
        return _join([distinct[part] for part in codes]), vocabulary
    if _is_text(kind):
        return _number(symbols)
    raise ArgumentError(f"{name} must hold ints or strings, not {kind}")


def _number(symbols: list[pa.Array]) -> tuple[Int32Array, tuple[str, ...]]:
    whole = pa.chunked_array(symbols)
    if str(whole.type) == "string_view":
        whole = whole.cast(pa.large_string())
    encoded = whole.dictionary_encode().unify_dictionaries()
    del whole
    codes = _join([chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks])
    words = encoded.chunk(0).dictionary
    del encoded
    return number_codes(codes, words)


def _is_text(kind: pa.DataType) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def _integers(part: pa.Array, name: str) -> Int32Array:
    try:
        return part.cast(pa.int32()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
    except pa.ArrowInvalid as error:
        raise ArgumentError(f"{name} hold symbols that do not fit into int32: {error}") from error


def _join(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int32), *parts])
