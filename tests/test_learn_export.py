"""Exported files answer as the model does, in a Python without cantaor."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from cantaor.errors import ModelError
from cantaor.learn.evaluation.evaluation import measure
from cantaor.learn.export.export import export_onnx, export_pt2, export_torchscript
from cantaor.learn.export.model_card import write_model_card
from tests.test_learn_bundle import model
from tests.test_learn_evaluation import clips_of

LENGTHS = [1, 800, 801, 4_800, 16_000, 64_000]

PROGRAM = """
import sys
sys.modules["cantaor"] = None
import numpy as np
import torch
folder = sys.argv[1]
extra = {"cantaor.json": ""}
model = torch.jit.load(folder + "/model.ts", _extra_files=extra)
clips = np.load(folder + "/clips.npz")
waveforms, lengths = torch.from_numpy(clips["waveforms"]), torch.from_numpy(clips["lengths"])
with torch.inference_mode():
    together, embeddings = model(waveforms, lengths)
    alone = [model(row[:length])[0] for row, length in zip(waveforms, lengths)]
    whole, _ = model(waveforms)
np.savez(folder + "/answers.npz", together=together, alone=torch.stack(alone), whole=whole,
         embeddings=embeddings)
print(extra["cantaor.json"].decode())
print(model.classes)
print(model.sample_rate)
"""


@pytest.fixture
def waveforms() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    return torch.randn(len(LENGTHS), max(LENGTHS)) * 0.1, torch.tensor(LENGTHS)


@pytest.mark.parametrize(
    ("name", "features", "sample_rate"),
    [
        ("crnn", "log-mel+mfcc", 16_000),
        pytest.param("residual50", "log-mel+mfcc", 16_000, marks=pytest.mark.slow),
        ("residual-blstm", "wide-log-mel", 22_050),
    ],
)
def test_torchscript_without_cantaor(name, features, sample_rate, tmp_path, waveforms):
    mine = model(model=name, features=features)
    export_torchscript(mine, tmp_path / "model.ts")
    assert [file.name for file in tmp_path.iterdir()] == ["model.ts"]
    np.savez(tmp_path / "clips.npz", waveforms=waveforms[0], lengths=waveforms[1])
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    answers = np.load(tmp_path / "answers.npz")
    with torch.inference_mode():
        expected, embeddings = mine.module(*waveforms)
        whole, _ = mine.module(waveforms[0])
    np.testing.assert_allclose(answers["together"], expected, atol=1e-5)
    np.testing.assert_allclose(answers["alone"], expected, atol=1e-5)
    np.testing.assert_allclose(answers["whole"], whole, atol=1e-5)
    np.testing.assert_allclose(answers["embeddings"], embeddings, atol=1e-4)
    description, classes, rate = run.stdout.strip().splitlines()
    assert json.loads(description)["sample_rate"] == int(rate) == sample_rate
    assert json.loads(description)["settings"]["model"] == name
    assert classes == str(list(mine.classes))


def test_padded_models_refuse_what_is_too_long(tmp_path):
    path = export_torchscript(model(padded=True), tmp_path / "model.ts")
    exported = torch.jit.load(path)
    assert exported(torch.zeros(2, 800))[0].shape == (2, 3)
    with pytest.raises(torch.jit.Error, match="more than frames"):
        exported(torch.zeros(80_000))


def test_an_unwritable_path_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"model\.ts: cannot be written"):
        export_torchscript(model(), tmp_path / "file" / "model.ts")


OTHERS = """
import sys
sys.modules["cantaor"] = None
import numpy as np
import onnxruntime
import torch
folder = sys.argv[1]
clips = np.load(folder + "/clips.npz")
extra = {"cantaor.json": ""}
program = torch.export.load(folder + "/model.pt2", extra_files=extra).module()
waveforms, lengths = torch.from_numpy(clips["waveforms"]), torch.from_numpy(clips["lengths"])
with torch.inference_mode():
    together, embeddings = program(waveforms, lengths)
    alone = [program(row[None, :n], n[None])[0][0] for row, n in zip(waveforms, lengths)]
session = onnxruntime.InferenceSession(folder + "/model.onnx")
def run(images, counts):
    return session.run(["probabilities"], {"features": images, "lengths": counts})[0]
images, counts = clips["images"], clips["counts"]
onnx = run(images, counts)
onnx_alone = [run(images[i:i + 1, ..., :n], counts[i:i + 1])[0] for i, n in enumerate(counts)]
np.savez(folder + "/answers.npz", together=together, alone=torch.stack(alone),
         embeddings=embeddings, onnx=onnx, onnx_alone=onnx_alone)
print(extra["cantaor.json"])
print(session.get_modelmeta().custom_metadata_map["cantaor.json"])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features", "pooling"),
    [
        ("crnn", "log-mel+mfcc", "mean"),
        ("residual50", "log-mel+mfcc", "mean"),
        ("residual-blstm", "log-mel+mfcc", "mean"),
        ("residual-blstm", "wide-log-mel", "statistics"),
    ],
)
def test_torch_export_and_onnx_without_cantaor(name, features, pooling, tmp_path, waveforms, capfd):
    mine = model(model=name, features=features, pooling=pooling)
    counts = 1 + waveforms[1] // mine.module.hop_length
    with torch.inference_mode():
        expected, embeddings = mine.module(*waveforms)
        images = [part(*waveforms, int(counts.max())) for part in mine.module.features]
    export_pt2(mine, tmp_path / "model.pt2")
    export_onnx(mine, tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")
    assert {file.name for file in tmp_path.iterdir()} == {"model.pt2", "model.onnx"}
    np.savez(
        tmp_path / "clips.npz",
        waveforms=waveforms[0],
        lengths=waveforms[1],
        images=torch.stack(images, dim=1),
        counts=counts,
    )
    run = subprocess.run(
        [sys.executable, "-c", OTHERS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    answers = np.load(tmp_path / "answers.npz")
    for answer in ("together", "alone", "onnx", "onnx_alone"):
        np.testing.assert_allclose(answers[answer], expected, atol=1e-5, err_msg=answer)
    np.testing.assert_allclose(answers["embeddings"], embeddings, atol=1e-4)
    for description in run.stdout.strip().splitlines():
        assert json.loads(description)["classes"] == list(mine.classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crnn", "residual50", "residual-blstm"])
def test_padded_models_export_too(name, tmp_path):
    mine = model(model=name, padded=True)
    export_pt2(mine, tmp_path / "model.pt2")
    export_onnx(mine, tmp_path / "model.onnx")


def test_the_card_holds_figures_limits_and_settings(tmp_path, rng):
    mine = model()
    probabilities = rng.dirichlet(np.ones(3), 9).astype(np.float32)
    labels = np.zeros(9, np.int32)
    figures = measure(probabilities, labels, mine.classes, clips_of(labels), "paper")
    text = write_model_card(
        tmp_path / "card.md", mine, figures.to_json(), "Synthetic voices."
    ).read_text()
    assert f"| {figures.accuracy:.4f} | {figures.balanced_accuracy:.4f} | none |" in text
    assert "Protocol: paper; 9 clips." in text
    assert "Without clips to be tested on: EC, JT." in text
    assert "Synthetic voices." in text
    assert "| model | residual-blstm |" in text
    bare = write_model_card(tmp_path / "card.md", mine).read_text()
    assert "None were measured." in bare
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"card\.md: cannot be written"):
        write_model_card(tmp_path / "file" / "card.md", mine)
