"""Training by the paper's protocol: Adam, cross-entropy, early stopping on held-out clips.

References
----------
Arronte Alvarez and Gómez-Martín (2020), section 4: Adam with 0.001, batches of 64, 20 epochs,
early stopping after 2 epochs without progress, cross-entropy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cantaor.errors import ArgumentError
from cantaor.learn.augmentation import check_augmentation
from cantaor.learn.clips import ClipSet, check_rate, join_clips
from cantaor.learn.features import build_features
from cantaor.learn.models import MODELS
from cantaor.learn.models.masking import POOLINGS
from cantaor.learn.profile import PROFILE, PROFILE_RATE, ProfileSinger
from cantaor.learn.robust import MEMBERS, fit_profile_singer, take_profiles
from cantaor.learn.singer import Singer, fit_scale

#: Called after every epoch with its number from 1, the most epochs there can be, and its metrics.
Progress = Callable[[int, int, Mapping[str, float]], None]

_DEVICES = ("auto", "cpu", "cuda")
_PRECISIONS = ("float32", "float16", "bfloat16")
_CLASS_WEIGHTS = ("none", "balanced")
_SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What decides the result of training, together with the clips.

    Attributes
    ----------
    model
        One of :data:`cantaor.learn.models.MODELS`, or ``"profile"``, see
        :mod:`cantaor.learn.profile`.
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
        Share of the weights taken away by a step of size 1, apart from the gradient (AdamW).
    epochs
        Epochs at most.
    patience
        Epochs without a smaller validation loss after which training stops.
    early_stopping
        True: the weights of the smallest validation loss are kept. False: all epochs are run, on
        the validation clips as well, and the last weights are kept; nothing is watched.
    seed
        Decides weights, dropout and the order of the clips.
    device
        ``"auto"`` (CUDA if there is any), ``"cpu"`` or ``"cuda"``.
    precision
        ``"float32"``, or mixed with ``"float16"`` or ``"bfloat16"``; features stay in float32.
    class_weights
        ``"none"``, or ``"balanced"``: every singer weighs the same in the loss.
    augmentation
        Changes to training clips, of :data:`cantaor.learn.augmentation.CHANGES` ``"masks"`` and
        ``"mixup"``; none in the paper.
    recipe
        Name of the recipe that the settings were taken from, see :mod:`cantaor.learn.recipes`; it
        is kept with the model and changes nothing by itself.

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
        ):
            if getattr(self, name) not in allowed:
                raise ArgumentError(
                    f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}"
                )
        if self.width is not None and self.width < 1:
            raise ArgumentError(f"width must be at least 1; got {self.width}")
        for name in ("batch", "epochs", "patience", "lr"):
            if not getattr(self, name) > 0:
                raise ArgumentError(f"{name} must be above 0; got {getattr(self, name)}")
        if not self.weight_decay >= 0:
            raise ArgumentError(f"weight_decay must be at least 0; got {self.weight_decay}")

    @property
    def sample_rate(self) -> int:
        """Hz, of the clips that are learned from."""
        if self.features == PROFILE:
            return PROFILE_RATE
        return build_features(self.features)[0].sample_rate


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network that knows its singers.

    Attributes
    ----------
    module
        From waveforms to probabilities and embeddings, in evaluation mode on the CPU.
    classes
        Names of the singers, in the order of the probabilities.
    settings
        How it was trained.
    history
        One mapping for each epoch: ``epoch``, ``loss``, ``accuracy``, ``validation_loss``,
        ``validation_accuracy``, ``seconds``; the validation figures only if clips were watched.
    """

    module: Singer | ProfileSinger
    classes: tuple[str, ...]
    settings: TrainingSettings
    history: tuple[Mapping[str, float], ...] = field(default=())


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


def build_singer(settings: TrainingSettings, n_classes: int) -> Singer | ProfileSinger:
    """The untrained module of some settings; its weights follow torch's random state."""
    if settings.model == PROFILE:
        return ProfileSinger(n_classes, MEMBERS)
    return _build_network(settings, n_classes)


def _build_network(settings: TrainingSettings, n_classes: int) -> Singer:
    return Singer(
        settings.model,
        settings.features,
        n_classes,
        settings.width,
        settings.padded,
        settings.pooling,
    )


