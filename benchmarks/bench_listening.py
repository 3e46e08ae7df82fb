"""Recordings identified together beside one by one: a command each, a model load each, one model.

As a benchmark on a handful of recordings; as a program on as many as asked for::

    python -m benchmarks.bench_listening --files 200 --rounds 3 --json listening.json

The ways take turns, and the fastest turn of each counts. Processor time counts all processes. The
network is untrained: its answers are arbitrary, and must be the same either way.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.processes import call_apart, usage_of_all
from cantaor.chain import MotifFinder
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.inference.batch import Input, infer_recordings
from cantaor.io.audio import read_audio, write_audio
from cantaor.learn.export.bundle import load_bundle, save_bundle
from cantaor.learn.identification.evidence import ClipPredictions
from cantaor.learn.identification.identification import aggregate_clips, identify, predict_clips
from cantaor.learn.identification.saved_finder import finder_arrays, finder_facts
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.parallel.workers import available_cores, open_pool
from cantaor.pipeline.mine import mine

WIDTH = 8


def prepare(folder: Path, count: int, seconds: float) -> tuple[Path, list[Path]]:
    """A model, and so many recordings of so many seconds."""
    corpus = make_corpus(folder / "corpus", voices=3, recordings=4, seconds=20.0)
    workspace = mine(corpus.folder, folder / "work", clips=False)
    torch.manual_seed(0)
    settings = TrainingSettings(width=WIDTH, device="cpu")
    trained = TrainedModel(build_classifier(settings, 3).eval(), ("V1", "V2", "V3"), settings, ())
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
    with open_pool(workers) as pool:
        found = infer_recordings(bundle, [Input(str(file)) for file in files], pool)
        return {one.name: outcome for one, outcome in found}


def cost_together(model: str, folder: str, workers: int) -> tuple[float, float]:
    """What all recordings together cost, the load of the model included."""
    files = sorted(Path(folder).iterdir())
    return _cost(lambda: together(Path(model), files, workers), len(files))


def check(model: Path, files: list[Path], predictions: dict[str, Any]) -> None:
    """The answers are those of one-by-one calls."""
    bundle = load_bundle(model)
    for file in files[:5]:
        if isinstance(predictions[str(file)], ClipPredictions):
            alone, batched = predict_clips(bundle, file), predictions[str(file)]
            np.testing.assert_allclose(batched.probabilities, alone.probabilities, atol=1e-5)
            one, other = (
                aggregate_clips(found, bundle.trained.classes) for found in (alone, batched)
            )
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
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        model, files = prepare(Path(folder), chosen.files, chosen.seconds)
        bundle, few = load_bundle(model), files[: max(5, len(files) // 4)]
        check(model, files, together(model, files[:5], 1))
        ways: dict[str, tuple[Callable[[], object], int]] = {
            "a command each": (lambda: commands(model, files[:3]), 3),
            "a model load each": (lambda: [_try(model, f) for f in few], len(few)),
            "one model": (lambda: [_try(bundle, f) for f in few], len(few)),
        }
        apart = ("cost_together", str(model), str(files[0].parent), chosen.workers)
        turns = [
            {
                **{name: _cost(*way) for name, way in ways.items()},
                "together": tuple(call_apart("benchmarks.bench_listening", *apart)),
            }
            for _ in range(chosen.rounds)
        ]
    best = {name: min(turn[name] for turn in turns) for name in turns[0]}
    facts = {"files": len(files), "seconds": chosen.seconds, "workers": chosen.workers}
    result = {
        **facts,
        "threads of one-by-one calls": chosen.threads,
        "recordings a second": {name: round(1 / wall, 2) for name, (wall, _) in best.items()},
        "cpu ms a recording": {name: round(1e3 * cpu, 1) for name, (_, cpu) in best.items()},
        "together is faster than": {
            name: round(wall / best["together"][0], 2) for name, (wall, _) in best.items()
        },
    }
    text = json.dumps(result, indent=2)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")
    print(text)


def _cost(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Seconds of wall clock and of processor time a recording."""
    before, start = usage_of_all(), perf_counter()
    work()
    seconds, after = perf_counter() - start, usage_of_all()
    cpu = after.own_s + after.others_s - before.own_s - before.others_s
    return seconds / count, cpu / count


if __name__ == "__main__":
    main()
