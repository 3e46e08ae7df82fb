"""Where a figure is sung in a mined corpus: an index of all steps, and the search in it."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from cantaor.chain import reduce_contour, track_pitch
from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.io.audio import read_audio
from cantaor.io.files import read_schema, read_table, write_table
from cantaor.motifs.similarity import MAX_STEPS, default_distance, match_figure
from cantaor.types import REFERENCE_RATE, Audio, Contour, Float64Array, Int32Array
from cantaor.workspace.records import contour_to_table
from cantaor.workspace.workspace import Workspace

# Raise it when what the index holds changes.
_VERSION = 1
# What is heard before and after a cut, so that its pitch is that of the whole recording.
_MARGIN_S = 1.5
_INDEX, _FACTS = "figures.parquet", b"cantaor.figures"


@dataclass(frozen=True, eq=False, slots=True)
class Figure:
    """What is sought.

    Attributes
    ----------
    steps
        int32 (steps,), signed steps between pitch clusters.
    rhythm
        float64 (steps,), for each step the logarithm to base 2 of how much longer the note behind
        it lasts than the one before; None where only steps are known.
    start_s, end_s
        Where it was taken from in its recording; None for steps alone.
    """

    steps: Int32Array
    rhythm: Float64Array | None = None
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class FoundFigure:
    """A place where a figure is sung.

    Attributes
    ----------
    singer, recording, path
        The recording.
    start_s, end_s
        Seconds in its file.
    distance
        Edits between what is sung here and what was sought, 0 for the same.
    symbols
        The steps that are sung.
    cents
        Pitch of every note, cents above 55 Hz.
    """

    singer: str
    recording: str
    path: str
    start_s: float
    end_s: float
    distance: float
    symbols: tuple[int, ...]
    cents: tuple[float, ...]


def find_similar(
    workspace: Workspace,
    figure: Figure | str | Sequence[int],
    *,
    max_distance: float | None = None,
    durations: bool = False,
    limit: int = 50,
) -> list[FoundFigure]:
    """Where a figure is sung in a workspace, the nearest first.

    The first call writes an index of all contours into the workspace; later ones read it.

    Parameters
    ----------
    workspace
        A mined workspace.
    figure
        Steps between pitch clusters, as ``"1 -1 2"`` or as ints, 1 to 64 of them; or what
        :func:`figure_of` took from a recording.
    max_distance
        Most edits: steps inserted, deleted or replaced, and neighbours exchanged. None: a third
        of the steps, rounded, at least one where there are two or more
        (:func:`~cantaor.motifs.similarity.default_distance`). 0: the same steps only.
    durations
        Whether rhythm counts too; needs a figure from a recording.
    limit
        Most places returned, >= 1.

    Raises
    ------
    ArgumentError
        The figure is no figure, or an argument is out of range.
    WorkspaceError
        The index cannot be written.
    """
    sought = figure if isinstance(figure, Figure) else Figure(parse_steps(figure))
    if durations and sought.rhythm is None:
        raise ArgumentError("durations count only for a figure from a recording, not for steps")
    if limit < 1:
        raise ArgumentError(f"limit must be at least 1, not {limit}")
    steps = sought.steps.size
    most = default_distance(steps) if max_distance is None else max_distance
    if max_distance is None and most >= steps:
        most = max(0, steps - 1)
    text, counts, rhythm = _read_index(workspace, durations)
    found = match_figure(
        text,
        sought.steps,
        most,
        limit=limit,
        rhythm=rhythm,
        figure_rhythm=sought.rhythm if durations else None,
    )
    places = zip(found.start.tolist(), found.end.tolist(), found.distance.tolist(), strict=True)
    reader = _Reader(workspace, counts)
    return [reader.place(start, end, distance) for start, end, distance in places]


def parse_steps(figure: str | Sequence[int]) -> Int32Array:
    """Steps from text such as ``"1 -1 2"`` (commas do too) or from ints.

    Raises
    ------
    ArgumentError
        It is neither.
    """
    try:
        words = figure.replace(",", " ").split() if isinstance(figure, str) else list(figure)
        steps = np.array([int(word) for word in words], np.int32)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArgumentError(
            f'figure must be steps such as "1 -1 2", or an audio file, not {figure!r}'
        ) from error
    if not 1 <= steps.size <= MAX_STEPS:
        raise ArgumentError(f"figure must have 1 to {MAX_STEPS} steps, not {steps.size}")
    return steps


def figure_of(
    workspace: Workspace,
    path: str | os.PathLike[str],
    from_s: float = 0.0,
    to_s: float | None = None,
) -> Figure:
    """The longest phrase of a recording, or of a cut of it, in the steps of a workspace.

    Parameters
    ----------
    workspace
        Its clusters and settings reduce the recording.
    path
        Any audio file.
    from_s, to_s
        The cut in seconds; None is the end.

    Raises
    ------
    ArgumentError
        The cut is empty, holds no two notes, or its longest phrase has over 64 steps.
    AudioError
        The file cannot be read, or is silent.
    """
    audio = read_audio(path)
    end_s = audio.duration_s if to_s is None else min(to_s, audio.duration_s)
    if not 0 <= from_s < end_s:
        raise ArgumentError(
            f"{path}: from {from_s} s to {end_s} s is no cut of {audio.duration_s:.2f} s of audio"
        )
    settings = workspace.settings
    hop_s = settings.hop / REFERENCE_RATE
    begin_s = max(0.0, np.floor((from_s - _MARGIN_S) / hop_s) * hop_s)  # on the grid of frames
    first, last = (round(t * audio.sample_rate) for t in (begin_s, end_s + _MARGIN_S))
    heard = Audio(audio.samples[first:last], audio.sample_rate)
    track = track_pitch(heard, settings, str(path))
    contour = reduce_contour(track, workspace.clusters(), settings)
    notes = _longest_phrase(contour, from_s - begin_s, end_s - begin_s)
    if notes.stop - notes.start < 2:
        raise ArgumentError(f"{path}: no two notes in a row from {from_s} s to {end_s:.2f} s")
    if notes.stop - notes.start > MAX_STEPS + 1:
        raise ArgumentError(
            f"{path}: a phrase of {notes.stop - notes.start - 1} steps is more than a figure "
            f"({MAX_STEPS}); cut it with from and to"
        )
    steps = contour_to_table(contour)["step"].to_numpy()[notes][:-1]
    return Figure(
        steps.astype(np.int32),
        _rhythm(contour)[notes][:-1],
        begin_s + float(contour.start_s[notes][0]),
        begin_s + float(contour.end_s[notes][-1]),
    )


def _longest_phrase(contour: Contour, from_s: float, to_s: float) -> slice:
    """Segments of the phrase with most segments whose middle lies in a span."""
    middle = (contour.start_s + contour.end_s) / 2
    inside = np.flatnonzero((middle >= from_s) & (middle <= to_s))
    bounds = np.searchsorted(inside, contour.segment_offsets)
    if not inside.size:
        return slice(0, 0)
    phrase = int(np.argmax(np.diff(bounds)))
    chosen = inside[bounds[phrase] : bounds[phrase + 1]]
    return slice(int(chosen[0]), int(chosen[-1]) + 1)


def _rhythm(contour: Contour) -> Float64Array:
    """For each segment how much longer the next one lasts, as a logarithm to base 2."""
    lasts = np.log2(np.maximum(contour.end_s - contour.start_s, 1e-3))
    return np.append(np.diff(lasts), 0.0) if lasts.size else lasts


def _read_index(
    workspace: Workspace, durations: bool
) -> tuple[Int32Array, list[int], Float64Array | None]:
    """Steps of all recordings, the number of each one's segments, and rhythm if it counts."""
    path = workspace.path / _INDEX
    keys = workspace.table("recordings", ["contour_key"])["contour_key"].to_pylist()
    facts = _facts_of(path)
    if facts is None or facts["keys"] != keys or facts["version"] != _VERSION:
        facts = _write_index(workspace, keys)
    table = read_table(path, ["step", "rhythm"] if durations else ["step"])
    steps = table["step"].to_numpy()
    rhythm = table["rhythm"].to_numpy().astype(np.float64) if durations else None
    return np.ascontiguousarray(steps, dtype=np.int32), facts["counts"], rhythm


