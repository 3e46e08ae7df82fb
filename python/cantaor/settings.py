"""Every number that decides what ``mine`` finds, in one record and one TOML file.

The file that ``mine`` writes beside its results reads back to the same record, so a run can be
repeated with ``--config``.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from cantaor.errors import ArgumentError
from cantaor.types import PITCH_LIMITS_HZ, PITCH_RANGE_HZ, REFERENCE_RATE

#: Pitch methods by name.
PITCH_METHODS = ("salience", "essentia")
#: What is done with vibrato.
VIBRATO = ("keep", "flatten")
# Whole numbers reach the kernels as 32 bits.
_MOST = 2**31 - 1

#: What a channel of a recording may be called; or its index, counted from 0.
CHANNELS = ("mean", "left", "right", "first", "loudest")

_COMMENTS = {
    "channel": "mean of all channels, left, right, first, loudest, or an index from 0",
    "pitch_method": '"salience" (native) or "essentia" (extra)',
    "hop": "samples between pitch frames at 44,100 Hz",
    "min_hz": "lowest pitch, Hz; what is sung lower is unvoiced",
    "max_hz": "highest pitch, Hz; what is sung higher is unvoiced",
    "k": 'number of pitch clusters of the whole corpus, or "auto"',
    "min_frames": "shortest contour segment, frames",
    "max_gap_s": "longest unvoiced gap inside a phrase, seconds",
    "vibrato": "keep it in the contour, or flatten it to its centre",
    "gap": 'symbols skipped between neighbours: [0, 0] = contiguous, [lo, hi], or "any"',
    "min_support": "phrases that must hold a motif: whole number, or share in (0, 1]",
    "min_length": "shortest motif, symbols",
    "max_length": "longest motif, symbols; 0 = no limit",
    "max_patterns": "stop with an error past this many motifs a singer; 0 = no limit",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the chain from audio to motifs.

    Attributes
    ----------
    channel
        What is listened to: one of :data:`CHANNELS`, or the index of a channel.
    pitch_method
        ``"salience"`` or ``"essentia"``.
    hop
        Samples between pitch frames at 44,100 Hz, 1 to 44,100.
    min_hz, max_hz
        Range of pitch in Hz, ``20 <= min_hz < max_hz <= 3000``; what is sung outside is unvoiced.
    k
        Number of corpus-wide pitch clusters, >= 1, or ``"auto"``.
    min_frames
        Shortest contour segment in frames, >= 1.
    max_gap_s
        Longest unvoiced gap inside a phrase in seconds, >= 0.
    vibrato
        ``"keep"`` it in the contour, or ``"flatten"`` it to its centre.
    gap
        Symbols skipped between neighbours of a motif: ``(lo, hi)``, or ``None`` for any number.
    min_support
        Phrases that must hold a motif: int >= 1, or float in (0, 1] as a share.
    min_length, max_length
        Bounds on the symbols of a motif; ``max_length`` ``None`` is no limit.
    max_patterns
        Bound on the motifs of one singer; ``None`` is no limit. Needed where ``gap`` is ``None``.
    """

    pitch_method: str = "salience"
    hop: int = 256
    min_hz: float = PITCH_RANGE_HZ[0]
    max_hz: float = PITCH_RANGE_HZ[1]
    k: int | Literal["auto"] = 24
    min_frames: int = 3
    max_gap_s: float = 0.1
    gap: tuple[int, int] | None = (0, 0)
    min_support: int | float = 3
    min_length: int = 5
    max_length: int | None = None
    max_patterns: int | None = None
    channel: str | int = "mean"
    vibrato: Literal["keep", "flatten"] = "keep"

    def __post_init__(self) -> None:
        _check(self)


