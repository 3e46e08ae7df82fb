"""Accuracy of the networks beside support vector machines on published motif instances.

    python -m benchmarks.accuracy DATA --out RESULTS [--recipe accurate] [--width 8] [--seeds 5]

DATA is a clone of the published clips, or a folder with ``instances.csv`` and ``recordings/``.
Every network, protocol and seed is one file under RESULTS; what was interrupted goes on. The table
gives means over the seeds that are there, and the range.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from cantaor.experiments.reproduction.instances import PROTOCOLS, cut_instances
from cantaor.experiments.reproduction.published import read_published
from cantaor.learn.data.clips import ClipSet, join_clips
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.learn.evaluation.grid import Cell, run_grid
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.settings import TrainingSettings
from cantaor.types import Float32Array

#: Support vector machines by name: the first column of :func:`statistics` that they see.
MACHINES = {"svm": 0, "svm-without-level": 1}


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing and print the table."""
    options = _options(arguments)
    settings = recipe_settings(
        options.recipe,
        features=options.features,
        width=options.width,
        epochs=options.epochs,
        device=options.device,
        precision=options.precision,
    )
    instances = cut_instances(read_published(options.data), sample_rate=settings.sample_rate)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for seed in options.seeds:
        for protocol in options.protocols:
            split = PROTOCOLS[protocol](instances, seed)
            machines = svm_accuracies(split, [m for m in options.models if m in MACHINES])
            for model in options.models:
                record = machines.get(model) or _record(
                    model, protocol, split, replace(settings, seed=seed), options.out
                )
                rows.setdefault((protocol, model), []).append(record)
                print(seed, protocol, model, f"{100 * record['accuracy']:.2f}", flush=True)
    print(table(rows))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with instances.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--recipe", default="accurate")
    parser.add_argument("--width", type=int, help="filters; as in the paper unless given")
    parser.add_argument("--epochs", type=int, help="passes; the recipe's unless given")
    parser.add_argument("--features", help="the recipe's unless given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--protocols", nargs="+", default=list(PROTOCOLS), choices=PROTOCOLS)
    parser.add_argument("--models", nargs="+", default=[*MACHINES, "residual-blstm", "crnn"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32", help="bfloat16 is faster")
    return parser.parse_args(arguments)


def _record(
    model: str, protocol: str, split: ClipSubsets, settings: TrainingSettings, out: Path
) -> dict[str, Any]:
    cell = Cell(model, settings.features, "motifs", protocol)
    return run_grid([cell], lambda *_: split, settings, out)[0]


def svm_accuracies(split: ClipSubsets, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Records of some of :data:`MACHINES`: RBF, C = 10, on :func:`statistics` of both sides.

    The first column is the clip's absolute level, which tells recordings apart and which the
    networks' features leave out.
    """
    if not names:
        return {}
    train, validation, test = split
    learned = join_clips(train, validation)
    known, asked = statistics(learned), statistics(test)
    records = {}
    for name in names:
        first = MACHINES[name]
        machine = make_pipeline(StandardScaler(), SVC(C=10)).fit(known[:, first:], learned.labels)
        accuracy = float(machine.score(asked[:, first:], test.labels))
        records[name] = {"accuracy": accuracy, "auc": None, "balanced_accuracy": None}
    return records


def statistics(clips: ClipSet) -> Float32Array:
    """Mean and deviation of librosa's 20 coefficients, as it gives them unasked, (n, 40).

    Its windows are 2,048 samples long; with the 25 ms of the networks the machine does worse.
    """
    rows = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=2048 is too large")
        for clip in np.split(clips.samples, clips.offsets[1:-1]):
            frames = librosa.feature.mfcc(y=clip, sr=clips.sample_rate)
            rows.append(np.concatenate([frames.mean(axis=1), frames.std(axis=1)]))
    return np.array(rows)


def table(rows: dict[tuple[str, str], Sequence[dict[str, Any]]]) -> str:
    """Means over seeds as Markdown, per cent."""
    lines = ["| protocol | model | seeds | accuracy % (range) | AUC % |", "|---|---|---|---|---|"]
    for (protocol, model), records in rows.items():
        found = 100 * np.array([record["accuracy"] for record in records])
        areas = [record["auc"] for record in records if record["auc"] is not None]
        area = f"{100 * np.mean(areas):.2f}" if areas else ""
        spread = f"{found.mean():.2f} ({found.min():.2f} to {found.max():.2f})"
        lines.append(f"| {protocol} | {model} | {found.size} | {spread} | {area} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
