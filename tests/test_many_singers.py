"""The recipe for recordings never heard, where there are more singers than a handful."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cantaor.learn.export.bundle import load_bundle, save_bundle
from cantaor.learn.identification import calibration
from cantaor.learn.identification.calibration import calibrate
from cantaor.learn.networks.ensemble import EnsembleClassifier, MeanSpectralFeatures, MLPEnsemble
from cantaor.learn.training import ensemble_training
from cantaor.learn.training.ensemble_training import fit_ensemble_classifier, training_effort
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.learn.training.window_features import WindowFeatures
from tests.test_cli import cantaor


def profiles(singers: int, groups: int, windows: int, seed: int) -> WindowFeatures:
    """Windows around a centre of each singer, shifted by group; the first 8 numbers tell."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(singers), groups * windows)
    group = np.repeat(np.arange(singers * groups), windows)
    centres = np.zeros((singers, MeanSpectralFeatures.size))
    centres[:, :8] = rng.standard_normal((singers, 8))
    shifts = 0.3 * rng.standard_normal((singers * groups, MeanSpectralFeatures.size))
    noise = rng.standard_normal((label.size, MeanSpectralFeatures.size))
    values = centres[label] + shifts[group] + noise
    return WindowFeatures(values.astype(np.float32), label.astype(np.int32), group.astype(np.int32))


def test_every_singer_is_drawn_about_as_often_whatever_their_number() -> None:
    drawn = [np.prod(training_effort(n)) / n for n in range(2, 200)]
    assert min(drawn) >= 400 * 96 / 5
    # Five singers and fewer train as they did when the recipe was measured on five.
    assert {training_effort(n) for n in range(2, 6)} == {(400, 96)}


def test_training_takes_the_steps_and_the_layer_of_its_singers() -> None:
    learned = profiles(12, 2, 4, seed=1)
    singer, history = fit_ensemble_classifier(learned, 12, members=1)
    assert [row["epoch"] for row in history] == list(range(100, 1000, 100))
    assert training_effort(12) == (960, 192)
    assert singer.ensemble.second.shape == (1, 128, 12)


def test_a_member_alone_answers_as_in_its_ensemble() -> None:
    torch.manual_seed(0)
    ensemble = MLPEnsemble(7, 3).eval()
    state = torch.random.get_rng_state()
    values = torch.randn(1, 5, MeanSpectralFeatures.size)
    torch.random.set_rng_state(state)
    whole, _ = ensemble(values.expand(3, -1, -1))
    for row in range(3):
        alone, _ = ensemble.member(row)(values)
        torch.testing.assert_close(alone[0], whole[row])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_every_singer_is_left_out_in_one_of_ten_parts() -> None:
    few, many = profiles(4, 2, 3, seed=0), profiles(23, 2, 3, seed=0)
    for known, parts in ((few, 4), (many, 10)):
        left = calibration._left_out(known, np.unique(known.labels))
        assert left.shape == (parts, known.labels.size)
        assert (left.sum(axis=0) == 1).all()
        for row in left:
            # A singer is left out whole.
            assert not np.intersect1d(known.labels[row], known.labels[~row]).size


def test_calibration_of_many_singers(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    fit = calibration.fit_ensemble

    def counted(known, sampling, *rest):
        fitted.append(len(sampling))
        return fit(known, sampling, *rest)

    monkeypatch.setattr(calibration, "fit_ensemble", counted)
    monkeypatch.setattr(ensemble_training, "training_effort", lambda _: (100, 96))
    found = calibrate(profiles(14, 2, 12, seed=2), 14)
    assert fitted == [2 + 10]
    assert found is not None
    assert found.votes == 14 * 2
    assert 0 <= found.unknown_error <= 1


def test_a_model_with_a_smaller_layer_than_todays_is_read(tmp_path: Path) -> None:
    singers = tuple(f"V{n}" for n in range(8))
    settings = recipe_settings("robust")
    small = EnsembleClassifier(8, ensemble_training.MEMBERS, hidden=64).eval()
    saved = save_bundle(tmp_path / "m", TrainedModel(small, singers, settings, ()), {}, {})
    again = load_bundle(saved).trained.module
    sound = torch.randn(2, 8000)
    torch.testing.assert_close(again(sound)[0], small(sound)[0])


def test_who_asks_for_nothing_is_told_what_the_figure_means(
    tmp_path: Path, small_workspace
) -> None:
    quick = ("--out", tmp_path / "m", "--width", "4", "--epochs", "1", "--max-clips", "5", "--json")
    done = cantaor("train", small_workspace.path, *quick)
    assert done.returncode == 0, done.stderr
    assert "--split recording --recipe robust" in done.stderr
    assert "remembered" in done.stderr
    asked = ("--recipe", "robust", "--max-clips", "5", "--json")
    done = cantaor("train", small_workspace.path, *asked, "--out", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert "remembered" not in done.stderr