def make_settings(values: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """Settings from plain values, each replacing the one in ``base``.

    Parameters
    ----------
    values
        Field names and values as they stand in the TOML file (``gap`` may be ``"any"`` or a list,
        0 means no limit).
    base
        What unnamed fields keep; the defaults if ``None``.

    Raises
    ------
    ArgumentError
        A name is unknown or a value is out of range.

    Examples
    --------
    >>> make_settings({"k": 12, "gap": [0, 1]}).gap
    (0, 1)
    """
    known = {field.name for field in fields(Settings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ArgumentError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return replace(base or Settings(), **{k: _from_plain(k, v) for k, v in values.items()})


def read_settings(path: str | os.PathLike[str]) -> Settings:
    """Settings from a TOML file with a ``[mine]`` table.

    Raises
    ------
    ArgumentError
        The file cannot be read, is not TOML, or holds an unknown or bad setting.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ArgumentError(f"{path}: not a readable settings file: {error}") from error
    table = document.get("mine")
    if not isinstance(table, dict) or len(document) > 1:
        raise ArgumentError(f"{path}: must hold one table [mine], found {sorted(document)}")
    try:
        return make_settings(table)
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from error


def settings_to_toml(settings: Settings) -> str:
    """The TOML text of settings, one commented line each.

    Examples
    --------
    >>> "k = 24" in settings_to_toml(Settings())
    True
    """
    lines = ["[mine]"]
    for name, value in settings_to_plain(settings).items():
        lines += [f"# {_COMMENTS[name]}", f"{name} = {json.dumps(value)}"]
    return "\n".join(lines) + "\n"


def settings_to_plain(settings: Settings) -> dict[str, Any]:
    """Settings as JSON and TOML hold them: ``gap`` as a list or ``"any"``, 0 for no limit."""
    plain = asdict(settings)
    plain["gap"] = "any" if settings.gap is None else list(settings.gap)
    plain["max_length"] = settings.max_length or 0
    plain["max_patterns"] = settings.max_patterns or 0
    return plain


def deciding_settings(settings: Settings) -> dict[str, Any]:
    """Plain settings as tables name them: a setting that came later only where it is not default.

    Tables that were made before the setting existed so keep their keys and their bytes.

    Examples
    --------
    >>> "vibrato" in deciding_settings(Settings())
    False
    """
    later = {"vibrato": "keep"}
    plain = settings_to_plain(settings)
    return {name: value for name, value in plain.items() if later.get(name, ...) != value}


def _from_plain(name: str, value: Any) -> Any:
    if name in ("max_length", "max_patterns"):
        return None if value == 0 else value
    if name != "gap" or value is None:
        return value
    if value == "any":
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ArgumentError(f'gap must be "any" or two whole numbers, not {value!r}')
    return (value[0], value[1])


def _is_whole(value: object, low: int, high: int = _MOST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def check_channel(channel: object) -> None:
    """Refuse what is no channel.

    Raises
    ------
    ArgumentError
        It is neither one of :data:`CHANNELS` nor an index of at least 0.
    """
    if channel not in CHANNELS and not _is_whole(channel, 0):
        raise ArgumentError(
            f"channel must be {', '.join(CHANNELS[:-1])} or {CHANNELS[-1]}, or an index from 0, "
            f"not {channel!r}"
        )


def _check(settings: Settings) -> None:
    check_channel(settings.channel)
    if settings.pitch_method not in PITCH_METHODS:
        raise ArgumentError(
            f"pitch_method must be {' or '.join(PITCH_METHODS)}, not {settings.pitch_method!r}"
        )
    if not _is_whole(settings.hop, 1, REFERENCE_RATE):
        raise ArgumentError(
            f"hop must be a whole number of 1 to {REFERENCE_RATE} samples, not {settings.hop!r}"
        )
    if settings.vibrato not in VIBRATO:
        raise ArgumentError(f"vibrato must be {' or '.join(VIBRATO)}, not {settings.vibrato!r}")
    for name in ("min_frames", "min_length"):
        if not _is_whole(getattr(settings, name), 1):
            raise ArgumentError(
                f"{name} must be a whole number of at least 1 and below 2**31, "
                f"not {getattr(settings, name)!r}"
            )
    for name in ("max_length", "max_patterns"):
        value = getattr(settings, name)
        if value is not None and not _is_whole(value, 1):
            raise ArgumentError(f"{name} must be at least 1 (or 0 for no limit), not {value!r}")
    if settings.max_length is not None and settings.max_length < settings.min_length:
        raise ArgumentError(
            f"max_length ({settings.max_length}) must reach min_length ({settings.min_length})"
        )
    if settings.k != "auto" and not _is_whole(settings.k, 1):
        raise ArgumentError(f'k must be a whole number of at least 1 or "auto", not {settings.k!r}')
    _check_pitch_range(settings.min_hz, settings.max_hz)
    _check_numbers(settings)


def _check_pitch_range(min_hz: object, max_hz: object) -> None:
    lowest, highest = PITCH_LIMITS_HZ
    for name, value in (("min_hz", min_hz), ("max_hz", max_hz)):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest:  # type: ignore[operator]
            raise ArgumentError(f"{name} must lie in {lowest:g}..{highest:g} Hz, not {value!r}")
    if min_hz >= max_hz:  # type: ignore[operator]
        raise ArgumentError(f"min_hz ({min_hz}) must be below max_hz ({max_hz})")


def _check_numbers(settings: Settings) -> None:
    if not isinstance(settings.max_gap_s, (int, float)) or not (0 <= settings.max_gap_s < math.inf):
        raise ArgumentError(f"max_gap_s must be at least 0 seconds, not {settings.max_gap_s!r}")
    support = settings.min_support
    if not (_is_whole(support, 1) or (isinstance(support, float) and 0 < support <= 1)):
        raise ArgumentError(
            "min_support must be a whole number of at least 1 or a share in (0, 1], "
            f"not {support!r}"
        )
    gap = settings.gap
    if gap is not None and not (_is_whole(gap[0], 0) and _is_whole(gap[1], 0) and gap[0] <= gap[1]):
        raise ArgumentError(f"gap must be (lo, hi) with 0 <= lo <= hi, not {gap!r}")
    if gap is None and settings.max_patterns is None:
        raise ArgumentError(
            'gap "any" explodes on long phrases: give max_patterns too, such as 100000'
        )
