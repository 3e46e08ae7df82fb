"""Standard MIDI files through mido: every note of the contour, bent to its cents."""

from __future__ import annotations

import io

from cantaor.annotation.layers import Layers
from cantaor.errors import require_extra

# At the standard 120 quarters a minute a tick is 50 microseconds.
_TICKS_A_QUARTER = 10_000
_TICKS_A_SECOND = 2 * _TICKS_A_QUARTER
# A bend of 8192 is two semitones, what synthesizers begin with.
_BEND_A_CENT = 8192 / 200


def midi_bytes(layers: Layers) -> bytes:
    """The notes of one recording as a MIDI file; families are markers where they begin.

    Raises
    ------
    MissingExtraError
        mido is not installed.
    """
    mido = require_extra("mido", "annotate")
    events: list[tuple[int, int, object]] = []
    for one in layers.notes:
        number = min(127, max(0, round(one.midi)))
        bend = round((one.midi - number) * 100 * _BEND_A_CENT)
        bend = min(8191, max(-8192, bend))
        start, end = _ticks(one.start_s), _ticks(one.end_s)
        events.append((start, 1, mido.Message("pitchwheel", pitch=bend)))
        events.append((start, 2, mido.Message("note_on", note=number, velocity=80)))
        events.append((max(end, start + 1), 0, mido.Message("note_off", note=number, velocity=0)))
    for name, spans in layers.families.items():
        text = name.encode("ascii", "replace").decode()
        events += [(_ticks(s.start_s), 1, mido.MetaMessage("marker", text=text)) for s in spans]
    events.sort(key=lambda event: event[:2])
    return _written(mido, layers, events)


def _written(mido: object, layers: Layers, events: list[tuple[int, int, object]]) -> bytes:
    file = mido.MidiFile(ticks_per_beat=_TICKS_A_QUARTER)  # type: ignore[attr-defined]
    track = file.add_track(layers.recording.encode("ascii", "replace").decode())
    last = 0
    for tick, _, message in events:
        track.append(message.copy(time=tick - last))  # type: ignore[attr-defined]
        last = tick
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS_A_SECOND)
