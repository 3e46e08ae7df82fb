"""Audio of the clips that a manifest names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cantaor.clips.spans import clip_bounds
from cantaor.corpus.identity import plain_name, unique_recordings
from cantaor.corpus.manifest import Manifest
from cantaor.errors import CorpusError
from cantaor.io.audio import read_audio
from cantaor.learn.data.clips import ClipSet
from cantaor.pipeline.mine import Progress


def load_clipset(
    clips: Manifest,
    classes: Sequence[str],
    progress: Progress | None = None,
    *,
    sample_rate: int,
    by_group: bool = False,
) -> ClipSet:
    """Read the audio of clips; every file is decoded once.

    Parameters
    ----------
    clips
        One entry a clip; entries without a span are whole files. Where two singers have a
        recording of one name, the set's recordings have the singer before it.
    classes
        All singers, in the order of the labels.
    progress
        Called as ``progress("clips", done, total)`` over files.
    sample_rate
        Hz, of the clips.
    by_group
        Whether the set's recordings are source groups, where the manifest names any.

    Raises
    ------
    CorpusError
        A singer is not among ``classes``.
    AudioError
        A file cannot be read.
    """
    known = {name: index for index, name in enumerate(classes)}
    by_file: dict[str, list[int]] = {}
    for index, entry in enumerate(clips.entries):
        if entry.singer not in known:
            raise CorpusError(
                f"{entry.path}: singer {entry.singer!r} is not one of {', '.join(classes)}"
            )
        by_file.setdefault(clips.location(entry), []).append(index)
    rows: list[np.ndarray[Any, np.dtype[np.float32]]] = [np.empty(0, np.float32)] * len(clips)
    for done, (file, indices) in enumerate(by_file.items(), start=1):
        _cut_file(file, clips, indices, rows, sample_rate)
        if progress is not None:
            progress("clips", done, len(by_file))
    named = unique_recordings(clips).entries
    recordings, recording = np.unique(
        np.array([(by_group and plain_name(e.group)) or e.recording for e in named], dtype=str),
        return_inverse=True,
    )
    return ClipSet.from_arrays(
        rows,
        [known[entry.singer] for entry in clips.entries],
        classes,
        recordings.tolist(),
        recording,
        sample_rate,
    )


def _cut_file(
    file: str,
    clips: Manifest,
    indices: Sequence[int],
    rows: list[np.ndarray[Any, np.dtype[np.float32]]],
    sample_rate: int,
) -> None:
    audio = read_audio(file, sample_rate, clips.channel)
    spans = [clips.entries[i].span for i in indices]
    starts = [start for start, _ in spans]
    ends = [min(end, audio.duration_s) for _, end in spans]
    for index, first, last in zip(indices, *clip_bounds(audio, starts, ends), strict=True):
        rows[index] = audio.samples[first:last]
