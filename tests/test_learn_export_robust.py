"""Exports of the recipe ``robust`` answer as the model does, in a Python without cantaor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cantaor.errors import ModelError
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.export.export import _require_equal
from cantaor.learn.identification.calibration import apply_temperature
from cantaor.learn.identification.deployment import decision_of, export_bundle
from cantaor.learn.identification.enrolment import (
    backend_from_bundle,
    backend_parts,
    enrol,
    make_backend,
    merge_enrolled,
)
from cantaor.learn.networks.ensemble import PROFILE_RATE
from cantaor.learn.training.recipes import RECIPES, recipe_settings
from cantaor.learn.training.train import train
from tests.test_learn_bundle import model
from tests.test_learn_robust import SINGERS, clips, sung

SECONDS = (10.0, 0.05, 0.024, 0.2, 0.3, 3.0, 1 / PROFILE_RATE)

PROGRAM = """
import json, sys
sys.modules["cantaor"] = None
import numpy as np
import torch
file, kind = sys.argv[1], sys.argv[2]
clips = np.load("clips.npz")
if kind == "ts":
    extra = {"cantaor.json": ""}
    run = torch.jit.load(file, _extra_files=extra)
    description = extra["cantaor.json"].decode()
if kind == "pt2":
    extra = {"cantaor.json": ""}
    run = torch.export.load(file, extra_files=extra).module()
    description = extra["cantaor.json"]
if kind == "onnx":
    import onnxruntime
    session = onnxruntime.InferenceSession(file)
    description = session.get_modelmeta().custom_metadata_map["cantaor.json"]
    names = json.loads(description)["outputs"]
    def run(waveforms, lengths):
        inputs = {"waveforms": waveforms.numpy(), "lengths": lengths.numpy()}
        return [torch.from_numpy(x) for x in session.run(names, inputs)]
waveforms, lengths = torch.from_numpy(clips["waveforms"]), torch.from_numpy(clips["lengths"])
with torch.inference_mode():
    answers = {f"batch{i}": x.numpy() for i, x in enumerate(run(waveforms, lengths))}
    alone = [run(row[None, :n], n[None]) for row, n in zip(waveforms, lengths)]
    answers |= {f"alone{i}": torch.cat(x).numpy() for i, x in enumerate(zip(*alone))}
np.savez("answers.npz", **answers)
print(description)
"""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    learned = clips((0, 1, 2), seed=1, each=8)
    trained = train(learned, learned.select([]), recipe_settings("robust", device="cpu"))
    arrays, extra = backend_parts(make_backend(trained, learned))
    return Bundle(trained, arrays, {"data": "clips", **extra})


@pytest.fixture(scope="module")
def waveforms() -> tuple[torch.Tensor, torch.Tensor]:
    """Voices, a tone whose other bands are rounding, and what stands after the end of clips."""
    rng = np.random.default_rng(2)
    lengths = [max(1, int(seconds * PROFILE_RATE)) for seconds in SECONDS]
    batch = rng.standard_normal((len(lengths), max(lengths))).astype(np.float32)
    for row, n in zip(batch, lengths, strict=True):
        row[:n] = sung(1500 + n % 3000, 0.2, rng, n)
    batch[3, : lengths[3]] = np.sin(np.arange(lengths[3]) / 9) / 2
    return torch.from_numpy(batch), torch.tensor(lengths)


@pytest.mark.parametrize(
    "kind", ["ts", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("pt2", "onnx"))]
)
def test_without_cantaor(kind, bundle, waveforms, tmp_path):
    export_bundle(bundle, tmp_path / f"model.{kind}")
    assert [file.name for file in tmp_path.iterdir()] == [f"model.{kind}"]
    np.savez(tmp_path / "clips.npz", waveforms=waveforms[0], lengths=waveforms[1])
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"model.{kind}", kind],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    answers = np.load(tmp_path / "answers.npz")
    with torch.inference_mode():
        probabilities, embeddings = bundle.trained.module(*waveforms)
    calibration = backend_from_bundle(bundle).calibration
    assert calibration is not None
    tolerance = 1e-4 if kind == "onnx" else 1e-5
    for how in ("batch", "alone"):
        np.testing.assert_allclose(answers[how + "0"], probabilities, atol=tolerance)
        np.testing.assert_allclose(answers[how + "1"], embeddings, atol=tolerance)
        calibrated = apply_temperature(probabilities, calibration.temperature)
        np.testing.assert_allclose(answers[how + "2"], calibrated, atol=tolerance)
        unknown = probabilities.numpy().max(axis=1) < calibration.unknown_below
        assert answers[how + "3"].tolist() == unknown.tolist()
    description = json.loads(run.stdout)
    assert description["sample_rate"] == PROFILE_RATE
    assert description["classes"] == list(SINGERS)
    assert description["outputs"] == ["probabilities", "embeddings", "calibrated", "unknown"]


def test_enrolled_singers_are_in_the_file(bundle, waveforms, tmp_path):
    with torch.inference_mode():
        probabilities, embeddings = bundle.trained.module(*waveforms)
    more = enrol(bundle, "new", [embeddings[2:4].numpy()])
    exported = torch.jit.load(export_bundle(more, tmp_path / "model.ts"))
    with torch.inference_mode():
        calibrated = exported(*waveforms)[2]
    backend = backend_from_bundle(more)
    expected = [
        merge_enrolled(apply_temperature(p, backend.calibration.temperature), e, more_gallery)
        for p, e, more_gallery in zip(
            probabilities.numpy(), embeddings.numpy(), [backend.gallery] * len(SECONDS), strict=True
        )
    ]
    np.testing.assert_allclose(calibrated, expected, atol=1e-5)
    assert json.loads(exported.description)["enrolled"] == ["new"]
    assert exported(waveforms[0][0])[2].shape == (4,)


def test_without_calibration_there_are_two_outputs(bundle, waveforms, tmp_path):
    bare = Bundle(bundle.trained, {}, {"data": "clips"})
    assert decision_of(bare) is None
    assert len(torch.jit.load(export_bundle(bare, tmp_path / "model.ts"))(*waveforms)) == 2


def test_a_file_that_answers_otherwise_is_refused():
    mine, theirs = torch.tensor([[0.4, 0.6]]), torch.tensor([[0.4, 0.61]])
    with pytest.raises(ModelError, match=r"m\.ts: probabilities would differ .* by 1\.0e-02"):
        _require_equal(Path("m.ts"), [mine], [theirs], 1e-5)
    with pytest.raises(ModelError, match="differ"):
        _require_equal(Path("m.ts"), [mine], [torch.tensor([[float("nan"), 0.6]])], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ts", "pt2", "onnx"])
@pytest.mark.parametrize("recipe", sorted(set(RECIPES) - {"robust"}))
def test_every_recipe_has_every_format(recipe, kind, tmp_path):
    settings = dict(RECIPES[recipe])
    mine = model(**settings)
    path = export_bundle(Bundle(mine, {}, {}), tmp_path / f"model.{kind}")
    assert path.stat().st_size > 0
