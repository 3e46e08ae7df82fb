"""Training settings: with the clips they determine the result."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from cantaor.errors import ArgumentError
from cantaor.learn.data.augmentation import check_augmentation
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.features.spectrograms import build_features
from cantaor.learn.networks import MODELS
from cantaor.learn.networks.ensemble import PROFILE, PROFILE_RATE, VIEWS
from cantaor.learn.networks.masking import POOLINGS

#: Called after every epoch with its number from 1, the most epochs there can be, and its metrics.
Progress = Callable[[int, int, Mapping[str, float]], None]


_DEVICES = ("auto", "cpu", "cuda")


_PRECISIONS = ("float32", "float16", "bfloat16")


_CLASS_WEIGHTS = ("none", "balanced")


_SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Training settings: with the clips they determine the result.

    Attributes
    ----------
    model
        One of :data:`cantaor.learn.networks.MODELS`, or ``"profile"``, see
        :mod:`cantaor.learn.networks.ensemble`.
    features
        One of :data:`cantaor.learn.features.FEATURES`, or several joined by ``+``; the model
        ``"profile"`` has its own, of the same name.
    width
        Filters of the first convolution, or None: as in the paper.
    padded
        True: images are padded to 426 frames as in the paper; False: the length-aware network.
    pooling
        How the network's steps become one embedding: ``"mean"``, or ``"statistics"``, mean and
        standard deviation.
    batch
        Clips in a batch.
    lr
        Step size of Adam, the largest one if it changes.
    schedule
        ``"constant"``, or ``"cosine"``: ``lr`` rises over the first tenth of all steps and falls
        to 0 along a cosine over the rest.
    weight_decay
        Decoupled weight decay of AdamW: fraction of the weights subtracted at a step of size 1.
    epochs
        Epochs at most.
    patience
        Epochs without a smaller validation loss after which training stops.
    early_stopping
        True: the weights of the smallest validation loss are kept. False: all epochs are run, on
        the validation clips as well, and the last weights are kept: there is no early stopping.
    seed
        Decides weights, dropout and the order of the clips.
    device
        ``"auto"`` (CUDA if there is any), ``"cpu"`` or ``"cuda"``.
    precision
        ``"float32"``, or mixed with ``"float16"`` or ``"bfloat16"``; features stay in float32.
    class_weights
        ``"none"``, or ``"balanced"``: every singer weighs the same in the loss.
    augmentation
        Changes to training clips, of :data:`cantaor.learn.data.augmentation.CHANGES`
        ``"masks"`` and ``"mixup"``; none in the paper.
    recipe
        Name of the recipe that the settings were taken from, see
        :mod:`cantaor.learn.training.recipes`; it is kept with the model and
        changes nothing by itself.
    view
        Of the model ``"profile"``: what it knows a clip by, ``"profile"``, ``"encoder"`` (the
        clips' :attr:`~cantaor.learn.data.clips.ClipSet.embeddings`) or ``"profile+encoder"``.

    Raises
    ------
    ArgumentError
        A setting is out of range.
    """

    model: str = "residual-blstm"
    features: str = "log-mel"
    width: int | None = None
    padded: bool = False
    pooling: str = "mean"
    batch: int = 64
    lr: float = 0.001
    schedule: str = "constant"
    weight_decay: float = 0.0
    epochs: int = 20
    patience: int = 2
    early_stopping: bool = True
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    class_weights: str = "none"
    augmentation: tuple[str, ...] = ()
    recipe: str = "paper"
    view: str = PROFILE

    def __post_init__(self) -> None:
        # JSON knows lists only.
        object.__setattr__(self, "augmentation", tuple(self.augmentation))
        check_augmentation(self.augmentation)
        if (self.model == PROFILE) != (self.features == PROFILE):
            raise ArgumentError(
                f"model {PROFILE!r} and features {PROFILE!r} go together; "
                f"got {self.model!r} and {self.features!r}"
            )
        if self.features != PROFILE:
            build_features(self.features)
        for name, allowed in (
            ("model", (*MODELS, PROFILE)),
            ("device", _DEVICES),
            ("precision", _PRECISIONS),
            ("class_weights", _CLASS_WEIGHTS),
            ("schedule", _SCHEDULES),
            ("pooling", POOLINGS),
            ("view", VIEWS),
        ):
            if getattr(self, name) not in allowed:
                raise ArgumentError(
                    f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}"
                )
        if self.view != PROFILE and self.model != PROFILE:
            raise ArgumentError(
                f"an encoder's embeddings are for the recipe 'robust' (model {PROFILE!r}); view is "
                f"{self.view!r} and model is {self.model!r}"
            )
        if self.width is not None and self.width < 1:
            raise ArgumentError(f"width must be at least 1; got {self.width}")
        for name in ("batch", "epochs", "patience", "lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ArgumentError(f"{name} must be above 0; got {getattr(self, name)}")
        if not 0 <= self.weight_decay < math.inf:
            raise ArgumentError(f"weight_decay must be at least 0; got {self.weight_decay}")
        if not (isinstance(self.seed, int) and 0 <= self.seed < 2**32):
            raise ArgumentError(f"seed must be a whole number from 0 to 2**32 - 1; got {self.seed}")

    @property
    def sample_rate(self) -> int:
        """Hz, of the clips that are learned from."""
        if self.features == PROFILE:
            return PROFILE_RATE
        return build_features(self.features)[0].sample_rate


def pick_device(device: str) -> torch.device:
    """The device that a name stands for.

    Raises
    ------
    ArgumentError
        The name is unknown, or CUDA was asked for and there is none.
    """
    if device not in _DEVICES:
        raise ArgumentError(f"device must be one of {', '.join(_DEVICES)}; got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("device is 'cuda' but torch finds no CUDA device")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def training_digest(
    train_clips: ClipSet, validation_clips: ClipSet | None, settings: TrainingSettings
) -> str:
    """Digest of clips and settings; the device does not enter."""
    digest = hashlib.sha256()
    for clips in (train_clips, validation_clips):
        if clips is None:
            continue
        for array in (clips.samples, clips.offsets, clips.labels, clips.embeddings):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    facts = {**settings_facts(settings), "device": ""}
    digest.update(repr((train_clips.classes, facts)).encode())
    return digest.hexdigest()


def settings_facts(settings: TrainingSettings) -> dict[str, Any]:
    """Settings as plain values, as keys of what was trained before hold them.

    The view stands there only where it is not the profile, so that such keys stay what they were.
    """
    facts = asdict(settings)
    return facts if settings.view != PROFILE else {k: v for k, v in facts.items() if k != "view"}
