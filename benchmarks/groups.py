"""Singers in recordings never heard: every way to hold out one source group of each singer.

    python benchmarks/groups.py FOLDER [--variants [NAME]] [--json FILE]

FOLDER holds ``instances.csv`` and ``recordings`` (see :mod:`benchmarks.instances`). Clips are
distinct, have one label, and are heard for the 0.2 s around their middle, so that length says
nothing; nothing but the window is known of a test recording. A group's recall is its mean over
the draws that hold it out; groups are averaged within a singer, then singers. ``inner`` holds out
groups of singers with three or more only: choices are made there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from benchmarks.instances import rows_of
from cantaor.learn.data.augmentation import augment
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.networks.ensemble import PROFILE_RATE
from cantaor.learn.training.ensemble_training import (
    WINDOW,
    WindowFeatures,
    balanced_sampling_probabilities,
    extract_window_features,
    fit_ensemble,
)

Floats = NDArray[np.float64]
Draw = tuple[int, ...]
#: From windows and draws to log probabilities (draws, windows, singers).
Method = Callable[["Windows", list[Draw]], Floats]


@dataclass(frozen=True)
class Windows:
    """One window of every clip, its profile, singer and group, and the names."""

    clips: ClipSet
    profiles: WindowFeatures
    singers: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def singer_of_group(self) -> NDArray[np.int64]:
        """Index of the singer of each group."""
        return np.array([self.singers.index(name.split("-")[0]) for name in self.groups])

    def draws(self, least: int = 2) -> list[Draw]:
        """Every choice of one group of each singer with at least ``least`` groups."""
        owner = self.singer_of_group
        owned = [np.flatnonzero(owner == singer).tolist() for singer in range(len(self.singers))]
        return list(product(*(groups for groups in owned if len(groups) >= least)))


def read_windows(folder: Path) -> Windows:
    """WindowFeatures of the middle 0.2 s of every distinct clip without a label conflict."""
    rows = {
        row["audio_id"]: row
        for row in reversed(rows_of(folder))
        if row["label_conflict"] == "0" and float(row["end_s"]) - float(row["start_s"]) >= 0.2
    }
    groups = tuple(sorted({row["recording"] for row in rows.values()}))
    singers = tuple(sorted({row["published_singer"] for row in rows.values()}))
    audio = {name: _read(folder / "recordings" / f"{name}.flac") for name in groups}
    cut, labels, group = [], [], []
    for row in rows.values():
        middle = (float(row["start_s"]) + float(row["end_s"])) / 2 * PROFILE_RATE
        first = int(middle) - WINDOW // 2
        cut.append(audio[row["recording"]][first : first + WINDOW])
        labels.append(singers.index(row["published_singer"]))
        group.append(groups.index(row["recording"]))
    clips = ClipSet.from_arrays(cut, labels, singers, groups, group)
    return Windows(clips, extract_window_features(clips), singers, groups)


def _read(path: Path) -> NDArray[np.float32]:
    samples, rate = soundfile.read(path, dtype="float32")
    return samples if rate == PROFILE_RATE else soxr.resample(samples, rate, PROFILE_RATE)


def ensemble(members: int, views: slice = slice(None), seed: int = 0) -> Method:
    """The package's own network; ``views`` leaves out parts of the profile."""

    def predict(windows: Windows, draws: list[Draw]) -> Floats:
        whole = windows.profiles
        values = np.zeros_like(whole.values)
        values[:, views] = whole.values[:, views]
        profiles = WindowFeatures(values, whole.labels, whole.groups)
        sampling = [sampling_without(profiles, draw) for draw in draws for _ in range(members)]
        trained, _ = fit_ensemble(profiles, np.array(sampling), len(windows.singers), seed)
        with torch.inference_mode():
            x = torch.from_numpy(values).expand(len(sampling), -1, -1)
            logits, _ = trained(x)
            probabilities = logits.softmax(-1).reshape(len(draws), members, len(values), -1).mean(1)
        return np.log(probabilities.double().numpy())

    return predict


def augmented(names: tuple[str, ...], copies: int = 3) -> Method:
    """One perceptron that also learns from changed copies of every training window."""

    def predict(windows: Windows, draws: list[Draw]) -> Floats:
        torch.manual_seed(0)
        waveforms, lengths = map(
            torch.from_numpy, windows.clips.batch(np.arange(len(windows.clips)))
        )
        whole = [windows.profiles]
        for _ in range(copies):
            changed, _ = augment(waveforms, lengths, names, WINDOW)
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


def sampling_without(profiles: WindowFeatures, draw: Draw) -> Floats:
    """Chance of each window in training when the groups of a draw are held out."""
    kept = ~np.isin(profiles.groups, draw)
    sampling = np.zeros(kept.size)
    sampling[kept] = balanced_sampling_probabilities(profiles.labels[kept], profiles.groups[kept])
    return sampling


def score(windows: Windows, draws: list[Draw], predictions: Floats) -> dict[str, Any]:
    """Recall by group, by singer, and their mean with a bootstrap interval over groups."""
    right = predictions.argmax(-1) == windows.profiles.labels
    recalls: dict[str, list[float]] = {}
    for row, draw in zip(right, draws, strict=True):
        for group in draw:
            recalls.setdefault(windows.groups[group], []).append(
                float(row[windows.profiles.groups == group].mean())
            )
    by_group = {name: float(np.mean(values)) for name, values in sorted(recalls.items())}
    return {
        "balanced": _balanced(by_group, list(by_group)),
        "interval": _interval(by_group),
        "by_singer": {
            singer: float(np.mean([v for name, v in by_group.items() if name[:2] == singer]))
            for singer in sorted({name[:2] for name in by_group})
        },
        "by_group": by_group,
        "draws": len(draws),
    }


def _balanced(by_group: dict[str, float], names: list[str]) -> float:
    singers = sorted({name[:2] for name in names})
    means = [np.mean([by_group[n] for n in names if n[:2] == singer]) for singer in singers]
    return float(np.mean(means))


def _interval(by_group: dict[str, float], rounds: int = 2_000) -> tuple[float, float]:
    """95 % of the balanced recall when each singer's groups are drawn again with replacement."""
    rng = np.random.default_rng(0)
    singers = sorted({name[:2] for name in by_group})
    owned = [[name for name in by_group if name[:2] == singer] for singer in singers]
    values = [
        _balanced(by_group, [str(n) for own in owned for n in rng.choice(own, len(own))])
        for _ in range(rounds)
    ]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


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
    windows = read_windows(options.folder)
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
