"""Verification by a trained model: do two recordings have the same singer?

A trial is a pair of recordings of different source groups, at least one of which the model has
not met; its score is the cosine of their mean embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.corpus.identity import hash_entries, hash_readable, recording_key
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.columns import clip_table
from cantaor.corpus.splits.protocols import split_units
from cantaor.errors import SplitError
from cantaor.experiments.clip_loading import load_clipset
from cantaor.experiments.evaluation import tested_clips
from cantaor.experiments.learnt_audio import checked_clips, own_clips
from cantaor.learn.encoders.sources import EmbeddingSource
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.export.attached_encoder import attach_encoder
from cantaor.learn.export.bundle import load_bundle
from cantaor.metrics.verification import (
    cross_group_trials,
    det_curve,
    detection_cost,
    equal_error_rate,
)
from cantaor.pipeline.mine import Progress
from cantaor.types import Float64Array, Int64Array

#: Priors of a trial of the same singer at which the detection cost is given.
PRIORS = (0.01, 0.05)
# Points of the curve that are listed: enough to draw it.
_POINTS = 200


@dataclass(frozen=True, eq=False, slots=True)
class Verification:
    """Scores of all trials.

    Attributes
    ----------
    same, different
        float64, cosines of pairs of one singer and of two.
    recordings, unheard
        Recordings in the trials, and those of them that the model had not met.
    unread
        Training recordings that are no longer where the model's list says: not in any trial.
    """

    same: Float64Array
    different: Float64Array
    recordings: int
    unheard: int
    unread: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values: trials, equal error rate and its threshold, detection costs, curve."""
        point = equal_error_rate(self.same, self.different)
        curve = det_curve(self.same, self.different)
        kept = np.unique(np.linspace(0, curve.misses.size - 1, _POINTS).astype(int))
        return {
            "recordings": self.recordings,
            "unheard": self.unheard,
            "unread": list(self.unread),
            "trials": {"same": int(self.same.size), "different": int(self.different.size)},
            "equal_error_rate": point.error,
            "threshold": point.threshold,
            "detection_cost": {
                f"{prior:g}": detection_cost(self.same, self.different, prior) for prior in PRIORS
            },
            "curve": {
                "false_alarms": curve.false_alarms[kept].tolist(),
                "misses": curve.misses[kept].tolist(),
            },
        }


def verify(
    model: Path,
    clips: Manifest | None = None,
    progress: Progress | None = None,
    encoder: EmbeddingSource | None = None,
) -> Verification:
    """Score the pairs of recordings that a model can be asked about.

    Parameters
    ----------
    model
        Folder of a model.
    clips
        What the model has not met: entries on the side ``"test"`` where any side is named, else
        all. Their singers may be unknown to the model. ``None``: the model's held-out clips.
    progress
        Called as ``progress("clips", done, total)``.
    encoder
        What the model was trained with, if anything.

    Returns
    -------
    Verification
        Of pairs from different source groups; what shares audio is one group. The model's own
        training recordings stand on the other side of a trial, as far as they can be read.

    Raises
    ------
    ModelError
        The model cannot be read or has no held-out clips.
    SplitError
        There is no pair of one singer, or none of two.
    """
    bundle = attach_encoder(load_bundle(model), encoder)
    tested = hash_entries(tested_clips(model, clips, bundle))
    asked = [replace(e, path=tested.location(e), split="test") for e in tested.entries]
    learnt, unread = _learnt(model, tested.channel)
    both = replace(tested, entries=(*asked, *learnt))
    table = clip_table(both)
    units = split_units(table, "group")
    classes = sorted({entry.singer for entry in both.entries})
    rate = bundle.trained.module.sample_rate
    loaded = load_clipset(both, classes, progress, sample_rate=rate, encoder=encoder)
    _, embeddings = predict(bundle.trained, loaded)
    recording, first = _recordings(both.entries)
    vectors = _means(embeddings.astype(np.float64), recording)
    is_asked = np.array([entry.split == "test" for entry in both.entries])
    sources = split_units(table, "recording")
    unheard = (is_asked & ~np.isin(sources, sources[~is_asked]))[first]
    same, different = cross_group_trials(vectors, loaded.labels[first], units[first], unheard)
    if same.size == 0 or different.size == 0:
        missing = "one singer" if same.size == 0 else "two singers"
        raise SplitError(
            f"{model}: no trial of {missing}: {int(unheard.sum())} recordings that it has not met "
            f"and {int((~unheard).sum())} others hold no such pair of two source groups; "
            "name more with --clips, or train with --split recording or group"
        )
    return Verification(same, different, int(first.size), int(unheard.sum()), unread)


def _learnt(model: Path, channel: str | int) -> tuple[list[ManifestEntry], tuple[str, ...]]:
    """The clips that a model learnt from, and the files of those that cannot be read."""
    own = own_clips(model)
    if own is None:
        return [], ()
    learnt = [
        replace(entry, path=own.location(entry), content_hash="", source_hash="")
        for entry in checked_clips(own).entries
        if entry.split in ("train", "validation")
    ]
    found, _ = hash_readable(replace(own, entries=tuple(learnt), channel=channel))
    unread = sorted({entry.path for entry in found.entries if not entry.content_hash})
    return [entry for entry in found.entries if entry.content_hash], tuple(unread)


def _recordings(entries: Sequence[ManifestEntry]) -> tuple[Int64Array, Int64Array]:
    """Number of each clip's recording, and the first clip of each recording."""
    keys = [(*recording_key(entry), entry.split == "test") for entry in entries]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    recording = np.array([numbers[key] for key in keys], dtype=np.int64)
    return recording, np.unique(recording, return_index=True)[1].astype(np.int64)


def _means(values: Float64Array, recording: Int64Array) -> Float64Array:
    sums = np.zeros((int(recording.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, recording, values)
    return sums / np.bincount(recording)[:, None]
