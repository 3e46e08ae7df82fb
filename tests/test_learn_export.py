"""Exported files answer as the model does, in a Python without cantaor."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from cantaor.errors import ModelError
from cantaor.learn.export import export_torchscript
from tests.test_learn_bundle import model

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
"""


@pytest.fixture
def waveforms() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    return torch.randn(len(LENGTHS), max(LENGTHS)) * 0.1, torch.tensor(LENGTHS)


@pytest.mark.parametrize("name", ["crnn", "residual50", "residual-blstm"])
def test_torchscript_without_cantaor(name, tmp_path, waveforms):
    mine = model(model=name, features="log-mel+mfcc")
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
    description, classes = run.stdout.strip().splitlines()
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
    with pytest.raises(ModelError, match=r"cannot write .*model\.ts"):
        export_torchscript(model(), tmp_path / "file" / "model.ts")
