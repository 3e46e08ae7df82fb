"""Conversion between hertz and cents, shared by every stage that speaks of intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError
from cantaor.types import Float64Array

#: Frequency of 0 cents, Hz (the reference of the authors' program).
REFERENCE_HZ = 55.0


def hz_to_cents(hz: ArrayLike, ref: float = REFERENCE_HZ) -> Float64Array:
    """Convert frequencies to cents above a reference.

    Parameters
    ----------
    hz
        Any shape, Hz; 0 (or anything that is not above 0) means unvoiced.
    ref
        Frequency of 0 cents, Hz, above 0.

    Returns
    -------
    float64, shape of ``hz``, cents; NaN where unvoiced.

    Raises
    ------
    ArgumentError
        ``ref`` is not a positive finite number.

    Examples
    --------
    >>> hz_to_cents([110.0, 0.0]).tolist()
    [1200.0, nan]
    """
    _check_reference(ref)
    frequencies = np.asarray(hz, dtype=np.float64)
    cents = np.full(frequencies.shape, np.nan)
    np.log2(frequencies, out=cents, where=frequencies > 0)
    cents -= np.log2(ref)
    cents *= 1200.0
    return cents


def cents_to_hz(cents: ArrayLike, ref: float = REFERENCE_HZ) -> Float64Array:
    """Convert cents above a reference to frequencies.

    Parameters
    ----------
    cents
        Any shape, cents; NaN means unvoiced.
    ref
        Frequency of 0 cents, Hz, above 0.

    Returns
    -------
    float64, shape of ``cents``, Hz; 0 where unvoiced.

    Raises
    ------
    ArgumentError
        ``ref`` is not a positive finite number.

    Examples
    --------
    >>> cents_to_hz([1200.0, float("nan")]).tolist()
    [110.0, 0.0]
    """
    _check_reference(ref)
    array = np.asarray(cents, dtype=np.float64)
    return np.where(np.isnan(array), 0.0, ref * np.exp2(array / 1200.0))


def _check_reference(ref: float) -> None:
    if not (np.isfinite(ref) and ref > 0):
        raise ArgumentError(f"ref must be a positive frequency in Hz, not {ref!r}")
