"""The C++ example is built against torch's wheel and answers like the model."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from cantaor.learn.export.formats import export_model
from tests.test_learn_bundle import model

SOURCE = Path(__file__).resolve().parents[1] / "docs" / "examples" / "identify.cpp"


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("no g++ on this machine")
    wheel, built = Path(torch.__file__).parent, tmp_path_factory.mktemp("built") / "identify"
    command = ["g++", "-std=c++20", "-O1", str(SOURCE), "-o", str(built)]
    command += [f"-I{wheel}/include", f"-I{wheel}/include/torch/csrc/api/include"]
    command += [f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
    # Libraries of the CUDA wheel, which nothing here calls, are found when they are loaded.
    command += [f"-L{wheel}/lib", f"-Wl,-rpath,{wheel}/lib", "-ltorch_cpu", "-lc10"]
    command += ["-Wl,--unresolved-symbols=ignore-in-shared-libs"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return built


@pytest.mark.slow
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_it_answers_like_the_model(program, subtype, tmp_path, rng):
    mine = model()
    export_model(mine, tmp_path / "singer.ts")
    soundfile.write(tmp_path / "clip.wav", rng.normal(0, 0.1, 4_800), 16_000, subtype=subtype)
    samples, _ = soundfile.read(tmp_path / "clip.wav", dtype="float32")
    run = subprocess.run(
        [program, tmp_path / "singer.ts", tmp_path / "clip.wav"],
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    assert [name for name, _ in rows] == list(mine.classes)
    with torch.inference_mode():
        expected, _ = mine.module(torch.from_numpy(samples))
    np.testing.assert_allclose([float(value) for _, value in rows], expected, atol=2e-6)


@pytest.mark.slow
def test_it_says_what_is_wrong(program, tmp_path):
    export_model(model(), tmp_path / "singer.ts")
    soundfile.write(tmp_path / "clip.wav", np.zeros(100), 8_000)
    soundfile.write(tmp_path / "two.wav", np.zeros((100, 2)), 16_000)
    for clip, reason in (("clip", "8000 Hz, the model takes 16000"), ("two", "is not mono")):
        run = subprocess.run(
            [program, tmp_path / "singer.ts", tmp_path / f"{clip}.wav"],
            check=False,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 1
        assert reason in run.stderr
