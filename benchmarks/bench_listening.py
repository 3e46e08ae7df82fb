"""Recordings identified together beside one by one: a command each, a model load each, one model.

As a benchmark on a handful of recordings; as a program on as many as asked for::

    python -m benchmarks.bench_listening --files 100 --seconds 5 --json listening.json

The network is untrained: its answers are arbitrary, and must be the same either way.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch

from cantaor.audio import read_audio, write_audio
from cantaor.chain import MotifFinder
from cantaor.corpus.synthetic import make_corpus
from cantaor.dictionary import MotifDictionary
from cantaor.learn.bundle import load_bundle, save_bundle
from cantaor.learn.identification import (
    HeardClips,
    finder_arrays,
    finder_facts,
    hear,
    identify,
    vote,
)
from cantaor.learn.training import TrainedModel, TrainingSettings, build_singer
from cantaor.run.batch import available_cores, open_crew
from cantaor.run.listening import Input, listen
from cantaor.run.pipeline import mine

WIDTH = 8


def prepare(folder: Path, count: int, seconds: float) -> tuple[Path, list[Path]]:
    """A model, and so many recordings of so many seconds."""
    corpus = make_corpus(folder / "corpus", voices=3, recordings=4, seconds=20.0)
    workspace = mine(corpus.folder, folder / "work", clips=False)
    torch.manual_seed(0)
    settings = TrainingSettings(width=WIDTH, device="cpu")
    trained = TrainedModel(build_singer(settings, 3).eval(), ("V1", "V2", "V3"), settings, ())
    motifs = MotifDictionary.from_arrow(workspace.table("motifs")).union()
    finder = MotifFinder(workspace.clusters(), motifs, workspace.settings)
    facts = {"finder": finder_facts(finder), "data": "motifs", "protocol": "paper", "notes": []}
    model = save_bundle(folder / "model", trained, finder_arrays(finder), facts)
    return model, _excerpts(folder, corpus.folder, count, seconds)


def _excerpts(folder: Path, corpus: Path, count: int, seconds: float) -> list[Path]:
    rng, files = np.random.default_rng(1), []
    sounds = [read_audio(file) for file in sorted(corpus.glob("*.flac"))]
    (folder / "files").mkdir()
    while len(files) < count:
        audio = sounds[len(files) % len(sounds)]
        size = min(round(seconds * audio.sample_rate), audio.samples.size)
        start = int(rng.integers(audio.samples.size - size + 1))
        files.append(folder / "files" / f"{len(files):05d}.flac")
        write_audio(files[-1], audio.samples[start : start + size], audio.sample_rate)
    return files


def commands(model: Path, files: list[Path]) -> None:
    """The command line, once for every recording."""
    for file in files:
        command = [sys.executable, "-m", "cantaor", "identify", str(model), str(file), "--json"]
        assert subprocess.run(command, capture_output=True, check=False).returncode in (0, 1)


def together(model: Path, files: list[Path], workers: int) -> dict[str, Any]:
    """All recordings through one model."""
    bundle = load_bundle(model)
    with open_crew(workers) as crew:
        heard = listen(bundle, [Input(str(file)) for file in files], crew)
        return {one.name: outcome for one, outcome in heard}


def check(model: Path, files: list[Path], answers: dict[str, Any]) -> None:
    """The answers are those of one-by-one calls."""
    bundle = load_bundle(model)
    for file in files[:5]:
        if isinstance(answers[str(file)], HeardClips):
            alone, batched = hear(bundle, file), answers[str(file)]
            np.testing.assert_allclose(batched.probabilities, alone.probabilities, atol=1e-5)
            one, other = (vote(heard, bundle.trained.classes) for heard in (alone, batched))
            assert one.ranked[0].singer == other.ranked[0].singer


@pytest.mark.benchmark(group="identify 12 recordings of 4 s")
@pytest.mark.parametrize("way", ["one by one", "together"])
def test_listening(benchmark: Any, way: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    model, files = prepare(tmp_path_factory.mktemp("listening"), 12, 4.0)
    check(model, files, together(model, files, 1))
    if way == "together":
        benchmark.pedantic(together, (model, files, 1), rounds=3)
    else:
        benchmark.pedantic(lambda: [_try(model, file) for file in files], rounds=3)


def _try(model: Any, file: Path) -> None:
    try:
        identify(model, file)
    except ValueError:
        return  # no known motif in so short an excerpt


def main() -> None:
    """Measure and print one JSON value: recordings a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--json", type=Path, help="file to write")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, files = prepare(Path(folder), chosen.files, chosen.seconds)
        bundle, few = load_bundle(model), files[: max(5, len(files) // 4)]
        check(model, files, together(model, files[:5], 1))
        rates = {
            "a command each": _rate(lambda: commands(model, files[:3]), 3),
            "a model load each": _rate(lambda: [_try(model, f) for f in few], len(few)),
            "one model": _rate(lambda: [_try(bundle, f) for f in few], len(few)),
            "together": _rate(lambda: together(model, files, chosen.workers), len(files)),
        }
    facts = {"files": len(files), "seconds": chosen.seconds, "workers": chosen.workers}
    text = json.dumps({**facts, "recordings_a_second": rates}, indent=2)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")
    print(text)


def _rate(work: Any, count: int) -> float:
    start = perf_counter()
    work()
    return round(count / (perf_counter() - start), 2)


if __name__ == "__main__":
    main()
