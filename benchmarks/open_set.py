"""Singers nobody trained on: unknown, verified and enrolled; and how sure answers are.

    python benchmarks/open_set.py FOLDER

FOLDER as for :mod:`benchmarks.groups`. A vote is 20 neighbouring windows of 0.2 s of one source
group. Every trial is on a group that the network, its scale and its whitening have not heard.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cantaor.experiments.reproduction.groups import Windows, read_windows
from cantaor.experiments.reproduction.published import read_published
from cantaor.learn.evaluation.held_out_groups import sampling_without
from cantaor.learn.identification.calibration import (
    WINDOWS_PER_DECISION,
    apply_temperature,
    calibrate,
    split_into_decisions,
)
from cantaor.learn.identification.enrolment import (
    Gallery,
    cosine_similarities,
    cosine_temperature,
    merge_enrolled,
    singer_means,
)
from cantaor.learn.training.ensemble_training import fit_ensemble, fit_wccn
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.metrics.calibration_error import expected_calibration_error
from cantaor.metrics.verification import cross_group_trials, detection_cost, equal_error_rate

Floats = NDArray[np.float64]


def part(profiles: WindowFeatures, mask: NDArray[np.bool_]) -> WindowFeatures:
    """The windows of a mask."""
    return WindowFeatures(profiles.values[mask], profiles.labels[mask], profiles.groups[mask])


def held_out_probabilities(windows: Windows, left_out: list[tuple[int, ...]]) -> Floats:
    """Probabilities (nets, windows, singers) of one network for each set of groups left out."""
    profiles = windows.profiles
    sampling = np.array([sampling_without(profiles, groups) for groups in left_out])
    ensemble, _ = fit_ensemble(profiles, sampling, len(windows.singers))
    with torch.inference_mode():
        logits, _ = ensemble(torch.from_numpy(profiles.values).expand(len(left_out), -1, -1))
        return logits.softmax(-1).double().numpy()


def scaled(profiles: WindowFeatures, known: NDArray[np.bool_]) -> Floats:
    """WindowFeatures scaled by what is known: the baseline's embedding."""
    values = profiles.values.astype(float)
    return (values - values[known].mean(axis=0)) / (values[known].std(axis=0) + 1e-6)


def whitened(profiles: WindowFeatures, known: NDArray[np.bool_]) -> Floats:
    """The package's embedding, fitted on what is known."""
    centre, whitening = fit_wccn(profiles.values[known], profiles.groups[known])
    return (profiles.values - centre) @ whitening


def open_set(windows: Windows) -> None:
    """Unknown singers, verification and enrolment: every singer left out with every group."""
    profiles, owner = windows.profiles, windows.singer_of_group
    singers = range(len(windows.singers))
    several = [g for g in range(owner.size) if (owner == owner[g]).sum() > 1]
    nets = [(s, k) for s in singers for k in several if owner[k] != s]
    left_out = [(*np.flatnonzero(owner == s).tolist(), k) for s, k in nets]
    probabilities = held_out_probabilities(windows, left_out)
    known_scores: dict[str, list[float]] = {}
    other_scores: dict[str, list[float]] = {}
    enrolled: dict[str, list[float]] = {"enrolled singer": [], "trained singers": []}
    for (singer, group), gone, probability in zip(nets, left_out, probabilities, strict=True):
        known = ~np.isin(profiles.groups, gone)
        views = {"cosine": scaled(profiles, known), "whitened cosine": whitened(profiles, known)}
        for scores, groups in (
            (known_scores, [group]),
            (other_scores, np.flatnonzero(owner == singer).tolist()),
        ):
            for one in groups:
                mine = profiles.groups == one
                collect(scores, profiles, known, mine, probability[mine], views)
        enrol_trials(enrolled, windows, known, probability, singer, group, views["whitened cosine"])
    print("| score of a vote | unknown singers: equal error rate |\n|---|---|")
    for name, same in known_scores.items():
        print(f"| {name} | {equal_error_rate(same, other_scores[name]).error:.3f} |")
    print("\n| enrolled from one source group, heard in others | votes | right |\n|---|---|---|")
    for name, right in enrolled.items():
        print(f"| {name} | {len(right)} | {np.mean(right):.3f} |")
    verify(windows)


