"""Figures: against scikit-learn and the definitions, missing singers, votes, batching."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet, equal_length_batches
from cantaor.learn.evaluation.evaluation import evaluate, measure, predict
from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from tests.reference import learn as reference

CLASSES = ("AM", "EC", "JT")


def draw_probabilities(rng: np.random.Generator, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    probabilities = rng.dirichlet(np.ones(3), n).astype(np.float32)
    return probabilities, rng.integers(0, 3, n).astype(np.int32)


def clips_of(labels: np.ndarray, recordings: int = 4) -> ClipSet:
    names = [f"r{number}" for number in range(recordings)]
    return ClipSet.from_arrays(
        [
            np.full(900 + 40 * i, 0.1) * (-1.0) ** np.arange(900 + 40 * i)
            for i in range(len(labels))
        ],
        labels,
        CLASSES,
        names,
        np.arange(len(labels)) % recordings,
    )


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    settings = TrainingSettings(width=2)
    return TrainedModel(build_classifier(settings, 3).eval(), CLASSES, settings)


def test_figures_are_those_of_scikit_learn(rng):
    probabilities, labels = draw_probabilities(rng)
    figures = measure(probabilities, labels, CLASSES, clips_of(labels))
    answer = probabilities.argmax(1)
    assert figures.n == 60
    assert figures.accuracy == pytest.approx(np.mean(answer == labels))
    assert figures.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, answer))
    normal = probabilities.astype(np.float64)
    normal /= normal.sum(1, keepdims=True)
    expected = roc_auc_score(labels, normal, multi_class="ovr", average="macro")
    assert figures.auc == pytest.approx(expected, abs=1e-6)
    assert figures.auc == pytest.approx(reference.macro_auc(probabilities, labels), abs=1e-9)
    assert np.array_equal(figures.confusion, confusion_matrix(labels, answer))


def test_a_singer_without_clips_is_named_and_left_out(rng):
    probabilities, labels = draw_probabilities(rng)
    labels[labels == 2] = 1
    figures = measure(probabilities, labels, CLASSES, clips_of(labels))
    assert figures.missing == ("JT",)
    assert figures.recall["JT"] is None
    assert figures.auc_by_singer["JT"] is None
    assert figures.auc == pytest.approx(reference.macro_auc(probabilities, labels))
    one = measure(probabilities, np.zeros(60, np.int32), CLASSES, clips_of(labels))
    assert one.auc is None
    assert one.balanced_accuracy == one.recall["AM"]


def test_json_has_the_agreed_keys_and_only_plain_values(rng):
    probabilities, labels = draw_probabilities(rng)
    labels[labels == 2] = 1
    figures = measure(probabilities, labels, CLASSES, clips_of(labels), "recording")
    record = json.loads(json.dumps(figures.to_json(), allow_nan=False))
    agreed = {"n", "accuracy", "balanced_accuracy", "auc", "by_recording", "protocol"}
    assert agreed <= record.keys()
    assert record["protocol"] == "recording"
    assert set(record["by_recording"]) == {"r0", "r1", "r2", "r3"}
    assert sum(one["n"] for one in record["by_recording"].values()) == 60


def test_vote_is_the_normalised_geometric_mean():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]], np.float32)
    together = np.sqrt(np.prod(probabilities, axis=0))
    np.testing.assert_allclose(aggregate_probabilities(probabilities), together / together.sum())
    assert np.isfinite(
        aggregate_probabilities(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32))
    ).all()


def test_votes_per_recording():
    probabilities = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.1, 0.1, 0.8]], np.float32)
    labels = np.array([0, 0, 1], np.int32)
    clips = ClipSet.from_arrays([[0.1]] * 3, labels, CLASSES, ["a", "b"], [0, 0, 1])
    figures = measure(probabilities, labels, CLASSES, clips)
    first, second = figures.by_recording["a"], figures.by_recording["b"]
    assert (first.singer, first.predicted, first.n, first.accuracy) == ("AM", "AM", 2, 0.5)
    assert (second.singer, second.predicted) == ("EC", "JT")
    assert figures.recording_accuracy == 0.5


def test_clips_of_no_recording_have_no_vote(trained):
    clips = ClipSet.from_arrays([[0.1]] * 3, [0, 1, 2], CLASSES)
    figures = evaluate(trained, clips, device="cpu")
    assert figures.by_recording == {}
    assert figures.recording_accuracy is None


def test_batches_do_not_change_answers_nor_their_order(trained, rng):
    lengths = rng.integers(1, 6_000, 17)
    clips = ClipSet.from_arrays([rng.standard_normal(n) for n in lengths], [0] * 17, CLASSES)
    probabilities, embeddings = predict(trained, clips, device="cpu")
    assert probabilities.dtype == embeddings.dtype == np.float32
    assert embeddings.shape == (17, trained.module.network.embedding_size)
    alone = predict(trained, clips, batch=1, device="cpu")
    np.testing.assert_allclose(probabilities, alone[0], atol=1e-5)
    np.testing.assert_allclose(embeddings, alone[1], atol=1e-4)


def test_order_of_the_clips_own_classes_does_not_matter(trained, rng):
    arrays = [rng.standard_normal(2_000) for _ in range(6)]
    first = ClipSet.from_arrays(arrays, [0, 1, 2, 0, 1, 2], CLASSES)
    second = ClipSet.from_arrays(arrays, [2, 1, 0, 2, 1, 0], CLASSES[::-1])
    assert evaluate(trained, first).to_json() == evaluate(trained, second).to_json()


def test_wrong_clips_are_named(trained):
    with pytest.raises(ArgumentError, match="no clips"):
        evaluate(trained, ClipSet.from_arrays([], [], CLASSES))
    with pytest.raises(ArgumentError, match="clip 1 has no label"):
        evaluate(trained, ClipSet.from_arrays([[0.1], [0.1]], [0, -1], CLASSES))
    with pytest.raises(ModelError, match="knows AM, EC, JT; the clips also name XX"):
        evaluate(trained, ClipSet.from_arrays([[0.1]], [0], ["XX"]))
    with pytest.raises(ArgumentError, match="batch must be at least 1"):
        predict(trained, ClipSet.from_arrays([[0.1]], [0], ["AM"]), batch=0)


@given(
    st.lists(st.integers(1, 9), max_size=60),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_alike_batches_hold_every_clip_once(frames, size, min_size):
    batches = equal_length_batches(frames, size, min_size)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(frames)))
    assert all(1 <= batch.size <= size for batch in batches)
    ordered = [frames[i] for batch in batches for i in batch.tolist()]
    assert ordered == sorted(frames)
    for count in set(frames):
        if frames.count(count) >= size + min_size:
            assert any({frames[i] for i in batch.tolist()} == {count} for batch in batches)


@pytest.mark.parametrize("model", ["crnn", "residual50", "residual-blstm"])
def test_clips_of_one_length_need_no_masks_and_answer_the_same(model, rng):
    settings = TrainingSettings(model=model, width=2)
    trained = TrainedModel(build_classifier(settings, 3).eval(), CLASSES, settings)
    lengths = np.repeat([1600, 1650, 1759, 3200, 3300], [5, 5, 5, 4, 2])
    rows = [rng.uniform(-0.5, 0.5, n) for n in rng.permutation(lengths)]
    clips = ClipSet.from_arrays(rows, np.zeros(len(rows), int), CLASSES)
    waveforms, samples = map(torch.from_numpy, clips.batch(np.arange(len(clips)), 4000))
    with torch.inference_mode():
        masked = trained.module(waveforms, samples)
    for found, expected in zip(predict(trained, clips, device="cpu"), masked, strict=True):
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
