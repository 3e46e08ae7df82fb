"""Audio of the clips that a manifest names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from cantaor.clips.batches import cut_blocks
from cantaor.corpus.identity import plain_name, unique_recordings
from cantaor.corpus.manifest import Manifest, motif_name
from cantaor.errors import CorpusError
from cantaor.io.audio import AudioStream, open_audio
from cantaor.io.resampling import resampled
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.sources import EmbeddingSource, add_embeddings
from cantaor.learn.encoders.tables import Span
from cantaor.pipeline.mine import Progress
from cantaor.types import Float32Array, Int64Array, Motifs

# A sample that no recording reaches: the end of a clip that goes on to its file's end.
_ENDLESS = 1 << 62


def load_clipset(
    clips: Manifest,
    classes: Sequence[str],
    progress: Progress | None = None,
    *,
    sample_rate: int,
    by_group: bool = False,
    encoder: EmbeddingSource | None = None,
    motifs: Motifs | None = None,
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
    encoder
        Gives every clip its embedding.
    motifs
        Dictionary that the motifs of the entries are looked up in.

    Raises
    ------
    CorpusError
        A singer is not among ``classes``, or a clip starts past the end of its file.
    AudioError
        A file cannot be read.
    ArgumentError
        A table of embeddings lacks clips.
    """
    known = {name: index for index, name in enumerate(classes)}
    by_file: dict[str, list[int]] = {}
    for index, entry in enumerate(clips.entries):
        if entry.singer not in known:
            raise CorpusError(
                f"{entry.path}: singer {entry.singer!r} is not one of {', '.join(classes)}"
            )
        by_file.setdefault(clips.location(entry), []).append(index)
    rows: list[Float32Array] = [np.empty(0, np.float32)] * len(clips)
    for done, (file, indices) in enumerate(by_file.items(), start=1):
        _cut_file(file, clips, indices, rows, sample_rate)
        if progress is not None:
            progress("clips", done, len(by_file))
    named = unique_recordings(clips).entries
    recordings, recording = np.unique(
        np.array([(by_group and plain_name(e.group)) or e.recording for e in named], dtype=str),
        return_inverse=True,
    )
    loaded = ClipSet.from_arrays(
        rows,
        [known[entry.singer] for entry in clips.entries],
        classes,
        recordings.tolist(),
        recording,
        sample_rate,
    )
    if motifs is not None:
        loaded = replace(loaded, motifs=_motif_places(clips, motifs))
    if encoder is None:
        return loaded
    spans = [Span(clips.location(entry), *entry.span) for entry in clips.entries]
    return add_embeddings(loaded, encoder, spans)


def _motif_places(clips: Manifest, motifs: Motifs) -> Int64Array:
    """Index of each entry's motif in a dictionary; -1 where it is not in it."""
    places = {motif_name(motif.tolist()): place for place, motif in enumerate(motifs)}
    found = [places.get(entry.motif, -1) for entry in clips.entries]
    return np.array(found, dtype=np.int64)


def _cut_file(
    file: str,
    clips: Manifest,
    indices: Sequence[int],
    rows: list[Float32Array],
    sample_rate: int,
) -> None:
    """Copy the clips of one file, which passes in blocks: no more of it is held than a clip."""
    spans = np.array([clips.entries[i].span for i in indices])
    bounds = np.minimum(np.rint(spans * sample_rate), _ENDLESS).astype(np.int64)
    first, last = bounds[:, 0], np.maximum(bounds[:, 1], bounds[:, 0] + 1)
    with open_audio(file, clips.channel) as stream:
        blocks = _at_rate(stream, sample_rate)
        decoded = _Counted(blocks)
        for row, samples in cut_blocks(decoded, first, last):
            rows[indices[row]] = samples.copy()
        # The rest too: a file that is damaged further on is refused all the same.
        deque(decoded, maxlen=0)
    late = spans[:, 0] * sample_rate >= decoded.samples
    if late.any():
        entry = clips.entries[indices[int(np.argmax(late))]]
        raise CorpusError(
            f"{file}: clip from {entry.span[0]} s to {entry.span[1]} s must start before the "
            f"recording's end at {decoded.samples / sample_rate} s"
        )


class _Counted:
    """Blocks that pass once, and how many samples they held."""

    def __init__(self, blocks: Iterator[Float32Array]) -> None:
        self._blocks = blocks
        self.samples = 0

    def __iter__(self) -> Iterator[Float32Array]:
        for block in self._blocks:
            self.samples += block.size
            yield block


def _at_rate(stream: AudioStream, sample_rate: int) -> Iterator[Float32Array]:
    """The samples that :func:`read_audio` gives at a rate, in blocks."""
    waiting: deque[Float32Array] = deque()
    for _ in resampled(stream.blocks(), stream.sample_rate, sample_rate, waiting.append):
        yield from _taken(waiting)
    yield from _taken(waiting)


def _taken(waiting: deque[Float32Array]) -> Iterator[Float32Array]:
    while waiting:
        yield waiting.popleft()
