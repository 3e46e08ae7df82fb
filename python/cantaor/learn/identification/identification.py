"""Identification of the singer of a new recording from its motif clips.

A recording's motif instances are those of the union of the training dictionaries; each clip gets
class probabilities from the network, and the recording gets their normalised geometric mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cantaor.chain import FoundClips, find_clips
from cantaor.clips.spans import clip_bounds
from cantaor.errors import blame
from cantaor.io.audio import open_audio, resample, resampled
from cantaor.io.locations import printable
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.export.bundle import Bundle, load_bundle
from cantaor.learn.identification.decisions import decide, score_recording
from cantaor.learn.identification.enrolment import (
    NO_BACKEND,
    ScoringBackend,
    backend_from_bundle,
    merge_enrolled,
)
from cantaor.learn.identification.saved_finder import finder_from_bundle
from cantaor.types import Audio, Float32Array, Float64Array, Int64Array

_EVIDENCE = 5
# Share of the shorter clip above which two clips are one moment, as for families of motifs.
_SAME_MOMENT = 0.5


@dataclass(frozen=True, slots=True)
class SingerScore:
    """One singer and the probability that the recording is theirs, 0..1."""

    singer: str
    probability: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A moment that supports the first-ranked singer: one motif clip, and those that cut it.

    Attributes
    ----------
    motif
        Symbols of the motif.
    start_s, end_s
        Where it is sung, seconds.
    probability
        What the network gives the first-ranked singer for this clip, 0..1.
    members
        Symbols of the motifs of other clips of the same moment, each once: more than half of the
        shorter clip is shared. No two pieces of evidence are of one moment.
    """

    motif: tuple[int, ...]
    start_s: float
    end_s: float
    probability: float
    members: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Identification:
    """The result for one recording.

    Attributes
    ----------
    path
        The recording; empty where it came as samples.
    ranked
        All known singers, most probable first.
    evidence
        The clips that contributed most to the first of them.
    clips
        Number of motif clips the result is the mean of.
    embedding
        float32 (dim,), mean embedding of the clips.
    unknown
        Whether the clips are so undecided that the singer is likely none of the known ones; None
        where the model was not calibrated and cannot tell.
    calibrated
        Whether the probabilities were.
    """

    path: str
    ranked: tuple[SingerScore, ...]
    evidence: tuple[Evidence, ...]
    clips: int
    embedding: Float32Array
    unknown: bool | None = None
    calibrated: bool = False

    @property
    def decision(self) -> str | None:
        """``named``, ``unsure`` (the first two are the candidates), ``unknown``; None where the
        model was not calibrated. See :mod:`cantaor.learn.identification.decisions`.
        """
        return decide(self.ranked[0].probability, self.unknown)

    def to_json(self) -> dict[str, Any]:
        """Plain values: path, singer, probability, decision, clips, ranked, evidence."""
        return {
            "path": self.path,
            "singer": self.ranked[0].singer,
            "probability": self.ranked[0].probability,
            "decision": self.decision,
            "unknown": self.unknown,
            "calibrated": self.calibrated,
            "clips": self.clips,
            "ranked": [
                {"singer": one.singer, "probability": one.probability} for one in self.ranked
            ],
            "evidence": [
                {
                    "motif": list(one.motif),
                    "start_s": one.start_s,
                    "end_s": one.end_s,
                    "probability": one.probability,
                    "members": [list(motif) for motif in one.members],
                }
                for one in self.evidence
            ],
        }


@dataclass(frozen=True, eq=False, slots=True)
class ClipPredictions:
    """The motif clips of one recording and what the network makes of them.

    Attributes
    ----------
    path
        The recording; empty where it came as samples.
    motifs
        Symbols of each clip's motif.
    start_s, end_s
        float64 (n,), the clips in seconds.
    probabilities
        float32 (n, singers).
    embeddings
        float32 (n, dim).
    backend
        What turns the probabilities into the result: calibration, enrolled singers.
    content
        What identifies the recording's audio; empty where it was not taken.
    model
        What tells the model apart; empty where it did not come from a folder.
    """

    path: str
    motifs: tuple[tuple[int, ...], ...]
    start_s: Float64Array
    end_s: Float64Array
    probabilities: Float32Array
    embeddings: Float32Array
    backend: ScoringBackend = NO_BACKEND
    content: str = ""
    model: str = ""


def identify(
    model: Bundle | str | os.PathLike[str], audio: Audio | str | os.PathLike[str]
) -> Identification:
    """Rank the known singers for one recording.

    Parameters
    ----------
    model
        A bundle or its folder, made by training on a mined workspace.
    audio
        A recording, or the path of one in any format and rate.

    Returns
    -------
    Identification

    Raises
    ------
    ModelError
        The bundle cannot be read or holds no motif dictionary.
    AudioError
        The recording cannot be read, is silent, holds no voice, or no known motif.
    """
    bundle = model if isinstance(model, Bundle) else load_bundle(Path(model))
    return aggregate_clips(predict_clips(bundle, audio), bundle.trained.classes)


