"""Whitening, sampling and training of the ensemble of perceptrons, by their definitions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from cantaor.errors import ArgumentError
from cantaor.learn.networks.ensemble import MLPEnsemble
from cantaor.learn.training import ensemble_training
from cantaor.learn.training.ensemble_training import (
    _draw,
    _loss,
    balanced_sampling_probabilities,
    fit_ensemble,
    fit_wccn,
    training_effort,
    view_weights,
)
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.types import Float32Array, Int32Array


def windows() -> tuple[Float32Array, Int32Array]:
    """Sixty windows of three groups of 10, 20 and 30, far apart and unlike in spread."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(3), [10, 20, 30]).astype(np.int32)
    spread = np.array([1.0, 2.0, 5.0])[groups, None]
    values = rng.standard_normal((60, 4)) * [1, 2, 3, 4] * spread + 40 * groups[:, None]
    return values.astype(np.float32), groups


def test_groups_weigh_alike_in_the_whitening_however_many_windows_they_have() -> None:
    values, groups = windows()
    centre, whitening = fit_wccn(values, groups)
    spread = values.std(axis=0, dtype=np.float64)
    scaled = (values - centre) / (spread + 1e-6)
    within = np.mean([np.cov(scaled[groups == g].T, bias=True) for g in range(3)], axis=0)
    ridged = within + 0.3 * np.trace(within) / 4 * np.eye(4)
    turned = (spread + 1e-6)[:, None] * whitening
    np.testing.assert_allclose(turned.T @ ridged @ turned, np.eye(4), atol=1e-8)


def test_one_view_is_no_other_than_none() -> None:
    values, groups = windows()
    for one, other in zip(fit_wccn(values, groups, (4,)), fit_wccn(values, groups), strict=True):
        np.testing.assert_array_equal(one, other)


def test_views_are_whitened_apart_and_weigh_alike() -> None:
    values, groups = windows()
    centre, whitening = fit_wccn(values, groups, (1, 3))
    parts = [fit_wccn(values[:, :1], groups), fit_wccn(values[:, 1:], groups)]
    np.testing.assert_array_equal(centre, np.concatenate([parts[0][0], parts[1][0]]))
    np.testing.assert_allclose(whitening[:1, :1], parts[0][1] * 2**0.5)
    np.testing.assert_allclose(whitening[1:, 1:], parts[1][1] * (2 / 3) ** 0.5)
    assert (whitening[:1, 1:] == 0).all()
    assert (whitening[1:, :1] == 0).all()
    np.testing.assert_allclose(view_weights([1, 3]) ** 2, [2, 2 / 3, 2 / 3, 2 / 3])


def test_singers_are_drawn_alike_and_their_groups_too() -> None:
    labels, groups = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 2])
    found = balanced_sampling_probabilities(labels, groups)
    np.testing.assert_allclose(found, [1 / 8, 1 / 8, 1 / 4, 1 / 4, 1 / 4])
    assert found.sum() == pytest.approx(1)


def test_the_effort_grows_above_five_singers() -> None:
    found = [training_effort(singers) for singers in (1, 5, 6, 10)]
    assert found == [(400, 96), (400, 96), (480, 192), (800, 192)]


def test_a_window_is_drawn_as_often_as_its_share() -> None:
    reached = np.cumsum([[0.0, 0.25, 0.0, 0.75], [0.5, 0.5, 0.0, 0.0]], axis=1)
    drawn = _draw(reached, 20_000, np.random.default_rng(0)).numpy()
    counts = np.stack([np.bincount(row, minlength=4) for row in drawn]) / 20_000
    np.testing.assert_allclose(counts, [[0, 0.25, 0, 0.75], [0.5, 0.5, 0, 0]], atol=0.02)
    # Shares need not sum to 1: they are those of what there is.
    less = _draw(reached * 0.1, 20_000, np.random.default_rng(0)).numpy()
    np.testing.assert_array_equal(less, drawn)


def test_the_loss_expects_a_twentieth_less_than_certainty() -> None:
    class Fixed(MLPEnsemble):
        def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return values, values

    logits = torch.tensor([[[2.0, 0.0, -1.0]], [[0.0, 1.0, 0.0]]])
    labels = torch.tensor([[0], [2]])
    logs = torch.log_softmax(logits, -1)
    smooth = 0.05 / 3
    each = [
        -(row * (smooth + (1 - 0.05) * torch.nn.functional.one_hot(label, 3))).sum()
        for row, label in zip(logs[:, 0], labels[:, 0], strict=True)
    ]
    found = _loss(Fixed(3, 2, size=3), logits, labels)
    assert float(found) == pytest.approx(float(torch.stack(each).mean()), rel=1e-6)


def profiles(views: tuple[int, ...] = (4,)) -> WindowFeatures:
    values, groups = windows()
    return WindowFeatures(values, (groups > 0).astype(np.int32), groups, views)


def test_a_member_is_scaled_by_its_own_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble_training, "_STEPS", 1)
    monkeypatch.setattr(ensemble_training, "_STEPS_EACH", 0)
    given = profiles((1, 3))
    sampling = np.stack([np.full(60, 1 / 60), np.where(given.groups < 2, 1 / 30, 0.0)])
    ensemble, _ = fit_ensemble(given, sampling, 2)
    for row, known in enumerate((given.groups >= 0, given.groups < 2)):
        own = given.values[known].astype(np.float64)
        np.testing.assert_allclose(ensemble.mean[row, 0].numpy(), own.mean(axis=0), rtol=1e-5)
        scale = view_weights((1, 3)) / (own.std(axis=0) + 1e-6)
        np.testing.assert_allclose(ensemble.scale[row, 0].numpy(), scale, rtol=1e-5)
    assert not ensemble.training


def test_training_tells_how_it_goes_every_hundred_steps() -> None:
    told: list[tuple[int, int, Mapping[str, float]]] = []
    state = torch.random.get_rng_state()
    given = profiles()
    sampling = np.full((2, 60), 1 / 60)
    first, history = fit_ensemble(given, sampling, 2, 3, lambda *one: told.append(one))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [(step, steps) for step, steps, _ in told] == [(n, 400) for n in (100, 200, 300, 400)]
    assert [one["epoch"] for one in history] == [100, 200, 300, 400]
    assert history[-1]["loss"] < history[0]["loss"] < 0.7
    # Whatever was learned is told from the label alone: the least that smoothing leaves is .117.
    assert 0.116 < history[-1]["loss"] < 0.2
    again, _ = fit_ensemble(given, sampling, 2, 3)
    other, _ = fit_ensemble(given, sampling, 2, 4)
    values = torch.from_numpy(given.values).expand(2, -1, -1)
    with torch.no_grad():
        answers = [one(values)[0] for one in (first, again, other)]
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


def test_windows_of_one_singer_teach_nothing() -> None:
    given = profiles()
    alone = np.stack([np.full(60, 1 / 60), np.where(given.labels == 1, 1 / 50, 0.0)])
    with pytest.raises(ArgumentError, match="of at least 2 singers"):
        fit_ensemble(given, alone, 2)
