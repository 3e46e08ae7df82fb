"""How much to record: recordings never heard, by how much of every singer was trained on.

    python -m benchmarks.how_much [--singers 20] [--seed 81] [--folder FOLDER]

A corpus of :mod:`benchmarks.ladder`, five recordings of 20 s of each singer, in unlike rooms. The
fifth is held out; the recipe ``robust`` is trained on one, two, three and four of the others.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.ladder import corpus_of
from cantaor.experiments.clip_splits import prepare_fold
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.mined_recordings import mined_recordings
from cantaor.experiments.train_evaluate import clips_manifest, train_workspace
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import open_workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--singers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=81)
    parser.add_argument("--folder", type=Path, help="keeps corpus and workspace")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        mine(corpus_of(folder, options.singers, options.seed), folder / "work", clips=False)
        print("| recordings of each singer | seconds | right | by sound alone |\n|---|---|---|---|")
        for count in range(1, 5):
            print(row(folder, count), flush=True)


def row(folder: Path, count: int) -> str:
    """Trained on so many recordings of each singer."""
    workspace = open_workspace(folder / "work")
    recordings = mined_recordings(workspace)
    owned: dict[str, list[int]] = {}
    for place, one in enumerate(recordings):
        owned.setdefault(one.singer, []).append(place)
    left = [place for own in owned.values() for place in own[count:]]
    asked = {recordings[own[-1]].recording for own in owned.values()}
    prepared = prepare_fold(workspace, left)
    model = train_workspace(workspace, prepared, recipe_settings("robust"), folder / "model")
    right = []
    # Clips that a table names are asked by their sound alone.
    for clips in (None, clips_manifest(model / "clips.csv")):
        found = evaluate_model(model, clips).by_recording
        answers = [found[name] for name in asked if name in found]
        right.append(f"{sum(one.predicted == one.singer for one in answers)} of {len(asked)}")
    return f"| {count} | {20 * count} | {right[0]} | {right[1]} |"


if __name__ == "__main__":
    main()
