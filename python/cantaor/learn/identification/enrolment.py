"""Singers who join a model without training, and what a model keeps for them.

The embeddings of a ``robust`` model are whitened by how much they vary inside one source group
(within-class covariance normalisation), so that a cosine between two recordings says how alike the
voices are. A gallery holds one mean embedding of each singer, trained or enrolled.

References
----------
Hatch, A. O., Kajarekar, S. and Stolcke, A. (2006). Within-class covariance normalization for
SVM-based speaker recognition. Interspeech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.export.bundle import Bundle, is_number, shortened
from cantaor.learn.identification.calibration import (
    Calibration,
    apply_temperature,
    calibration_of,
    fit_temperature,
    held_out,
    withhold,
)
from cantaor.learn.identification.melody import Melody, count_motifs, fit_melody
from cantaor.learn.identification.saved_calibration import (
    calibration_facts,
    calibration_from,
    melody_from,
    melody_parts,
)
from cantaor.learn.networks.ensemble import EnsembleClassifier
from cantaor.learn.training.ensemble_training import fit_wccn
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.learn.training.window_features import (
    WindowFeatures,
    extract_window_features,
    profile_cache,
)
from cantaor.types import Float64Array, Int32Array

AnyArray: TypeAlias = NDArray[Any]

_TRAINED, _ENROLLED = "gallery_trained", "gallery_enrolled"


@dataclass(frozen=True, eq=False, slots=True)
class Gallery:
    """Mean embeddings of singers.

    Attributes
    ----------
    trained
        float64 (singers, dim), of the model's own singers, in its order.
    names
        Singers who were enrolled.
    enrolled
        float64 (names, dim).
    temperature
        Cosines are divided by it before they become probabilities; fitted on source groups that
        were left out.
    """

    trained: Float64Array
    names: tuple[str, ...]
    enrolled: Float64Array
    temperature: float


@dataclass(frozen=True, slots=True)
class ScoringBackend:
    """What turns the mean probabilities over a recording's clips into its result.

    Attributes
    ----------
    calibration, gallery, melody
        None where the model has none. ``calibration`` is that of the sound alone.
    """

    calibration: Calibration | None = None
    gallery: Gallery | None = None
    melody: Melody | None = None


#: Of models that keep nothing.
NO_BACKEND = ScoringBackend()


def make_backend(trained: TrainedModel, clips: ClipSet, motifs: int = 0) -> ScoringBackend:
    """What a trained model keeps; nothing for networks other than :class:`EnsembleClassifier`.

    Parameters
    ----------
    trained
        The model.
    clips
        What it was trained on; ``recording`` is the source group.
    motifs
        Size of the dictionary that ``clips.motifs`` points into; 0: melody is not looked at.
    """
    if not isinstance(trained.module, EnsembleClassifier):
        return NO_BACKEND
    profiles = extract_window_features(clips, view=trained.settings.view, cache=profile_cache())
    gallery, singers = make_gallery(trained.module, profiles), len(trained.classes)
    withheld = withhold(profiles, singers, trained.settings.seed)
    if withheld is None:
        return ScoringBackend(None, gallery)
    counts = count_motifs(clips, motifs)
    melody = fit_melody(profiles, counts, withheld, singers) if counts.nnz else None
    return ScoringBackend(calibration_of(withheld), gallery, melody)


def make_gallery(singer: EnsembleClassifier, profiles: WindowFeatures) -> Gallery:
    """The trained singers' means, and how sure cosines are on source groups left out."""
    embeddings = _embed(
        profiles.values, singer.centre.double().numpy(), singer.whitening.double().numpy()
    )
    singers = len(singer.ensemble.second_bias[0, 0])
    trained = singer_means(embeddings, profiles.labels, profiles.groups, singers)
    return Gallery(trained, (), np.empty((0, trained.shape[1])), cosine_temperature(profiles))


def singer_means(
    embeddings: Float64Array, labels: Int32Array, groups: Int32Array, singers: int
) -> Float64Array:
    """float64 (singers, dim): mean over a singer's groups of the groups' means; 0 where none."""
    means = np.zeros((singers, embeddings.shape[1]))
    for label in np.unique(labels):
        mine = labels == label
        of_groups = [embeddings[mine & (groups == g)].mean(axis=0) for g in np.unique(groups[mine])]
        means[label] = np.mean(of_groups, axis=0)
    return means


def cosine_similarities(embedding: ArrayLike, means: Float64Array) -> Float64Array:
    """float64 (singers,), of one recording's embedding with each mean."""
    one = np.asarray(embedding, dtype=np.float64)
    scale = np.linalg.norm(one) * np.linalg.norm(means, axis=1)
    similarities: Float64Array = means @ one / np.maximum(scale, 1e-12)
    return similarities


def merge_enrolled(
    probabilities: Float64Array, embedding: ArrayLike, gallery: Gallery
) -> Float64Array:
    """Probabilities of trained, then enrolled singers.

    Parameters
    ----------
    probabilities
        float64 (singers,), probabilities among those the network was trained on.
    embedding
        (dim,), mean embedding of the recording's clips.
    gallery
        Means of both.

    Returns
    -------
    float64 (singers + enrolled,). Cosines decide how much goes to each enrolled singer; the
    network divides the rest.
    """
    if not gallery.names:
        return probabilities
    similarities = cosine_similarities(
        embedding, np.concatenate([gallery.trained, gallery.enrolled])
    )
    given = apply_temperature(np.exp(similarities), gallery.temperature)[probabilities.size :]
    return np.concatenate([probabilities * (1 - given.sum()), given])


