"""Strings as numbers in their own order, so that patterns of numbers sort as their strings do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cantaor.errors import ArgumentError
from cantaor.types import Int32Array

if TYPE_CHECKING:
    import pyarrow as pa

_ITEMSETS = (
    "is an itemset, several symbols at one place; only sequences of single symbols are mined: "
    "give every place one symbol, such as a string that names the set"
)


def number_strings(strings: pa.Array) -> tuple[Int32Array, tuple[str, ...]]:
    """The place of every string among the distinct ones in ascending order, and those.

    Parameters
    ----------
    strings
        Arrow array of large strings without nulls.
    """
    encoded = strings.dictionary_encode()
    return number_codes(encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary)


def number_codes(codes: NDArray[Any], words: pa.Array) -> tuple[Int32Array, tuple[str, ...]]:
    """Codes into distinct words as places among them in ascending order, and those."""
    import pyarrow.compute as pc

    order = pc.sort_indices(words)
    place = np.empty(len(words), np.int32)
    place[order.to_numpy()] = np.arange(len(words), dtype=np.int32)
    vocabulary = tuple(words.take(order).to_pylist())
    return (place[codes] if codes.size else np.zeros(0, np.int32)), vocabulary


def itemset_error(place: str) -> ArgumentError:
    """The error for a place with several symbols."""
    return ArgumentError(f"{place} {_ITEMSETS}")
