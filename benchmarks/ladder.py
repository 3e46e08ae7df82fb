"""Recordings never heard, over a ladder of corpora with more and more synthetic singers.

    python -m benchmarks.ladder [--rungs 5:51,10:22,20:31,40:13] [--folder FOLDER]

Every rung is a number of singers and the seed of their corpus: five recordings of 20 s of each,
every recording in another room; one recording of each is held out. The recipe ``robust`` is trained
on the others, through the whole chain.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import process_time

from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.train_evaluate import train_workspace
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import open_workspace

RUNGS = "5:51,10:22,20:31,40:13"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rungs", default=RUNGS, help="SINGERS:SEED, by commas")
    parser.add_argument("--folder", type=Path, help="keeps corpora and workspaces")
    options = parser.parse_args()
    print("| singers | seed | recordings right | clips right | seconds of training |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for rung in options.rungs.split(","):
            voices, seed = map(int, rung.split(":"))
            print(row(folder / rung.replace(":", "-"), voices, seed), flush=True)


def row(folder: Path, voices: int, seed: int) -> str:
    """One rung as a row of the table."""
    if not (folder / "work" / "recordings.parquet").exists():
        make_corpus(folder / "corpus", voices=voices, recordings=5, seconds=20.0, seed=seed)
        mine(folder / "corpus", folder / "work", clips=False)
    workspace = open_workspace(folder / "work")
    prepared = prepare_clips(workspace, "recording")
    start = process_time()
    model = train_workspace(workspace, prepared, recipe_settings("robust"), folder / "model")
    seconds = process_time() - start
    tested = evaluate_model(model)
    right = [one.predicted == one.singer for one in tested.by_recording.values()]
    recordings = f"{sum(right)} of {len(right)}"
    return f"| {voices} | {seed} | {recordings} | {tested.accuracy:.3f} | {seconds:.0f} |"


if __name__ == "__main__":
    main()
