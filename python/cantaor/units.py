"""Hertz, cents, note names and times, shared by every stage that speaks of pitch."""

from __future__ import annotations

import re

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


#: Names of the semitones from C.
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# MIDI number of 0 cents: 55 Hz is A1.
_REFERENCE_MIDI = 33


def cents_to_midi(cents: float) -> float:
    """Cents above 55 Hz as a MIDI note number; 69 is A4, 440 Hz.

    Examples
    --------
    >>> cents_to_midi(3600.0)
    69.0
    """
    return _REFERENCE_MIDI + cents / 100.0


def note_name(cents: float, *, exact: bool = True) -> str:
    """The equal-tempered note nearest to a pitch, and how many cents it lies beside it.

    Parameters
    ----------
    cents
        Cents above 55 Hz; A4 is 440 Hz.
    exact
        Whether to say the cents beside the note, if they are not 0 when rounded.

    Examples
    --------
    >>> note_name(3600.0), note_name(1887.0), note_name(1887.0, exact=False)
    ('A4', 'E3 -13', 'E3')
    """
    number = round(cents / 100.0)
    beside = round(cents - 100.0 * number)
    octave, step = divmod(_REFERENCE_MIDI + number, 12)
    name = f"{NOTES[step]}{octave - 1}"
    return f"{name} {beside:+d}" if exact and beside else name


def note_cents(name: str) -> float:
    """Cents above 55 Hz of a note such as ``"E3"``, ``"Bb2"`` or ``"F#3 -20"``.

    Raises
    ------
    ArgumentError
        It is no note name.

    Examples
    --------
    >>> note_cents("E3 -13")
    1887.0
    """
    found = re.fullmatch(r"([A-Ga-g])([#b]?)(-?\d)(?:\s*([+-]\d{1,2}))?", name.strip())
    if found is None:
        raise ArgumentError(f"not a note: {name!r}; write it as E3, Bb2 or F#3 -20")
    letter, accidental, octave, beside = found.groups()
    step = NOTES.index(letter.upper()) + {"#": 1, "b": -1, "": 0}[accidental]
    return 100.0 * ((int(octave) + 1) * 12 + step - _REFERENCE_MIDI) + float(beside or 0)


def clock(seconds: float, decimals: int = 2) -> str:
    """Time as minutes and seconds, hours in front from the first on.

    Examples
    --------
    >>> clock(14.04), clock(65.5, 1), clock(3600, 0)
    ('0:14.04', '1:05.5', '1:00:00')
    """
    units = round(abs(seconds) * 10**decimals)
    whole, part = divmod(units, 10**decimals)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    sign = "-" if seconds < 0 and units else ""
    return f"{sign}{text}.{part:0{decimals}d}" if decimals else sign + text
