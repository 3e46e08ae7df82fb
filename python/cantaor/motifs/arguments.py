"""Checked arguments of mining: ragged symbols, supports, gaps and limits.

References
----------
Support counts sequences as in Agrawal, R. and Srikant, R. (1995). Mining sequential patterns. ICDE.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cantaor.errors import ArgumentError
from cantaor.types import Int32Array, Int64Array

_Integers: TypeAlias = NDArray[np.integer[Any]]
#: Ragged symbols: an iterable of int sequences, or a tuple (values, offsets) of numpy arrays.
Sequences: TypeAlias = Iterable[Sequence[int] | _Integers] | tuple[_Integers, _Integers]
Gap: TypeAlias = tuple[int, int] | None
Progress: TypeAlias = Callable[[int], object]

MAX_SYMBOLS = 2**31 - 1
_ANY = 2**62  # stands for every larger bound; the kernels count in int64


def absolute_support(min_support: float | int, sequences: int) -> int:
    """Minimum support as a number of sequences.

    Parameters
    ----------
    min_support
        An int >= 1, or a float in (0, 1]: a fraction of ``sequences``.
    sequences
        Number of sequences, empty ones included.

    Raises
    ------
    ArgumentError
        ``min_support`` is neither.

    Examples
    --------
    >>> absolute_support(0.3, 10), absolute_support(7, 10)
    (3, 7)
    """
    if not isinstance(min_support, float | np.floating):
        return whole("min_support as a number of sequences", min_support, 1)
    if not 0 < min_support <= 1:
        raise ArgumentError(
            f"min_support as a float is a share in (0, 1], not {min_support}; "
            "an int is a number of sequences"
        )
    return max(1, math.ceil(float(min_support) * sequences - 1e-9))


def flatten_sequences(
    sequences: Sequences, name: str = "sequences"
) -> tuple[Int32Array, Int64Array]:
    """Ragged symbols as compressed sparse rows.

    Parameters
    ----------
    sequences
        As for :func:`mine_closed`. A tuple of two is ``(values, offsets)`` exactly when its
        second item is a numpy array; a tuple of two lists is two sequences.
    name
        What error messages call it.

    Returns
    -------
    values, offsets
        int32 (symbols,) and int64 (sequences + 1,), both contiguous.

    Raises
    ------
    ArgumentError
        Symbols are no int32 integers, or the offsets do not fit the values.

    Examples
    --------
    >>> values, offsets = flatten_sequences([[1, 2], [], [3]])
    >>> values.tolist(), offsets.tolist()
    ([1, 2, 3], [0, 2, 2, 3])
    """
    if (
        isinstance(sequences, tuple)
        and len(sequences) == 2
        and isinstance(sequences[1], np.ndarray)
    ):
        values, offsets = np.asarray(sequences[0]), sequences[1]
        _check_symbols(values, name)
        return _as_int32(values, name), checked_offsets(offsets, values.size, name)
    if isinstance(sequences, str | bytes) or not isinstance(sequences, Iterable):
        raise ArgumentError(
            f"{name} must be a list of int sequences or (values, offsets), "
            f"not {type(sequences).__name__}"
        )
    if isinstance(sequences, np.ndarray):
        if sequences.ndim != 2 and sequences.dtype != object:
            raise ArgumentError(
                f"{name} as one array must have 2 dimensions, not {sequences.ndim}; "
                "ragged ones are (values, offsets)"
            )
        _check_size(sequences.size, "symbols", name)
    return _flatten_list(list(sequences), name)


def _flatten_list(rows: list[object], name: str) -> tuple[Int32Array, Int64Array]:
    plain = [_checked_row(row, f"{name}[{index}]") for index, row in enumerate(rows)]
    offsets = np.zeros(len(plain) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in plain], out=offsets[1:])
    _check_size(int(offsets[-1]), "symbols", name)
    if plain and all(isinstance(row, np.ndarray) for row in plain):
        values = np.concatenate([_as_int32(np.asarray(row), name) for row in plain])
        return values, offsets
    values = _array_of(list(chain.from_iterable(map(_as_plain, plain))), name)
    return _as_int32(values, name), offsets


def _checked_row(row: object, name: str) -> Sequence[int] | _Integers:
    if isinstance(row, np.ndarray):
        if row.ndim != 1 or (row.size and row.dtype.kind not in "iu"):
            raise ArgumentError(f"{name} must be 1-D integers, not {row.ndim}-D {row.dtype}")
        return row
    if isinstance(row, Sequence) and not isinstance(row, str | bytes):
        return row
    raise ArgumentError(f"{name} must be a sequence of ints, not {type(row).__name__}")


def _as_plain(row: Sequence[int] | _Integers) -> Sequence[int]:
    return row.tolist() if isinstance(row, np.ndarray) else row


def _array_of(symbols: list[int], name: str) -> _Integers:
    try:
        values = np.asarray(symbols) if symbols else np.zeros(0, dtype=np.int32)
    except (ValueError, OverflowError, TypeError) as error:
        raise ArgumentError(f"{name} must hold int32 integers only: {error}") from error
    _check_symbols(values, name)
    return values


def _check_symbols(values: _Integers, name: str) -> None:
    if values.ndim != 1:
        raise ArgumentError(f"values of {name} must have 1 dimension, not {values.ndim}")
    if values.size and values.dtype.kind not in "iu":
        raise ArgumentError(f"{name} must hold int32 integers only, not {values.dtype}")
    _check_size(values.size, "symbols", name)


def _check_size(size: int, what: str, name: str) -> None:
    if size > MAX_SYMBOLS:
        raise ArgumentError(f"{name} hold {size} {what}; at most {MAX_SYMBOLS} can be mined")


def _as_int32(values: _Integers, name: str) -> Int32Array:
    if values.dtype != np.int32 and values.size:
        low, high = int(values.min()), int(values.max())
        if low < -(2**31) or high >= 2**31:
            raise ArgumentError(f"{name} hold symbols {low}..{high}; they must fit into int32")
    return np.ascontiguousarray(values, dtype=np.int32)


def checked_offsets(offsets: _Integers, symbols: int, name: str) -> Int64Array:
    """Offsets that go from 0 to the number of symbols without descending, as int64."""
    if offsets.ndim != 1 or offsets.size == 0 or offsets.dtype.kind not in "iu":
        raise ArgumentError(
            f"offsets of {name} must be a 1-D integer array with at least one item, "
            f"not {offsets.dtype} of shape {offsets.shape}"
        )
    _check_size(offsets.size - 1, "rows in offsets", name)
    if int(offsets[0]) != 0 or int(offsets[-1]) != symbols:
        raise ArgumentError(
            f"offsets of {name} must go from 0 to the number of symbols ({symbols}), "
            f"not from {offsets[0]} to {offsets[-1]}"
        )
    if np.any(offsets[1:] < offsets[:-1]):
        row = int(np.flatnonzero(offsets[1:] < offsets[:-1])[0])
        raise ArgumentError(
            f"offsets of {name} must not descend: row {row} goes from {offsets[row]} "
            f"to {offsets[row + 1]}"
        )
    return np.ascontiguousarray(offsets, dtype=np.int64)


def checked_gap(gap: Gap) -> Gap:
    """The gap as two ints, 0 <= low <= high, or None; ArgumentError otherwise."""
    if gap is None:
        return None
    if not isinstance(gap, Sequence) or len(gap) != 2:
        raise ArgumentError(f"gap must be None or (low, high), not {gap!r}")
    low, high = whole("gap[0]", gap[0], 0), whole("gap[1]", gap[1], 0)
    if low > high:
        raise ArgumentError(f"gap must be (low, high) with low <= high, not ({low}, {high})")
    return low, high


def check_lengths(min_length: int, max_length: int | None) -> None:
    """ArgumentError if no length lies between the two."""
    if max_length is not None and max_length < min_length:
        raise ArgumentError(
            f"max_length ({max_length}) must not be below min_length ({min_length})"
        )


def whole(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """``value`` as an int within bounds; ArgumentError, naming it, otherwise."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise ArgumentError(f"{name} must be an int, not {value!r}")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        bounds = f"at least {minimum}" if maximum is None else f"in {minimum}..{maximum}"
        raise ArgumentError(f"{name} must be {bounds}, not {number}")
    return min(number, _ANY)


def whole_or_none(name: str, value: object) -> int | None:
    """None, or ``value`` as an int of at least 1; ArgumentError otherwise."""
    return None if value is None else whole(name, value, 1)


def seconds_or_none(name: str, value: object) -> float | None:
    """None, or ``value`` as a positive number of seconds; ArgumentError otherwise."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise ArgumentError(f"{name} must be a positive number of seconds, not {value!r}")
    return float(value)


def callable_or_none(progress: Progress | None) -> Progress | None:
    """``progress`` if it can be called or is None; ArgumentError otherwise."""
    if progress is None or callable(progress):
        return progress
    raise ArgumentError(f"progress must be callable or None, not {progress!r}")
