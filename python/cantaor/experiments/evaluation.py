"""Testing of models on clips that are named by a manifest, with the figures kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cantaor.corpus.manifest import Manifest
from cantaor.errors import ModelError
from cantaor.experiments.cards import FIGURES
from cantaor.experiments.clip_loading import load_clipset
from cantaor.experiments.learnt_audio import CLIPS, checked_clips, own_clips, own_share, share_with
from cantaor.inference.embeddings import held_out_table
from cantaor.io.files import file_name, write_json, write_table
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.data.subsets import select_split
from cantaor.learn.encoders.sources import EmbeddingSource
from cantaor.learn.evaluation.evaluation import (
    Evaluation,
    evaluate,
    labels_in_order_of,
    measure,
    predict,
)
from cantaor.learn.export.attached_encoder import attach_encoder
from cantaor.learn.export.bundle import Bundle, load_bundle, model_channel
from cantaor.learn.identification.enrolment import backend_from_bundle
from cantaor.learn.identification.melody import Melody
from cantaor.learn.identification.saved_finder import finder_from_bundle
from cantaor.pipeline.mine import Progress
from cantaor.pipeline.publishing import stage_versions
from cantaor.workspace.provenance import CANTAOR, MadeBy
from cantaor.workspace.workspace import Workspace


def evaluate_model(
    model: Path,
    clips: Manifest | None = None,
    progress: Progress | None = None,
    encoder: EmbeddingSource | None = None,
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
    encoder
        What the model was trained with, if anything.

    Returns
    -------
    Evaluation
        With the fraction of clips that share audio with what the model learnt from. On the
        model's own clips also kept beside it, for the card of its exports. What
        :func:`cantaor.experiments.model_notes.model_notes` says of the model holds for it too.

    Raises
    ------
    ModelError
        The model cannot be read or has no held-out clips.
    SplitError
        A clip names a side that there is not.
    """
    bundle = attach_encoder(load_bundle(model), encoder)
    protocol = str(bundle.extra.get("protocol", "")) if clips is None else "file"
    tested = tested_clips(model, clips, bundle)
    shared = own_share(model, bundle) if clips is None else share_with(model, tested)
    # Motifs that other tables name were found with other clusters.
    melody = backend_from_bundle(bundle).melody if clips is None else None
    loaded = _load(tested, bundle, melody, progress, encoder)
    join = None if melody is None else melody.join
    result = evaluate(bundle.trained, loaded, protocol=protocol, join=join)
    result = replace(result, shared_audio=shared)
    if clips is None:
        _write_figures(model / FIGURES, result, bundle)
    return result


def evaluate_workspace(
    workspace: Workspace,
    model: Path | None = None,
    progress: Progress | None = None,
    encoder: EmbeddingSource | None = None,
) -> Evaluation:
    """Test a model of a workspace on its held-out clips and keep what was found there.

    Parameters
    ----------
    workspace
        Gets ``evaluation-PROTOCOL.json`` and ``heldout-PROTOCOL.parquet``: the predicted
        singer, its probability and the embedding of every held-out clip.
    model
        Folder of the model; ``None`` is the workspace's own.
    progress
        Called as ``progress(stage, done, total)``.
    encoder
        What the model was trained with, if anything.

    Raises
    ------
    ModelError
        The model cannot be read or has no held-out clips.
    """
    folder = model or workspace.path / "model"
    bundle = attach_encoder(load_bundle(folder), encoder)
    tested = tested_clips(folder, None, bundle)
    melody = backend_from_bundle(bundle).melody
    clips = _load(tested, bundle, melody, progress, encoder)
    join = None if melody is None else melody.join
    labels = labels_in_order_of(bundle.trained, clips)
    probabilities, embeddings = predict(bundle.trained, clips)
    protocol = str(bundle.extra.get("protocol", ""))
    result = replace(
        measure(probabilities, labels, bundle.trained.classes, clips, protocol, join),
        shared_audio=own_share(folder, bundle),
    )
    facts = bundle.extra.get("workspace", {})
    # Of what made the embeddings: the workspace as the model knew it.
    maker = MadeBy(CANTAOR, stage_versions(), {"model": bundle.digest}, _state(facts))
    held_out = held_out_table(tested, bundle.trained.classes, probabilities, embeddings)
    name = file_name(protocol)
    write_table(workspace.path / f"heldout-{name}.parquet", maker.label(held_out))
    _write_figures(folder / FIGURES, result, bundle)
    _write_figures(workspace.path / f"evaluation-{name}.json", result, bundle, {"workspace": facts})
    return result


def _load(
    tested: Manifest,
    bundle: Bundle,
    melody: Melody | None,
    progress: Progress | None,
    encoder: EmbeddingSource | None,
) -> ClipSet:
    """Audio of the clips, and their motifs where these count."""
    return load_clipset(
        tested,
        bundle.trained.classes,
        progress,
        sample_rate=bundle.trained.module.sample_rate,
        encoder=encoder,
        motifs=None if melody is None else finder_from_bundle(bundle).motifs,
    )


def _state(facts: object) -> str:
    return str(facts.get("state", "")) if isinstance(facts, dict) else ""


def _write_figures(
    path: Path, result: Evaluation, bundle: Bundle, more: Mapping[str, object] | None = None
) -> None:
    origin = {"cantaor": CANTAOR, "model": bundle.digest}
    write_json(path, {**result.to_json(), **origin, **(more or {})})


def tested_clips(model: Path, clips: Manifest | None, bundle: Bundle) -> Manifest:
    """What a model is tested on: clips on the test side, all where none is named, or its own.

    Raises
    ------
    ModelError
        There are none.
    SplitError
        A clip names a side that there is not.
    """
    if clips is not None:
        clips = checked_clips(clips)
    else:
        clips = own_clips(model)
        if clips is None:
            raise ModelError(f"{model}: has no {CLIPS}; name the clips to test on")
        clips = replace(clips, channel=model_channel(bundle))
    has_sides = any(entry.split for entry in clips.entries)
    tested = select_split(clips, "test") if has_sides else clips
    if len(tested) == 0:
        raise ModelError(f"{model}: no clip was held out; name the clips to test on")
    return tested
