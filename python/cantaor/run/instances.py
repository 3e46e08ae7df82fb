"""Where each singer's motifs are sung: the table of instances and the audio of each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from cantaor.audio import write_audio
from cantaor.chain import Instances, locate
from cantaor.clips import clip_bounds
from cantaor.corpus.manifest import Recording
from cantaor.dictionary import MotifDictionary
from cantaor.run.recordings import read_entry
from cantaor.run.workspace import Workspace, file_name
from cantaor.settings import Settings
from cantaor.types import Contour

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
class ClipJob:
    """The instances of one recording whose audio is to be written.

    Attributes
    ----------
    file, entry
        The recording.
    folder
        Where the clips go; ``clips`` are file names in it.
    start_s, end_s
        Seconds from the start of the entry, one for each clip.
    """

    file: Path
    entry: Recording
    folder: Path
    clips: tuple[str, ...]
    start_s: tuple[float, ...]
    end_s: tuple[float, ...]


def motif_names(dictionary: MotifDictionary) -> list[str]:
    """Name of every motif of a dictionary: its singer and a number, such as ``"AM-0007"``."""
    return [
        f"{singer}-{number:04d}"
        for singer in dictionary.singers
        for number in range(1, dictionary.of(singer).size + 1)
    ]


def own_instances(
    dictionary: MotifDictionary, singer: str, contour: Contour, settings: Settings
) -> Instances:
    """Instances of a singer's own motifs in one contour; ``motif`` indexes the dictionary."""
    found = locate(dictionary.motifs_of(singer), contour, settings)
    return Instances(dictionary.of(singer)[found.motif], found.phrase, found.start_s, found.end_s)


def instance_tables(
    recordings: Sequence[tuple[Path, Recording]],
    contours: Sequence[Contour],
    dictionary: MotifDictionary,
    settings: Settings,
) -> list[pa.Table]:
    """One table a recording, one row an instance: motif, singer, phrase, seconds in the file."""
    names = np.asarray(motif_names(dictionary), dtype=object)
    tables = []
    for (file, entry), contour in zip(recordings, contours, strict=True):
        found = own_instances(dictionary, entry.singer, contour, settings)
        folder, stem = file_name(entry.singer), file_name(entry.recording)
        motifs = names[found.motif]
        clips = [f"{folder}/{stem}_{file_name(m)}_{i:05d}.wav" for i, m in enumerate(motifs)]
        columns = [
            motifs.tolist(),
            [entry.singer] * len(found),
            [entry.recording] * len(found),
            [str(file.resolve())] * len(found),
            found.phrase,
            found.start_s + entry.span[0],
            found.end_s + entry.span[0],
            clips,
        ]
        arrays = [pa.array(c, type=f.type) for c, f in zip(columns, _SCHEMA, strict=True)]
        tables.append(pa.Table.from_arrays(arrays, schema=_SCHEMA))
    return tables


def clip_job(file: Path, entry: Recording, instances: pa.Table, folder: Path) -> ClipJob:
    """The work of cutting every instance of one recording."""
    offset = entry.span[0]
    return ClipJob(
        file,
        entry,
        folder,
        tuple(instances["clip"].to_pylist()),
        tuple((instances["start_s"].to_numpy() - offset).tolist()),
        tuple((instances["end_s"].to_numpy() - offset).tolist()),
    )


def cut_recording(job: ClipJob) -> int:
    """Write the clips of one recording; returns their number."""
    if not job.clips:
        return 0
    audio = read_entry(job.file, job.entry)
    for folder in {(job.folder / name).parent for name in job.clips}:
        folder.mkdir(parents=True, exist_ok=True)
    bounds = zip(*clip_bounds(audio, job.start_s, job.end_s), strict=True)
    for name, (first, last) in zip(job.clips, bounds, strict=True):
        write_audio(job.folder / name, audio.samples[first:last], audio.sample_rate)
    return len(job.clips)


def replace_clips(workspace: Workspace, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a new folder, then put it in the place of ``clips``."""
    draft, final = workspace.path / ".clips.part", workspace.path / "clips"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    write(draft)
    shutil.rmtree(final, ignore_errors=True)
    draft.replace(final)
