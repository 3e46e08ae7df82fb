"""The training loop on Lightning: epochs, early stopping, checkpoints; imported by training only.

Every epoch draws its order and its dropout from the seed and its own number, and the state is
written after every epoch, so an interrupted training repeats the unfinished epoch exactly.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torchmetrics import MeanMetric

from cantaor.errors import ModelError
from cantaor.io.files import replacing
from cantaor.learn.data.augmentation import MASKS, MIXUP, augment, mask_image, mix_pairs
from cantaor.learn.data.clips import ClipSet, bucketed_batches
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.training.settings import Progress, TrainingSettings, training_digest
from cantaor.types import Int64Array

_PRECISION = {"float32": "32-true", "float16": "16-mixed", "bfloat16": "bf16-mixed"}
_CHECKPOINT = "training.ckpt"
# Raised whenever the state of the optimiser or the schedule changes its form.
_FORMAT = 2


class _Batches:
    """Batches of a clip set in a given order, as tensors."""

    def __init__(self, clips: ClipSet, order: Sequence[Int64Array], max_samples: int) -> None:
        self.clips = clips
        self.order = order
        self.max_samples = max_samples

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for index in self.order:
            waveforms, lengths = self.clips.batch(index, self.max_samples)
            labels = self.clips.labels[index].astype(np.int64)
            yield torch.from_numpy(waveforms), torch.from_numpy(lengths), torch.from_numpy(labels)


class _EpochMetrics:
    """Mean loss and accuracy over the clips of an epoch, kept on the device until they are read."""

    def __init__(self, device: torch.device) -> None:
        self.loss, self.accuracy = (
            MeanMetric(nan_strategy="disable").set_dtype(torch.float64).to(device) for _ in range(2)
        )

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.loss.update(loss.detach(), weight=len(labels))
        self.accuracy.update((logits.detach().argmax(dim=-1) == labels).double())

    def means(self) -> tuple[float, float]:
        return float(self.loss.compute()), float(self.accuracy.compute())


class _Learner(LightningModule):  # type: ignore[misc]  # Lightning is untyped here
    """Training and validation steps; ``history`` holds the metrics of every epoch."""

    def __init__(
        self,
        singer: SingerClassifier,
        train_clips: ClipSet,
        validation_clips: ClipSet | None,
        settings: TrainingSettings,
        weights: Tensor | None,
    ) -> None:
        super().__init__()
        self.singer = singer
        self.train_clips = train_clips
        self.validation_clips = validation_clips
        self.settings = settings
        self.history: list[dict[str, float]] = []
        self.register_buffer("weights", weights, persistent=False)

    def train_dataloader(self) -> _Batches:
        rng = np.random.default_rng([self.settings.seed, self.current_epoch])
        max_samples = self.singer.max_samples
        lengths = np.minimum(self.train_clips.lengths, max_samples)
        order = bucketed_batches(lengths, self.settings.batch, rng)
        return _Batches(self.train_clips, order, max_samples)

    def val_dataloader(self) -> _Batches | list[Tensor]:
        if self.validation_clips is None:
            return []
        order = np.argsort(self.validation_clips.lengths, kind="stable")
        cuts = np.arange(self.settings.batch, order.size, self.settings.batch)
        return _Batches(self.validation_clips, np.split(order, cuts), self.singer.max_samples)

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(self.settings.seed * 100_003 + self.current_epoch)
        self.started = time.perf_counter()
        self.train_metrics = _EpochMetrics(self.device)
        self.validation_metrics = _EpochMetrics(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        waveforms, lengths, labels = batch
        names = self.settings.augmentation
        with torch.no_grad():
            singer = self.singer
            waveforms, lengths = augment(
                waveforms, lengths, names, singer.max_samples, singer.sample_rate
            )
            images, counts = self._images(waveforms, lengths)
            if MASKS in names:
                images = mask_image(images, counts)
            other, mixing = torch.arange(len(labels), device=labels.device), 1.0
            if MIXUP in names:
                images, counts, other, mixing = mix_pairs(images, counts)
        logits = self.singer.classify(images, counts)[0].float()
        loss = mixing * cross_entropy(logits, labels, self.weights)
        if mixing < 1:
            loss = loss + (1 - mixing) * cross_entropy(logits, labels[other], self.weights)
        self.train_metrics.add(loss, logits, labels)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> None:
        waveforms, lengths, labels = batch
        logits = self.singer.classify(*self._images(waveforms, lengths))[0].float()
        self.validation_metrics.add(cross_entropy(logits, labels), logits, labels)

    def _images(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device.type, enabled=False):
            return self.singer.images(waveforms, lengths)

    def epoch_metrics(self) -> dict[str, float]:
        """Figures of the epoch that has just ended."""
        loss, accuracy = self.train_metrics.means()
        metrics = {"epoch": self.current_epoch + 1, "loss": loss, "accuracy": accuracy}
        if self.validation_clips is not None:
            validation = self.validation_metrics.means()
            metrics["validation_loss"], metrics["validation_accuracy"] = validation
        return {**metrics, "seconds": time.perf_counter() - self.started}

    def configure_optimizers(self) -> dict[str, Any]:
        settings = self.settings
        adam = torch.optim.AdamW(
            self.singer.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        if settings.schedule == "constant":
            return {"optimizer": adam}
        steps = settings.epochs * len(self.train_dataloader())
        schedule = {"scheduler": warmup_cosine(adam, steps), "interval": "step"}
        return {"optimizer": adam, "lr_scheduler": schedule}


def warmup_cosine(optimiser: Optimizer, steps: int) -> SequentialLR:
    """Learning rate over ``steps`` steps: linear warm-up for a tenth of them, then cosine decay.

    Examples
    --------
    >>> optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> schedule, rates = warmup_cosine(optimiser, 20), []
    >>> for _ in range(20):
    ...     rates.append(round(optimiser.param_groups[0]["lr"], 2))
    ...     optimiser.step()
    ...     schedule.step()
    >>> rates[:3], rates[11], rates[19]
    ([0.5, 1.0, 1.0], 0.5, 0.01)
    """
    warmup = max(1, steps // 10)
    return SequentialLR(
        optimiser,
        [
            LinearLR(optimiser, start_factor=1 / warmup, total_iters=warmup - 1),
            CosineAnnealingLR(optimiser, max(1, steps - warmup)),
        ],
        milestones=[warmup],
    )


class _Record(Callback):  # type: ignore[misc]
    """Append the metrics of each epoch to the history, before any other callback reads them.

    A loss that is no number ends the training before such weights are kept anywhere.
    """

    def on_train_epoch_end(self, trainer: Trainer, pl_module: _Learner) -> None:
        metrics = pl_module.epoch_metrics()
        for name in ("loss", "validation_loss"):
            if not math.isfinite(metrics.get(name, 0.0)):
                raise ModelError(
                    f"training diverged in epoch {metrics['epoch']}: {name} is {metrics[name]}; "
                    f"take a smaller lr than {pl_module.settings.lr:g}, or float32"
                )
        pl_module.history.append(metrics)


class _KeepBest(Callback):  # type: ignore[misc]
    """Keep the weights of the smallest validation loss; stop after ``patience`` worse epochs.

    Without validation clips every epoch counts as the best so far.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = float("inf")
        self.waited = 0
        self.weights: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: _Learner) -> None:
        loss = pl_module.history[-1].get("validation_loss", float("-inf"))
        if loss < self.best or loss == float("-inf") or not self.weights:
            self.best, self.waited = loss, 0
            state = pl_module.singer.state_dict()
            self.weights = {name: value.cpu().clone() for name, value in state.items()}
        else:
            self.waited += 1
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.waited = state_dict["best"], state_dict["waited"]
        self.weights = state_dict["weights"]


