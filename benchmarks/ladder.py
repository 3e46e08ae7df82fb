"""Recordings never heard, over a ladder of corpora with more and more synthetic singers.

    python -m benchmarks.ladder [--rungs 5:51,10:22,20:31,40:13] [--folder FOLDER]
    python -m benchmarks.ladder --unknown 5 --rungs 40:76

Every rung is a number of singers and the seed of their corpus: five recordings of 20 s of each,
every recording in another room; one recording of each is held out. The recipe ``robust`` is
trained on the others, through the whole chain. With ``--unknown`` so many singers are left out of
mining and training, twice, and all their recordings are to be told from those held out, by the
probability of the first answer.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np

from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.learnt_audio import own_clips
from cantaor.experiments.train_evaluate import clips_manifest, train_workspace
from cantaor.learn.data.subsets import select_split
from cantaor.learn.evaluation.evaluation import Evaluation
from cantaor.learn.export.bundle import load_bundle
from cantaor.learn.identification.enrolment import NO_BACKEND
from cantaor.learn.identification.identification import aggregate_clips, predict_clips
from cantaor.learn.training.recipes import recipe_settings
from cantaor.metrics.verification import equal_error_rate
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import open_workspace

RUNGS = "5:51,10:22,20:31,40:13"
_DRAWS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rungs", default=RUNGS, help="SINGERS:SEED, by commas")
    parser.add_argument("--folder", type=Path, help="keeps corpora and workspaces")
    parser.add_argument("--unknown", type=int, default=0, help="singers left out of training")
    options = parser.parse_args()
    head = (
        ("singers", "seed", "recordings right", "by sound alone", "clips right", "training, s")
        if not options.unknown
        else ("singers", "seed", "known right", "equal error", "by sound alone", "unknown named")
    )
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for rung in options.rungs.split(","):
            voices, seed = map(int, rung.split(":"))
            place = folder / rung.replace(":", "-")
            if options.unknown:
                for row in unknown_rows(place, voices, seed, options.unknown):
                    print(row, flush=True)
            else:
                print(known_row(place, voices, seed), flush=True)


def corpus_of(folder: Path, voices: int, seed: int) -> Path:
    """The recordings of a rung, made where they are not there."""
    if not (folder / "corpus").exists():
        make_corpus(folder / "corpus", voices=voices, recordings=5, seconds=20.0, seed=seed)
    return folder / "corpus"


def known_row(folder: Path, voices: int, seed: int) -> str:
    """One rung as a row of the table."""
    if not (folder / "work" / "recordings.parquet").exists():
        mine(corpus_of(folder, voices, seed), folder / "work", clips=False)
    workspace = open_workspace(folder / "work")
    prepared = prepare_clips(workspace, "recording")
    start = process_time()
    model = train_workspace(workspace, prepared, recipe_settings("robust"), folder / "model")
    seconds = process_time() - start
    tested = evaluate_model(model)
    # Clips that a table names are asked by their sound alone.
    sound = evaluate_model(model, clips_manifest(model / "clips.csv"))
    return (
        f"| {voices} | {seed} | {_right(tested)} | {_right(sound)} | {tested.accuracy:.3f} | "
        f"{seconds:.0f} |"
    )


def _right(tested: Evaluation) -> str:
    right = [one.predicted == one.singer for one in tested.by_recording.values()]
    return f"{sum(right)} of {len(right)}"


def unknown_rows(folder: Path, voices: int, seed: int, count: int) -> Iterator[str]:
    """Known recordings and those of singers left out, in two draws."""
    manifest = read_corpus(corpus_of(folder, voices, seed))
    for draw in range(_DRAWS):
        rng = np.random.default_rng([seed, draw])
        out = set(rng.choice(sorted(manifest.singers), count, replace=False).tolist())
        known = tuple(entry for entry in manifest.entries if entry.singer not in out)
        with tempfile.TemporaryDirectory() as work:
            mine(replace(manifest, entries=known), work, clips=False)
            workspace = open_workspace(Path(work))
            prepared = prepare_clips(workspace, "recording")
            model = train_workspace(workspace, prepared, recipe_settings("robust"))
            held = select_split(own_clips(model), "test")
            heard = {held.location(entry): entry.singer for entry in held.entries}
            strangers = [manifest.location(e) for e in manifest.entries if e.singer in out]
            bundle = load_bundle(model)
            classes = bundle.trained.classes
            together, alone, right = [], [], []
            for place in [*heard, *strangers]:
                clips = predict_clips(bundle, place, windows="fixed")
                answer = aggregate_clips(clips, classes)
                bare = replace(clips, backend=NO_BACKEND)
                together.append((answer.ranked[0].probability, answer.decision == "named"))
                alone.append(aggregate_clips(bare, classes).ranked[0].probability)
                right.append(answer.ranked[0].singer == heard.get(place))
        number = len(heard)
        scores = [probability for probability, _ in together]
        both = equal_error_rate(scores[:number], scores[number:]).error
        sound = equal_error_rate(alone[:number], alone[number:]).error
        named = sum(is_named for _, is_named in together[number:])
        yield (
            f"| {voices} | {seed} | {sum(right[:number])} of {number} | {both:.3f} | {sound:.3f} | "
            f"{named} of {len(strangers)} |"
        )


if __name__ == "__main__":
    main()
