"""Published motif instances as clip sets, and the protocols that set test clips apart.

An instances file has one row per clip: ``published_singer, recording, start_s, end_s, phrase,
audio_id, label_conflict`` and stands beside ``recordings/NAME.flac``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cantaor.io.audio import read_audio
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.features.spectrograms import SAMPLE_RATE
from cantaor.types import Audio, Float32Array


@dataclass(frozen=True)
class Instances:
    """Clips with what the protocols need to know about each."""

    clips: ClipSet
    audio: NDArray[np.str_]
    phrase: NDArray[np.str_]
    conflict: NDArray[np.bool_]

    def select(self, index: NDArray[np.int64]) -> Instances:
        """The instances at ``index``."""
        clips = self.clips.select(index)
        return Instances(clips, self.audio[index], self.phrase[index], self.conflict[index])

    def distinct(self) -> Instances:
        """One instance for each distinct audio, none with contradicting labels."""
        kept = np.flatnonzero(~self.conflict)
        _, first = np.unique(self.audio[kept], return_index=True)
        return self.select(kept[np.sort(first)])


@dataclass(frozen=True)
class Split:
    """Three sides of one set of clips; validation is cut from the training side."""

    train: ClipSet
    validation: ClipSet
    test: ClipSet


def read_instances(folder: Path, data: str = "motifs", sample_rate: int = SAMPLE_RATE) -> Instances:
    """Read and cut the instances of a folder.

    Parameters
    ----------
    folder
        Holds ``instances.csv`` and ``recordings``.
    data
        ``"motifs"``; ``"motifs+segment"``: 3 s around each motif, at most its phrase; ``"random"``:
        as many clips of the same lengths from random places of the same recording's phrases.
    sample_rate
        Hz, of the clips.
    """
    rows = rows_of(folder)
    names = sorted({row["recording"] for row in rows})
    audio = {
        name: read_audio(folder / "recordings" / f"{name}.flac", sample_rate) for name in names
    }
    spans = _spans(rows, data)
    classes = sorted({row["published_singer"] for row in rows})
    clips = ClipSet.from_arrays(
        [_cut(audio[row["recording"]], *span) for row, (_, *span) in zip(rows, spans, strict=True)],
        [classes.index(row["published_singer"]) for row in rows],
        classes,
        names,
        [names.index(row["recording"]) for row in rows],
        sample_rate,
    )
    return Instances(
        clips,
        np.array([row["audio_id"] for row in rows]),
        np.array([phrase for phrase, *_ in spans]),
        np.array([row["label_conflict"] == "1" for row in rows]),
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The rows of a folder's ``instances.csv``."""
    with (folder / "instances.csv").open() as file:
        return list(csv.DictReader(file))


Span = tuple[str, float, float]


def _spans(rows: list[dict[str, str]], data: str) -> list[Span]:
    """Phrase, start and end in seconds of every row's clip."""
    motifs = [
        (row["recording"] + row["phrase"], float(row["start_s"]), float(row["end_s"]))
        for row in rows
    ]
    if data == "motifs":
        return motifs
    phrases: dict[str, tuple[float, float]] = {}
    for phrase, start, end in motifs:
        low, high = phrases.get(phrase, (start, end))
        phrases[phrase] = min(low, start), max(high, end)
    if data == "motifs+segment":
        return [_around(span, phrases[span[0]]) for span in motifs]
    rng = np.random.default_rng(0)
    homes: dict[str, list[str]] = {}
    for row, (phrase, *_) in zip(rows, motifs, strict=True):
        homes.setdefault(row["recording"], []).append(phrase)
    return [
        _anywhere(end - start, homes[row["recording"]], phrases, rng)
        for row, (_, start, end) in zip(rows, motifs, strict=True)
    ]


def _around(motif: Span, phrase: tuple[float, float], length: float = 3.0) -> Span:
    """``length`` seconds with the motif in the middle, moved or cut to stay in its phrase."""
    middle = (motif[1] + motif[2]) / 2
    start = max(phrase[0], min(middle - length / 2, phrase[1] - length))
    return motif[0], start, min(phrase[1], start + length)


def _anywhere(
    length: float,
    candidates: list[str],
    phrases: dict[str, tuple[float, float]],
    rng: np.random.Generator,
) -> Span:
    """A place for ``length`` seconds in one of the candidates that is long enough."""
    fitting = [name for name in candidates if np.diff(phrases[name])[0] >= length]
    name = fitting[rng.integers(len(fitting))]
    start = rng.uniform(phrases[name][0], phrases[name][1] - length)
    return name, start, start + length


def _cut(audio: Audio, start: float, end: float) -> Float32Array:
    rate = audio.sample_rate
    return audio.samples[round(start * rate) : round(end * rate)]


def paper(instances: Instances, seed: int) -> Split:
    """The paper's: 80/20 at random over all clips as published. It leaks."""
    return _split(instances, np.arange(len(instances.clips)), seed)


def paper_consistent(instances: Instances, seed: int) -> Split:
    """The paper's without the clips whose labels contradict each other."""
    kept = instances.select(np.flatnonzero(~instances.conflict))
    return _split(kept, np.arange(len(kept.clips)), seed)


def audio_disjoint(instances: Instances, seed: int) -> Split:
    """Distinct audio, 80/20 over phrases: no phrase on two sides."""
    kept = instances.distinct()
    return _split(kept, np.unique(kept.phrase, return_inverse=True)[1], seed)


def _split(instances: Instances, group: NDArray[np.int64], seed: int) -> Split:
    rng = np.random.default_rng([seed, 2020])
    rest, test = hold_out(np.arange(group.size), group, 0.2, rng)
    train, validation = hold_out(rest, group, 0.1, rng)
    return Split(*(instances.clips.select(side) for side in (train, validation, test)))


def hold_out(
    index: NDArray[np.int64], group: NDArray[np.int64], share: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move whole groups, in random order, to the second side until it has its share."""
    groups, size = np.unique(group[index], return_counts=True)
    order = rng.permutation(groups.size)
    filled = np.searchsorted(np.cumsum(size[order]), share * index.size) + 1
    held = np.isin(group[index], groups[order[:filled]])
    return index[~held], index[held]


PROTOCOLS: dict[str, Callable[[Instances, int], Split]] = {
    "paper": paper,
    "paper-consistent": paper_consistent,
    "audio-disjoint": audio_disjoint,
}
