"""Bundles: they come back the same, whole or not at all, and damage is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.export.bundle import load_bundle, save_bundle
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier


def model(seed: int = 0, **settings) -> TrainedModel:
    torch.manual_seed(seed)
    chosen = TrainingSettings(width=2, **settings)
    history = ({"epoch": 1, "loss": 0.5},)
    singer = build_classifier(chosen, 3).eval()
    singer.mean.normal_()
    return TrainedModel(singer, ("Camarón", "EC", "JT"), chosen, history)


@pytest.mark.parametrize("name", ["crnn", "residual50", "residual-blstm"])
def test_a_model_comes_back_the_same(name, tmp_path):
    mine = model(model=name, features="log-mel+mfcc", augmentation=("noise",))
    arrays = {"centers": np.linspace(0, 1, 5), "symbols": np.arange(4, dtype=np.int32)[::2]}
    path = save_bundle(tmp_path / "deep" / "model", mine, arrays, {"styles": ["tonás"]})
    bundle = load_bundle(path)
    assert bundle.trained.classes == mine.classes
    assert bundle.trained.settings == mine.settings
    assert bundle.trained.history == mine.history
    assert bundle.extra == {"styles": ["tonás"]}
    for name, array in arrays.items():
        assert bundle.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(bundle.arrays[name], array)
    waveform = torch.randn(3_000)
    assert torch.equal(bundle.trained.module(waveform)[0], mine.module(waveform)[0])
    assert not bundle.trained.module.training


def test_only_safe_formats_are_in_it_and_versions_are(tmp_path):
    path = save_bundle(tmp_path / "model", model())
    names = sorted(file.name for file in path.iterdir())
    assert names == ["arrays.safetensors", "model.json", "model.safetensors"]
    record = json.loads((path / "model.json").read_text())
    assert record["torch"] == torch.__version__
    assert record["version"] == 1
    assert record["cantaor"]


def test_a_bundle_is_replaced_and_nothing_else_is(tmp_path):
    path = save_bundle(tmp_path / "model", model(0))
    save_bundle(path, model(1))
    assert torch.equal(load_bundle(path).trained.module.mean, model(1).module.mean)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    other = tmp_path / "notes"
    other.mkdir()
    (other / "text").write_text("mine")
    with pytest.raises(ModelError, match="notes exists and is not a model"):
        save_bundle(other, model())
    assert (other / "text").read_text() == "mine"


def test_a_failed_write_leaves_the_old_model(tmp_path):
    path = save_bundle(tmp_path / "model", model(0))
    with pytest.raises(ArgumentError, match="extra must fit JSON"):
        save_bundle(path, model(1), extra={"bad": {1, 2}})
    with pytest.raises(ArgumentError, match="array 'names' must be numeric"):
        save_bundle(path, model(1), {"names": np.array(["a"])})
    assert torch.equal(load_bundle(path).trained.module.mean, model(0).module.mean)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ModelError, match=r"cannot write model .*file"):
        save_bundle(blocked / "model", model())


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "arrays.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "changed"])
def test_damage_is_named(name, damage, tmp_path):
    path = save_bundle(tmp_path / "model", model(), {"a": np.arange(9)})
    file = path / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        changed = {
            "truncated": content[: len(content) // 2],
            "empty": b"",
            "changed": content[:-4] + bytes([content[-4] ^ 1]) + content[-3:],
        }
        file.write_bytes(changed[damage])
    with pytest.raises(ModelError, match=f"model .*model.*{name}"):
        load_bundle(path)


def test_files_of_two_models_cannot_be_mixed(tmp_path):
    first, second = save_bundle(tmp_path / "a", model(0)), save_bundle(tmp_path / "b", model(1))
    (first / "model.safetensors").write_bytes((second / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="belongs to another model"):
        load_bundle(first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["AM"]}, r"names the singers \['AM'\].* saved with \['Camarón', 'EC', 'JT'\]"),
        ({"classes": ["JT", "EC", "Camarón"]}, "does not fit together: model.json names the"),
        ({"version": 99}, "version 99 of the format; this cantaor reads version 1"),
        ({"format": "zip"}, "is not of a cantaor model"),
        ({"settings": {"model": "svm"}}, "model must be one of"),
        ({"settings": {"speed": 1}}, "does not fit together"),
        ({"settings": {"width": 3}}, "does not fit together"),
    ],
)
def test_a_record_that_does_not_fit_is_named(change, message, tmp_path):
    path = save_bundle(tmp_path / "model", model())
    record = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps({**record, **change}))
    with pytest.raises(ModelError, match=message):
        load_bundle(path)


def test_missing_and_wrong_paths_are_named(tmp_path):
    with pytest.raises(ModelError, match="nothing is missing"):
        load_bundle(tmp_path / "nothing")
    (tmp_path / "file").write_text("text")
    with pytest.raises(ModelError, match="file is not a directory"):
        load_bundle(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"empty lacks model\.json"):
        load_bundle(tmp_path / "empty")
