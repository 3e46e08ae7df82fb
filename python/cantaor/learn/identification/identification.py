"""Identification of the singer of a new recording from its motif clips.

A recording's motif instances are those of the union of the training dictionaries; each clip gets
class probabilities from the network, and the recording gets their normalised geometric mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.chain import FoundClips, find_clips, select_windows
from cantaor.clips.spans import clip_bounds
from cantaor.errors import blame
from cantaor.io.audio import open_audio, resample, resampled
from cantaor.io.locations import printable
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.tables import Span
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.export.attached_encoder import embed_clips
from cantaor.learn.export.bundle import Bundle, load_bundle
from cantaor.learn.identification.decisions import decide, score_recording
from cantaor.learn.identification.enrolment import (
    backend_from_bundle,
)
from cantaor.learn.identification.evidence import (
    ClipPredictions,
    Evidence,
    find_evidence,
    singer_probabilities,
)
from cantaor.learn.identification.saved_finder import finder_from_bundle
from cantaor.types import Audio, Float32Array


@dataclass(frozen=True, slots=True)
class SingerScore:
    """One singer and the probability that the recording is theirs, 0..1."""

    singer: str
    probability: float


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
    melody
        The singer for whom the motifs alone speak most; None where the model does not count them
        or none was found.
    """

    path: str
    ranked: tuple[SingerScore, ...]
    evidence: tuple[Evidence, ...]
    clips: int
    embedding: Float32Array
    unknown: bool | None = None
    calibrated: bool = False
    melody: str | None = None

    @property
    def decision(self) -> str | None:
        """``named``, ``unsure`` (the first two are the candidates), ``unknown``; None where the
        model was not calibrated. See :mod:`cantaor.learn.identification.decisions`.
        """
        return decide(self.ranked[0].probability, self.unknown)

    def to_json(self) -> dict[str, Any]:
        """Plain values: path, singer, probability, decision, clips, melody, ranked, evidence."""
        return {
            "path": self.path,
            "singer": self.ranked[0].singer,
            "probability": self.ranked[0].probability,
            "decision": self.decision,
            "unknown": self.unknown,
            "calibrated": self.calibrated,
            "clips": self.clips,
            "melody": self.melody,
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


def identify(
    model: Bundle | str | os.PathLike[str],
    audio: Audio | str | os.PathLike[str],
    windows: str = "motifs",
) -> Identification:
    """Rank the known singers for one recording.

    Parameters
    ----------
    model
        A bundle or its folder, made by training on a mined workspace.
    audio
        A recording, or the path of one in any format and rate.
    windows
        One of :data:`~cantaor.chain.WINDOWS`: every motif clip, or ``"fixed"``, several times
        faster.

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
    return aggregate_clips(predict_clips(bundle, audio, windows=windows), bundle.trained.classes)


def predict_clips(
    bundle: Bundle,
    audio: Audio | str | os.PathLike[str],
    channel: str | int | None = None,
    windows: str = "motifs",
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
    windows
        As of :func:`identify`.

    Raises
    ------
    ModelError, AudioError
        As for :func:`identify`.
    """
    finder, kind = finder_from_bundle(bundle), str(bundle.extra["data"])
    rate = bundle.trained.module.sample_rate
    if isinstance(audio, Audio):
        found = find_clips(finder, kind, [audio.samples], audio.sample_rate)
        found = select_windows(found, windows)
        return next(
            predict_recordings(bundle, [LocatedRecording("", found, resample(audio, rate).samples)])
        )
    parts: list[Float32Array] = []
    listened = finder.settings.channel if channel is None else channel
    with blame(printable(os.fspath(audio))), open_audio(audio, listened) as stream:
        blocks = resampled(stream.blocks(), stream.sample_rate, rate, parts.append)
        found = find_clips(finder, kind, blocks, stream.sample_rate, printable(os.fspath(audio)))
    found = select_windows(found, windows)
    return next(
        predict_recordings(
            bundle,
            [
                LocatedRecording(
                    os.fspath(audio), found, np.concatenate(parts), location=os.fspath(audio)
                )
            ],
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
    location
        Its file or URL; empty where it came as samples.
    offset_s
        Where in the file the samples begin, seconds.
    """

    path: str
    found: FoundClips
    samples: Float32Array
    content: str = ""
    location: str = ""
    offset_s: float = 0.0


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

    Raises
    ------
    ModelError
        The model was trained with an encoder that is not attached.
    ArgumentError
        The table of embeddings that is attached lacks clips.
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
        spans = [_span(recordings[i], j) for i, j in clips[first : first + portion]]
        embedded = embed_clips(bundle, unlabelled, spans)
        outputs.append(predict(bundle.trained, embedded, device=device))
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
            found.sung,
        )


def _span(recording: LocatedRecording, clip: int) -> Span:
    """Where a clip lies in its recording's file."""
    start_s, end_s = recording.found.start_s[clip], recording.found.end_s[clip]
    offset_s = recording.offset_s
    return Span(recording.location, offset_s + float(start_s), offset_s + float(end_s))


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
        predictions.probabilities, predictions.embeddings, backend, predictions.sung
    )
    order = np.argsort(-probabilities, kind="stable")
    first = singer_probabilities(predictions, int(order[0]))
    return Identification(
        predictions.path,
        tuple(SingerScore(names[i], float(probabilities[i])) for i in order),
        find_evidence(predictions, first),
        len(predictions.motifs),
        predictions.embeddings.mean(axis=0),
        unknown,
        backend.calibration is not None,
        _by_melody(predictions, classes),
    )


def _by_melody(predictions: ClipPredictions, classes: tuple[str, ...]) -> str | None:
    melody, sung = predictions.backend.melody, predictions.sung
    if melody is None or sung is None or not sung.size:
        return None
    return classes[int(np.argmax(melody.shares.scores(sung)))]
