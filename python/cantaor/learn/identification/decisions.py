"""What is said of a recording: a name, two names to choose from, or that nobody fits.

The rule reads calibrated probabilities only. An answer is ``named`` where the probability of the
first singer is at least :data:`MIN_NAMED`; of such answers at most a quarter should be wrong where
all are just that sure, and far fewer in all. A lower one is ``unsure``: the first two singers are
the candidates. Where the clips are as undecided as those of singers who were left out, the answer
is ``unknown`` whatever the probability. A model that was not calibrated decides nothing.
"""

from __future__ import annotations

import numpy as np

from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.identification.calibration import apply_temperature
from cantaor.learn.identification.enrolment import ScoringBackend, merge_enrolled
from cantaor.types import Float32Array, Float64Array, Int64Array

NAMED, UNSURE, UNKNOWN = "named", "unsure", "unknown"

#: Smallest calibrated probability of an answer that is called named.
MIN_NAMED = 0.75


def decide(probability: float, unknown: bool | None) -> str | None:
    """The decision for a recording.

    Parameters
    ----------
    probability
        Calibrated, of the first singer, 0..1.
    unknown
        Whether the singer is likely none of the known ones; None where the model was not
        calibrated.

    Returns
    -------
    ``"named"``, ``"unsure"``, ``"unknown"``; None where the model was not calibrated.

    Examples
    --------
    >>> decide(0.9, False), decide(0.6, False), decide(0.9, True), decide(0.9, None)
    ('named', 'unsure', 'unknown', None)
    """
    if unknown is None:
        return None
    if unknown:
        return UNKNOWN
    return NAMED if probability >= MIN_NAMED else UNSURE


def score_recording(
    probabilities: Float32Array,
    embeddings: Float32Array,
    backend: ScoringBackend,
    sung: Int64Array | None = None,
) -> tuple[Float64Array, bool | None]:
    """Probabilities of all known singers for a recording, and whether it is likely none of them.

    Parameters
    ----------
    probabilities, embeddings
        float32 (n, classes) and (n, dim), of the recording's clips.
    backend
        What the model was calibrated with, and who was enrolled.
    sung
        int64 (n,), index of the motif of every instance in the recording; None where not known.

    Returns
    -------
    float64 (singers,), and None in the second place where the model was not calibrated.
    """
    mean, calibration = aggregate_probabilities(probabilities), backend.calibration
    if backend.melody is not None and sung is not None and sung.size:
        mean, calibration = backend.melody.join(mean, sung), backend.melody.calibration
    scores = mean if calibration is None else apply_temperature(mean, calibration.temperature)
    if backend.gallery is not None:
        scores = merge_enrolled(scores, embeddings.mean(axis=0), backend.gallery)
    if calibration is None:
        return scores, None
    is_trained = int(np.argmax(scores)) < mean.size
    return scores, is_trained and float(mean.max()) < calibration.unknown_below