def _facts_of(path: Any) -> dict[str, Any] | None:
    try:
        found = read_schema(path).metadata or {}
        return dict(json.loads(found[_FACTS]))
    except (WorkspaceError, KeyError, ValueError):
        return None


def _write_index(workspace: Workspace, keys: list[str]) -> dict[str, Any]:
    steps, rhythms = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for key in keys:
        contour = workspace.contour(key)
        steps.append(contour_to_table(contour)["step"].to_numpy())
        rhythms.append(_rhythm(contour).astype(np.float32))
    facts = {"version": _VERSION, "keys": keys, "counts": [part.size for part in steps[1:]]}
    table = pa.table({"step": np.concatenate(steps), "rhythm": np.concatenate(rhythms)})
    metadata = {_FACTS: json.dumps(facts).encode()}
    write_table(workspace.path / _INDEX, table.replace_schema_metadata(metadata))
    return facts


class _Reader:
    """Places of the index as places in recordings; each contour is read once."""

    def __init__(self, workspace: Workspace, counts: list[int]) -> None:
        self._workspace = workspace
        self._rows = workspace.table("recordings").to_pylist()
        self._ends = list(accumulate(counts))
        self._contours: dict[str, Contour] = {}

    def place(self, start: int, end: int, distance: float) -> FoundFigure:
        number = bisect_right(self._ends, start)
        row = self._rows[number]
        key = row["contour_key"]
        if key not in self._contours:
            self._contours[key] = self._workspace.contour(key)
        contour = self._contours[key]
        before = self._ends[number - 1] if number else 0
        first, last = start - before, end - before
        offset = row["start_s"] or 0.0
        jumps = contour_to_table(contour)["step"].to_numpy()[first:last]
        return FoundFigure(
            row["singer"],
            row["recording"],
            row["path"],
            float(contour.start_s[first]) + offset,
            float(contour.end_s[last]) + offset,
            distance,
            tuple(jumps.tolist()),
            tuple(contour.cents[first : last + 1].tolist()),
        )
