"""Singers in recordings never heard: every way to hold out one source group of each singer.

    python benchmarks/groups.py FOLDER [--variants [NAME]] [--json FILE]

FOLDER is a clone of the published clips, or holds ``instances.csv`` and ``recordings``. Clips are
distinct, have one label, and are heard for the 0.2 s around their middle, so that length says
nothing; nothing but the window is known of a test recording. A group's recall is its mean over
the draws that hold it out; groups are averaged within a singer, then singers. ``inner`` holds out
groups of singers with three or more only: choices are made there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cantaor.experiments.reproduction.groups import (
    Draw,
    Method,
    Windows,
    ensemble,
    read_windows,
    score,
)
from cantaor.experiments.reproduction.published import read_published
from cantaor.learn.data.augmentation import augment
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.held_out_groups import sampling_without
from cantaor.learn.networks.ensemble import PROFILE_RATE
from cantaor.learn.training.window_features import WINDOW, WindowFeatures, extract_window_features

Floats = NDArray[np.float64]


def augmented(names: tuple[str, ...], copies: int = 3) -> Method:
    """One perceptron that also learns from changed copies of every training window."""

    def predict(windows: Windows, draws: list[Draw]) -> Floats:
        torch.manual_seed(0)
        waveforms, lengths = map(
            torch.from_numpy, windows.clips.batch(np.arange(len(windows.clips)))
        )
        whole = [windows.profiles]
        for _ in range(copies):
            changed, _ = augment(waveforms, lengths, names, WINDOW, PROFILE_RATE)
            clips = ClipSet.from_arrays(
                list(changed.numpy()),
                windows.clips.labels,
                windows.singers,
                windows.groups,
                windows.clips.recording,
            )
            whole.append(extract_window_features(clips))
        joined = WindowFeatures(
            np.concatenate([one.values for one in whole]),
            np.concatenate([one.labels for one in whole]),
            np.concatenate([one.groups for one in whole]),
        )
        return ensemble(1)(replace(windows, profiles=joined), draws)[:, : len(windows.clips)]

    return predict


def logistic(views: slice, strength: float = 0.1) -> Method:
    """Multinomial logistic regression on the scaled profile, groups weighted as above."""
    from sklearn.linear_model import LogisticRegression

    def predict(windows: Windows, draws: list[Draw]) -> Floats:
        values, labels = windows.profiles.values[:, views].astype(float), windows.profiles.labels
        predictions = []
        for draw in draws:
            probability = sampling_without(windows.profiles, draw)
            known = probability > 0
            mean, scale = values[known].mean(axis=0), values[known].std(axis=0) + 1e-6
            weight = probability[known] * known.sum()
            model = LogisticRegression(C=strength, max_iter=200, tol=1e-3)
            model.fit((values[known] - mean) / scale, labels[known], weight)
            predictions.append(model.predict_log_proba((values - mean) / scale))
        return np.array(predictions)

    return predict


#: What was taken away or put in place of the ensemble; the first is what the package trains.
VARIANTS: dict[str, Method] = {
    "ensemble of 5": ensemble(5),
    "one perceptron": ensemble(1),
    "one perceptron, cepstra of 50 to 11,025 Hz alone": ensemble(1, slice(0, 36)),
    "one perceptron, contrast alone": ensemble(1, slice(36, 76)),
    "one perceptron, cepstra of 50 to 8,000 Hz alone": ensemble(1, slice(76, 96)),
    "one perceptron, without the last view": ensemble(1, slice(0, 76)),
    "one perceptron, and copies through equalisers": augmented(("equaliser",)),
    "one perceptron, and copies in rooms and noise": augmented(("room", "noise")),
    "logistic regression, all views": logistic(slice(0, 96)),
    "logistic regression, cepstra of 50 to 11,025 Hz": logistic(slice(0, 36)),
    "logistic regression, cepstra of 50 to 8,000 Hz": logistic(slice(76, 96)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variants", nargs="?", const="", help="all variants, or those named so")
    parser.add_argument("--seed", type=int, help="another seed of the ensemble alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    windows = read_windows(read_published(options.folder))
    chosen = dict(list(VARIANTS.items())[:1])
    if options.variants is not None:
        chosen = {name: one for name, one in VARIANTS.items() if options.variants in name}
    if options.seed is not None:
        chosen = {f"ensemble of 5, seed {options.seed}": ensemble(5, seed=options.seed)}
    results = {}
    print(f"{windows.profiles.labels.size} windows, groups {', '.join(windows.groups)}")
    for name, method in chosen.items():
        results[name] = {
            kind: score(windows, draws, method(windows, draws))
            for kind, draws in (("inner", windows.draws(3)), ("all", windows.draws(2)))
        }
        every = results[name]["all"]
        singers = " ".join(f"{who} {value:.2f}" for who, value in every["by_singer"].items())
        print(
            f"| {name} | {results[name]['inner']['balanced']:.3f} | {every['balanced']:.3f} "
            f"({every['interval'][0]:.2f} to {every['interval'][1]:.2f}) | {singers} |",
            flush=True,
        )
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
