"""Training and testing on clips that are named by a manifest, with everything kept on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cantaor.corpus.manifest import Manifest
from cantaor.corpus.manifest_files import read_manifest, write_manifest
from cantaor.corpus.splits.protocols import Split
from cantaor.errors import ModelError, SplitError
from cantaor.experiments.clip_loading import load_clipset
from cantaor.experiments.clip_splits import PreparedClips, mark_validation
from cantaor.inference.embeddings import held_out_table
from cantaor.io.files import file_name, write_json, write_table
from cantaor.learn.data.clips import ClipSet, join_clips
from cantaor.learn.data.subsets import ClipSubsets, select_split
from cantaor.learn.evaluation.evaluation import (
    Evaluation,
    evaluate,
    labels_in_order_of,
    measure,
    predict,
)
from cantaor.learn.export.bundle import (
    Bundle,
    is_number,
    load_bundle,
    require_model_folder,
    save_bundle,
)
from cantaor.learn.export.model_card import inline, write_model_card
from cantaor.learn.identification.enrolment import ScoringBackend, backend_parts, make_backend
from cantaor.learn.identification.identification import finder_arrays, finder_facts
from cantaor.learn.networks.ensemble import PROFILE
from cantaor.learn.training.settings import TrainingSettings, training_digest
from cantaor.learn.training.train import train
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.pipeline.mine import Progress
from cantaor.plotting.contours import save_figure
from cantaor.plotting.learning_curves import plot_training
from cantaor.workspace.workspace import Workspace

_CLIPS = "clips.csv"
_CURVES = "learning.png"
_FIGURES = "evaluation.json"


def train_workspace(
    workspace: Workspace,
    prepared: PreparedClips,
    settings: TrainingSettings,
    out: Path | None = None,
    progress: Progress | None = None,
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

    Returns
    -------
    Path
        Folder of the model; its ``clips.csv`` lists every clip with its side.

    Raises
    ------
    ModelError
        The folder is there and is no model; nothing was trained.
    """
    folder = out or workspace.path / "model"
    require_model_folder(folder)
    trained, backend, unfinished = _train(prepared.clips, settings, folder, progress)
    arrays, kept = backend_parts(backend)
    extra = {
        "protocol": prepared.protocol,
        "data": prepared.data,
        "notes": list(prepared.notes),
        "finder": finder_facts(prepared.finder),
        **kept,
    }
    save_bundle(folder, trained, {**finder_arrays(prepared.finder), **arrays}, extra)
    _finish(folder, trained, prepared.clips, unfinished)
    return folder


def train_clips(
    clips: Manifest,
    settings: TrainingSettings,
    out: Path,
    protocol: str = "file",
    progress: Progress | None = None,
) -> Path:
    """Train on clips that a file names, without mining.

    Entries whose ``split`` is ``"test"`` are left alone; ``"validation"`` entries stop the
    training early, and are cut from the rest where there are none.

    Returns
    -------
    Path
        Folder of the model.

    Raises
    ------
    SplitError
        There are fewer than two singers on the training side.
    ModelError
        ``out`` is there and is no model; nothing was trained.
    """
    require_model_folder(out)
    clips, notes = _name_subsets(clips, settings)
    trained, backend, unfinished = _train(clips, settings, out, progress)
    arrays, kept = backend_parts(backend)
    facts = {"protocol": protocol, "data": "clips", "notes": list(notes)}
    save_bundle(out, trained, arrays, {**facts, **kept})
    _finish(out, trained, clips, unfinished)
    return out


def evaluate_model(
    model: Path, clips: Manifest | None = None, progress: Progress | None = None
) -> Evaluation:
    """Test a model on its own held-out clips, or on those of another manifest.

    Parameters
    ----------
    model
        Folder of a model.
    clips
        Clips to test on: its ``"test"`` entries where it names any split, else all. ``None``
        takes the clips that were held out when the model was trained.
    progress
        Called as ``progress(stage, done, total)``.

    Returns
    -------
    Evaluation
        On the model's own clips also kept beside it, for the card of its exports.

    Raises
    ------
    ModelError
        The model cannot be read or has no held-out clips.
    """
    bundle = load_bundle(model)
    protocol = str(bundle.extra.get("protocol", "")) if clips is None else "file"
    tested = _held_out(model, clips)
    rate = bundle.trained.module.sample_rate
    loaded = load_clipset(tested, bundle.trained.classes, progress, sample_rate=rate)
    result = evaluate(bundle.trained, loaded, protocol=protocol)
    if clips is None:
        _write_figures(model / _FIGURES, result, bundle)
    return result