def train(
    train_clips: ClipSet,
    validation_clips: ClipSet,
    settings: TrainingSettings | None = None,
    *,
    checkpoint_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a network and keep the weights of its best epoch.

    The same clips, settings and machine give the same result, also when training was killed and
    taken up again. torch's random state is left as it was. Clips longer than 4.26 s (426 frames)
    are cut at their end.

    Parameters
    ----------
    train_clips
        What is learned from; the features' scale is fitted on them alone.
    validation_clips
        What early stopping watches; learned from as well if nothing is watched. Neither side may
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
        sides, clips at another rate than the settings', or no such device.
    ModelError
        The checkpoint is damaged, or belongs to other clips or settings.
    """
    settings = settings or TrainingSettings()
    rate = settings.sample_rate
    for name, clips in (("train_clips", train_clips), ("validation_clips", validation_clips)):
        check_rate(name, clips, rate)
    if settings.model == PROFILE:
        return _train_profile(train_clips, validation_clips, settings, progress)
    _check_sides(train_clips, validation_clips)
    device = pick_device(settings.device)
    if settings.precision == "float16" and device.type == "cpu":
        raise ArgumentError("precision 'float16' needs a CUDA device; a CPU mixes 'bfloat16'")
    from cantaor.learn.loop import run_epochs  # Lightning takes seconds to import.

    watched: ClipSet | None = validation_clips
    if not settings.early_stopping:
        train_clips, watched = join_clips(train_clips, validation_clips), None

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        singer = _build_network(settings, len(train_clips.classes))
        fit_scale(singer, _scale_batches(train_clips, settings.batch, singer.longest))
        history = run_epochs(
            singer,
            train_clips,
            watched,
            settings,
            device,
            class_weights(train_clips, settings),
            None if checkpoint_dir is None else Path(checkpoint_dir),
            progress,
        )
    return TrainedModel(singer.cpu().eval(), train_clips.classes, settings, tuple(history))


def _train_profile(
    train_clips: ClipSet,
    validation_clips: ClipSet,
    settings: TrainingSettings,
    progress: Progress | None,
) -> TrainedModel:
    """All clips are learned from; their ``recording`` is the source group."""
    if len(validation_clips):
        train_clips = join_clips(train_clips, validation_clips)
    _check_side("train_clips", train_clips)
    profiles = take_profiles(train_clips)
    singer, history = fit_profile_singer(
        profiles, len(train_clips.classes), seed=settings.seed, progress=progress
    )
    return TrainedModel(singer, train_clips.classes, settings, history)


def class_weights(clips: ClipSet, settings: TrainingSettings) -> Tensor | None:
    """float32 (classes,), weight of each singer in the loss, or None: all are 1."""
    if settings.class_weights == "none":
        return None
    counts = np.bincount(clips.labels, minlength=len(clips.classes))
    weights = len(clips) / (np.maximum(counts, 1) * max(np.count_nonzero(counts), 1))
    return torch.from_numpy(weights.astype(np.float32))


def fingerprint(
    train_clips: ClipSet, validation_clips: ClipSet | None, settings: TrainingSettings
) -> str:
    """Digest of all that decides the result; device aside."""
    digest = hashlib.sha256()
    for clips in (train_clips, validation_clips):
        if clips is None:
            continue
        for array in (clips.samples, clips.offsets, clips.labels):
            digest.update(np.ascontiguousarray(array).data)
    digest.update(repr((train_clips.classes, {**asdict(settings), "device": ""})).encode())
    return digest.hexdigest()


def _scale_batches(clips: ClipSet, size: int, longest: int) -> Iterator[tuple[Tensor, Tensor]]:
    order = np.argsort(clips.lengths, kind="stable")
    for part in np.split(order, np.arange(size, order.size, size)):
        waveforms, lengths = clips.batch(part, longest)
        yield torch.from_numpy(waveforms), torch.from_numpy(lengths)


def _check_sides(train_clips: ClipSet, validation_clips: ClipSet) -> None:
    if train_clips.classes != validation_clips.classes:
        raise ArgumentError(
            f"singers of train_clips {train_clips.classes} must be those of "
            f"validation_clips {validation_clips.classes}"
        )
    for name, clips in (("train_clips", train_clips), ("validation_clips", validation_clips)):
        _check_side(name, clips)
    singers = np.unique(train_clips.labels).size
    if singers < 2:
        raise ArgumentError(f"train_clips must hold at least 2 singers; got {singers}")


def _check_side(name: str, clips: ClipSet) -> None:
    if len(clips) == 0:
        raise ArgumentError(f"{name} holds no clips")
    if clips.labels.min() < 0:
        raise ArgumentError(f"clip {int(np.argmin(clips.labels))} of {name} has no label")
