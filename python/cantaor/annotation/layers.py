"""The layers of one recording: f0, notes of the contour, and where families of motifs are sung."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cantaor.contour import estimate_tonic
from cantaor.types import Float64Array
from cantaor.units import cents_to_midi, note_cents, note_name
from cantaor.workspace.summary import family_rows
from cantaor.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Note:
    """One segment of the contour.

    Attributes
    ----------
    start_s, end_s
        Seconds in the file.
    cents
        Mean pitch, cents above 55 Hz.
    """

    start_s: float
    end_s: float
    cents: float

    @property
    def name(self) -> str:
        """The nearest note and the cents beside it, such as ``"E3 -13"``."""
        return note_name(self.cents)

    @property
    def hz(self) -> float:
        """Mean pitch in hertz."""
        return float(55.0 * 2 ** (self.cents / 1200))

    @property
    def midi(self) -> float:
        """MIDI note number with a fraction."""
        return cents_to_midi(self.cents)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch where a family is sung; overlapping instances are one."""

    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False, slots=True)
class Layers:
    """All layers of one recording, times in seconds of its file.

    Attributes
    ----------
    singer, recording, path
        Which recording.
    end_s
        End of the recording in its file.
    tonic_cents
        Its tonic, given or estimated, cents above 55 Hz; None without notes.
    times, hz
        float64 (frames,) and f0, 0 where unvoiced.
    notes
        Segments of the contour; they do not overlap.
    families
        Stretches by name of the motif that stands for the family; within one they do not overlap.
    """

    singer: str
    recording: str
    path: str
    end_s: float
    tonic_cents: float | None
    times: Float64Array
    hz: Float64Array
    notes: tuple[Note, ...]
    families: Mapping[str, tuple[Span, ...]]


def recording_layers(
    workspace: Workspace, tonics: Mapping[str, str] | None = None
) -> Iterator[Layers]:
    """The layers of every recording of a workspace, one in memory at a time.

    Parameters
    ----------
    workspace
        A mined workspace.
    tonics
        Notes such as ``"E3"`` by recording, ``"*"`` for all others; estimated where not given.
    """
    given = {name: note_cents(note) for name, note in (tonics or {}).items()}
    shown = {row["motif"] for rows in family_rows(workspace).values() for row in rows}
    spans: dict[tuple[str, str], list[dict[str, Any]]] = {}
    columns = ["motif", "singer", "recording", "start_s", "end_s"]
    for row in workspace.table("instances", columns).to_pylist():
        if row["motif"] in shown:
            spans.setdefault((row["singer"], row["recording"]), []).append(row)
    for row in workspace.table("recordings").to_pylist():
        own = spans.get((row["singer"], row["recording"]), [])
        yield _layers(workspace, row, own, given.get(row["recording"], given.get("*")))


def _layers(
    workspace: Workspace, row: dict[str, Any], instances: list[dict[str, Any]], tonic: float | None
) -> Layers:
    track, contour = workspace.track(row["pitch_key"]), workspace.contour(row["contour_key"])
    offset = row["start_s"] or 0.0
    notes = zip(
        contour.start_s.tolist(), contour.end_s.tolist(), contour.cents.tolist(), strict=True
    )
    families: dict[str, list[dict[str, Any]]] = {}
    for one in instances:
        families.setdefault(one["motif"], []).append(one)
    return Layers(
        row["singer"],
        row["recording"],
        row["path"],
        max(offset + row["duration_s"], offset + float(contour.end_s.max(initial=0.0))),
        estimate_tonic(contour) if tonic is None else tonic,
        track.times + offset,
        track.hz.astype(np.float64),
        tuple(Note(a + offset, b + offset, cents) for a, b, cents in notes),
        {name: _merged(rows) for name, rows in sorted(families.items())},
    )


def _merged(rows: list[dict[str, Any]]) -> tuple[Span, ...]:
    found: list[Span] = []
    for row in sorted(rows, key=lambda one: (one["start_s"], one["end_s"])):
        if found and row["start_s"] < found[-1].end_s:
            found[-1] = Span(found[-1].start_s, max(found[-1].end_s, row["end_s"]))
        else:
            found.append(Span(row["start_s"], row["end_s"]))
    return tuple(found)
