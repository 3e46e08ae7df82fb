"""Training on clips that are named by a manifest, with everything kept on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cantaor.corpus.identity import hash_entries
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.manifest_files import read_clips, read_manifest, write_manifest
from cantaor.errors import SplitError
from cantaor.experiments.cards import write_card as write_card
from cantaor.experiments.clip_loading import load_clipset
from cantaor.experiments.clip_splits import PreparedClips, side_manifest
from cantaor.experiments.learnt_audio import (
    CLIPS,
    checked_clips,
    name_subsets,
)
from cantaor.io.locations import require_local
from cantaor.learn.data.clips import join_clips
from cantaor.learn.data.subsets import ClipSubsets, select_split
from cantaor.learn.encoders.sources import EmbeddingSource, source_facts
from cantaor.learn.export.attached_encoder import ENCODER, require_view
from cantaor.learn.export.bundle import (
    load_bundle,
    model_channel,
    require_model_folder,
    save_bundle,
)
from cantaor.learn.identification.enrolment import ScoringBackend, backend_parts, make_backend
from cantaor.learn.identification.saved_finder import finder_arrays, finder_facts
from cantaor.learn.networks.ensemble import PROFILE
from cantaor.learn.training.settings import TrainingSettings, training_digest
from cantaor.learn.training.train import train
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.pipeline.mine import Progress
from cantaor.plotting.contours import save_figure
from cantaor.plotting.learning_curves import plot_training
from cantaor.settings import check_channel
from cantaor.types import Motifs
from cantaor.workspace.changes import workspace_facts
from cantaor.workspace.workspace import Workspace

_CURVES = "learning.png"


def train_workspace(
    workspace: Workspace,
    prepared: PreparedClips,
    settings: TrainingSettings,
    out: Path | None = None,
    progress: Progress | None = None,
    encoder: EmbeddingSource | None = None,
) -> Path:
    """Train on prepared clips of a workspace; the model can identify whole recordings.

    Parameters
    ----------
    workspace
        Where the model goes by default: its folder ``model``.
    prepared
        Clips with their sides.
    settings
        Network, features and optimisation.
    out
        Another folder for the model.
    progress
        Called as ``progress(stage, done, total)``.
    encoder
        Of the clips' embeddings, where the settings' view has one.

    Returns
    -------
    Path
        Folder of the model; its ``clips.csv`` lists every clip with its side.

    Raises
    ------
    ModelError
        The folder is there and is no model; nothing was trained.
    ArgumentError
        The settings' view has an encoder and none is given, or the reverse.
    """
    folder = require_local(out or workspace.path / "model", "a model")
    require_model_folder(folder)
    clips = hash_entries(prepared.clips)
    motifs = prepared.finder.motifs
    trained, backend, unfinished = _train(clips, settings, folder, progress, encoder, motifs)
    arrays, kept = backend_parts(backend)
    extra = {
        "protocol": prepared.protocol,
        "data": prepared.data,
        "notes": list(prepared.notes),
        "shared_audio": dict(prepared.shared_audio),
        "workspace": workspace_facts(workspace, folder),
        "finder": finder_facts(prepared.finder),
        **kept,
        **_encoder_record(encoder),
    }
    save_bundle(folder, trained, {**finder_arrays(prepared.finder), **arrays}, extra)
    _finish(folder, trained, clips, unfinished)
    return folder


def train_clips(
    clips: Manifest,
    settings: TrainingSettings,
    out: Path,
    protocol: str = "file",
    progress: Progress | None = None,
    encoder: EmbeddingSource | None = None,
) -> Path:
    """Train on clips that a file names, without mining.

    Entries whose ``split`` is ``"test"`` are left alone; ``"validation"`` entries stop the
    training early, and are cut from the rest where there are none. Entries without a side are
    trained on.

    Returns
    -------
    Path
        Folder of the model. Where test or validation clips share audio with what was learnt
        from, its notes say how much.

    Raises
    ------
    SplitError
        A side is none of these, or there are fewer than two singers on the training side.
    ModelError
        ``out`` is there and is no model; nothing was trained.
    ArgumentError
        The settings' view has an encoder and none is given, or the reverse.
    """
    out = require_local(out, "a model")
    require_model_folder(out)
    clips, notes, shared = name_subsets(clips, settings)
    trained, backend, unfinished = _train(clips, settings, out, progress, encoder)
    arrays, kept = backend_parts(backend)
    facts: dict[str, Any] = {"protocol": protocol, "data": "clips", "notes": list(notes)}
    facts |= {"shared_audio": shared, "channel": clips.channel}
    save_bundle(out, trained, arrays, {**facts, **kept, **_encoder_record(encoder)})
    _finish(out, trained, clips, unfinished)
    return out


def clip_subsets(
    clips: Manifest, sample_rate: int, seed: int = 0, progress: Progress | None = None
) -> ClipSubsets:
    """Audio of the training, validation and test clips, split where the file names no split.

    Clips that have validation clips among them are taken as they are.

    Raises
    ------
    SplitError
        A side is none of these, or there are fewer than two singers on the training side.
    """
    clips = checked_clips(clips)
    if not any(entry.split == "validation" for entry in clips.entries):
        clips = name_subsets(clips, TrainingSettings(seed=seed))[0]
    clips = side_manifest(clips, [entry.split or "train" for entry in clips.entries])
    classes = _classes(clips)
    subsets = (select_split(clips, name) for name in ("train", "validation", "test"))
    learned, validation, tested = (
        load_clipset(one, classes, progress, sample_rate=sample_rate) for one in subsets
    )
    return learned, validation, tested


def _classes(clips: Manifest) -> tuple[str, ...]:
    classes = tuple(select_split(clips, "train").singers)
    if len(classes) < 2:
        raise SplitError(
            f"training needs clips of at least 2 singers, found {len(classes)}: "
            f"{', '.join(classes) or 'none'}"
        )
    return classes


def _train(
    clips: Manifest,
    settings: TrainingSettings,
    folder: Path,
    progress: Progress | None,
    encoder: EmbeddingSource | None,
    motifs: Motifs | None = None,
) -> tuple[TrainedModel, ScoringBackend, Path]:
    """Train, or resume an interrupted training from its checkpoint beside the model."""
    require_view(settings, encoder)
    classes = _classes(clips)
    learning, held_out = (
        load_clipset(
            select_split(clips, side),
            classes,
            progress,
            sample_rate=settings.sample_rate,
            by_group=settings.model == PROFILE,
            encoder=encoder,
            motifs=motifs if settings.model == PROFILE else None,
        )
        for side in ("train", "validation")
    )
    epochs: Callable[[int, int, Mapping[str, float]], None] | None = None
    if progress is not None:
        report = progress

        def epochs(epoch: int, total: int, _metrics: Mapping[str, float]) -> None:
            report("training", epoch, total)

    key = training_digest(learning, held_out, settings)[:16]
    unfinished = _unfinished(folder) / key
    trained = train(learning, held_out, settings, checkpoint_dir=unfinished, progress=epochs)
    known = 0 if motifs is None else len(motifs)
    return trained, make_backend(trained, join_clips(learning, held_out), known), unfinished


def _encoder_record(encoder: EmbeddingSource | None) -> dict[str, Any]:
    return {} if encoder is None else {ENCODER: source_facts(encoder)}


def _unfinished(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.training")


def _finish(folder: Path, trained: TrainedModel, clips: Manifest, unfinished: Path) -> None:
    """Complete a saved model: its clips, its learning curves; the training's state can go."""
    write_manifest(clips, folder / CLIPS)
    if find_spec("matplotlib") is not None:
        title = f"{trained.settings.model} on {trained.settings.features}"
        save_figure(plot_training(trained.history, title), folder / _CURVES)
    shutil.rmtree(unfinished, ignore_errors=True)
    with suppress(OSError):
        unfinished.parent.rmdir()  # Other settings' trainings that were stopped stay.


def copy_clips(model: Path, other: Path) -> None:
    """Give another model the list of clips of the one that it was made from."""
    if (model / CLIPS).exists() and other.resolve() != model.resolve():
        write_manifest(read_manifest(model / CLIPS), other / CLIPS)


def clips_manifest(
    path: str | os.PathLike[str], channel: str | int | None = None, model: Path | None = None
) -> Manifest:
    """A manifest of clips from CSV or Parquet (``path,start_s,end_s,singer,...``).

    Parameters
    ----------
    path
        The table.
    channel
        Which channel of its files is listened to; see :func:`cantaor.io.audio.read_audio`.
    model
        Folder of the model whose channel it is where none is named; else the mean.
    """
    clips = read_clips(path)
    if channel is None:
        channel = "mean" if model is None else model_channel(load_bundle(model))
    check_channel(channel)
    return replace(clips, channel=channel)
