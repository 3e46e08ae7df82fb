"""Modules that are written to files: models as programs over waveforms or features."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from cantaor.learn.export.scan_rnn import with_scans
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.networks.ensemble import EnsembleClassifier
from cantaor.types import Float64Array

#: What a deployed model gives, and what it gives beside that where a decision was fitted.
OUTPUTS, DECISION_OUTPUTS = ("probabilities", "embeddings"), ("calibrated", "unknown")
# Frames of padding that give a program at least two steps after every stride; never seen by a
# network that knows its lengths.
_SPARE_FRAMES = 32


@dataclass(frozen=True, eq=False, slots=True)
class Decision:
    """How the probabilities of a clip are read; fitted after training.

    Attributes
    ----------
    temperature
        The logarithms of the probabilities are divided by it.
    unknown_below
        Largest probability below which the singer is unknown; 0: never.
    trained, enrolled
        float64 (singers, dim), mean embeddings of trained and of enrolled singers.
    names
        Of the enrolled singers.
    cosine_temperature
        Cosines with the means are divided by it.
    """

    temperature: float
    unknown_below: float
    trained: Float64Array
    enrolled: Float64Array
    names: tuple[str, ...] = ()
    cosine_temperature: float = 1.0


class DecisionRule(nn.Module):
    """:class:`Decision` as a module, each clip read by itself."""

    means: Tensor
    norms: Tensor

    def __init__(self, decision: Decision) -> None:
        super().__init__()
        self.temperature = decision.temperature
        self.unknown_below = decision.unknown_below
        self.cosine_temperature = decision.cosine_temperature
        self.enrolled = len(decision.names)
        means = torch.from_numpy(np.concatenate([decision.trained, decision.enrolled]))
        self.register_buffer("means", means)
        self.register_buffer("norms", torch.linalg.vector_norm(means, dim=1))

    def forward(self, probabilities: Tensor, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Calibrated probabilities (clips, trained + enrolled) and unknown, bool (clips,)."""
        known = probabilities.double()
        answers = (known.clamp(min=1e-12).log() / self.temperature).softmax(dim=-1)
        if self.enrolled > 0:
            one = embeddings.double()
            scale = torch.linalg.vector_norm(one, dim=1, keepdim=True) * self.norms
            alike = (one @ self.means.T) / scale.clamp(min=1e-12)
            given = (alike / self.cosine_temperature).softmax(dim=-1)[:, known.shape[1] :]
            answers = torch.cat([answers * (1 - given.sum(-1, keepdim=True)), given], dim=-1)
        unsure = known.amax(dim=-1) < self.unknown_below
        return answers.float(), unsure & (answers.argmax(dim=-1) < known.shape[1])


class Deployed(nn.Module):
    """A model with its labels and description as attributes."""

    def __init__(self, singer: nn.Module, classes: list[str], description: str, rate: int) -> None:
        super().__init__()
        self.singer = singer
        self.classes = classes
        self.description = description
        self.sample_rate = rate

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probabilities and embeddings of clips, or of one clip (samples,)."""
        answer: tuple[Tensor, Tensor] = self.singer(waveforms, lengths)
        return answer


class DeployedDecision(nn.Module):
    """:class:`Deployed` with a decision on each clip."""

    def __init__(
        self,
        singer: nn.Module,
        rule: DecisionRule,
        classes: list[str],
        description: str,
        rate: int,
    ) -> None:
        super().__init__()
        self.singer = singer
        self.rule = rule
        self.classes = classes
        self.description = description
        self.sample_rate = rate

    def forward(
        self, waveforms: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Probabilities, embeddings, calibrated probabilities and unknown, as of the rule."""
        batch = waveforms.reshape(-1, waveforms.shape[-1])
        probabilities, embeddings = self.singer(batch, lengths)
        calibrated, unknown = self.rule(probabilities, embeddings)
        if waveforms.dim() == 1:
            return probabilities[0], embeddings[0], calibrated[0], unknown[0]
        return probabilities, embeddings, calibrated, unknown


class FromWaveforms(nn.Module):
    """A network as a program over a fixed rank, for torch.export."""

    def __init__(self, singer: SingerClassifier) -> None:
        super().__init__()
        self.singer = with_scans(singer)
        self.spare = singer.max_samples if singer.padded else _SPARE_FRAMES * singer.hop_length

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and embeddings."""
        waveforms = pad(waveforms, (0, self.spare))
        if self.singer.padded:
            waveforms = waveforms[:, : self.singer.max_samples]
        answer: tuple[Tensor, Tensor] = self.singer(waveforms, lengths)
        return answer


class EnsembleFromWaveforms(nn.Module):
    """The ensemble as a program over a fixed rank, for torch.export and ONNX."""

    def __init__(self, singer: EnsembleClassifier, rule: DecisionRule | None) -> None:
        super().__init__()
        self.singer = singer
        self.rule = rule
        # No clip has fewer than two windows then.
        self.spare = singer.profile.samples + singer.profile.hop_length

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """What :class:`Deployed` or :class:`DeployedDecision` give for a batch."""
        probabilities, embeddings = self.singer(pad(waveforms, (0, self.spare)), lengths)
        if self.rule is None:
            return probabilities, embeddings
        return probabilities, embeddings, *self.rule(probabilities, embeddings)


class FromFeatures(nn.Module):
    """A network from unscaled features to probabilities."""

    def __init__(self, singer: SingerClassifier) -> None:
        super().__init__()
        self.singer = with_scans(singer)
        self.spare = 0 if singer.padded else _SPARE_FRAMES

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Probabilities (clips, singers)."""
        images = (pad(features, (0, self.spare)) - self.singer.mean) * self.singer.scale
        logits, _ = self.singer.classify(images, lengths)
        return logits.softmax(dim=-1)
