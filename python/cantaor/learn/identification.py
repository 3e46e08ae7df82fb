"""Who sings in a recording never heard before: votes of its motif clips.

A recording's motif instances are those of the union of the training dictionaries; each clip gets
class probabilities from the network, and the recording gets their mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.audio import read_audio, resample
from cantaor.chain import MotifFinder, clip_spans
from cantaor.clips import clip_bounds
from cantaor.errors import AudioError, ModelError
from cantaor.learn.bundle import Bundle, load_bundle
from cantaor.learn.clips import ClipSet
from cantaor.learn.evaluation import predict
from cantaor.settings import make_settings, settings_to_plain
from cantaor.types import Audio, Clusters, Float32Array, Float64Array, Motifs

_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class SingerScore:
    """One singer and the probability that the recording is theirs, 0..1."""

    singer: str
    probability: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One motif clip that speaks for the first-ranked singer.

    Attributes
    ----------
    motif
        Symbols of the motif.
    start_s, end_s
        Where it is sung, seconds.
    probability
        What the network gives the first-ranked singer for this clip, 0..1.
    """

    motif: tuple[int, ...]
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer for one recording.

    Attributes
    ----------
    path
        The recording; empty where it came as samples.
    ranked
        All known singers, most probable first.
    evidence
        The clips that speak most for the first of them.
    clips
        Number of motif clips that voted.
    embedding
        float32 (dim,), mean embedding of the clips.
    """

    path: str
    ranked: tuple[SingerScore, ...]
    evidence: tuple[Evidence, ...]
    clips: int
    embedding: Float32Array

    def to_json(self) -> dict[str, Any]:
        """Plain values: path, singer, probability, clips, ranked, evidence."""
        return {
            "path": self.path,
            "singer": self.ranked[0].singer,
            "probability": self.ranked[0].probability,
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
                }
                for one in self.evidence
            ],
        }


@dataclass(frozen=True, slots=True)
class HeardClips:
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
    """

    path: str
    motifs: tuple[tuple[int, ...], ...]
    start_s: Float64Array
    end_s: Float64Array
    probabilities: Float32Array
    embeddings: Float32Array


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
    return vote(hear(bundle, audio), bundle.trained.classes)


def hear(bundle: Bundle, audio: Audio | str | os.PathLike[str]) -> HeardClips:
    """Find the known motifs in a recording and let the network judge each clip.

    Parameters
    ----------
    bundle
        A model trained on a mined workspace.
    audio
        A recording, or the path of one.

    Raises
    ------
    ModelError, AudioError
        As for :func:`identify`.
    """
    path = "" if isinstance(audio, Audio) else os.fspath(audio)
    recording = audio if isinstance(audio, Audio) else read_audio(audio)
    finder = finder_from_bundle(bundle)
    contour, found = finder.find(recording, path or "audio")
    if len(found) == 0:
        raise AudioError(
            f"{path or 'audio'}: none of the {len(finder.motifs)} known motifs is sung in it"
        )
    kind = str(bundle.extra["data"])
    starts, ends = clip_spans(kind, found, contour, recording.duration_s, [0])
    voice = resample(recording, bundle.trained.module.sample_rate)
    bounds = zip(*clip_bounds(voice, starts, ends), strict=True)
    rows = [voice.samples[first:last] for first, last in bounds]
    unlabelled = ClipSet.from_arrays(rows, np.full(len(rows), -1), bundle.trained.classes)
    probabilities, embeddings = predict(bundle.trained, unlabelled)
    motifs = tuple(tuple(finder.motifs[int(i)].tolist()) for i in found.motif)
    return HeardClips(path, motifs, starts, ends, probabilities, embeddings)


def vote(heard: HeardClips, classes: tuple[str, ...]) -> Identification:
    """The recording's answer: the mean of its clips' probabilities."""
    mean = heard.probabilities.mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    first = heard.probabilities[:, order[0]]
    evidence = tuple(
        Evidence(heard.motifs[i], float(heard.start_s[i]), float(heard.end_s[i]), float(first[i]))
        for i in np.argsort(-first, kind="stable")[:_EVIDENCE]
    )
    return Identification(
        heard.path,
        tuple(SingerScore(classes[i], float(mean[i])) for i in order),
        evidence,
        len(heard.motifs),
        heard.embeddings.mean(axis=0),
    )


def finder_arrays(finder: MotifFinder) -> dict[str, np.ndarray[Any, Any]]:
    """A finder's arrays as a bundle keeps them."""
    return {
        "cluster_centers": finder.clusters.centers,
        "cluster_edges": finder.clusters.edges,
        "cluster_counts": finder.clusters.counts,
        "motif_values": finder.motifs.values,
        "motif_offsets": finder.motifs.offsets,
        "motif_support": finder.motifs.support,
    }


def finder_facts(finder: MotifFinder) -> dict[str, Any]:
    """The rest of a finder, as plain values."""
    return {
        "settings": settings_to_plain(finder.settings),
        "inertia": finder.clusters.inertia,
    }


def finder_from_bundle(bundle: Bundle) -> MotifFinder:
    """The finder that was trained with a model.

    Raises
    ------
    ModelError
        The model was trained on clips alone and has no motif dictionary.
    """
    facts: Mapping[str, Any] | None = bundle.extra.get("finder")
    if facts is None:
        raise ModelError(
            "the model was trained on clips alone and holds no motif dictionary; "
            "train on a workspace to identify whole recordings"
        )
    arrays = bundle.arrays
    clusters = Clusters(
        arrays["cluster_centers"],
        arrays["cluster_edges"],
        float(facts["inertia"]),
        arrays["cluster_counts"],
    )
    motifs = Motifs(arrays["motif_values"], arrays["motif_offsets"], arrays["motif_support"])
    return MotifFinder(clusters, motifs, make_settings(facts["settings"]))