def write_card(model: Path, out: Path) -> Path:
    """Write the model card of a model: its data, protocol, figures (once evaluated) and limits.

    Parameters
    ----------
    model
        Folder of a model.
    out
        The card, Markdown.
    """
    bundle = load_bundle(model)
    known = _figures_of(model, bundle)
    learned = "clips that are not listed"
    if (model / _CLIPS).exists():
        clips = read_manifest(model / _CLIPS)
        watched = bundle.trained.settings.early_stopping
        sides = ("train",) if watched else ("train", "validation")
        learned = f"{sum(len(select_split(clips, name)) for name in sides)} clips"
    notes, kind, protocol = (bundle.extra.get(name) for name in ("notes", "data", "protocol"))
    lines = [f"\n- {inline(str(note))}" for note in notes] if isinstance(notes, list) else []
    data = (
        f"{learned} of {len(bundle.trained.classes)} singers ({inline(str(kind))}), "
        f"split by the protocol {inline(str(protocol))}.\n{''.join(lines)}"
    )
    return write_model_card(out, bundle.trained, known, data.rstrip())


def evaluate_workspace(
    workspace: Workspace, model: Path | None = None, progress: Progress | None = None
) -> Evaluation:
    """Test a model of a workspace on its held-out clips and keep what was found there.

    Parameters
    ----------
    workspace
        Gets ``evaluation-PROTOCOL.json`` and ``heldout-PROTOCOL.parquet``: the answer, its
        probability and the embedding of every held-out clip.
    model
        Folder of the model; ``None`` is the workspace's own.
    progress
        Called as ``progress(stage, done, total)``.

    Raises
    ------
    ModelError
        The model cannot be read or has no held-out clips.
    """
    folder = model or workspace.path / "model"
    bundle = load_bundle(folder)
    tested = _held_out(folder, None)
    rate = bundle.trained.module.sample_rate
    clips = load_clipset(tested, bundle.trained.classes, progress, sample_rate=rate)
    labels = labels_in_order_of(bundle.trained, clips)
    probabilities, embeddings = predict(bundle.trained, clips)
    protocol = str(bundle.extra.get("protocol", ""))
    result = measure(probabilities, labels, bundle.trained.classes, clips, protocol)
    # The protocol's name is the model's, which may come from elsewhere.
    name = file_name(protocol)
    table = held_out_table(tested, bundle.trained.classes, probabilities, embeddings)
    origin = {"cantaor.model": bundle.digest, "cantaor.cantaor": version("cantaor")}
    write_table(workspace.path / f"heldout-{name}.parquet", table.replace_schema_metadata(origin))
    _write_figures(folder / _FIGURES, result, bundle)
    _write_figures(workspace.path / f"evaluation-{name}.json", result, bundle)
    return result


def _write_figures(path: Path, result: Evaluation, bundle: Bundle) -> None:
    write_json(path, {**result.to_json(), "model": bundle.digest})


def _figures_of(model: Path, bundle: Bundle) -> Mapping[str, object] | None:
    """Figures beside a model, or None: there are none, or they are of the model before it."""
    file = model / _FIGURES
    if not file.exists():
        return None
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: is damaged: {error}; evaluate the model again") from error
    if not isinstance(known, dict) or known.get("model") != bundle.digest:
        return None
    numbers = all(is_number(known.get(name)) for name in ("n", "accuracy", "balanced_accuracy"))
    numbers &= known.get("auc", 0) is None or is_number(known.get("auc"))
    texts = [known.get("protocol"), *(known.get("missing") or ())]
    if not numbers or not all(isinstance(text, str) for text in texts):
        raise ModelError(f"{file}: holds no figures of an evaluation; evaluate the model again")
    return {**known, "missing": list(known.get("missing") or ())}


