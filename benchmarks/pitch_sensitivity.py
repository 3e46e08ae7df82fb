"""How each setting of the pitch tracker changes accuracy: one setting at a time, as a table.

Run ``python -m benchmarks.pitch_sensitivity [FOLDER]`` from the repository's root. FOLDER, if any,
holds annotated singing as pairs of NAME.flac and NAME.csv (time in s, f0 in Hz, 0 = unvoiced) and
adds a column for each. The synthetic voices have other seeds than those that the settings were
chosen on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import mir_eval
import numpy as np
from numpy.typing import ArrayLike

from cantaor import _core
from cantaor.io.audio import read_audio
from cantaor.pitch.tracker import _Analysis
from cantaor.types import Audio, Float64Array
from tests.singing import VOICES, Roughness, SyntheticSinger, sing

SEEDS = (51, 52, 53)
SECONDS = 5.0
HOP_S = 256 / 44_100

#: Arguments of ``_core.Tracker.push``.
Candidates: TypeAlias = tuple[Any, ...]

#: Values of each setting beside its default.
VARIANTS: dict[str, tuple[float, ...]] = {
    "window_s": (0.035, 0.05),
    "focus_s": (0.01, 0.03),
    "harmonics": (10, 20),
    "decay": (0.8, 0.9),
    "between": (0.2, 0.5),
    "half_width_cents": (50, 60),
    "band_hz": (2800, 3600),
    "peak_range_db": (25, 60),
    "candidates": (3, 6),
    "voicing": (0.06, 0.15),
    "level_slope": (0.009, 0.013),
    "before_slope": (0.005, 0.012),
    "before_s": (0.08, 0.3),
    "after_slope": (0.0, 0.02),
    "after_s": (0.03, 0.1),
    "noisy_voicing": (0.08, 0.16),
    "high_noise": (0.0, 0.14),
    "voiceless": (0.0, 0.6),
    "floor_voicing": (0.0, 0.1),
    "reverberant_slope": (0.0, 0.03),
    "look_s": (2, 8),
    "octave_jump_cost": (0.5, 1.8),
    "voicing_cost": (0.13, 0.5),
    "glide_cents": (15, 60),
    "sharpening": (0.0, 1.0),
    "octave_cost": (0.0, 0.15, 0.4),
    "subharmonic_db": (-15.0, -11.0),
    "harmonic_db": (-10.0, -6.0),
    "overtone_cost": (0.0, 0.1),
    "overtone_db": (-5.0, -1.0),
    "range_weight": (0.0, 0.6, 2.0),
}

#: Settings that change nothing but octaves; their variants are shown on :func:`octave_groups`.
OCTAVE_SETTINGS = (
    "octave_cost",
    "subharmonic_db",
    "harmonic_db",
    "overtone_cost",
    "overtone_db",
    "range_weight",
)

#: Rough voices by column: kind, depth and lowest f0 in Hz.
ROUGH = {
    "rough: amplitude": (("amplitude 2", 0.12, 147), ("amplitude 2", 0.2, 300)),
    "rough: period": (("period 2", 0.03, 247), ("period 2", 0.03, 420)),
    "rough: every third": (("amplitude 3", 0.15, 147), ("period 3", 0.03, 300)),
}


class Sung(NamedTuple):
    """A recording and its f0 in Hz (0 = unvoiced) at ``times``."""

    audio: Audio
    times: Float64Array
    hz: Float64Array


def synthetic(name: str, seed: int, **changes: float) -> Sung:
    return _sung(replace(VOICES[name], **changes), seed)


def _sung(voice: SyntheticSinger, seed: int) -> Sung:
    samples, hz = sing(voice, SECONDS, seed)
    at = np.arange(samples.size // 256 + 1) * 256
    return Sung(Audio(samples, 44_100), at / 44_100, hz[np.minimum(at, hz.size - 1)])


def groups(folder: Path | None) -> dict[str, list[Sung]]:
    """What is tracked, by column of the table."""
    found: dict[str, list[Sung]] = {}
    for path in sorted(folder.glob("*.flac")) if folder else []:
        times, hz = np.loadtxt(path.with_suffix(".csv"), delimiter=",").T
        found[path.stem] = [Sung(read_audio(path), times, hz)]
    for name in VOICES:
        kind = "noise" if "noise" in name else "room" if name == "room" else "clean"
        found.setdefault(kind, []).extend(synthetic(name, seed) for seed in SEEDS)
    found["fading"] = [
        synthetic(name, seed, release_db=30.0) for name in ("male", "female") for seed in SEEDS
    ]
    found["high, soft in noise"] = [
        synthetic(name, seed, snr_db=snr_db)
        for name in ("high", "soft")
        for snr_db in (10.0, 3.0)
        for seed in SEEDS
    ]
    return found


def octave_groups() -> dict[str, list[Sung]]:
    """Rough voices, by kind, and voices with a strong second harmonic."""
    found = {
        name: [rough(kind, depth, low_hz, seed) for kind, depth, low_hz in voices for seed in SEEDS]
        for name, voices in ROUGH.items()
    }
    found["rough in a room"] = [rough("amplitude 2", 0.15, 220, seed, room_s=0.5) for seed in SEEDS]
    found["strong second harmonic"] = [
        synthetic(name, seed, second_harmonic_db=20.0)
        for name in ("male", "female")
        for seed in SEEDS
    ]
    return found


def rough(kind: str, depth: float, low_hz: float, seed: int, **changes: float) -> Sung:
    voice = SyntheticSinger(low_hz, 1.9 * low_hz, 1.1, -9, roughness=Roughness(kind, depth))
    return _sung(replace(voice, **changes), seed)


def candidates(sung: Sung, settings: _core.SalienceSettings) -> Candidates:
    """What the tracker chooses from, in every frame."""
    analysis = _Analysis(sung.audio.sample_rate, 256, settings)
    frames = analysis.framing.frames_of(sung.audio.samples.size)
    chunks = [
        analysis.run(sung.audio.samples, 0, (first, min(64, frames - first)))
        for first in range(0, frames, 64)
    ]
    return tuple(np.concatenate(part) for part in zip(*chunks, strict=True))


def accuracy(sung: Sung, found: Candidates, settings: _core.TrackerSettings) -> tuple[float, float]:
    """Raw pitch accuracy and overall accuracy of the path through the candidates."""
    tracker = _core.Tracker(settings, found[0].shape[1], 55.0, HOP_S)
    tracker.push(*found)
    return scores(sung, tracker.finish()[0])


def scores(sung: Sung, hz: ArrayLike) -> tuple[float, float]:
    """Raw pitch accuracy and overall accuracy of f0 on the frame grid, 0 where unvoiced."""
    found = np.asarray(hz, np.float64)
    times = np.arange(found.size) * HOP_S
    result = mir_eval.melody.evaluate(sung.times, sung.hz, times, found)
    return result["Raw Pitch Accuracy"], result["Overall Accuracy"]


def table_head(first: str, columns: Iterable[str]) -> str:
    """Names of the columns and the line below them, in Markdown."""
    names = [first, *columns]
    return f"| {' | '.join(names)} |\n{'|---' * len(names)}|"


def table_row(label: str, pairs: Iterable[Sequence[float]]) -> str:
    """Raw pitch accuracy / overall accuracy of every column, in Markdown."""
    return " | ".join([f"| {label}", *(f"{raw:.3f} / {both:.3f}" for raw, both in pairs)]) + " |"


def row(
    columns: dict[str, list[Sung]],
    kept: dict[int, Candidates],
    setting: str | None = None,
    value: float = 0.0,
) -> str:
    """Mean accuracies of each column; ``kept`` holds candidates under the default settings."""
    salience, tracker = _core.SalienceSettings(), _core.TrackerSettings()
    changed = [one for one in (salience, tracker) if setting and hasattr(one, setting)]
    for one in changed:
        setattr(one, setting or "", type(getattr(one, setting or ""))(value))
    cells = []
    for some in columns.values():
        pairs = [
            accuracy(
                sung, candidates(sung, salience) if salience in changed else kept[id(sung)], tracker
            )
            for sung in some
        ]
        cells.append(np.mean(pairs, axis=0))
    label = f"{setting} = {value:g}" if setting else "defaults"
    return table_row(label, cells)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    voicing = [name for name in VARIANTS if name not in OCTAVE_SETTINGS]
    print_table(groups(folder), voicing)
    print_table(octave_groups() | real(folder), OCTAVE_SETTINGS)


def real(folder: Path | None) -> dict[str, list[Sung]]:
    """The annotated singing of :func:`groups` alone."""
    names = [path.stem for path in folder.glob("*.flac")] if folder else []
    return {name: some for name, some in groups(folder).items() if name in names}


def print_table(columns: dict[str, list[Sung]], settings: Iterable[str]) -> None:
    print(table_head("setting", columns))
    usual = _core.SalienceSettings()
    kept = {id(sung): candidates(sung, usual) for some in columns.values() for sung in some}
    print(row(columns, kept))
    for setting in settings:
        for value in VARIANTS[setting]:
            print(row(columns, kept, setting, value), flush=True)
    print()


if __name__ == "__main__":
    main()
