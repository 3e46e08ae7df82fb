"""One annotation file for each recording of a workspace."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from cantaor.annotation.layers import Layers, recording_layers
from cantaor.annotation.markup import elan_text, sonic_visualiser_text
from cantaor.annotation.midi import midi_bytes
from cantaor.annotation.textgrid import textgrid_text
from cantaor.errors import ArgumentError, WorkspaceError, require_extra
from cantaor.io.files import file_name, replacing
from cantaor.units import note_name
from cantaor.workspace.workspace import Workspace


def csv_text(layers: Layers) -> str:
    """All layers of one recording as one table: a row for a frame, a note, a family's stretch.

    Columns: layer, start_s, end_s (empty for f0), hz, cents (above 55 Hz), note, label.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["layer", "start_s", "end_s", "hz", "cents", "note", "label"])
    if layers.tonic_cents is not None:
        cents = layers.tonic_cents
        hz = 55.0 * 2 ** (cents / 1200)
        writer.writerow(["tonic", 0.0, layers.end_s, hz, cents, note_name(cents), ""])
    for t, hz in zip(layers.times.tolist(), layers.hz.tolist(), strict=True):
        writer.writerow(["f0", t, "", hz, "", "", ""])
    for one in layers.notes:
        writer.writerow(["note", one.start_s, one.end_s, one.hz, one.cents, one.name, ""])
    for name, spans in layers.families.items():
        for span in spans:
            writer.writerow(["family", span.start_s, span.end_s, "", "", "", name])
    return out.getvalue()


def jams_text(layers: Layers) -> str:
    """f0, notes and families of one recording in the JSON annotated music specification.

    Raises
    ------
    MissingExtraError
        jams is not installed.
    """
    jams = require_extra("jams", "jams")
    document = jams.JAMS()
    document.file_metadata.duration = layers.end_s
    document.file_metadata.title = layers.recording
    document.file_metadata.artist = layers.singer
    f0 = jams.Annotation(namespace="pitch_contour", duration=layers.end_s)
    for t, hz in zip(layers.times.tolist(), layers.hz.tolist(), strict=True):
        value = {"index": 0, "frequency": hz, "voiced": hz > 0}
        f0.append(time=t, duration=0.0, value=value, confidence=None)
    notes = jams.Annotation(namespace="note_hz", duration=layers.end_s)
    for one in layers.notes:
        length = one.end_s - one.start_s
        notes.append(time=one.start_s, duration=length, value=one.hz, confidence=None)
    families = jams.Annotation(namespace="segment_open", duration=layers.end_s)
    for name, spans in layers.families.items():
        for span in spans:
            length = span.end_s - span.start_s
            families.append(time=span.start_s, duration=length, value=name, confidence=None)
    for annotation in (f0, notes, families):
        annotation.annotation_metadata.annotation_tools = "cantaor"
        document.annotations.append(annotation)
    return str(document.dumps())


#: What each format is written by, and the ending of its files.
FORMATS: Mapping[str, tuple[Callable[[Layers], str | bytes], str]] = {
    "textgrid": (textgrid_text, ".TextGrid"),
    "sonic-visualiser": (sonic_visualiser_text, ".svl"),
    "midi": (midi_bytes, ".mid"),
    "elan": (elan_text, ".eaf"),
    "csv": (csv_text, ".csv"),
    "jams": (jams_text, ".jams"),
}


def annotate(
    workspace: Workspace,
    form: str,
    out: str | os.PathLike[str],
    *,
    tonics: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write f0, notes and families of every recording as a file of another program.

    Times are seconds of the audio file. MIDI and ELAN have no layer for f0.

    Parameters
    ----------
    workspace
        A mined workspace.
    form
        ``"textgrid"`` (Praat), ``"sonic-visualiser"``, ``"midi"``, ``"elan"``, ``"csv"`` or
        ``"jams"``.
    out
        Folder; it is made where it is missing. Files of the same name are replaced.
    tonics
        As for :func:`~cantaor.annotation.layers.recording_layers`.

    Returns
    -------
    The files, named by recording, with the singer in front where two have one name.

    Raises
    ------
    ArgumentError
        The format is unknown, or a tonic is no note.
    MissingExtraError
        The library of the format is not installed.
    WorkspaceError
        The folder cannot be written.
    """
    if form not in FORMATS:
        raise ArgumentError(f"format must be one of {', '.join(FORMATS)}, not {form!r}")
    write, ending = FORMATS[form]
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{folder}: cannot be written: {error}") from error
    names = Counter(workspace.table("recordings", ["recording"])["recording"].to_pylist())
    written = []
    for layers in recording_layers(workspace, tonics):
        alone = names[layers.recording] == 1
        name = layers.recording if alone else f"{layers.singer}-{layers.recording}"
        path = folder / f"{file_name(name)}{ending}"
        content = write(layers)
        with replacing(path) as draft:
            draft.write_bytes(content.encode() if isinstance(content, str) else content)
        written.append(path)
    return written