def predict_clips(
    bundle: Bundle, audio: Audio | str | os.PathLike[str], channel: str | int | None = None
) -> ClipPredictions:
    """Find the known motifs in a recording and classify each clip.

    Parameters
    ----------
    bundle
        A model trained on a mined workspace.
    audio
        A recording, or the path of one.
    channel
        Which channel of a file is listened to; None: that of the model's recordings.

    Raises
    ------
    ModelError, AudioError
        As for :func:`identify`.
    """
    finder, kind = finder_from_bundle(bundle), str(bundle.extra["data"])
    rate = bundle.trained.module.sample_rate
    if isinstance(audio, Audio):
        found = find_clips(finder, kind, [audio.samples], audio.sample_rate)
        return next(
            predict_recordings(bundle, [LocatedRecording("", found, resample(audio, rate).samples)])
        )
    parts: list[Float32Array] = []
    listened = finder.settings.channel if channel is None else channel
    with blame(printable(os.fspath(audio))), open_audio(audio, listened) as stream:
        blocks = resampled(stream.blocks(), stream.sample_rate, rate, parts.append)
        found = find_clips(finder, kind, blocks, stream.sample_rate, printable(os.fspath(audio)))
    return next(
        predict_recordings(
            bundle, [LocatedRecording(os.fspath(audio), found, np.concatenate(parts))]
        )
    )


@dataclass(frozen=True, eq=False, slots=True)
class LocatedRecording:
    """A recording whose clips are found and not yet classified.

    Attributes
    ----------
    path
        The recording; empty where it came as samples.
    found
        Its clips.
    samples
        float32 (n,), the whole recording at the model's rate; may be mapped from a file.
    content
        Hash of the recording's file; empty where it was not taken.
    """

    path: str
    found: FoundClips
    samples: Float32Array
    content: str = ""


def predict_recordings(
    bundle: Bundle,
    recordings: Sequence[LocatedRecording],
    device: str = "auto",
    portion: int = 2048,
) -> Iterator[ClipPredictions]:
    """Classify the clips of several recordings in common batches.

    Parameters
    ----------
    bundle
        A model trained on a mined workspace.
    recordings
        Recordings with their clips.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    portion
        Clips in memory at once; the results do not depend on it.

    Yields
    ------
    ClipPredictions of each recording, in order.
    """
    rate, backend = bundle.trained.module.sample_rate, backend_from_bundle(bundle)
    bounds = [
        clip_bounds(Audio(one.samples, rate), one.found.start_s, one.found.end_s)
        for one in recordings
    ]
    clips = [(i, j) for i, one in enumerate(recordings) for j in range(len(one.found))]
    outputs: list[tuple[Float32Array, Float32Array]] = []
    for first in range(0, len(clips), portion):
        rows = [
            recordings[i].samples[bounds[i][0][j] : bounds[i][1][j]]
            for i, j in clips[first : first + portion]
        ]
        unlabelled = ClipSet.from_arrays(rows, np.full(len(rows), -1), bundle.trained.classes)
        outputs.append(predict(bundle.trained, unlabelled, device=device))
    probabilities, embeddings = (np.concatenate(part) for part in zip(*outputs, strict=True))
    done = 0
    for one in recordings:
        own = slice(done, done := done + len(one.found))
        found = one.found
        yield ClipPredictions(
            one.path,
            found.motifs,
            found.start_s,
            found.end_s,
            probabilities[own],
            embeddings[own],
            backend,
            one.content,
            bundle.digest,
        )


@contextmanager
def native_threads(number: int) -> Iterator[None]:
    """Let torch compute with so many threads; as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def aggregate_clips(predictions: ClipPredictions, classes: tuple[str, ...]) -> Identification:
    """Result for a recording: :func:`aggregate_probabilities` of its clips, calibrated.

    Parameters
    ----------
    predictions
        The clips.
    classes
        Singers the network was trained on; those who were enrolled come with ``predictions``.
    """
    backend = predictions.backend
    names = classes if backend.gallery is None else (*classes, *backend.gallery.names)
    probabilities, unknown = score_recording(
        predictions.probabilities, predictions.embeddings, backend
    )
    order = np.argsort(-probabilities, kind="stable")
    first = _of_clips(predictions, int(order[0]))
    return Identification(
        predictions.path,
        tuple(SingerScore(names[i], float(probabilities[i])) for i in order),
        _evidence(predictions, first),
        len(predictions.motifs),
        predictions.embeddings.mean(axis=0),
        unknown,
        backend.calibration is not None,
    )


def _evidence(predictions: ClipPredictions, first: Float64Array) -> tuple[Evidence, ...]:
    """The clips that give the first singer most, one for each moment."""
    waiting = np.argsort(-first, kind="stable")
    found: list[Evidence] = []
    while waiting.size and len(found) < _EVIDENCE:
        best = waiting[0]
        same = _shared(predictions, best, waiting) > _SAME_MOMENT
        motif = predictions.motifs[best]
        found.append(
            Evidence(
                motif,
                float(predictions.start_s[best]),
                float(predictions.end_s[best]),
                float(first[best]),
                tuple(dict.fromkeys(predictions.motifs[i] for i in waiting[same][1:])),
            )
        )
        waiting = waiting[~same]
    return tuple(found)


def _shared(predictions: ClipPredictions, one: int, others: Int64Array) -> Float64Array:
    """How much of the shorter of two clips lies in both, 0..1; a clip shares all of itself."""
    starts, ends = np.asarray(predictions.start_s), np.asarray(predictions.end_s)
    common = np.minimum(ends[one], ends[others]) - np.maximum(starts[one], starts[others])
    shorter = np.minimum(ends[one] - starts[one], ends[others] - starts[others])
    shared: Float64Array = common / np.maximum(shorter, 1e-9)
    shared[others == one] = 1.0
    return shared


def _of_clips(predictions: ClipPredictions, singer: int) -> Float64Array:
    """Probability of one singer, trained or enrolled, in every clip."""
    if singer < predictions.probabilities.shape[1] or predictions.backend.gallery is None:
        return predictions.probabilities[:, singer].astype(np.float64)
    rows = zip(predictions.probabilities.astype(np.float64), predictions.embeddings, strict=True)
    gallery = predictions.backend.gallery
    return np.array([merge_enrolled(p, e, gallery)[singer] for p, e in rows])
