"""The stages put together for one recording: audio to pitch, contour and motif instances.

``run`` applies these to a corpus, ``learn`` to the recordings it is asked about; both see exactly
the same chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from cantaor.clips.spans import random_spans, segment_spans
from cantaor.contour import segment_contour
from cantaor.errors import ArgumentError, AudioError
from cantaor.io.audio import Recording, as_audio
from cantaor.motifs.mining import find_occurrences
from cantaor.pitch.tracker import PitchStream, extract_pitch
from cantaor.settings import Settings
from cantaor.types import (
    Audio,
    Clusters,
    Contour,
    Float32Array,
    Float64Array,
    Int64Array,
    Motifs,
    PitchTrack,
)

#: How clips are cut around motif instances: the paper's three data sets (section 4).
DATA = ("motifs", "motifs+segment", "random")

_SEGMENT_S = 3.0
# Samples of silence made up at a time.
_SILENCE = 1 << 18


@dataclass(frozen=True, eq=False, slots=True)
class Instances:
    """Where motifs are sung in one recording, ordered by motif, then time.

    Attributes
    ----------
    motif
        int64 (n,), index of the motif.
    phrase
        int64 (n,), phrase of the contour.
    start_s, end_s
        float64 (n,), seconds.
    """

    motif: Int64Array
    phrase: Int64Array
    start_s: Float64Array
    end_s: Float64Array

    def __len__(self) -> int:
        return int(self.motif.size)


@dataclass(frozen=True, slots=True)
class MotifFinder:
    """All that is needed to find known motifs in a recording never seen before.

    Attributes
    ----------
    clusters
        Pitch clusters in cents, fitted on the training recordings.
    motifs
        The union of the training singers' motifs.
    settings
        Settings that the clusters and motifs were made with.
    """

    clusters: Clusters
    motifs: Motifs
    settings: Settings

    def find(self, audio: Recording, name: str = "audio") -> tuple[Contour, Instances]:
        """The contour of a recording and the instances of the motifs in it.

        Parameters
        ----------
        audio
            The recording, or the path of one.
        name
            How error messages call it.

        Raises
        ------
        AudioError
            The recording is silent or holds no voiced frame.
        """
        return self.find_in(track_pitch(audio, self.settings, name))

    def find_in(self, track: PitchTrack) -> tuple[Contour, Instances]:
        """The contour of a pitch track and the instances of the motifs in it."""
        contour = reduce_contour(track, self.clusters, self.settings)
        return contour, locate(self.motifs, contour, self.settings)


@dataclass(frozen=True, eq=False, slots=True)
class FoundClips:
    """Where the known motifs are sung in one recording, cut as clips.

    Attributes
    ----------
    name
        The recording.
    motifs
        Symbols of each clip's motif.
    start_s, end_s
        float64 (n,), the clips in seconds; n at least 1.
    sung
        int64 (m,), index in the dictionary of every motif instance of the recording, whatever clips
        were selected.
    """

    name: str
    motifs: tuple[tuple[int, ...], ...]
    start_s: Float64Array
    end_s: Float64Array
    sung: Int64Array = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.motifs)


def find_clips(
    finder: MotifFinder,
    kind: str,
    blocks: Iterable[Float32Array],
    sample_rate: int,
    name: str = "audio",
) -> FoundClips:
    """The clips of a recording that arrives in blocks, by the motifs of a dictionary.

    Parameters
    ----------
    finder
        Clusters and motifs of the training recordings.
    kind
        One of :data:`DATA`, as the network was trained.
    blocks, sample_rate, name
        As for :func:`track_blocks`.

    Raises
    ------
    AudioError
        The recording is silent, holds no voice, or none of the motifs is sung in it.
    """
    track, samples = track_blocks(blocks, sample_rate, finder.settings, name)
    contour, found = finder.find_in(track)
    if len(found) == 0:
        raise AudioError(f"{name}: none of the {len(finder.motifs)} known motifs is sung in it")
    starts, ends = clip_spans(kind, found, contour, samples / sample_rate, [0])
    motifs = tuple(tuple(finder.motifs[int(i)].tolist()) for i in found.motif)
    return FoundClips(name, motifs, starts, ends, found.motif)


#: Which clips of a recording a model is asked about.
WINDOWS = ("motifs", "fixed")


def select_windows(found: FoundClips, windows: str) -> FoundClips:
    """The clips that a model is asked about.

    Parameters
    ----------
    found
        All motif clips of a recording, which overlap.
    windows
        ``"motifs"``: all of them. ``"fixed"``: windows that stand side by side over what the clips
        cover, so that every moment counts once; each stretch is cut into equal windows about as
        long as the median clip, and is named after the motif that shares most of it.

    Raises
    ------
    ArgumentError
        ``windows`` is neither.

    Examples
    --------
    >>> starts, ends = np.array([0.0, 0.5, 4.0]), np.array([1.0, 2.0, 5.0])
    >>> clips = FoundClips("a", ((1,), (2,), (3,)), starts, ends)
    >>> fixed = select_windows(clips, "fixed")
    >>> fixed.start_s.tolist(), fixed.end_s.tolist(), fixed.motifs
    ([0.0, 1.0, 4.0], [1.0, 2.0, 5.0], ((1,), (2,), (3,)))
    """
    if windows not in WINDOWS:
        raise ArgumentError(f"windows must be one of {', '.join(WINDOWS)}; got {windows!r}")
    if windows == "motifs":
        return found
    order = np.argsort(found.start_s, kind="stable")
    starts, ends = found.start_s[order], np.maximum.accumulate(found.end_s[order])
    breaks = np.flatnonzero(starts[1:] > ends[:-1]) + 1
    stretch_starts = starts[np.concatenate([[0], breaks])]
    stretch_ends = ends[np.concatenate([breaks - 1, [starts.size - 1]])]
    length = float(np.median(found.end_s - found.start_s))
    counts = np.maximum(1, np.rint((stretch_ends - stretch_starts) / length)).astype(np.int64)
    edges = [
        np.linspace(start, end, count + 1)
        for start, end, count in zip(stretch_starts, stretch_ends, counts, strict=True)
    ]
    left = np.concatenate([one[:-1] for one in edges])
    right = np.concatenate([one[1:] for one in edges])
    motifs = tuple(
        found.motifs[
            int(np.argmax(np.minimum(found.end_s, end) - np.maximum(found.start_s, start)))
        ]
        for start, end in zip(left, right, strict=True)
    )
    return FoundClips(found.name, motifs, left, right, found.sung)


def track_pitch(audio: Recording, settings: Settings, name: str = "audio") -> PitchTrack:
    """Pitch of a recording that must hold a voice.

    Parameters
    ----------
    audio
        The recording, or the path of one.
    settings
        Names the method, the hop and the range of pitch.
    name
        How error messages call the recording.

    Raises
    ------
    AudioError
        The recording is silent or holds no voiced frame.
    """
    audio = as_audio(audio)
    return track_blocks([audio.samples], audio.sample_rate, settings, name)[0]


def track_blocks(
    blocks: Iterable[Float32Array], sample_rate: int, settings: Settings, name: str = "audio"
) -> tuple[PitchTrack, int]:
    """Pitch of a recording that arrives in blocks; memory does not grow with the audio.

    The native tracker's answer is bit for bit that of :func:`track_pitch` on the whole. Another
    method needs the whole recording in memory.

    Parameters
    ----------
    blocks
        Samples, float32 (n,) each.
    sample_rate
        Hz.
    settings, name
        As for :func:`track_pitch`.

    Returns
    -------
    The track, and the number of samples it was made from.

    Raises
    ------
    AudioError
        The recording is silent or holds no voiced frame.

    Examples
    --------
    >>> t = np.arange(44100) / 44100
    >>> tone = sum(np.sin(2 * np.pi * 220 * h * t) / h for h in range(1, 9)).astype(np.float32)
    >>> track, samples = track_blocks([tone[:30000], tone[30000:]], 44100, Settings())
    >>> track.hz.size, samples
    (173, 44100)
    """
    source = _Counted(blocks)
    if settings.pitch_method == "salience":
        stream = PitchStream(
            sample_rate, settings.hop, min_hz=settings.min_hz, max_hz=settings.max_hz
        )
        for block in source:
            stream.feed(block)
        source.require_sound(name)
        track = stream.finish()
    else:
        whole = Audio(np.concatenate([np.empty(0, np.float32), *source]), sample_rate)
        source.require_sound(name)
        track = extract_pitch(
            whole,
            method=settings.pitch_method,
            hop=settings.hop,
            min_hz=settings.min_hz,
            max_hz=settings.max_hz,
        )
    if not track.hz.any():
        raise AudioError(f"{name}: no voice found (0 of {track.hz.size} frames are voiced)")
    return track, source.samples


class _Counted:
    """Blocks on their way to the tracker; silence before the first sound is held back as a count.

    A silent recording of any length so costs its decoding only.
    """

    def __init__(self, blocks: Iterable[Float32Array]) -> None:
        self._blocks = blocks
        self.samples = 0
        self.has_sound = False

    def __iter__(self) -> Iterator[Float32Array]:
        silent = 0
        for block in self._blocks:
            self.samples += block.size
            if not self.has_sound and not block.any():
                silent += block.size
                continue
            self.has_sound = True
            while silent:
                zeros = np.zeros(min(silent, _SILENCE), np.float32)
                silent -= zeros.size
                yield zeros
            yield block

    def require_sound(self, name: str) -> None:
        """Raise unless a sample was not 0."""
        if not self.has_sound:
            raise AudioError(f"{name}: silent (all {self.samples} samples are 0)")


def reduce_contour(track: PitchTrack, clusters: Clusters, settings: Settings) -> Contour:
    """Contour of a pitch track under the settings of a run."""
    return segment_contour(
        track,
        clusters,
        min_frames=settings.min_frames,
        max_gap_s=settings.max_gap_s,
        vibrato=settings.vibrato,
    )


def locate(motifs: Motifs, contour: Contour, settings: Settings) -> Instances:
    """Where motifs are sung in a contour."""
    found = find_occurrences(motifs, (contour.symbols, contour.symbol_offsets), gap=settings.gap)
    start_s, end_s = contour.span_s(found.sequence, found.start, found.end)
    return Instances(found.motif, found.sequence.astype(np.int64), start_s, end_s)


def clip_spans(
    data: str, found: Instances, contour: Contour, duration_s: float, seed: Sequence[int]
) -> tuple[Float64Array, Float64Array]:
    """Starts and ends in seconds of the clips of one kind, one for each instance.

    Parameters
    ----------
    data
        ``"motifs"``: the instances; ``"motifs+segment"``: 3 s around each; ``"random"``: spans of
        the same lengths anywhere in the phrases.
    found, contour
        The instances and the contour they were found in.
    duration_s
        Length of the recording in seconds.
    seed
        Decides the random spans.
    """
    # A contour's last segment may end half a frame past the samples.
    ends = np.minimum(found.end_s, duration_s)
    if data == "motifs" or len(found) == 0:
        return found.start_s, ends
    if data == "motifs+segment":
        return segment_spans(found.start_s, ends, duration_s, _SEGMENT_S)
    first, last = contour.segment_offsets[:-1], contour.segment_offsets[1:] - 1
    phrase_ends = np.minimum(contour.end_s[last], duration_s)
    lengths = found.end_s - found.start_s
    return random_spans(contour.start_s[first], phrase_ends, lengths, np.random.default_rng(seed))
