"""Training by the paper's protocol: Adam, cross-entropy, early stopping on held-out clips.

References
----------
Arronte Alvarez and Gómez-Martín (2020), section 4: Adam with 0.001, batches of 64, 20 epochs,
early stopping after 2 epochs without progress, cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cantaor.errors import ArgumentError
from cantaor.learn.data.clips import ClipSet, check_rate, join_clips
from cantaor.learn.networks.classifier import fit_scale
from cantaor.learn.networks.ensemble import PROFILE
from cantaor.learn.training.ensemble_training import fit_ensemble_classifier
from cantaor.learn.training.settings import Progress, TrainingSettings, pick_device
from cantaor.learn.training.trained_model import TrainedModel, _build_network
from cantaor.learn.training.window_features import extract_window_features, profile_cache


def train(
    train_clips: ClipSet,
    validation_clips: ClipSet,
    settings: TrainingSettings | None = None,
    *,
    checkpoint_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a network and keep the weights of its best epoch.

    The same clips, settings and machine give the same result, also when training was interrupted
    and resumed. torch's random state is left as it was. Clips longer than 4.26 s (426 frames)
    are cut at their end.

    Parameters
    ----------
    train_clips
        What is learned from; the features' scale is fitted on them alone.
    validation_clips
        For early stopping; trained on as well where there is none. Neither set may
        hold clips that are tested on later.
    settings
        How to train; None: the paper's protocol.
    checkpoint_dir
        Where the state is kept after every epoch (``training.ckpt``); training goes on from there
        if it was interrupted. None: nothing is written.
    progress
        Called after every epoch.

    Returns
    -------
    The trained model, on the CPU.

    Raises
    ------
    ArgumentError
        There are no clips, fewer than two singers, unlabelled clips, different singers on both
        sides, no embeddings where the view has an encoder, clips at another rate than the
        settings', or no such device.
    ModelError
        The checkpoint is damaged, or belongs to other clips or settings; or the training diverged.
    """
    settings = settings or TrainingSettings()
    rate = settings.sample_rate
    for name, clips in (("train_clips", train_clips), ("validation_clips", validation_clips)):
        check_rate(name, clips, rate)
    if settings.model == PROFILE:
        return _train_ensemble(train_clips, validation_clips, settings, progress)
    _check_subsets(train_clips, validation_clips)
    device = pick_device(settings.device)
    if settings.precision == "float16" and device.type == "cpu":
        raise ArgumentError("precision 'float16' needs a CUDA device; a CPU mixes 'bfloat16'")
    from cantaor.learn.training.lightning_loop import (
        run_epochs,  # Lightning takes seconds to import.
    )

    watched_clips: ClipSet | None = validation_clips
    if not settings.early_stopping:
        train_clips, watched_clips = join_clips(train_clips, validation_clips), None

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        singer = _build_network(settings, len(train_clips.classes))
        fit_scale(singer, _scale_batches(train_clips, settings.batch, singer.max_samples))
        history = run_epochs(
            singer,
            train_clips,
            watched_clips,
            settings,
            device,
            class_weights(train_clips, settings),
            None if checkpoint_dir is None else Path(checkpoint_dir),
            progress,
        )
    return TrainedModel(singer.cpu().eval(), train_clips.classes, settings, tuple(history))


def _train_ensemble(
    train_clips: ClipSet,
    validation_clips: ClipSet,
    settings: TrainingSettings,
    progress: Progress | None,
) -> TrainedModel:
    """All clips are learned from; their ``recording`` is the source group."""
    if len(validation_clips):
        train_clips = join_clips(train_clips, validation_clips)
    _check_clips("train_clips", train_clips)
    profiles = extract_window_features(train_clips, view=settings.view, cache=profile_cache())
    singer, history = fit_ensemble_classifier(
        profiles,
        len(train_clips.classes),
        seed=settings.seed,
        view=settings.view,
        progress=progress,
    )
    return TrainedModel(singer, train_clips.classes, settings, history)


def class_weights(clips: ClipSet, settings: TrainingSettings) -> Tensor | None:
    """float32 (classes,), weight of each singer in the loss, or None: all are 1."""
    if settings.class_weights == "none":
        return None
    counts = np.bincount(clips.labels, minlength=len(clips.classes))
    weights = len(clips) / (np.maximum(counts, 1) * max(np.count_nonzero(counts), 1))
    return torch.from_numpy(weights.astype(np.float32))


def _scale_batches(clips: ClipSet, size: int, max_samples: int) -> Iterator[tuple[Tensor, Tensor]]:
    order = np.argsort(clips.lengths, kind="stable")
    for part in np.split(order, np.arange(size, order.size, size)):
        waveforms, lengths = clips.batch(part, max_samples)
        yield torch.from_numpy(waveforms), torch.from_numpy(lengths)


def _check_subsets(train_clips: ClipSet, validation_clips: ClipSet) -> None:
    if train_clips.classes != validation_clips.classes:
        raise ArgumentError(
            f"singers of train_clips {train_clips.classes} must be those of "
            f"validation_clips {validation_clips.classes}"
        )
    for name, clips in (("train_clips", train_clips), ("validation_clips", validation_clips)):
        _check_clips(name, clips)
    singers = np.unique(train_clips.labels).size
    if singers < 2:
        raise ArgumentError(f"train_clips must hold at least 2 singers; got {singers}")


def _check_clips(name: str, clips: ClipSet) -> None:
    if len(clips) == 0:
        raise ArgumentError(f"{name} holds no clips")
    if clips.labels.min() < 0:
        raise ArgumentError(f"clip {int(np.argmin(clips.labels))} of {name} has no label")
