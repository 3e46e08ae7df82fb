"""Published motif clips and the recordings they were cut from, put back together.

The clips are what is published: thousands of short files, of which many hold the same audio, and
which overlap sample for sample. Equal files are found by hash, overlaps by the audit's winnowing;
clips that overlap are stitched into *phrases*. File sets that share audio come from one *source
group*; a group is whose most of its distinct clips are, and clips labelled otherwise contradict it.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cantaor.corpus.audit.measuring import exact_hash
from cantaor.corpus.audit.winnowing import Timelines, clip_anchors, place_on_timelines
from cantaor.corpus.loaders import published_motif, read_flamenco_motifs
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.splits.overlap import merge_partitions
from cantaor.errors import CorpusError
from cantaor.io.audio import read_audio
from cantaor.types import Audio, Float32Array, Int64Array

#: Silence between two phrases of a recording, seconds.
PAUSE_S = 0.3
#: Called with a stage, what is done and the total.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class PublishedClip:
    """One published clip.

    Attributes
    ----------
    singer, file_set
        As published.
    motif
        Signed steps.
    recording
        Source group it was cut from.
    start_s, end_s
        Its place in the recording.
    phrase
        Stretch of audio without a gap, by name.
    audio_id
        The same for the same audio.
    label_conflict
        Whether the published singer is another than the source group's.
    """

    singer: str
    file_set: str
    motif: tuple[int, ...]
    recording: str
    start_s: float
    end_s: float
    phrase: str
    audio_id: str
    label_conflict: bool


@dataclass(frozen=True, slots=True)
class PublishedClips:
    """All published clips and the audio of their recordings.

    Attributes
    ----------
    clips
        In the order of their files' names.
    recordings
        Audio by name of the source group, which begins with its singer and a hyphen.
    """

    clips: tuple[PublishedClip, ...]
    recordings: Mapping[str, Audio]

    @property
    def singers(self) -> tuple[str, ...]:
        """Published singers, sorted."""
        return tuple(sorted({clip.singer for clip in self.clips}))

    def summary(self) -> dict[str, object]:
        """What was found, as plain values."""
        groups = Counter(clip.recording for clip in self.clips)
        return {
            "clips": len(self.clips),
            "distinct": len({clip.audio_id for clip in self.clips}),
            "label_conflicts": sum(clip.label_conflict for clip in self.clips),
            "phrases": len({clip.phrase for clip in self.clips}),
            "seconds": round(sum(audio.duration_s for audio in self.recordings.values()), 3),
            "groups": dict(sorted(groups.items())),
        }


def singer_of_group(group: str) -> str:
    """Singer of a source group such as ``AM-1``."""
    return group.rpartition("-")[0]


def read_repository(folder: Path, progress: Progress | None = None) -> PublishedClips:
    """Read the published repository as its users clone it, ``SINGER/SET_MOTIF_UUID.wav``.

    Parameters
    ----------
    folder
        The clone; no other file is needed.
    progress
        Called as ``progress("clips", done, total)``.

    Raises
    ------
    CorpusError
        There is no audio, a file does not follow the layout, or clips have different rates.
    AudioError
        A file cannot be read.
    """
    manifest = read_flamenco_motifs(folder)
    code, sounds, rate = _distinct_audio(manifest, progress)
    timelines = place_on_timelines([clip_anchors(samples) for samples in sounds])
    sets = np.unique([f"{e.singer}/{e.recording}" for e in manifest.entries], return_inverse=True)[
        1
    ]
    groups = merge_partitions(sets.astype(np.int64), timelines.timeline[code])
    return _assemble(manifest, code, sounds, timelines, groups, rate)


def read_table(folder: Path) -> PublishedClips:
    """Read clips that were put back together before: ``instances.csv`` beside ``recordings/``.

    The table has one row per clip: ``published_singer, published_set, motif, recording, start_s,
    end_s, phrase, audio_id, label_conflict``.
    """
    with (folder / "instances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clips = tuple(
        PublishedClip(
            row["published_singer"],
            row.get("published_set", ""),
            tuple(int(step) for step in row.get("motif", "").split()),
            row["recording"],
            float(row["start_s"]),
            float(row["end_s"]),
            row["recording"] + row["phrase"],
            row["audio_id"],
            row["label_conflict"] == "1",
        )
        for row in rows
    )
    names = sorted({clip.recording for clip in clips})
    audio = {name: read_audio(folder / "recordings" / f"{name}.flac") for name in names}
    return PublishedClips(clips, audio)


def read_published(folder: Path, progress: Progress | None = None) -> PublishedClips:
    """:func:`read_table` where there is a table, else :func:`read_repository`."""
    if (folder / "instances.csv").is_file():
        return read_table(folder)
    return read_repository(folder, progress)


def _distinct_audio(
    manifest: Manifest, progress: Progress | None
) -> tuple[Int64Array, list[Float32Array], int]:
    """Index of every entry's audio, each distinct audio once, and their rate in Hz."""
    known: dict[str, int] = {}
    sounds: list[Float32Array] = []
    rates: dict[int, str] = {}
    code = np.empty(len(manifest), np.int64)
    for index, entry in enumerate(manifest.entries):
        audio = read_audio(manifest.location(entry))
        rates.setdefault(audio.sample_rate, entry.path)
        number = known.setdefault(exact_hash(audio.samples), len(sounds))
        if number == len(sounds):
            sounds.append(audio.samples)
        code[index] = number
        if progress is not None:
            progress("clips", index + 1, len(manifest))
    if len(rates) > 1:
        (rate, path), (other, another) = list(rates.items())[:2]
        raise CorpusError(
            f"all clips must be at one rate; {path} is at {rate} Hz, {another} at {other} Hz"
        )
    return code, sounds, next(iter(rates))