def _held_out(model: Path, clips: Manifest | None) -> Manifest:
    if clips is None:
        if not (model / _CLIPS).exists():
            raise ModelError(f"{model}: has no {_CLIPS}; name the clips to test on")
        clips = read_manifest(model / _CLIPS)
    has_sides = any(entry.split for entry in clips.entries)
    tested = select_split(clips, "test") if has_sides else clips
    if len(tested) == 0:
        raise ModelError(f"{model}: no clip was held out; name the clips to test on")
    return tested


def clip_subsets(
    clips: Manifest, sample_rate: int, seed: int = 0, progress: Progress | None = None
) -> ClipSubsets:
    """Audio of the clips to learn from, to watch and to test on, sides cut where none is named.

    Raises
    ------
    SplitError
        There are fewer than two singers on the training side.
    """
    clips, _ = _name_subsets(clips, TrainingSettings(seed=seed))
    classes = _classes(clips)
    sides = (select_split(clips, name) for name in ("train", "validation", "test"))
    learned, watched, tested = (
        load_clipset(one, classes, progress, sample_rate=sample_rate) for one in sides
    )
    return learned, watched, tested


def _classes(clips: Manifest) -> tuple[str, ...]:
    classes = tuple(select_split(clips, "train").singers)
    if len(classes) < 2:
        raise SplitError(
            f"training needs clips of at least 2 singers, found {len(classes)}: "
            f"{', '.join(classes) or 'none'}"
        )
    return classes


def _train(
    clips: Manifest, settings: TrainingSettings, folder: Path, progress: Progress | None
) -> tuple[TrainedModel, ScoringBackend, Path]:
    """Train; what was killed goes on where the same command stopped, from beside the model."""
    classes = _classes(clips)
    learning = _load_for(settings, select_split(clips, "train"), classes, progress)
    held_out = _load_for(settings, select_split(clips, "validation"), classes, progress)
    epochs: Callable[[int, int, Mapping[str, float]], None] | None = None
    if progress is not None:
        report = progress

        def epochs(epoch: int, total: int, _metrics: Mapping[str, float]) -> None:
            report("training", epoch, total)

    key = training_digest(learning, held_out, settings)[:16]
    unfinished = _unfinished(folder) / key
    trained = train(learning, held_out, settings, checkpoint_dir=unfinished, progress=epochs)
    return trained, make_backend(trained, join_clips(learning, held_out)), unfinished


def _load_for(
    settings: TrainingSettings,
    clips: Manifest,
    classes: Sequence[str],
    progress: Progress | None,
) -> ClipSet:
    """Clips as a model of these settings takes them."""
    grouped, rate = settings.model == PROFILE, settings.sample_rate
    return load_clipset(clips, classes, progress, sample_rate=rate, by_group=grouped)


def _unfinished(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.training")


def _finish(folder: Path, trained: TrainedModel, clips: Manifest, unfinished: Path) -> None:
    """Complete a saved model: its clips, its learning curves; the training's state can go."""
    write_manifest(clips, folder / _CLIPS)
    if find_spec("matplotlib") is not None:
        title = f"{trained.settings.model} on {trained.settings.features}"
        save_figure(plot_training(trained.history, title), folder / _CURVES)
    shutil.rmtree(unfinished, ignore_errors=True)
    with suppress(OSError):
        unfinished.parent.rmdir()  # Other settings' trainings that were stopped stay.


def copy_clips(model: Path, other: Path) -> None:
    """Give another model the list of clips of the one that it was made from."""
    if (model / _CLIPS).exists() and other.resolve() != model.resolve():
        write_manifest(read_manifest(model / _CLIPS), other / _CLIPS)


def _name_subsets(clips: Manifest, settings: TrainingSettings) -> tuple[Manifest, tuple[str, ...]]:
    """Clips without a side are training clips; validation clips are cut where there are none."""
    entries = tuple(replace(e, split=e.split.strip().lower() or "train") for e in clips.entries)
    named = Manifest(entries, clips.root)
    # The profile network watches nothing: it learns from all.
    if settings.model == PROFILE or any(entry.split == "validation" for entry in entries):
        return named, ()
    sides = np.array([entry.split for entry in entries])
    split = Split(np.flatnonzero(sides != "test"), np.flatnonzero(sides == "test"), "column", False)
    return mark_validation(named, split, settings.seed)


def clips_manifest(path: str | os.PathLike[str]) -> Manifest:
    """A manifest of clips from CSV or Parquet (``path,start_s,end_s,singer,...``)."""
    return read_manifest(path)
