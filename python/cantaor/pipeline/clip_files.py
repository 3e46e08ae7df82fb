"""The audio of instances as files of their own, and which of them are there.

Instances overlap: all of them hold several times the audio of the recordings. A run therefore
writes a few of each motif, to be listened to; all of them when it is asked to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from cantaor.clips.batches import cut_blocks, encode_wav, to_16_bits
from cantaor.corpus.manifest import ManifestEntry
from cantaor.errors import AudioError, WorkspaceError, blame
from cantaor.io.audio import open_audio
from cantaor.io.locations import Stamp, printable, stamp_of
from cantaor.pipeline.instances import read_instances
from cantaor.workspace.clip_notes import ClipNote, is_whole, note_name, read_note, write_note
from cantaor.workspace.confinement import path_to_write
from cantaor.workspace.provenance import stage_key
from cantaor.workspace.rooms import STAGING, note_path

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
    folder: Path,
    tables: Iterable[tuple[str, str]],
    motifs: Mapping[str, int],
    max_examples: int = EXAMPLES,
) -> list[Rows]:
    """The first instances of every motif, over the recordings in their order.

    Parameters
    ----------
    folder
        The workspace.
    tables
        Each recording's singer and the name of its table of instances; empty: it has none.
    motifs
        How many motifs each singer has: once all are heard, tables are no longer read.
    max_examples
        Instances of a motif.

    Returns
    -------
    Rows of each recording's table.
    """
    counts: Counter[str] = Counter()
    incomplete = dict(motifs)
    chosen: list[Rows] = []
    for singer, key in tables:
        rows: list[int] = []
        wanted = key != "" and incomplete.get(singer, 0) > 0
        names = read_instances(folder, key, ["motif"])["motif"].to_pylist() if wanted else []
        for row, motif in enumerate(names):
            if counts[motif] < max_examples:
                counts[motif] += 1
                incomplete[singer] -= counts[motif] == max_examples
                rows.append(row)
        chosen.append(tuple(rows))
    return chosen


def cut_recording(job: ClipJob) -> tuple[int, bool, str]:
    """Write the clips of one recording; only the spans that they need are kept in memory.

    They wait in the staging folder until the run puts its tables in place. A note beside them,
    written last, says that they are whole.

    Returns
    -------
    Number of clips, whether they were there from an earlier run, and the name of the note to put
    in place; empty where clips and note are in place already.

    Raises
    ------
    AudioError
        The recording cannot be read, or changed since its pitch was tracked.
    WorkspaceError
        A clip cannot be written, or would lie outside the workspace.
    """
    with blame(printable(job.location)):
        return _cut_recording(job)


def _cut_recording(job: ClipJob) -> tuple[int, bool, str]:
    note = note_name(job.entry.singer, job.entry.recording)
    parts: dict[str, Any] = {"instances": job.instances, "content": job.content_hash}
    parts |= {"rows": job.rows, "channel": job.channel}
    key = stage_key("clips", CLIP_VERSION, parts)
    for place, waiting in ((job.folder, ""), (job.folder / STAGING, note)):
        found = read_note(place, note)
        if not job.fresh and is_whole(place, found, key):
            return len(found.clips), True, waiting
    table = read_instances(job.folder, job.instances)
    if job.rows is not None:
        table = table.take(list(job.rows))
    names = table["clip"].to_pylist()
    place = job.folder / STAGING
    note_path(place, "cut", note).unlink(missing_ok=True)
    _check_unchanged(job)
    sizes: dict[str, int] = {}
    if names:
        sizes = _cut(job, place, names, table["start_s"].to_numpy(), table["end_s"].to_numpy())
    _check_unchanged(job)
    write_note(place, note, ClipNote(key, sizes))
    return len(names), False, note


def _cut(
    job: ClipJob,
    place: Path,
    names: list[str],
    start_s: np.ndarray[Any, np.dtype[np.float64]],
    end_s: np.ndarray[Any, np.dtype[np.float64]],
) -> dict[str, int]:
    """Write clips below a folder; returns their bytes by name."""
    origin_s, sizes = job.entry.span[0], {}
    with open_audio(job.location, job.channel) as stream:
        first = np.rint((start_s - origin_s) * stream.sample_rate).astype(np.int64)
        last = np.rint((end_s - origin_s) * stream.sample_rate).astype(np.int64)
        # Nothing before the first span is decoded, and nothing after the last.
        skip = int(first.min())
        start, end = origin_s + skip / stream.sample_rate, min(job.entry.span[1], end_s.max())
        blocks = map(to_16_bits, stream.blocks(start, end))
        for index, samples in cut_blocks(blocks, first - skip, np.maximum(last, first + 1) - skip):
            content = encode_wav(samples, stream.sample_rate)
            _write(path_to_write(place, "clips", names[index]), content)
            sizes[names[index]] = len(content)
    return sizes


def _write(path: Path, content: bytes) -> None:
    # Under its own name at once: the note, not the file, says that a clip is whole.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("xb") as handle:
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
