"""Published clips as clip sets, and the protocols that set test clips apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cantaor.experiments.reproduction.published import PublishedClips, singer_of_group
from cantaor.io.resampling import resample
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.types import Audio, Float32Array, Int64Array


@dataclass(frozen=True, eq=False, slots=True)
class Instances:
    """Clips with what the protocols need to know about each.

    Attributes
    ----------
    clips
        The audio; ``recording`` is the source group.
    audio, phrase
        Names, str (n,): equal audio, and audio without a gap.
    conflict
        bool (n,), labels that contradict their source.
    """

    clips: ClipSet
    audio: NDArray[np.str_]
    phrase: NDArray[np.str_]
    conflict: NDArray[np.bool_]

    def select(self, index: Int64Array) -> Instances:
        """The instances at ``index``."""
        clips = self.clips.select(index)
        return Instances(clips, self.audio[index], self.phrase[index], self.conflict[index])

    def distinct(self) -> Instances:
        """One instance for each distinct audio, none with contradicting labels."""
        kept = np.flatnonzero(~self.conflict)
        _, first = np.unique(self.audio[kept], return_index=True)
        return self.select(kept[np.sort(first)])


def cut_instances(
    published: PublishedClips, data: str = "motifs", sample_rate: int = 16_000
) -> Instances:
    """Cut published clips, or other clips of the same recordings.

    Parameters
    ----------
    published
        Clips and recordings.
    data
        ``"motifs"``; ``"motifs+segment"``: 3 s around each motif, at most its phrase; ``"random"``:
        as many clips of the same lengths from random places of the same recording's phrases.
    sample_rate
        Hz, of the result.
    """
    names = sorted(published.recordings)
    audio = {name: resample(published.recordings[name], sample_rate) for name in names}
    spans, classes = _spans(published, data), published.singers
    clips = ClipSet.from_arrays(
        [
            _cut(audio[clip.recording], *span)
            for clip, (_, *span) in zip(published.clips, spans, strict=True)
        ],
        [classes.index(clip.singer) for clip in published.clips],
        classes,
        names,
        [names.index(clip.recording) for clip in published.clips],
        sample_rate,
    )
    return Instances(
        clips,
        np.array([clip.audio_id for clip in published.clips]),
        np.array([phrase for phrase, *_ in spans]),
        np.array([clip.label_conflict for clip in published.clips]),
    )


_Span = tuple[str, float, float]


def _spans(published: PublishedClips, data: str) -> list[_Span]:
    """Phrase, start and end in seconds of every clip."""
    motifs = [(clip.phrase, clip.start_s, clip.end_s) for clip in published.clips]
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
    for clip in published.clips:
        homes.setdefault(clip.recording, []).append(clip.phrase)
    return [
        _anywhere(clip.end_s - clip.start_s, homes[clip.recording], phrases, rng)
        for clip in published.clips
    ]


def _around(motif: _Span, phrase: tuple[float, float], length: float = 3.0) -> _Span:
    """``length`` seconds with the motif in the middle, moved or cut to stay in its phrase."""
    middle = (motif[1] + motif[2]) / 2
    start = max(phrase[0], min(middle - length / 2, phrase[1] - length))
    return motif[0], start, min(phrase[1], start + length)


def _anywhere(
    length: float,
    candidates: list[str],
    phrases: dict[str, tuple[float, float]],
    rng: np.random.Generator,
) -> _Span:
    """A place for ``length`` seconds in one of the candidates that is long enough."""
    fitting = [name for name in candidates if np.diff(phrases[name])[0] >= length]
    name = fitting[rng.integers(len(fitting))]
    start = rng.uniform(phrases[name][0], phrases[name][1] - length)
    return name, start, start + length


def _cut(audio: Audio, start: float, end: float) -> Float32Array:
    rate = audio.sample_rate
    return audio.samples[round(start * rate) : round(end * rate)]


def paper(instances: Instances, seed: int) -> ClipSubsets:
    """The paper's: 80/20 at random over all clips as published. It leaks."""
    return _split(instances, np.arange(len(instances.clips)), seed)


def paper_consistent(instances: Instances, seed: int) -> ClipSubsets:
    """The paper's without the clips whose labels contradict each other."""
    kept = instances.select(np.flatnonzero(~instances.conflict))
    return _split(kept, np.arange(len(kept.clips)), seed)


def audio_disjoint(instances: Instances, seed: int) -> ClipSubsets:
    """Distinct audio, 80/20 over phrases: no phrase on two sides."""
    kept = instances.distinct()
    return _split(kept, np.unique(kept.phrase, return_inverse=True)[1], seed)


def leave_out(instances: Instances, seed: int, group: str) -> ClipSubsets:
    """Distinct audio, one source group to test on; of the rest no phrase on two sides."""
    kept = instances.distinct()
    clips = kept.clips
    is_test = clips.recording == clips.recordings.index(group)
    phrase = np.unique(kept.phrase, return_inverse=True)[1]
    rng = np.random.default_rng([seed, 2020])
    train, validation = hold_out(np.flatnonzero(~is_test), phrase, 0.1, rng)
    return clips.select(train), clips.select(validation), clips.select(np.flatnonzero(is_test))


def _split(instances: Instances, group: Int64Array, seed: int) -> ClipSubsets:
    rng = np.random.default_rng([seed, 2020])
    rest, test = hold_out(np.arange(group.size), group, 0.2, rng)
    train, validation = hold_out(rest, group, 0.1, rng)
    select = instances.clips.select
    return select(train), select(validation), select(test)


def hold_out(
    index: Int64Array, group: Int64Array, fraction: float, rng: np.random.Generator
) -> tuple[Int64Array, Int64Array]:
    """Move whole groups, in random order, to the second side until it has its fraction."""
    groups, size = np.unique(group[index], return_counts=True)
    order = rng.permutation(groups.size)
    filled = np.searchsorted(np.cumsum(size[order]), fraction * index.size) + 1
    held = np.isin(group[index], groups[order[:filled]])
    return index[~held], index[held]


#: Protocols of one training each, by name.
PROTOCOLS: dict[str, Callable[[Instances, int], ClipSubsets]] = {
    "paper": paper,
    "paper-consistent": paper_consistent,
    "audio-disjoint": audio_disjoint,
}
#: Protocol of one training for each source group, which alone is tested.
LEAVE_ONE_OUT = "leave-one-out"


def trainings(protocol: str, published: PublishedClips) -> list[str]:
    """Names of the protocol's trainings, each understood by :func:`split_instances`.

    ``"leave-one-out"`` has one for each source group whose singer has another group.
    """
    if protocol != LEAVE_ONE_OUT:
        return [protocol]
    kept = {clip.recording for clip in published.clips if not clip.label_conflict}
    owners = Counter(map(singer_of_group, kept))
    return [f"{LEAVE_ONE_OUT}-{name}" for name in sorted(kept) if owners[singer_of_group(name)] > 1]


def split_instances(instances: Instances, training: str, seed: int) -> ClipSubsets:
    """Training, validation and test clips of one of the :func:`trainings`."""
    if training.startswith(f"{LEAVE_ONE_OUT}-"):
        return leave_out(instances, seed, training.removeprefix(f"{LEAVE_ONE_OUT}-"))
    return PROTOCOLS[training](instances, seed)
