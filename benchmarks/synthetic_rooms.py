"""Whole recordings of synthetic voices, each in another room and through another microphone.

    python benchmarks/synthetic_rooms.py [--draws 6]

Every draw holds out other recordings; nothing of the chain has heard them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.train_evaluate import train_workspace
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=6)
    options = parser.parse_args()
    right = total = 0
    with tempfile.TemporaryDirectory() as folder:
        corpus = make_corpus(Path(folder) / "corpus", voices=5, recordings=6, seconds=30.0, seed=3)
        workspace = mine(corpus.folder, Path(folder) / "work", clips=False)
        for seed in range(options.draws):
            prepared = prepare_clips(workspace, "recording", seed=seed, test_fraction=0.34)
            model = train_workspace(
                workspace, prepared, recipe_settings("robust", seed=seed), Path(folder) / "model"
            )
            predictions = evaluate_model(model).by_recording.values()
            right += sum(one.predicted == one.singer for one in predictions)
            total += len(predictions)
            print(f"draw {seed}: {right} of {total} recordings right so far", flush=True)
    print(f"{right / total:.3f} of {total} recordings")


if __name__ == "__main__":
    main()
