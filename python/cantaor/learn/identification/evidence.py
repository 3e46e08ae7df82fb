"""Predictions of a recording's clips, and the moments among them that speak for a singer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cantaor.learn.identification.enrolment import NO_BACKEND, ScoringBackend, merge_enrolled
from cantaor.types import Float32Array, Float64Array, Int64Array

_EVIDENCE = 5
# Share of the shorter clip above which two clips are one moment, as for families of motifs.
_SAME_MOMENT = 0.5


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
    sung
        int64 (m,), index in the model's dictionary of every motif instance of the recording; None
        where not known.
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
    sung: Int64Array | None = None


def find_evidence(predictions: ClipPredictions, first: Float64Array) -> tuple[Evidence, ...]:
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


def singer_probabilities(predictions: ClipPredictions, singer: int) -> Float64Array:
    """Probability of one singer, trained or enrolled, in every clip."""
    if singer < predictions.probabilities.shape[1] or predictions.backend.gallery is None:
        return predictions.probabilities[:, singer].astype(np.float64)
    rows = zip(predictions.probabilities.astype(np.float64), predictions.embeddings, strict=True)
    gallery = predictions.backend.gallery
    return np.array([merge_enrolled(p, e, gallery)[singer] for p, e in rows])
