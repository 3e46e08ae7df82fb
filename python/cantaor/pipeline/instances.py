"""Where each singer's motifs are sung: one table a recording, joined into the corpus's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cantaor.chain import Instances, locate
from cantaor.errors import blame
from cantaor.io.files import file_name, growing_table, is_table, read_table, write_table
from cantaor.io.locations import printable
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.settings import Settings, settings_to_plain
from cantaor.types import Contour
from cantaor.workspace.provenance import MadeBy, made_by_stage, stage_key
from cantaor.workspace.records import contour_from_table, motifs_from_table
from cantaor.workspace.rooms import made, table_path

# Raise it when the instances change, or the names of their clips.
INSTANCE_VERSION = 2

_SCHEMA = pa.schema(
    [
        ("motif", pa.string()),
        ("singer", pa.string()),
        ("recording", pa.string()),
        ("path", pa.string()),
        ("phrase", pa.int64()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("clip", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class InstanceJob:
    """One recording to look for its singer's motifs in.

    Attributes
    ----------
    folder
        The workspace.
    contour_key, motif_key
        Names of the tables of its contour and of its singer's motifs.
    path, singer, recording, offset_s
        What the rows say of the recording; where it begins in its file.
    settings
        Settings of the run.
    fresh
        Do it also where a table is there.
    """

    folder: Path
    contour_key: str
    motif_key: str
    path: str
    singer: str
    recording: str
    offset_s: float
    settings: Settings
    fresh: bool = False


def motif_name(singer: str, index: int) -> str:
    """Name of a singer's motif by its place in the dictionary, such as ``"AM-0007"``."""
    return f"{singer}-{index + 1:04d}"


def motif_names(dictionary: MotifDictionary) -> list[str]:
    """Name of every motif of a dictionary."""
    return [
        motif_name(singer, index)
        for singer in dictionary.singers
        for index in range(dictionary.of(singer).size)
    ]


def own_instances(
    dictionary: MotifDictionary, singer: str, contour: Contour, settings: Settings
) -> Instances:
    """Instances of a singer's own motifs in one contour; ``motif`` indexes the dictionary."""
    found = locate(dictionary.motifs_of(singer), contour, settings)
    return Instances(dictionary.of(singer)[found.motif], found.phrase, found.start_s, found.end_s)


def locate_recording(job: InstanceJob) -> tuple[str, bool]:
    """Find a singer's motifs in one recording: motif, phrase, seconds in the file, clip.

    Returns
    -------
    Name of the table, and whether it was there from an earlier run.

    Raises
    ------
    AudioError
        The motifs cannot be located.
    WorkspaceError
        The table cannot be written.
    """
    with blame(printable(job.path)):
        return _locate_recording(job)


def _locate_recording(job: InstanceJob) -> tuple[str, bool]:
    parts = {
        "contour": job.contour_key,
        "motifs": job.motif_key,
        "names": [job.path, job.singer, job.recording, job.offset_s],
        "gap": settings_to_plain(job.settings)["gap"],
    }
    key = stage_key("instances", INSTANCE_VERSION, parts)
    path = table_path(job.folder, "instances", key)
    if not job.fresh and is_table(path):
        return key, True
    contour = contour_from_table(read_table(table_path(job.folder, "contours", job.contour_key)))
    motifs = motifs_from_table(read_table(table_path(job.folder, "singers", job.motif_key)))
    maker = made_by_stage("instances", INSTANCE_VERSION, job.settings)
    write_table(made(path), maker.label(_table(job, locate(motifs, contour, job.settings))))
    return key, False


def read_instances(folder: Path, key: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The instances of one recording, or some columns of them."""
    return read_table(table_path(folder, "instances", key), columns)


def join_instances(
    folder: Path,
    target: Path,
    keys: Sequence[str],
    with_clips: Sequence[tuple[int, ...] | None],
    maker: MadeBy,
) -> None:
    """Write the table of all instances from those of the recordings, one in memory at a time.

    Parameters
    ----------
    folder
        The workspace.
    target
        The table to write.
    keys
        Tables of the recordings, in their order; empty where one has none.
    with_clips
        Rows of each table whose audio was written, None for all; ``clip`` is null in the others.
    maker
        What the table says of how it was made.
    """
    schema = _SCHEMA.with_metadata(maker.metadata(_SCHEMA))
    with growing_table(target, schema) as append:
        for key, rows in zip(keys, with_clips, strict=True):
            if not key:
                continue
            table = read_instances(folder, key)
            append(table if rows is None else _only_clips(table, rows))


def _only_clips(table: pa.Table, rows: tuple[int, ...]) -> pa.Table:
    written = np.zeros(table.num_rows, dtype=np.bool_)
    written[list(rows)] = True
    place = table.column_names.index("clip")
    clips = pc.if_else(pa.array(written), table["clip"], pa.scalar(None, pa.string()))
    return table.set_column(place, "clip", clips)


def _table(job: InstanceJob, found: Instances) -> pa.Table:
    folder, stem = file_name(job.singer), file_name(job.recording)
    names = [motif_name(job.singer, index) for index in found.motif.tolist()]
    safe = {name: file_name(name) for name in set(names)}
    clips = [f"{folder}/{stem}_{safe[name]}_{i:05d}.wav" for i, name in enumerate(names)]
    size = len(found)
    columns = [
        names,
        np.full(size, job.singer, dtype=object),
        np.full(size, job.recording, dtype=object),
        np.full(size, job.path, dtype=object),
        found.phrase,
        found.start_s + job.offset_s,
        found.end_s + job.offset_s,
        clips,
    ]
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, _SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)
