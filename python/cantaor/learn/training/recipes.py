"""Named training settings (recipes).

``paper`` is the paper's protocol. ``accurate`` is ours: features up to 11 kHz, the embedding holds
mean and deviation of the steps, clips are blended in pairs (mixup), the learning rate rises and
falls, and all training clips are used for a fixed number of epochs. ``robust`` is for new
recordings: the classifier of :mod:`cantaor.learn.networks.ensemble`, every source group with the
same weight. A recipe only gives defaults; any setting can be named beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cantaor.errors import ArgumentError
from cantaor.learn.data.augmentation import MIXUP
from cantaor.learn.networks.ensemble import PROFILE
from cantaor.learn.training.settings import TrainingSettings

#: Settings by recipe, those that differ from the paper's.
RECIPES: dict[str, Mapping[str, Any]] = {
    "paper": {},
    "accurate": {
        "lr": 0.003,
        "schedule": "cosine",
        "epochs": 30,
        "early_stopping": False,
        "augmentation": (MIXUP,),
        "pooling": "statistics",
        "features": "wide-log-mel",
    },
    "robust": {"model": PROFILE, "features": PROFILE, "early_stopping": False},
}


def recipe_settings(recipe: str = "paper", **given: Any) -> TrainingSettings:
    """Settings of a recipe, with changes.

    Parameters
    ----------
    recipe
        One of :data:`RECIPES`.
    given
        Settings that take the place of the recipe's; None leaves the recipe's.

    Raises
    ------
    ArgumentError
        The recipe is unknown or a setting out of range.

    Examples
    --------
    >>> recipe_settings("accurate", epochs=5).augmentation
    ('mixup',)
    """
    if recipe not in RECIPES:
        raise ArgumentError(f"recipe must be one of {', '.join(RECIPES)}; got {recipe!r}")
    changes = {name: value for name, value in given.items() if value is not None}
    return TrainingSettings(**{**RECIPES[recipe], **changes, "recipe": recipe})