def collect(
    scores: dict[str, list[float]],
    profiles: WindowFeatures,
    known: NDArray[np.bool_],
    mine: NDArray[np.bool_],
    probability: Floats,
    views: dict[str, Floats],
) -> None:
    """Add the scores of a group's votes."""
    decisions = split_into_decisions(probability).max(axis=1).tolist()
    scores.setdefault("mean probability", []).extend(decisions)
    for name, embeddings in views.items():
        means = singer_means(
            embeddings[known],
            profiles.labels[known],
            profiles.groups[known],
            int(profiles.labels.max()) + 1,
        )
        alike = [
            float(cosine_similarities(decision, means).max())
            for decision in split_into_decisions(embeddings[mine])
        ]
        scores.setdefault(name, []).extend(alike)


def enrol_trials(
    enrolled: dict[str, list[float]],
    windows: Windows,
    known: NDArray[np.bool_],
    probability: Floats,
    singer: int,
    group: int,
    embeddings: Floats,
) -> None:
    """Enrol the left-out singer from each of its groups; hear its others and a known one."""
    profiles, owner = windows.profiles, windows.singer_of_group
    labels, groups = profiles.labels[known], profiles.groups[known]
    trained = singer_means(embeddings[known], labels, groups, len(windows.singers))
    temperature = cosine_temperature(part(profiles, known))
    own = np.flatnonzero(owner == singer).tolist()
    for source in own:
        mean = embeddings[profiles.groups == source].mean(axis=0)
        gallery = Gallery(trained, ("new",), mean[None], temperature)
        for tested in (*(g for g in own if g != source), group):
            mine = profiles.groups == tested
            expected = len(windows.singers) if tested != group else int(owner[group])
            kind = "enrolled singer" if tested != group else "trained singers"
            decisions = zip(
                split_into_decisions(probability[mine]),
                split_into_decisions(embeddings[mine]),
                strict=True,
            )
            for decision, embedding in decisions:
                predicted = int(merge_enrolled(decision, embedding, gallery).argmax())
                enrolled[kind].append(float(predicted == expected))


def verify(windows: Windows) -> None:
    """Pairs of votes from different groups; whitening fitted without either's singer."""
    profiles, owner = windows.profiles, windows.singer_of_group
    print("\n| same singer, across source groups | equal error rate | least cost |\n|---|---|---|")
    for name, view in (("cosine", scaled), ("whitened cosine", whitened)):
        same: list[float] = []
        different: list[float] = []
        for one in range(len(windows.singers)):
            for other in range(one):
                tested = np.isin(profiles.labels, (one, other))
                embeddings = view(profiles, ~tested)
                rows, singers, groups = [], [], []
                for group in np.flatnonzero(np.isin(owner, (one, other))):
                    decisions = split_into_decisions(embeddings[profiles.groups == group])
                    rows.append(decisions)
                    singers += [int(owner[group])] * len(decisions)
                    groups += [int(group)] * len(decisions)
                pair = cross_group_trials(np.concatenate(rows), np.array(singers), np.array(groups))
                same += pair[0].tolist()
                different += pair[1].tolist()
        cost = detection_cost(same, different)
        print(f"| {name} | {equal_error_rate(same, different).error:.3f} | {cost:.3f} |")


def calibration(windows: Windows, draws: int = 12) -> None:
    """Votes on held-out groups, with a temperature fitted inside the training side."""
    profiles = windows.profiles
    chosen = windows.draws()[:: max(1, len(windows.draws()) // draws)][:draws]
    probabilities = held_out_probabilities(windows, chosen)
    before, after, right = [], [], []
    for draw, probability in zip(chosen, probabilities, strict=True):
        found = calibrate(part(profiles, ~np.isin(profiles.groups, draw)), len(windows.singers))
        if found is None:
            raise SystemExit("no singer has two groups left")
        for group in draw:
            decisions = split_into_decisions(probability[profiles.groups == group])
            before += decisions.max(axis=1).tolist()
            after += apply_temperature(decisions, found.temperature).max(axis=1).tolist()
            right += (decisions.argmax(axis=1) == windows.singer_of_group[group]).tolist()
    print(
        f"\nvotes of {WINDOWS_PER_DECISION} windows: {len(right)} over {len(chosen)} draws, "
        f"{np.mean(right):.3f} right; expected calibration error "
        f"{expected_calibration_error(before, right):.3f} before, "
        f"{expected_calibration_error(after, right):.3f} after"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    windows = read_windows(read_published(options.folder))
    open_set(windows)
    calibration(windows)


if __name__ == "__main__":
    main()
