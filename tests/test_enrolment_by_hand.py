"""Enrolled singers and what a model keeps for them: means, temperatures, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.voting import VOTE_RULE
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.identification import enrolment
from cantaor.learn.identification.calibration import Calibration
from cantaor.learn.identification.enrolment import (
    NO_BACKEND,
    Gallery,
    ScoringBackend,
    backend_from_bundle,
    backend_parts,
    cosine_similarities,
    cosine_temperature,
    enrol,
    make_backend,
    make_gallery,
    singer_means,
)
from cantaor.learn.identification.evidence import (
    ClipPredictions,
    find_evidence,
    singer_probabilities,
)
from cantaor.learn.networks.ensemble import EnsembleClassifier
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.types import Float64Array

DIM = 96


def level(value: float) -> np.ndarray:
    return np.full(DIM, value)


def gallery_of(names: tuple[str, ...] = (), *enrolled: float) -> Gallery:
    trained = np.stack([level(1.0), level(2.0)])
    return Gallery(trained, names, np.array([level(one) for one in enrolled]).reshape(-1, DIM), 0.5)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel(EnsembleClassifier(2, 1).eval(), ("a", "b"), TrainingSettings(), ())


@pytest.fixture
def bundle(model: TrainedModel) -> Bundle:
    arrays, extra = backend_parts(ScoringBackend(None, gallery_of()))
    return Bundle(model, {**arrays, "other": np.arange(3)}, {**extra, "data": "motifs"}, "folder")


def kept(bundle: Bundle) -> Gallery:
    gallery = backend_from_bundle(bundle).gallery
    assert gallery is not None
    return gallery


def test_every_recording_of_an_enrolled_singer_weighs_the_same(bundle: Bundle) -> None:
    clips = [np.stack([level(1.0), level(2.0), level(3.0)]), level(6.0)[None]]
    found = kept(enrol(bundle, "d", clips))
    assert found.names == ("d",)
    np.testing.assert_allclose(found.enrolled, level(4.0)[None])
    np.testing.assert_allclose(found.trained, gallery_of().trained)
    assert found.temperature == 0.5


def test_who_is_enrolled_again_comes_last_and_others_stay(bundle: Bundle) -> None:
    for name, value in (("d", 1.0), ("e", 2.0), ("f", 3.0), ("d", 7.0)):
        bundle = enrol(bundle, name, [level(value)[None]])
    found = kept(bundle)
    assert found.names == ("e", "f", "d")
    assert found.enrolled[:, 0].tolist() == [2.0, 3.0, 7.0]
    assert bundle.arrays["other"].tolist() == [0, 1, 2]
    assert bundle.extra["data"] == "motifs"


@pytest.mark.parametrize(
    ("name", "clips", "message"),
    [
        ("", [level(1.0)[None]], "must be a new name"),
        ("b", [level(1.0)[None]], "must be a new name"),
        ("d", [], "a recording without clips, or none at all"),
        ("d", [level(1.0)[None], np.empty((0, DIM))], "a recording without clips, or none at all"),
    ],
)
def test_what_is_not_enrolled(bundle: Bundle, name: str, clips: list[Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        enrol(bundle, name, clips)


def test_a_source_group_that_singers_share_counts_for_each() -> None:
    embeddings = np.array([[1.0, 0.0], [3.0, 4.0], [5.0, 6.0]])
    labels, groups = np.array([0, 1, 1], np.int32), np.array([7, 7, 8], np.int32)
    means = singer_means(embeddings, labels, groups, 2)
    assert means.tolist() == [[1.0, 0.0], [4.0, 5.0]]


def test_cosines_do_not_depend_on_lengths() -> None:
    means = np.array([[5.0, 0.0], [0.0, -0.1], [3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(cosine_similarities([2.0, 0.0], means), [1.0, 0.0, 0.6, 0.0])


def test_a_gallery_holds_the_means_of_whitened_profiles(model: TrainedModel) -> None:
    module = EnsembleClassifier(3, 1)
    module.centre.copy_(torch.ones(DIM))
    whitening = 2 * torch.eye(DIM)
    whitening[0, 1] = 3.0
    module.whitening.copy_(whitening)
    values = np.stack([level(1.0), level(3.0), level(2.0)]).astype(np.float32)
    profiles = WindowFeatures(values, np.array([0, 0, 1], np.int32), np.array([0, 0, 1], np.int32))
    found = make_gallery(module, profiles)
    # Means of 2 and 2 less the centre are 1; the second number has 2 of itself and 3 of the first.
    expected = np.full((3, DIM), 2.0)
    expected[:, 1] = 5.0
    # The third singer has no window.
    expected[2] = 0.0
    np.testing.assert_allclose(found.trained, expected)
    assert (found.names, found.enrolled.shape) == ((), (0, DIM))
    # Nobody has two source groups.
    assert found.temperature == 0.1


def test_other_networks_keep_nothing() -> None:
    settings = TrainingSettings(width=4, device="cpu")
    trained = TrainedModel(build_classifier(settings, 2), ("a", "b"), settings, ())
    clips = ClipSet.from_arrays([np.zeros(10, np.float32)], [0], ("a", "b"))
    assert make_backend(trained, clips) is NO_BACKEND
    assert backend_parts(NO_BACKEND) == ({}, {})


@pytest.mark.parametrize(
    ("lean", "expected"),
    [
        # Cosines 1 to the own mean and 0 to others. Four groups left out have a chance of 5 in 6
        # each, ten times that of either other singer.
        (0, 1 / math.log(10)),
        # Cosines 1 and 33 in 34.
        (3, 1 / 34 / math.log(10)),
        # Directions so near that the smallest temperature is hit.
        (10, 0.01),
    ],
)
def test_the_temperature_of_cosines_is_fitted_on_groups_left_out(
    monkeypatch: pytest.MonkeyPatch, lean: float, expected: float
) -> None:
    known = []

    def plain(
        _values: np.ndarray, groups: np.ndarray, views: tuple[int, ...]
    ) -> tuple[Float64Array, Float64Array]:
        known.append((groups.tolist(), views))
        return np.zeros(3), np.eye(3)

    monkeypatch.setattr(enrolment, "fit_wccn", plain)
    first, second, third = np.eye(3) + lean
    # Two windows of the first group, that only together point where the singer's other group does.
    aside = np.array([0.0, 0.5, -0.5])
    values = np.array([first + aside, first - aside, first, second, second, third], np.float32)
    labels = np.array([0, 0, 0, 1, 1, 2], np.int32)
    groups = np.array([0, 0, 1, 2, 3, 4], np.int32)
    found = cosine_temperature(WindowFeatures(values, labels, groups, (3,)))
    assert found == pytest.approx(expected, rel=2e-3)
    assert known == [([1, 3, 4], (3,)), ([0, 0, 2, 4], (3,))]


def test_without_a_second_group_cosines_have_a_temperature_of_a_tenth() -> None:
    values = np.eye(3, dtype=np.float32)
    singers = np.arange(3, dtype=np.int32)
    assert cosine_temperature(WindowFeatures(values, singers, singers)) == 0.1


FACTS = {
    **{"temperature": 0.5, "unknown_below": 0.4, "unknown_error": 0.1},
    **{"error_before": 0.2, "error_after": 0.05, "votes": 9, "rule": VOTE_RULE},
}


def test_a_calibration_comes_back(model: TrainedModel) -> None:
    backend = ScoringBackend(Calibration(0.5, 0.4, 0.1, 0.2, 0.05, 9), None)
    arrays, extra = backend_parts(backend)
    assert (arrays, extra) == ({}, {"calibration": FACTS})
    assert backend_from_bundle(Bundle(model, arrays, extra)) == backend


@pytest.mark.parametrize(
    "facts",
    [
        *([], "sure", 3),
        *({**FACTS, name: value} for name in ("temperature", "votes") for value in ("1", None)),
        {**FACTS, "votes": True},
        {**FACTS, "error_after": math.nan},
        *({**FACTS, "temperature": value} for value in (0, -0.5)),
        {name: value for name, value in FACTS.items() if name != "unknown_below"},
    ],
)
def test_a_calibration_that_is_none_is_refused(model: TrainedModel, facts: object) -> None:
    with pytest.raises(ModelError, match="model folder: 'calibration' must hold numbers under"):
        backend_from_bundle(Bundle(model, {}, {"calibration": facts}, "folder"))


def test_a_calibration_of_other_votes_is_refused(model: TrainedModel) -> None:
    old = {name: value for name, value in FACTS.items() if name != "rule"}
    with pytest.raises(ModelError, match=r"^model: was calibrated for votes by arithmetic mean"):
        backend_from_bundle(Bundle(model, {}, {"calibration": old}))
    with pytest.raises(ModelError, match="votes by coin, but this cantaor votes by geometric mean"):
        backend_from_bundle(Bundle(model, {}, {"calibration": {**FACTS, "rule": "coin"}}))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([], "must hold a list of names, not None"),
        ({"names": "de", "temperature": 0.5}, "must hold a list of names, not 'de'"),
        ({"names": ["d", ""], "temperature": 0.5}, "must hold a list of names"),
        ({"names": ["d", 3], "temperature": 0.5}, "must hold a list of names"),
        ({"names": ["d", "d"], "temperature": 0.5}, "names a singer twice"),
        ({"names": ["d", "b"], "temperature": 0.5}, "names a singer twice"),
        ({"names": ["d", "e"], "temperature": 0}, "must be above 0, not 0"),
        ({"names": ["d", "e"], "temperature": -0.5}, "must be above 0, not -0.5"),
        ({"names": ["d", "e"], "temperature": "1"}, "must be above 0, not '1'"),
        ({"names": ["d", "e"]}, "must be above 0, not None"),
        ({"names": ["d"], "temperature": 0.5}, r"gallery_enrolled must be finite and 1 x 96"),
        ({"names": [], "temperature": 0.5}, r"gallery_enrolled must be .* say, not \(2, 96\)"),
    ],
)
def test_a_gallery_that_does_not_fit_is_refused(
    model: TrainedModel, facts: object, message: str
) -> None:
    arrays, _ = backend_parts(ScoringBackend(None, gallery_of(("d", "e"), 3.0, 4.0)))
    good = {"names": ["d", "e"], "temperature": 0.5}
    found = kept(Bundle(model, arrays, {"gallery": good}))
    assert (found.names, found.temperature) == (("d", "e"), 0.5)
    assert (found.trained[:, 0].tolist(), found.enrolled[:, 0].tolist()) == ([1, 2], [3, 4])
    with pytest.raises(ModelError, match=message):
        backend_from_bundle(Bundle(model, arrays, {"gallery": facts}))


@pytest.mark.parametrize("name", ["gallery_trained", "gallery_enrolled"])
def test_the_arrays_of_a_gallery_must_be_there_and_finite(model: TrainedModel, name: str) -> None:
    arrays, extra = backend_parts(ScoringBackend(None, gallery_of(("d", "e"), 3.0, 4.0)))
    missing = {one: array for one, array in arrays.items() if one != name}
    with pytest.raises(ModelError, match=rf"{name} must be finite and 2 x 96, .* not \(0,\)"):
        backend_from_bundle(Bundle(model, missing, extra))
    hurt = arrays[name].copy()
    hurt[1, 5] = np.nan
    with pytest.raises(ModelError, match=f"{name} must be finite"):
        backend_from_bundle(Bundle(model, {**arrays, name: hurt}, extra))


def predictions_of(
    starts: list[float], ends: list[float], backend: ScoringBackend = NO_BACKEND
) -> ClipPredictions:
    """Clips whose motif is their number."""
    count = len(starts)
    return ClipPredictions(
        "a",
        tuple((i,) for i in range(count)),
        np.array(starts),
        np.array(ends),
        np.tile(np.array([0.75, 0.25], np.float32), (count, 1)),
        np.tile(np.array([0.0, 2.0], np.float32), (count, 1)),
        backend,
    )


def test_moments_of_short_clips_are_told_apart_as_those_of_long_ones() -> None:
    # .15 of .2 s is shared with the second clip, .05 with the third.
    short = predictions_of([1.0, 1.05, 1.15], [1.2, 1.25, 1.35])
    found = find_evidence(short, np.array([0.9, 0.8, 0.7]))
    assert [(one.motif, one.members) for one in found] == [((0,), ((1,),)), ((2,), ())]
    assert [one.probability for one in found] == [0.9, 0.7]
    # All of the shorter clip lies in the longer.
    inside = predictions_of([0.0, 4.0, 4.0], [9.0, 4.1, 4.2])
    found = find_evidence(inside, np.array([0.5, 0.6, 0.4]))
    assert [(one.motif, one.members) for one in found] == [((1,), ((0,), (2,)))]


def test_clips_without_length_are_moments_of_their_own() -> None:
    points = predictions_of([1.0, 1.0], [1.0, 1.0])
    found = find_evidence(points, np.array([0.4, 0.6]))
    assert [(one.motif, one.members) for one in found] == [((1,), ()), ((0,), ())]


def test_the_network_alone_speaks_for_its_singers_in_a_clip() -> None:
    gallery = Gallery(np.array([[1.0, 0.0], [-1.0, 0.0]]), ("new",), np.array([[0.0, 0.5]]), 0.5)
    clips = predictions_of([0.0, 1.0], [1.0, 2.0], ScoringBackend(None, gallery))
    assert singer_probabilities(clips, 0).tolist() == [0.75, 0.75]
    assert singer_probabilities(clips, 1).tolist() == [0.25, 0.25]
    # Cosines 0, 0 and 1 over .5.
    share = math.exp(2) / (2 + math.exp(2))
    np.testing.assert_allclose(singer_probabilities(clips, 2), [share, share])
    without = replace(clips, backend=NO_BACKEND)
    assert singer_probabilities(without, 1).tolist() == [0.25, 0.25]