def enrol(bundle: Bundle, singer: str, embeddings: Sequence[ArrayLike]) -> Bundle:
    """A model that also knows another singer.

    Parameters
    ----------
    bundle
        A model of the recipe ``robust``.
    singer
        Name. One that was enrolled before is replaced.
    embeddings
        One (clips, dim) for each recording of the singer; every recording weighs the same.

    Raises
    ------
    ModelError
        The model has no gallery.
    ArgumentError
        The singer was trained, has no name, or there is no clip.
    """
    gallery = backend_from_bundle(bundle).gallery
    if gallery is None:
        raise ModelError("only models of the recipe 'robust' can enrol singers; train one")
    if not singer or singer in bundle.trained.classes:
        raise ArgumentError(f"singer must be a new name; got {singer!r}")
    clips = [np.asarray(one, dtype=np.float64) for one in embeddings]
    if not clips or any(len(one) == 0 for one in clips):
        raise ArgumentError(f"singer {singer!r} has a recording without clips, or none at all")
    mean = np.mean([one.mean(axis=0) for one in clips], axis=0)
    kept = [i for i, name in enumerate(gallery.names) if name != singer]
    names = (*(gallery.names[i] for i in kept), singer)
    enrolled = np.concatenate([gallery.enrolled[kept], mean[None]])
    return with_gallery(bundle, replace(gallery, names=names, enrolled=enrolled))


def with_gallery(bundle: Bundle, gallery: Gallery) -> Bundle:
    """The bundle with another gallery."""
    arrays, extra = gallery_parts(gallery)
    return replace(bundle, arrays={**bundle.arrays, **arrays}, extra={**bundle.extra, **extra})


def gallery_parts(gallery: Gallery) -> tuple[dict[str, Float64Array], dict[str, Any]]:
    """A gallery as a bundle keeps it: arrays and plain values."""
    facts = {"names": list(gallery.names), "temperature": gallery.temperature}
    return {_TRAINED: gallery.trained, _ENROLLED: gallery.enrolled}, {"gallery": facts}


def backend_parts(backend: ScoringBackend) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """A backend as a bundle keeps it; empty where it holds nothing."""
    arrays: dict[str, AnyArray]
    arrays, extra = ({}, {}) if backend.gallery is None else gallery_parts(backend.gallery)
    if backend.calibration is not None:
        extra["calibration"] = calibration_facts(backend.calibration)
    if backend.melody is None:
        return arrays, extra
    more, facts = melody_parts(backend.melody)
    return {**arrays, **more}, {**extra, **facts}


def backend_from_bundle(bundle: Bundle) -> ScoringBackend:
    """Calibration, gallery and melody that a bundle keeps."""
    facts, gallery = bundle.extra.get("calibration"), bundle.extra.get("gallery")
    melody, where = bundle.extra.get("melody"), f"model {bundle.path}".rstrip()
    return ScoringBackend(
        None if facts is None else calibration_from(facts, where),
        None if gallery is None else _gallery_of(bundle, gallery, where),
        None if melody is None else melody_from(bundle, melody, where),
    )


def _gallery_of(bundle: Bundle, facts: Any, where: str) -> Gallery:
    temperature = facts.get("temperature") if isinstance(facts, dict) else None
    names = facts.get("names") if isinstance(facts, dict) else None
    known = bundle.trained.classes
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        raise ModelError(f"{where}: 'gallery' must hold a list of names, not {shortened(names)}")
    if len({*names, *known}) < len(names) + len(known):
        raise ModelError(f"{where}: 'gallery' names a singer twice: {shortened(names)}")
    if not is_number(temperature) or not temperature > 0:
        raise ModelError(
            f"{where}: 'temperature' of 'gallery' must be above 0, not {shortened(temperature)}"
        )
    dim = bundle.trained.module.embedding_size
    means = []
    for name, count in ((_TRAINED, len(known)), (_ENROLLED, len(names))):
        array = bundle.arrays.get(name, np.empty(0))
        if array.shape != (count, dim) or not np.isfinite(array).all():
            raise ModelError(
                f"{where}: {name} must be finite and {count} x {dim}, as 'classes' and 'gallery' "
                f"say, not {array.shape}"
            )
        means.append(array.astype(np.float64))
    return Gallery(means[0], tuple(names), means[1], float(temperature))


def cosine_temperature(profiles: WindowFeatures) -> float:
    """Fitted like the network's own, on groups that are left out; 0.1 where nobody has two."""
    scores, labels = [], []
    for held in held_out(profiles):
        known = ~held
        if not held.any():
            continue
        centre, whitening = fit_wccn(profiles.values[known], profiles.groups[known], profiles.views)
        embeddings = _embed(profiles.values, centre, whitening)
        means = singer_means(
            embeddings[known],
            profiles.labels[known],
            profiles.groups[known],
            int(profiles.labels.max()) + 1,
        )
        for group in np.unique(profiles.groups[held]):
            mine = held & (profiles.groups == group)
            scores.append(np.exp(cosine_similarities(embeddings[mine].mean(axis=0), means)))
            labels.append(int(profiles.labels[mine][0]))
    if not scores:
        return 0.1
    return fit_temperature(
        np.stack(scores), np.asarray(labels, np.int64), len(labels), min_temperature=0.01
    )


def _embed(values: ArrayLike, centre: Float64Array, whitening: Float64Array) -> Float64Array:
    embeddings: Float64Array = (np.asarray(values, dtype=np.float64) - centre) @ whitening
    return embeddings