def _assemble(
    manifest: Manifest,
    code: Int64Array,
    sounds: Sequence[Float32Array],
    timelines: Timelines,
    groups: Int64Array,
    rate: int,
) -> PublishedClips:
    owners = _owners(manifest, code, groups)
    names = _names(groups, owners)
    group_of_sound = np.empty(len(sounds), np.int64)
    group_of_sound[code] = groups
    place = np.zeros(len(sounds), np.int64)
    recordings: dict[str, Audio] = {}
    for group, name in names.items():
        members = np.flatnonzero(group_of_sound == group)
        audio, place[members] = _stitch(members, sounds, timelines, rate)
        recordings[name] = Audio(audio, rate)
    clips = tuple(
        PublishedClip(
            entry.singer,
            entry.recording,
            published_motif(entry.path),
            names[int(group)],
            int(place[sound]) / rate,
            (int(place[sound]) + sounds[sound].size) / rate,
            f"{names[int(group)]}/{int(timelines.timeline[sound]):05d}",
            f"{int(sound):05d}",
            entry.singer != owners[int(group)],
        )
        for entry, sound, group in zip(manifest.entries, code, groups, strict=True)
    )
    return PublishedClips(clips, recordings)


def _owners(manifest: Manifest, code: Int64Array, groups: Int64Array) -> dict[int, str]:
    """Singer of each group: that of most of its distinct clips, the first by name among equals."""
    labelled = {
        (int(group), entry.singer, int(sound))
        for entry, sound, group in zip(manifest.entries, code, groups, strict=True)
    }
    counts: dict[int, Counter[str]] = {}
    for group, singer, _ in sorted(labelled):
        counts.setdefault(group, Counter())[singer] += 1
    return {
        group: min(found, key=lambda singer: (-found[singer], singer))
        for group, found in counts.items()
    }


def _names(groups: Int64Array, owners: Mapping[int, str]) -> dict[int, str]:
    """Names such as ``AM-1``, numbered by a singer's groups in the order of the files."""
    used: Counter[str] = Counter()
    names: dict[int, str] = {}
    for group in groups.tolist():
        if group not in names:
            used[owners[group]] += 1
            names[group] = f"{owners[group]}-{used[owners[group]]}"
    return names


def _stitch(
    members: Int64Array, sounds: Sequence[Float32Array], timelines: Timelines, rate: int
) -> tuple[Float32Array, Int64Array]:
    """One recording from the distinct clips of a group, and the first sample of each clip.

    A clip that fits its timeline at several places stands by itself, in the same phrase.
    """
    loose = ~np.isfinite(timelines.start[members])
    piece = np.where(loose, -1 - np.arange(members.size), timelines.timeline[members])
    pause = np.zeros(round(PAUSE_S * rate), np.float32)
    parts: list[Float32Array] = []
    place = np.empty(members.size, np.int64)
    written = 0
    for one in dict.fromkeys(piece.tolist()):
        inside = np.flatnonzero(piece == one)
        start = np.where(loose[inside], 0.0, timelines.start[members[inside]])
        first = (start - start.min()).astype(np.int64)
        lengths = np.array([sounds[index].size for index in members[inside]])
        phrase = np.zeros(int((first + lengths).max()), np.float32)
        for index, begin in zip(members[inside], first, strict=True):
            phrase[begin : begin + sounds[index].size] = sounds[index]
        place[inside] = written + first
        parts += [phrase, pause]
        written += phrase.size + pause.size
    return np.concatenate(parts), place
