"""Every source group in turn is left out of everything, and the model is asked who sings in it.

Clusters, dictionaries, network, scale and calibration of a fold have not seen the group that is
asked for. Where a corpus has fewer than some hundred recordings this says more than any single
split: each group is one answer, and all of them are used.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cantaor.corpus.identity import hash_entries, recording_key
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.columns import clip_table
from cantaor.corpus.splits.overlap import encode_columns
from cantaor.corpus.splits.protocols import split_units
from cantaor.errors import ArgumentError, SplitError
from cantaor.experiments.clip_loading import load_clipset
from cantaor.experiments.clip_splits import MAX_CLIPS, prepare_fold
from cantaor.experiments.mined_recordings import (
    MinedRecording,
    mined_recordings,
    recording_columns,
)
from cantaor.experiments.train_evaluate import train_clips, train_workspace
from cantaor.io.files import file_name, write_json
from cantaor.learn.data.subsets import select_split
from cantaor.learn.encoders.sources import EmbeddingSource, source_facts
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.export.attached_encoder import attach_encoder, require_view
from cantaor.learn.export.bundle import load_bundle
from cantaor.learn.identification.decisions import decide, score_recording
from cantaor.learn.identification.enrolment import backend_from_bundle
from cantaor.learn.identification.saved_finder import finder_from_bundle
from cantaor.learn.training.settings import TrainingSettings, settings_facts
from cantaor.metrics.held_out_groups import balanced_mean, bootstrap_interval, coverage_curve
from cantaor.pipeline.mine import Progress
from cantaor.pipeline.publishing import stage_versions
from cantaor.workspace.provenance import CANTAOR
from cantaor.workspace.workspace import Workspace

#: What may be left out at a time.
UNITS = ("group", "recording")
#: Decision where no known motif was found in a group.
NO_MOTIF = "no motif"
# Raised when the same fold would be answered otherwise: kept answers are then made anew.
_RULES = 2


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """What a model that never met a group says of it.

    Attributes
    ----------
    singer
        Who sings: that of most clips.
    answer
        The most probable singer; empty where no known motif was found.
    probability
        Of the answer, calibrated where the model is, 0..1.
    decision
        ``named``, ``unsure``, ``unknown`` or ``no motif``; None where not calibrated.
    windows
        Clips that were asked.
    accuracy
        Fraction of the clips whose own answer is right, 0..1.
    """

    singer: str
    answer: str
    probability: float
    decision: str | None
    windows: int
    accuracy: float

    @property
    def right(self) -> bool:
        """Whether the answer is the singer."""
        return self.answer == self.singer


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Answers on all groups that could be left out.

    Attributes
    ----------
    by
        ``"group"`` or ``"recording"``.
    groups
        The answers, by name of the group.
    skipped
        Groups that could not be left out, and why.
    """

    by: str
    groups: Mapping[str, GroupAnswer]
    skipped: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values: the answers, how many are right, and figures over them."""
        answers = list(self.groups.values())
        accuracy = {name: one.accuracy for name, one in self.groups.items()}
        singers = {name: one.singer for name, one in self.groups.items()}
        named = [one for one in answers if one.decision == "named"]
        return {
            "by": self.by,
            "groups": {name: asdict(one) for name, one in self.groups.items()},
            "groups_right": sum(one.right for one in answers),
            "groups_total": len(answers),
            "named": len(named),
            "named_wrong": sum(not one.right for one in named),
            "balanced_accuracy": balanced_mean(accuracy, singers),
            "interval": list(bootstrap_interval(accuracy, singers)),
            "coverage": coverage_curve(
                [one.probability for one in answers], [one.right for one in answers]
            ),
            "skipped": dict(self.skipped),
        }


@dataclass(frozen=True, slots=True)
class _Fold:
    """One group to leave out: its name, its members by place, its singer."""

    name: str
    members: tuple[int, ...]
    singer: str


def leave_one_out(
    corpus: Workspace | Manifest,
    settings: TrainingSettings,
    by: str = "group",
    *,
    data: str = "motifs",
    max_clips: int | None = MAX_CLIPS,
    out: Path | None = None,
    progress: Progress | None = None,
    encoder: EmbeddingSource | None = None,
) -> LeaveOneOut:
    """Leave out every source group, or every recording, in turn.

    Parameters
    ----------
    corpus
        A mined workspace, or clips that a manifest names; its column ``split`` is not looked at.
    settings
        Network, features and optimisation.
    by
        ``"group"`` (a recording without a group is its own) or ``"recording"``. What shares audio
        is left out together.
    data, max_clips
        Of a workspace, as for :func:`~cantaor.experiments.clip_splits.prepare_clips`.
    out
        Keeps every fold in a file of its own; a run that was stopped goes on from there.
    progress
        Called as ``progress("left out", done, total)``.
    encoder
        Of the clips' embeddings, where the settings' view has one.

    Raises
    ------
    ArgumentError
        ``by`` is neither, or the settings' view does not go with ``encoder``.
    SplitError
        There are fewer than two singers, or nobody has two groups.
    """
    if by not in UNITS:
        raise ArgumentError(f"what is left out must be one of {', '.join(UNITS)}, not {by!r}")
    require_view(settings, encoder)
    folds, facts, answer = (
        _workspace_job(corpus, by, data, max_clips, encoder)
        if isinstance(corpus, Workspace)
        else _clips_job(corpus, by, encoder)
    )
    asked, skipped = _askable(folds)
    if not asked:
        raise SplitError(
            f"nothing can be left out: no singer of {len({f.singer for f in folds})} has a second "
            f"{by} and company of another singer"
        )
    facts = (*facts, by, settings_facts(settings), stage_versions(), CANTAOR, _RULES)
    if encoder is not None:
        facts = (*facts, source_facts(encoder), encoder.digest)
    answers: dict[str, GroupAnswer] = {}
    for done, fold in enumerate(asked):
        if progress is not None:
            progress("left out", done, len(asked))
        key = blake2b(repr((facts, fold)).encode(), digest_size=16).hexdigest()
        kept = None if out is None else out / f"{file_name(fold.name)}.json"
        known = None if kept is None else _kept_answer(kept, key)
        if known is None:
            known = answer(fold, settings)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_json(kept, {"key": key, "name": fold.name, **asdict(known)})
        answers[fold.name] = known
    if progress is not None:
        progress("left out", len(asked), len(asked))
    return LeaveOneOut(by, answers, skipped)


_Answer = Callable[[_Fold, TrainingSettings], GroupAnswer]
_Job = tuple[list[_Fold], tuple[Any, ...], _Answer]


def _askable(folds: Sequence[_Fold]) -> tuple[list[_Fold], dict[str, str]]:
    """Groups whose singer is known without them, and why the others cannot be asked for."""
    owned = Counter(fold.singer for fold in folds)
    reason = "the only one of {singer}: without it nobody knows the singer"
    asked = [fold for fold in folds if owned[fold.singer] > 1 and len(owned) > 1]
    skipped = {f.name: reason.format(singer=f.singer) for f in folds if f not in asked}
    return asked, skipped


def _folds(
    units: Sequence[int], entries: Sequence[ManifestEntry | MinedRecording], by: str
) -> list[_Fold]:
    members: dict[int, list[int]] = {}
    for index, unit in enumerate(units):
        members.setdefault(int(unit), []).append(index)
    folds: list[_Fold] = []
    for own in members.values():
        names = sorted({_name(entries[index], by) for index in own})
        singer = Counter(entries[index].singer for index in own).most_common(1)[0][0]
        name = " + ".join(names)
        alike = sum(fold.name.partition(" #")[0] == name for fold in folds)
        folds.append(_Fold(f"{name} #{alike + 1}" if alike else name, tuple(own), singer))
    return folds


def _name(entry: ManifestEntry | MinedRecording, by: str) -> str:
    """A group's own name; a recording's with its singer, as two singers may use one name."""
    return entry.group if by == "group" and entry.group else f"{entry.singer}/{entry.recording}"


def _workspace_job(
    workspace: Workspace,
    by: str,
    data: str,
    max_clips: int | None,
    encoder: EmbeddingSource | None,
) -> _Job:
    recordings = mined_recordings(workspace)
    columns = recording_columns(recordings)
    folds = _folds(split_units(encode_columns(**columns), by).tolist(), recordings, by)

    def answer(fold: _Fold, settings: TrainingSettings) -> GroupAnswer:
        prepared = prepare_fold(
            workspace, fold.members, data, max_clips=max_clips, seed=settings.seed
        )
        tested = select_split(prepared.clips, "test")
        if not len(tested):
            return GroupAnswer(fold.singer, "", 0.0, NO_MOTIF, 0, 0.0)
        with TemporaryDirectory(prefix="cantaor-") as folder:
            model = train_workspace(
                workspace, prepared, settings, Path(folder, "model"), encoder=encoder
            )
            return _ask(model, tested, fold.singer, encoder)

    whole = [(one.path, one.singer, one.samples_hash, one.contour_key) for one in recordings]
    return folds, (whole, repr(workspace.settings), data, max_clips), answer


def _clips_job(clips: Manifest, by: str, encoder: EmbeddingSource | None) -> _Job:
    hashed = hash_entries(clips)
    folds = _folds(split_units(clip_table(hashed), by).tolist(), hashed.entries, by)

    def answer(fold: _Fold, settings: TrainingSettings) -> GroupAnswer:
        left = set(fold.members)
        entries = tuple(
            replace(entry, split="test" if index in left else "train")
            for index, entry in enumerate(hashed.entries)
        )
        sides = replace(hashed, entries=entries)
        with TemporaryDirectory(prefix="cantaor-") as folder:
            model = train_clips(
                sides, settings, Path(folder, "model"), protocol=by, encoder=encoder
            )
            return _ask(model, select_split(sides, "test"), fold.singer, encoder)

    whole = [(recording_key(e), e.span, e.content_hash, e.source_hash) for e in hashed.entries]
    return folds, (whole, str(hashed.channel)), answer


def _ask(
    model: Path, tested: Manifest, singer: str, encoder: EmbeddingSource | None
) -> GroupAnswer:
    """The model's answer for all clips of a group together."""
    bundle = attach_encoder(load_bundle(model), encoder)
    backend = backend_from_bundle(bundle)
    classes = bundle.trained.classes
    # Clips with another label share audio with the group; what they are called does not matter.
    entries = tuple(replace(entry, singer=singer) for entry in tested.entries)
    clips = load_clipset(
        replace(tested, entries=entries),
        classes,
        sample_rate=bundle.trained.module.sample_rate,
        encoder=encoder,
        motifs=None if backend.melody is None else finder_from_bundle(bundle).motifs,
    )
    probabilities, embeddings = predict(bundle.trained, clips)
    scores, unknown = score_recording(probabilities, embeddings, backend, clips.motifs)
    best = int(np.argmax(scores))
    right = probabilities.argmax(axis=1) == classes.index(singer)
    return GroupAnswer(
        singer,
        classes[best],
        float(scores[best]),
        decide(float(scores[best]), unknown),
        len(clips),
        float(right.mean()),
    )


def _kept_answer(path: Path, key: str) -> GroupAnswer | None:
    """The answer that an earlier run kept; None where there is none of the same fold."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["key"] != key:
            return None
        return GroupAnswer(
            str(found["singer"]),
            str(found["answer"]),
            float(found["probability"]),
            None if found["decision"] is None else str(found["decision"]),
            int(found["windows"]),
            float(found["accuracy"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
