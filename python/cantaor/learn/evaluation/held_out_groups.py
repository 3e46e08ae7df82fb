"""The ensemble on source groups that it was not trained on, many draws at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cantaor.learn.training.ensemble_training import (
    MEMBERS,
    balanced_sampling_probabilities,
    fit_ensemble,
)
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.types import Float64Array


def sampling_without(profiles: WindowFeatures, groups: Sequence[int]) -> Float64Array:
    """Sampling probability of each window, float64 (n,), when some source groups are held out."""
    kept = ~np.isin(profiles.groups, groups)
    sampling = np.zeros(kept.size)
    sampling[kept] = balanced_sampling_probabilities(profiles.labels[kept], profiles.groups[kept])
    return sampling


def held_out_log_probabilities(
    profiles: WindowFeatures,
    draws: Sequence[Sequence[int]],
    n_classes: int,
    *,
    members: int = MEMBERS,
    seed: int = 0,
) -> Float64Array:
    """Outputs of ensembles that know nothing of the groups held out.

    Parameters
    ----------
    profiles
        Windows.
    draws
        Source groups that each ensemble is not trained on.
    n_classes
        Singers.
    members
        Perceptrons of each ensemble.
    seed
        Decides the start and the order.

    Returns
    -------
    float64 (draws, windows, singers), logarithms.
    """
    sampling = [sampling_without(profiles, draw) for draw in draws for _ in range(members)]
    ensemble, _ = fit_ensemble(profiles, np.array(sampling), n_classes, seed)
    with torch.inference_mode():
        logits, _ = ensemble(torch.from_numpy(profiles.values).expand(len(sampling), -1, -1))
        means = logits.softmax(-1).reshape(len(draws), members, len(profiles.values), -1).mean(1)
    logarithms: Float64Array = np.log(means.double().numpy())
    return logarithms
