"""Training of :mod:`cantaor.learn.networks.ensemble`: every source group weighs the same.

A batch draws a singer, then one of the singer's source groups, then a window of it, so that
neither long recordings nor many motifs decide. There is no early stopping: the number of steps
grows with the number of singers, so that each is drawn about as often whatever their number.
``benchmarks/ladder.py`` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cantaor.errors import ArgumentError
from cantaor.learn.networks.ensemble import (
    PROFILE,
    EncoderClassifier,
    EnsembleClassifier,
    MLPEnsemble,
)
from cantaor.learn.threads import native_threads
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.types import Float32Array, Float64Array, Int32Array

#: Perceptrons of the ensemble.
MEMBERS = 5

# Up to five singers 400 steps of 96 windows; above that 80 steps of 192 for every singer.
_STEPS, _STEPS_EACH, _BATCH = 400, 80, 96
_LR, _DECAY, _SMOOTHING = 0.003, 0.02, 0.05
_REPORT_EVERY = 100
_RIDGE = 0.3


def fit_ensemble_classifier(
    profiles: WindowFeatures,
    n_classes: int,
    *,
    seed: int = 0,
    members: int = MEMBERS,
    view: str = PROFILE,
    progress: Callable[[int, int, Mapping[str, float]], None] | None = None,
) -> tuple[EnsembleClassifier, tuple[Mapping[str, float], ...]]:
    """Train on profiles; torch's random state is left as it was.

    Parameters
    ----------
    profiles
        Training windows.
    n_classes
        Singers; those without a window are never predicted with certainty.
    seed
        Decides the start and the order.
    members
        Perceptrons.
    view
        What the windows were taken with.
    progress
        Called now and then with the step, the number of steps and the loss.

    Returns
    -------
    The module in evaluation mode, and its history.

    Raises
    ------
    ArgumentError
        There are windows of fewer than two singers.
    """
    sampling = np.tile(
        balanced_sampling_probabilities(profiles.labels, profiles.groups), (members, 1)
    )
    singer = (
        EnsembleClassifier(n_classes, members)
        if view == PROFILE
        else EncoderClassifier(n_classes, members, profiles.views[-1], view)
    )
    singer.ensemble, history = fit_ensemble(profiles, sampling, n_classes, seed, progress)
    centre, whitening = fit_wccn(profiles.values, profiles.groups, profiles.views)
    singer.centre.copy_(torch.from_numpy(centre))
    singer.whitening.copy_(torch.from_numpy(whitening))
    return singer.eval(), history


def training_effort(n_classes: int) -> tuple[int, int]:
    """Steps and windows of a batch for so many singers.

    Examples
    --------
    >>> training_effort(2), training_effort(5), training_effort(40)
    ((400, 96), (400, 96), (3200, 192))
    """
    steps = max(_STEPS, _STEPS_EACH * n_classes)
    return steps, _BATCH if steps == _STEPS else 2 * _BATCH


def view_weights(views: Sequence[int]) -> Float64Array:
    """Weight of each number of views side by side, float64 (sum of sizes,).

    Squared, they have the mean 1 and the same sum in every view, so that a long view does not
    drown a short one.

    Examples
    --------
    >>> view_weights([96]).tolist() == [1.0] * 96
    True
    >>> (view_weights([1, 3]) ** 2).round(3).tolist()
    [2.0, 0.667, 0.667, 0.667]
    """
    return np.concatenate(
        [np.full(size, (sum(views) / (len(views) * size)) ** 0.5) for size in views]
    )


def fit_wccn(
    values: Float32Array, groups: Int32Array, views: Sequence[int] = ()
) -> tuple[Float64Array, Float64Array]:
    """Within-class covariance normalisation: embedding = (profile - centre) @ whitening.

    Parameters
    ----------
    values
        float32 (n, size).
    groups
        int32 (n,), source groups.
    views
        Lengths of the views in ``values``; each is whitened by itself, then all weigh alike. Empty:
        there is one.

    Returns
    -------
    float64 (size,) and (size, size). They are scaled to the same spread and turned so that inside
    one group every direction varies alike; 0.3 of the mean variance is added to each.
    """
    if len(views) < 2:
        return _fit_view(values, groups)
    ends = np.cumsum(views)
    parts = [_fit_view(one, groups) for one in np.split(values, ends[:-1], axis=1)]
    whitening = np.zeros((ends[-1], ends[-1]))
    for (_, part), end, size in zip(parts, ends, views, strict=True):
        whitening[end - size : end, end - size : end] = part
    return np.concatenate([centre for centre, _ in parts]), whitening * view_weights(views)


def _fit_view(values: Float32Array, groups: Int32Array) -> tuple[Float64Array, Float64Array]:
    centre = values.mean(axis=0, dtype=np.float64)
    scale = 1 / (values.std(axis=0, dtype=np.float64) + 1e-6)
    scaled = (values - centre) * scale
    within = np.zeros((scale.size, scale.size))
    for group in np.unique(groups):
        rest = scaled[groups == group] - scaled[groups == group].mean(axis=0)
        within += rest.T @ rest / len(rest)
    within += _RIDGE * np.trace(within) / scale.size * np.eye(scale.size)
    spread, directions = np.linalg.eigh(within / np.unique(groups).size)
    return centre, scale[:, None] * directions / np.sqrt(spread + 1e-12)


def fit_ensemble(
    profiles: WindowFeatures,
    sampling: Float64Array,
    n_classes: int,
    seed: int = 0,
    progress: Callable[[int, int, Mapping[str, float]], None] | None = None,
) -> tuple[MLPEnsemble, tuple[Mapping[str, float], ...]]:
    """Train the perceptrons of an ensemble, each on its own windows.

    Parameters
    ----------
    profiles
        Windows.
    sampling
        float64 (members, n), sampling probability of each window for each member; a window with 0
        does not influence that member in any way.
    n_classes, seed, progress
        As for :func:`fit_ensemble_classifier`.

    Raises
    ------
    ArgumentError
        A member has windows of fewer than two singers.
    """
    for known in sampling > 0:
        if np.unique(profiles.labels[known]).size < 2:
            raise ArgumentError("profiles must be of at least 2 singers")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ensemble = MLPEnsemble(n_classes, len(sampling), size=profiles.values.shape[1])
        weights = view_weights(profiles.views)
        for row, known in enumerate(sampling > 0):
            values = profiles.values[known].astype(np.float64)
            ensemble.mean[row, 0] = torch.from_numpy(values.mean(axis=0))
            ensemble.scale[row, 0] = torch.from_numpy(weights / (values.std(axis=0) + 1e-6))
        # Its products are small: two threads gain nothing, and on a busy machine they wait for
        # each other, at five to seven times the processor time.
        with native_threads(1):
            history = _fit(ensemble, profiles, sampling, np.random.default_rng(seed), progress)
    return ensemble.eval(), tuple(history)


def balanced_sampling_probabilities(labels: Int32Array, groups: Int32Array) -> Float64Array:
    """Sampling probability of each window, float64 (n,): singers equal, groups of a singer equal.

    Examples
    --------
    >>> balanced_sampling_probabilities(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2])).tolist()
    [0.125, 0.125, 0.25, 0.5]
    """
    pairs, place, counts = np.unique(
        np.stack([labels, groups]), axis=1, return_inverse=True, return_counts=True
    )
    _, singer, of_singer = np.unique(pairs[0], return_inverse=True, return_counts=True)
    probability = 1 / (counts * of_singer[singer] * of_singer.size)
    sampling: Float64Array = probability[place.reshape(-1)]
    return sampling


def _fit(
    ensemble: MLPEnsemble,
    profiles: WindowFeatures,
    sampling: Float64Array,
    rng: np.random.Generator,
    progress: Callable[[int, int, Mapping[str, float]], None] | None,
) -> list[Mapping[str, float]]:
    values = torch.from_numpy(profiles.values)
    labels = torch.from_numpy(profiles.labels.astype(np.int64))
    optimiser = torch.optim.AdamW(ensemble.parameters(), lr=_LR, weight_decay=_DECAY)
    steps, batch = training_effort(ensemble.second.shape[-1])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LR, total_steps=steps, pct_start=0.1)
    reached = np.cumsum(sampling, axis=1)
    history: list[Mapping[str, float]] = []
    for step in range(1, steps + 1):
        chosen = _draw(reached, batch, rng)
        loss = _loss(ensemble, values[chosen], labels[chosen])
        optimiser.zero_grad()
        # Each member has its own loss; their sum has the gradient of each.
        (loss * len(sampling)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % _REPORT_EVERY == 0:
            history.append({"epoch": step, "loss": loss.item()})
            if progress is not None:
                progress(step, steps, history[-1])
    return history


def _draw(reached: Float64Array, batch: int, rng: np.random.Generator) -> Tensor:
    """A batch of windows for each member, int64 (members, batch), by summed chances."""
    level = rng.random((len(reached), batch)) * reached[:, -1:]
    rows = zip(reached, level, strict=True)
    return torch.from_numpy(np.stack([np.searchsorted(one, at, "right") for one, at in rows]))


def _loss(ensemble: MLPEnsemble, values: Tensor, labels: Tensor) -> Tensor:
    logits, _ = ensemble(values)
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), label_smoothing=_SMOOTHING
    )