class _Report(Callback):  # type: ignore[misc]
    """Tell the caller after each epoch; its errors end training."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_epoch_end(self, trainer: Trainer, pl_module: _Learner) -> None:
        last: Mapping[str, float] = pl_module.history[-1]
        self.progress(int(last["epoch"]), pl_module.settings.epochs, last)


class _SaveEpoch(Checkpoint):  # type: ignore[misc]
    """Write the state after each epoch, complete or not at all.

    Lightning runs callbacks of this base after all others, so their state is in the file.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key

    def on_train_epoch_end(self, trainer: Trainer, pl_module: _Learner) -> None:
        with replacing(self.path) as partial:
            trainer.save_checkpoint(partial)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: _Learner, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["cantaor"] = {"format": _FORMAT, "key": self.key, "history": pl_module.history}


def run_epochs(
    singer: SingerClassifier,
    train_clips: ClipSet,
    validation_clips: ClipSet | None,
    settings: TrainingSettings,
    device: torch.device,
    weights: Tensor | None,
    checkpoint_dir: Path | None,
    progress: Progress | None,
) -> list[dict[str, float]]:
    """Train ``singer`` in place, leave it with the weights to keep and return the history."""
    learner = _Learner(singer, train_clips, validation_clips, settings, weights)
    keep = _KeepBest(settings.patience)
    callbacks: list[Callback] = [_Record(), keep]
    if progress is not None:
        callbacks.append(_Report(progress))
    resume = None
    if checkpoint_dir is not None:
        key = training_digest(train_clips, validation_clips, settings)
        checkpoint_dir.mkdir(parents=True, exist_ok=True)
        callbacks.append(_SaveEpoch(checkpoint_dir / _CHECKPOINT, key))
        resume = _read_checkpoint(checkpoint_dir / _CHECKPOINT, key, learner, keep)
    if keep.waited < settings.patience and len(learner.history) < settings.epochs:
        with _quiet(), _determinism(), _interruptible():
            _trainer(settings, device, callbacks).fit(learner, ckpt_path=resume)
    singer.load_state_dict(keep.weights)
    return learner.history


def _trainer(
    settings: TrainingSettings, device: torch.device, callbacks: list[Callback]
) -> Trainer:
    return Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision=_PRECISION[settings.precision],
        max_epochs=settings.epochs,
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        deterministic="warn",
        logger=False,
        enable_checkpointing=any(isinstance(one, Checkpoint) for one in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _read_checkpoint(path: Path, key: str, learner: _Learner, keep: _KeepBest) -> str | None:
    """Take history and best weights from a checkpoint; its path if there is one."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        mine = state["cantaor"]
        keep.load_state_dict(state["callbacks"][keep.state_key])
    except Exception as error:  # A damaged pickle can raise anything.
        raise ModelError(
            f"checkpoint {path} is damaged ({type(error).__name__}); remove it to train anew"
        ) from error
    if mine.get("format") != _FORMAT:
        raise ModelError(
            f"checkpoint {path} is of another version of cantaor; remove it to train anew"
        )
    if mine["key"] != key:
        raise ModelError(
            f"checkpoint {path} belongs to other clips or settings; "
            "remove it or choose another directory"
        )
    learner.history = mine["history"]
    return str(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice off the terminal."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message=".*deterministic.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C leave as KeyboardInterrupt: Lightning ignores further ones and exits instead."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        if main and handler is not None:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _determinism() -> Iterator[None]:
    """Restore torch's switches for deterministic algorithms, which Lightning sets for good.

    In this mode torch fills memory before it is written to, for the sake of programs that read it
    too early; that costs up to a tenth of a step and is turned off.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    try:
        memory.fill_uninitialized_memory = False
        yield
    finally:
        memory.fill_uninitialized_memory = fills
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
