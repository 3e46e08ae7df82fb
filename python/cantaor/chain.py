"""The stages put together for one recording: audio to pitch, contour and motif instances.

``run`` applies these to a corpus, ``learn`` to the recordings it is asked about; both see exactly
the same chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cantaor.clips import random_spans, segment_spans
from cantaor.contour import segment_contour
from cantaor.errors import AudioError
from cantaor.motifs import find_occurrences
from cantaor.pitch import extract_pitch
from cantaor.settings import Settings
from cantaor.types import (
    Audio,
    Clusters,
    Contour,
    Float64Array,
    Int64Array,
    Motifs,
    PitchTrack,
)

#: How clips are cut around motif instances: the paper's three data sets (section 4).
DATA = ("motifs", "motifs+segment", "random")

_SEGMENT_S = 3.0


@dataclass(frozen=True, slots=True)
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

    def find(self, audio: Audio, name: str = "audio") -> tuple[Contour, Instances]:
        """The contour of a recording and the instances of the motifs in it.

        Parameters
        ----------
        audio
            The recording.
        name
            How error messages call it.

        Raises
        ------
        AudioError
            The recording is silent or holds no voiced frame.
        """
        track = track_pitch(audio, self.settings, name)
        contour = reduce_contour(track, self.clusters, self.settings)
        return contour, locate(self.motifs, contour, self.settings)


def track_pitch(audio: Audio, settings: Settings, name: str = "audio") -> PitchTrack:
    """Pitch of a recording that must hold a voice.

    Parameters
    ----------
    audio
        The recording.
    settings
        Names the method and the hop.
    name
        How error messages call the recording.

    Raises
    ------
    AudioError
        The recording is silent or holds no voiced frame.
    """
    if not audio.samples.any():
        raise AudioError(f"{name}: silent (all {audio.samples.size} samples are 0)")
    track = extract_pitch(audio, method=settings.pitch_method, hop=settings.hop)
    if not track.hz.any():
        raise AudioError(f"{name}: no voice found (0 of {track.hz.size} frames are voiced)")
    return track


def reduce_contour(track: PitchTrack, clusters: Clusters, settings: Settings) -> Contour:
    """Contour of a pitch track under the settings of a run."""
    return segment_contour(
        track, clusters, min_frames=settings.min_frames, max_gap_s=settings.max_gap_s
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
