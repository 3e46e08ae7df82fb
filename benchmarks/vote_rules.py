"""One answer from many clips: arithmetic or geometric mean of their probabilities.

    python benchmarks/vote_rules.py groups FOLDER
    python benchmarks/vote_rules.py synthetic [--draws 6] [--recipe robust]

``groups`` takes FOLDER as :mod:`benchmarks.groups` does and holds out one source group of each
singer with three or more, so nothing is chosen on the others; a vote is 20 neighbouring windows or
the whole group. ``synthetic`` holds out whole recordings of invented voices, each in another room;
a vote is a recording. Log loss is in nats, of the vote's probability of the true singer.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.groups import ensemble, read_windows
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.experiments.clip_loading import load_clipset
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.train_evaluate import train_workspace
from cantaor.learn.data.subsets import select_split
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.export.bundle import load_bundle
from cantaor.learn.identification.calibration import WINDOWS_PER_DECISION
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine

Floats = NDArray[np.float64]


def arithmetic(probabilities: Floats) -> Floats:
    """Mean probabilities of the clips, (singers,)."""
    return probabilities.mean(axis=0)


RULES = {"arithmetic": arithmetic, "geometric": aggregate_probabilities}


def of_groups(folder: Path) -> dict[str, list[tuple[Floats, int]]]:
    """Votes of held-out source groups: clips' probabilities and the true singer."""
    windows = read_windows(folder)
    draws = windows.draws(3)
    shares = np.exp(ensemble(5)(windows, draws))
    votes: dict[str, list[tuple[Floats, int]]] = {"20 windows": [], "whole group": []}
    for row, draw in zip(shares, draws, strict=True):
        for group in draw:
            own = windows.profiles.groups == group
            label = int(windows.singer_of_group[group])
            parts = np.array_split(row[own], max(1, own.sum() // WINDOWS_PER_DECISION))
            votes["20 windows"] += [(part, label) for part in parts]
            votes["whole group"].append((row[own], label))
    return votes


def of_synthetic(draws: int, recipe: str) -> dict[str, list[tuple[Floats, int]]]:
    """Votes of held-out recordings of invented voices."""
    votes: list[tuple[Floats, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = make_corpus(Path(folder) / "corpus", voices=5, recordings=6, seconds=20.0, seed=3)
        workspace = mine(corpus.folder, Path(folder) / "work", clips=False)
        for seed in range(draws):
            prepared = prepare_clips(workspace, "recording", seed=seed, test_fraction=0.34)
            settings = (
                recipe_settings(recipe, seed=seed)
                if recipe == "robust"
                else recipe_settings(recipe, model="crnn", width=8, epochs=3, seed=seed)
            )
            model = train_workspace(workspace, prepared, settings, Path(folder) / f"model{seed}")
            trained = load_bundle(model).trained
            tested = select_split(prepared.clips, "test")
            rate = trained.module.sample_rate
            clips = load_clipset(tested, trained.classes, sample_rate=rate)
            probabilities, _ = predict(trained, clips)
            for number in np.unique(clips.recording):
                own = clips.recording == number
                votes.append((probabilities[own].astype(float), int(clips.labels[own][0])))
    return {"recording": votes}


def report(votes: dict[str, list[tuple[Floats, int]]]) -> None:
    """Print accuracy and log loss of both rules on the same votes."""
    print("| vote | votes | rule | right | log loss |\n|---|---|---|---|---|")
    for kind, rows in votes.items():
        for name, rule in RULES.items():
            answers = [rule(clips) for clips, _ in rows]
            labels = [label for _, label in rows]
            right = np.mean([a.argmax() == label for a, label in zip(answers, labels, strict=True)])
            loss = np.mean(
                [-np.log(max(a[label], 1e-12)) for a, label in zip(answers, labels, strict=True)]
            )
            print(f"| {kind} | {len(rows)} | {name} | {right:.3f} | {loss:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["groups", "synthetic"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--recipe", default="robust")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.kind == "groups":
        report(of_groups(options.folder))
    else:
        report(of_synthetic(options.draws, options.recipe))


if __name__ == "__main__":
    main()
