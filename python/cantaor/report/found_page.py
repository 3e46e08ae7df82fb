"""A page that plays the places where a figure is sung."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cantaor.errors import CantaorError, require_extra
from cantaor.io.audio import open_audio, resample
from cantaor.pipeline.figures import FoundFigure
from cantaor.report.motif_cards import SOUND_RATE, sketch_points, wav_text
from cantaor.report.templates import page_file, write_page
from cantaor.types import Audio
from cantaor.units import clock, note_name

#: Seconds played before and after a place.
_AROUND_S = 0.2


def write_found_page(
    found: Sequence[FoundFigure], path: str | os.PathLike[str], *, steps: Sequence[int]
) -> Path:
    """Write one HTML page with the drawing, notes and sound of every place.

    Parameters
    ----------
    found
        Places as :func:`cantaor.find_similar` returns them.
    path
        HTML file to write.
    steps
        What was sought.

    Raises
    ------
    MissingExtraError
        jinja2 is not installed.
    WorkspaceError
        The file cannot be written.
    """
    require_extra("jinja2", "plot")
    sounds: dict[str, str] = {}
    places = []
    for number, one in enumerate(found):
        sound = _sound(one)
        key = f"place-{number}" if sound else ""
        if sound:
            sounds[key] = sound
        places.append(
            {
                "singer": one.singer,
                "recording": one.recording,
                "where": f"{clock(one.start_s)} to {clock(one.end_s)}",
                "edits": f"{one.distance:g}",
                "steps": " ".join(map(str, one.symbols)),
                "notes": " ".join(note_name(cents, exact=False) for cents in one.cents),
                "sketch": sketch_points(one.symbols),
                "sound": key,
            }
        )
    return write_page(
        path,
        "found.html",
        title=" ".join(map(str, steps)),
        style=page_file("report.css"),
        script=page_file("found.js"),
        places=places,
        sounds_json=json.dumps(sounds).replace("<", "\\u003c"),
    )


def _sound(one: FoundFigure) -> str:
    """The place as a WAV file in base 64; empty where its recording is gone."""
    try:
        with open_audio(one.path) as stream:
            first = max(0.0, one.start_s - _AROUND_S)
            blocks = list(stream.blocks(first, one.end_s + _AROUND_S))
            samples = np.concatenate(blocks)
            return wav_text(resample(Audio(samples, stream.sample_rate), SOUND_RATE).samples)
    except CantaorError:
        return ""
