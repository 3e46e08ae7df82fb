"""The audio of instances as files of their own, and which of them are there.

Instances overlap: all of them hold several times the audio of the recordings. A run therefore
writes a few of each motif, to be listened to; all of them when it is asked to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from cantaor.clips.batches import cut_blocks, encode_wav, to_16_bits
from cantaor.corpus.manifest import ManifestEntry
from cantaor.errors import AudioError, WorkspaceError
from cantaor.io.audio import open_audio
from cantaor.io.files import write_text
from cantaor.io.locations import Stamp, printable, stamp_of
from cantaor.pipeline.instances import read_instances
from cantaor.workspace.workspace import stage_key

# Raise it when the clips change.
CLIP_VERSION = 1

#: Instances of a motif whose audio is written unless all are asked for.
EXAMPLES = 3

#: Rows of a recording's table of instances; None stands for all of them.
Rows: TypeAlias = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class ClipJob:
    """One recording whose instances are to be written as clips.

    Attributes
    ----------
    location, entry
        The recording.
    stamp
        Of the file when its pitch was tracked.
    content_hash
        Of the file.
    folder
        The workspace.
    instances
        Name of the table of its instances.
    rows
        Which of them.
    fresh
        Write them also where they are there.
    channel
        Which channel is cut.
    """

    location: str
    entry: ManifestEntry
    stamp: Stamp
    content_hash: str
    folder: Path
    instances: str
    rows: Rows
    fresh: bool = False
    channel: str | int = "mean"


def choose_examples(
    folder: Path, tables: Iterable[tuple[str, str]], motifs: Mapping[str, int], most: int = EXAMPLES
) -> list[Rows]:
    """The first instances of every motif, over the recordings in their order.

    Parameters
    ----------
    folder
        The workspace.
    tables
        Each recording's singer and the name of its table of instances.
    motifs
        How many motifs each singer has: once all are heard, tables are no longer read.
    most
        Instances of a motif.

    Returns
    -------
    Rows of each recording's table.
    """
    heard: Counter[str] = Counter()
    unheard = dict(motifs)
    chosen: list[Rows] = []
    for singer, key in tables:
        rows: list[int] = []
        wanted = unheard.get(singer, 0) > 0
        names = read_instances(folder, key, ["motif"])["motif"].to_pylist() if wanted else []
        for row, motif in enumerate(names):
            if heard[motif] < most:
                heard[motif] += 1
                unheard[singer] -= heard[motif] == most
                rows.append(row)
        chosen.append(tuple(rows))
    return chosen


def cut_recording(job: ClipJob) -> tuple[int, bool]:
    """Write the clips of one recording; only the spans that they need are kept in memory.

    A note beside the clips, written last, says that they are whole.

    Returns
    -------
    Number of clips, and whether they were there from an earlier run.

    Raises
    ------
    AudioError
        The recording cannot be read, or changed since its pitch was tracked.
    WorkspaceError
        A clip cannot be written.
    """
    note = note_path(job.folder, job.entry)
    parts: dict[str, Any] = {"instances": job.instances, "content": job.content_hash}
    parts |= {"rows": job.rows, "channel": job.channel}
    key = stage_key("clips", CLIP_VERSION, parts)
    before = _read_note(note)
    table = read_instances(job.folder, job.instances)
    if job.rows is not None:
        table = table.take(list(job.rows))
    names = table["clip"].to_pylist()
    if before.get("key") == key and not job.fresh:
        return len(names), True
    old = before.get("clips", [])
    _write_note(note, "", sorted({*old, *names}))
    remove_clips(job.folder, set(old) - set(names))
    _check_unchanged(job)
    if names:
        _cut(job, names, table["start_s"].to_numpy(), table["end_s"].to_numpy())
    _check_unchanged(job)
    _write_note(note, key, names)
    return len(names), False


def note_path(folder: Path, entry: ManifestEntry) -> Path:
    """The note that lists the clips of a recording."""
    name = stage_key("note", 1, {"singer": entry.singer, "recording": entry.recording})
    return folder / "cut" / f"{name}.json"


def sweep_clips(folder: Path, entries: Iterable[ManifestEntry]) -> None:
    """Remove the clips of all recordings but these."""
    current = {note_path(folder, entry).name for entry in entries}
    for note in (folder / "cut").glob("*.json"):
        if note.name not in current:
            remove_clips(folder, _read_note(note).get("clips", []))
            note.unlink(missing_ok=True)


def remove_clips(folder: Path, names: Iterable[str]) -> None:
    """Remove clips by name; folders that are empty then go too."""
    parents = set()
    for name in names:
        clip = folder / "clips" / name
        clip.unlink(missing_ok=True)
        parents.add(clip.parent)
    for parent in parents:
        try:
            parent.rmdir()
        except OSError:
            continue  # others still have clips there


def _cut(
    job: ClipJob,
    names: list[str],
    start_s: np.ndarray[Any, np.dtype[np.float64]],
    end_s: np.ndarray[Any, np.dtype[np.float64]],
) -> None:
    for parent in {(job.folder / "clips" / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)
    origin_s = job.entry.span[0]
    with open_audio(job.location, job.channel) as stream:
        first = np.rint((start_s - origin_s) * stream.sample_rate).astype(np.int64)
        last = np.rint((end_s - origin_s) * stream.sample_rate).astype(np.int64)
        # Nothing before the first span is decoded, and nothing after the last.
        skip = int(first.min())
        start, end = origin_s + skip / stream.sample_rate, min(job.entry.span[1], end_s.max())
        blocks = map(to_16_bits, stream.blocks(start, end))
        for index, samples in cut_blocks(blocks, first - skip, np.maximum(last, first + 1) - skip):
            _write(job.folder / "clips" / names[index], encode_wav(samples, stream.sample_rate))


def _write(path: Path, content: bytes) -> None:
    # Under its own name at once: the note, not the file, says that a clip is whole.
    try:
        with path.open("wb") as handle:
            handle.write(content)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error


def _check_unchanged(job: ClipJob) -> None:
    name = printable(job.location)
    try:
        unchanged = stamp_of(job.location) == job.stamp
    except OSError as error:
        raise AudioError(f"{name}: gone since its pitch was tracked: {error.strerror}") from error
    if not unchanged:
        raise AudioError(f"{name}: changed since its pitch was tracked; run again")


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note


def _write_note(path: Path, key: str, clips: list[str]) -> None:
    write_text(path, json.dumps({"key": key, "clips": clips}))
