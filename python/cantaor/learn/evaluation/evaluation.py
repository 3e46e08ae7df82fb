"""Accuracy, recall and AUC of a trained model on clips and on whole recordings.

Every metric lies in 0..1. Where a singer has no clip to be tested on, its recall and
its area under the curve do not exist: they are None, the macro figures are means over the others,
and ``missing`` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score, roc_auc_score
from torch import Tensor, nn

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet, check_rate, equal_length_batches
from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.networks.ensemble import EncoderClassifier
from cantaor.learn.training.settings import pick_device
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.types import Float32Array, Float64Array, Int32Array, Int64Array

#: Makes a recording's probabilities of those by its clips and of the motifs sung in it.
Join: TypeAlias = Callable[[Float64Array, Int64Array], Float64Array]

# Clips of one length that make a batch on a CPU: it costs as much again as so many clips gain.
_MIN_CLIPS = 8


@dataclass(frozen=True, slots=True)
class RecordingPrediction:
    """Prediction for one recording, from all its clips.

    Attributes
    ----------
    singer
        The recording's own singer: that of most of its clips.
    predicted
        The singer with the largest mean log probability over the clips.
    probability
        Of the predicted singer: the normalised geometric mean over the clips.
    n
        Clips of the recording.
    accuracy
        Fraction of the clips whose own prediction is correct.
    """

    singer: str
    predicted: str
    probability: float
    n: int
    accuracy: float


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """Figures of a model on labelled clips.

    Attributes
    ----------
    n
        Clips.
    accuracy
        Fraction of clips predicted correctly.
    balanced_accuracy
        Mean recall over the singers that have clips.
    auc
        Mean over those singers of the area under the curve of one against the rest; None if
        there are fewer than two of them.
    confusion
        int64 (classes, classes), clips by true (row) and predicted (column) singer.
    recall, auc_by_singer
        For each singer; None where it has no clips (or no rest).
    by_recording
        The prediction for each recording, by name; clips of no known recording are left out.
    classes
        Names of the singers.
    missing
        Singers without clips.
    protocol
        How the clips were set apart from those that were trained on.
    shared_audio
        ``"test"``: fraction of the clips that share audio with what was learnt from;
        ``"validation"``: the same of the clips that training watched. Empty where not known.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    auc: float | None
    confusion: Int64Array
    recall: Mapping[str, float | None]
    auc_by_singer: Mapping[str, float | None]
    by_recording: Mapping[str, RecordingPrediction]
    classes: tuple[str, ...]
    missing: tuple[str, ...]
    protocol: str = ""
    shared_audio: Mapping[str, float] = field(default_factory=dict)

    @property
    def recording_accuracy(self) -> float | None:
        """Fraction of recordings predicted correctly, or None if none is known."""
        predictions = list(self.by_recording.values())
        return (
            sum(one.predicted == one.singer for one in predictions) / len(predictions)
            if predictions
            else None
        )

    def to_json(self) -> dict[str, object]:
        """As plain values that ``json.dumps`` takes."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "auc": self.auc,
            "by_recording": {
                name: {
                    "singer": one.singer,
                    "answer": one.predicted,
                    "probability": one.probability,
                    "n": one.n,
                    "accuracy": one.accuracy,
                }
                for name, one in self.by_recording.items()
            },
            "protocol": self.protocol,
            "shared_audio": dict(self.shared_audio),
            "recording_accuracy": self.recording_accuracy,
            "classes": list(self.classes),
            "missing": list(self.missing),
            "recall": dict(self.recall),
            "auc_by_singer": dict(self.auc_by_singer),
            "confusion": self.confusion.tolist(),
        }


def predict(
    trained: TrainedModel, clips: ClipSet, *, batch: int = 64, device: str = "auto"
) -> tuple[Float32Array, Float32Array]:
    """Probabilities and embeddings of clips, computed in batches of like length.

    Parameters
    ----------
    trained
        The model.
    clips
        Their labels are not looked at. What passes 4.26 s (426 frames; 10 s for ``"profile"``) is
        cut at its end.
    batch
        Clips in a batch; the result does not depend on it.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    float32 (n, classes) and float32 (n, dim).

    Raises
    ------
    ArgumentError
        No such device, clips at another rate than the model's, no embeddings of the size that the
        model takes, or ``batch`` is below 1.
    """
    if batch < 1:
        raise ArgumentError(f"batch must be at least 1; got {batch}")
    check_rate("clips", clips, trained.module.sample_rate)
    outside = _outside_embeddings(trained.module, clips)
    target = pick_device(device)
    # Left alone on a CPU: several threads may ask at once.
    module = trained.module if target.type == "cpu" else trained.module.to(target)
    probabilities = np.empty((len(clips), len(trained.classes)), np.float32)
    embeddings = np.empty((len(clips), module.embedding_size), np.float32)
    # A GPU is kept busy by large batches; a CPU gains more from what needs no masks.
    unmasked = isinstance(module, SingerClassifier) and target.type == "cpu"
    frames = np.minimum(clips.lengths, module.max_samples) // (module.hop_length if unmasked else 1)
    try:
        with torch.inference_mode():
            for index in equal_length_batches(frames, batch, _MIN_CLIPS if unmasked else batch):
                waveforms, lengths = clips.batch(index, module.max_samples)
                probability, embedding = _predict_batch(
                    module,
                    torch.from_numpy(waveforms).to(target),
                    torch.from_numpy(lengths).to(target),
                    unmasked and frames[index[0]] == frames[index[-1]],
                    None if outside is None else torch.from_numpy(outside[index]).to(target),
                )
                probabilities[index] = probability.cpu().numpy()
                embeddings[index] = embedding.cpu().numpy()
    finally:
        if target.type != "cpu":
            trained.module.to("cpu")
    return probabilities, embeddings


def _outside_embeddings(module: nn.Module, clips: ClipSet) -> Float32Array | None:
    """The encoder's embeddings that a module takes; None where it takes none."""
    if not isinstance(module, EncoderClassifier):
        return None
    size = None if clips.embeddings is None else clips.embeddings.shape[1]
    if size != module.encoder_size:
        raise ArgumentError(
            f"the model takes an embedding of size {module.encoder_size} with each clip; the "
            f"clips' have size {size}"
            if size
            else f"the model takes an embedding of size {module.encoder_size} with each clip; the "
            "clips have none"
        )
    return clips.embeddings


