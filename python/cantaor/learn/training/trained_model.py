"""A trained model: the module and the names of its singers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.networks.ensemble import PROFILE, EncoderClassifier, EnsembleClassifier
from cantaor.learn.training.ensemble_training import MEMBERS
from cantaor.learn.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained network with the names of its singers.

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
        ``validation_accuracy``, ``seconds``; the validation figures only with early stopping.
    """

    module: SingerClassifier | EnsembleClassifier
    classes: tuple[str, ...]
    settings: TrainingSettings
    history: tuple[Mapping[str, float], ...] = field(default=())


def build_classifier(
    settings: TrainingSettings, n_classes: int, hidden: int | None = None, encoder_size: int = 0
) -> SingerClassifier | EnsembleClassifier:
    """The untrained module of some settings; its weights follow torch's random state.

    ``hidden`` is for an ensemble whose layer is not of the size that its singers get today,
    ``encoder_size`` for one that takes an encoder's embeddings.
    """
    if settings.model == PROFILE and settings.view != PROFILE:
        return EncoderClassifier(n_classes, MEMBERS, encoder_size, settings.view, hidden)
    if settings.model == PROFILE:
        return EnsembleClassifier(n_classes, MEMBERS, hidden)
    return _build_network(settings, n_classes)


def _build_network(settings: TrainingSettings, n_classes: int) -> SingerClassifier:
    return SingerClassifier(
        settings.model,
        settings.features,
        n_classes,
        settings.width,
        settings.padded,
        settings.pooling,
    )
