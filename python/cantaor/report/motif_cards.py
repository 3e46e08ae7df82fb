"""What the report shows of each singer's distinctive motifs: drawing, figures, and audio."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cantaor.clips.batches import encode_wav, to_16_bits
from cantaor.errors import AudioError, WorkspaceError
from cantaor.io.audio import read_audio
from cantaor.report.templates import shown
from cantaor.types import Float32Array
from cantaor.units import note_name
from cantaor.workspace.confinement import path_to_read
from cantaor.workspace.summary import family_rows
from cantaor.workspace.workspace import Workspace

_SKETCH = (150, 44)
#: A clip in the page is mono, 16 bit, at this rate in Hz: half a second is 16 kB.
SOUND_RATE = 16_000
_MAX_DURATION_S = 4.0
_INSTANCES = 2
_SLACK_S = 1e-6


@dataclass(frozen=True, slots=True)
class Example:
    """One instance of a motif.

    Attributes
    ----------
    recording, start_s, end_s
        Where it is sung.
    sound
        Key of its audio in the page; empty where clips were not written.
    """

    recording: str
    start_s: float
    end_s: float
    sound: str


@dataclass(frozen=True, slots=True)
class MotifCard:
    """One family of motifs as the page shows it: by the motif that stands for it.

    Attributes
    ----------
    name, symbols
        The motif.
    support, occurrences, z_score
        As in the table of motifs.
    sketch
        Points of its contour in an SVG of 150 x 44 units.
    examples
        Its first instances, one a recording where there are several.
    members
        Symbols of the family's other motifs, the longest first.
    notes
        Names of the notes of its first instance.
    """

    name: str
    symbols: tuple[int, ...]
    support: int
    occurrences: int
    z_score: float
    sketch: str
    examples: tuple[Example, ...]
    members: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()


def motif_cards(workspace: Workspace, count: int) -> dict[str, list[MotifCard]]:
    """The first families of each singer, at most ``count`` of each, by singer."""
    chosen = {name: rows[:count] for name, rows in family_rows(workspace).items()}
    names = {row["motif"] for kept in chosen.values() for row in kept}
    examples = _examples(workspace, names)
    notes = _Notes(workspace)
    return {
        singer: [_card(row, examples.get(row["motif"], ()), notes) for row in kept]
        for singer, kept in sorted(chosen.items())
    }


def sounds_of(workspace: Workspace, cards: dict[str, list[MotifCard]]) -> dict[str, str]:
    """Audio of all instances on the cards: a WAV file in base 64 by key."""
    keys = [one.sound for kept in cards.values() for card in kept for one in card.examples]
    return {shown(key): _wav(workspace, key) for key in keys if key}


def sketch_points(symbols: Sequence[int]) -> str:
    """A motif's contour as the points of an SVG polyline, one flat step a segment.

    Examples
    --------
    >>> sketch_points([1])
    '4.0,40.0 75.0,40.0 75.0,4.0 146.0,4.0'
    """
    width, height = _SKETCH
    levels = np.concatenate([[0], np.cumsum(symbols)]).astype(float)
    low, high = levels.min(), levels.max()
    y = height - 4 - (levels - low) / max(high - low, 1.0) * (height - 8)
    x = np.linspace(4, width - 4, levels.size + 1)
    corners = [(x[i + side], y[i]) for i in range(levels.size) for side in (0, 1)]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)


class _Notes:
    """Note names of stretches of recordings, each contour read once."""

    def __init__(self, workspace: Workspace) -> None:
        rows = workspace.table("recordings").to_pylist()
        self._rows = {(row["singer"], row["recording"]): row for row in rows}
        self._read = lru_cache(maxsize=64)(workspace.contour)

    def __call__(self, singer: str, example: Example) -> tuple[str, ...]:
        row = self._rows.get((singer, example.recording))
        if row is None:
            return ()
        offset = row["start_s"] or 0.0
        contour = self._read(row["contour_key"])
        inside = (contour.start_s >= example.start_s - offset - _SLACK_S) & (
            contour.end_s <= example.end_s - offset + _SLACK_S
        )
        return tuple(note_name(cents, exact=False) for cents in contour.cents[inside].tolist())


def _card(row: dict[str, Any], examples: Sequence[Example], notes: _Notes) -> MotifCard:
    return MotifCard(
        row["motif"],
        tuple(row["symbols"]),
        row["support"],
        row["occurrences"],
        row["z_score"],
        sketch_points(row["symbols"]),
        tuple(examples),
        tuple(tuple(member) for member in row["members"]),
        notes(row["singer"], examples[0]) if examples else (),
    )


def _examples(workspace: Workspace, names: set[str]) -> dict[str, list[Example]]:
    """First instances of some motifs, with audio if any have; those in other recordings first."""
    found: dict[str, list[dict[str, Any]]] = {}
    wanted = workspace.table(
        "instances", where=pc.field("motif").isin(pa.array(sorted(names), pa.string()))
    )
    for row in wanted.to_pylist():
        found.setdefault(row["motif"], []).append(row)
    return {
        name: [_one(workspace, row) for row in _spread_out([r for r in rows if r["clip"]] or rows)]
        for name, rows in found.items()
    }


def _spread_out(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["recording"], row)
    ordered = [*first.values(), *(row for row in rows if row is not first[row["recording"]])]
    return ordered[:_INSTANCES]


def _one(workspace: Workspace, row: dict[str, Any]) -> Example:
    clip = row["clip"] if row["clip"] and _is_there(workspace, row["clip"]) else ""
    return Example(shown(row["recording"]), row["start_s"], row["end_s"], clip)


def _is_there(workspace: Workspace, clip: str) -> bool:
    """Whether a clip can be put into the page: one of the workspace's own that can be read."""
    try:
        read_audio(path_to_read(workspace.path, "clips", clip), SOUND_RATE)
    except (WorkspaceError, AudioError):
        return False
    return True


def _wav(workspace: Workspace, clip: str) -> str:
    return wav_text(read_audio(path_to_read(workspace.path, "clips", clip), SOUND_RATE).samples)


def wav_text(samples: Float32Array) -> str:
    """The first four seconds of samples at :data:`SOUND_RATE` as a WAV file in base 64."""
    kept = to_16_bits(samples[: int(_MAX_DURATION_S * SOUND_RATE)])
    return base64.b64encode(encode_wav(kept, SOUND_RATE)).decode()