def _predict_batch(
    module: nn.Module,
    waveforms: Tensor,
    lengths: Tensor,
    unmasked: bool,
    outside: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Probabilities and embeddings; clips with one number of frames need no masks."""
    if unmasked and isinstance(module, SingerClassifier):
        images, _ = module.images(waveforms, lengths)
        logits, embedding = module.classify(images, None)
        return logits.softmax(dim=-1), embedding
    given = (waveforms, lengths) if outside is None else (waveforms, lengths, outside)
    outputs: tuple[Tensor, Tensor] = module(*given)
    return outputs


def evaluate(
    trained: TrainedModel,
    clips: ClipSet,
    protocol: str = "",
    *,
    device: str = "auto",
    join: Join | None = None,
) -> Evaluation:
    """Measure a model on labelled clips.

    Parameters
    ----------
    trained
        The model.
    clips
        Labelled clips of the model's singers; ``classes`` may come in any order.
    protocol
        How the clips were set apart, kept with the figures.
    device
        As in :func:`predict`.
    join
        As in :func:`measure`.

    Raises
    ------
    ArgumentError
        There are no clips, or one has no label.
    ModelError
        The clips name a singer whom the model does not know.
    """
    labels = labels_in_order_of(trained, clips)
    probabilities, _ = predict(trained, clips, device=device)
    return measure(probabilities, labels, trained.classes, clips, protocol, join)


def labels_in_order_of(trained: TrainedModel, clips: ClipSet) -> Int32Array:
    """The clips' labels as indices into the model's classes, int32 (n,)."""
    if len(clips) == 0:
        raise ArgumentError("there are no clips to evaluate on")
    if clips.labels.min() < 0:
        raise ArgumentError(f"clip {int(np.argmin(clips.labels))} has no label")
    present = {clips.classes[label] for label in np.unique(clips.labels)}
    unknown = sorted(present - set(trained.classes))
    if unknown:
        raise ModelError(
            f"the model knows {', '.join(trained.classes)}; the clips also name "
            f"{', '.join(unknown)}"
        )
    index = {name: number for number, name in enumerate(trained.classes)}
    order = np.array([index.get(name, -1) for name in clips.classes], dtype=np.int32)
    return order[clips.labels]


def measure(
    probabilities: Float32Array,
    labels: Int32Array,
    classes: tuple[str, ...],
    clips: ClipSet,
    protocol: str = "",
    join: Join | None = None,
) -> Evaluation:
    """Metrics of given probabilities.

    Parameters
    ----------
    probabilities
        float32 (n, classes).
    labels
        int32 (n,), true singers as indices into ``classes``.
    classes
        Names of the singers.
    clips
        Where the recordings' names are found.
    protocol
        Kept with the figures.
    join
        Called with the probabilities of a recording by its clips and the motifs sung in it, where
        ``clips`` know them; gives the recording's.
    """
    predicted = probabilities.argmax(axis=1)
    every = np.arange(len(classes))
    present = np.isin(every, labels)
    recalls = recall_score(labels, predicted, labels=every, average=None, zero_division=0)
    recall = {
        name: float(value) if there else None
        for name, value, there in zip(classes, recalls, present, strict=True)
    }
    auc = {name: _auc(labels == i, probabilities[:, i]) for i, name in enumerate(classes)}
    known_auc = [area for area in auc.values() if area is not None]
    return Evaluation(
        n=int(labels.size),
        accuracy=float(accuracy_score(labels, predicted)),
        balanced_accuracy=float(np.mean(recalls[present])),
        auc=float(np.mean(known_auc)) if known_auc else None,
        confusion=confusion_matrix(labels, predicted, labels=every).astype(np.int64),
        recall=recall,
        auc_by_singer=auc,
        by_recording=_by_recording(probabilities, labels, classes, clips, join),
        classes=classes,
        missing=tuple(name for name, value in recall.items() if value is None),
        protocol=protocol,
    )


def _auc(is_singer: np.ndarray, score: Float32Array) -> float | None:
    if is_singer.all() or not is_singer.any():
        return None
    return float(roc_auc_score(is_singer, score))


def _by_recording(
    probabilities: Float32Array,
    labels: Int32Array,
    classes: tuple[str, ...],
    clips: ClipSet,
    join: Join | None,
) -> dict[str, RecordingPrediction]:
    predictions = {}
    for number in np.unique(clips.recording[clips.recording >= 0]):
        mine = clips.recording == number
        together = aggregate_probabilities(probabilities[mine])
        if join is not None and clips.motifs is not None:
            together = join(together, clips.motifs[mine])
        predictions[clips.recordings[number]] = _prediction(
            together, probabilities[mine], labels[mine], classes
        )
    return predictions


def _prediction(
    together: Float64Array,
    probabilities: Float32Array,
    labels: Int32Array,
    classes: tuple[str, ...],
) -> RecordingPrediction:
    best = int(together.argmax())
    return RecordingPrediction(
        singer=classes[int(np.bincount(labels).argmax())],
        predicted=classes[best],
        probability=float(together[best]),
        n=int(labels.size),
        accuracy=float(np.mean(probabilities.argmax(axis=1) == labels)),
    )
