"""Singers in recordings never heard: every way to hold out one source group of each singer.

Clips are distinct, have one label, and are heard for the 0.2 s around their middle, so that length
says nothing; nothing but the window is known of a test recording. A group's recall is its mean
over the draws that hold it out; groups are averaged within a singer, then singers. ``inner`` holds
out groups of singers with three or more only: choices are made there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np

from cantaor.errors import SplitError
from cantaor.experiments.reproduction.published import (
    PublishedClip,
    PublishedClips,
    singer_of_group,
)
from cantaor.io.resampling import resample
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.held_out_groups import held_out_log_probabilities
from cantaor.learn.networks.ensemble import PROFILE_RATE
from cantaor.learn.training.ensemble_training import MEMBERS
from cantaor.learn.training.window_features import WINDOW, WindowFeatures, extract_window_features
from cantaor.metrics.held_out_groups import balanced_mean, bootstrap_interval
from cantaor.types import Float64Array, Int64Array

Draw = tuple[int, ...]
#: From windows and draws to log probabilities (draws, windows, singers).
Method = Callable[["Windows", list[Draw]], Float64Array]
# Perceptrons trained side by side.
_TOGETHER = 120


@dataclass(frozen=True, slots=True)
class Windows:
    """One window of every clip, its profile, singer and group, and the names."""

    clips: ClipSet
    profiles: WindowFeatures
    singers: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def singer_of_group(self) -> Int64Array:
        """Index of the singer of each group."""
        return np.array([self.singers.index(singer_of_group(name)) for name in self.groups])

    def draws(self, least: int = 2) -> list[Draw]:
        """Every choice of one group of each singer with at least ``least`` groups."""
        owner = self.singer_of_group
        owned = [np.flatnonzero(owner == singer).tolist() for singer in range(len(self.singers))]
        chosen = [groups for groups in owned if len(groups) >= least]
        return list(product(*chosen)) if chosen else []


def read_windows(published: PublishedClips) -> Windows:
    """Profiles of the middle 0.2 s of every distinct clip without a label conflict."""
    clips = _distinct(published)
    groups = tuple(sorted({clip.recording for clip in clips}))
    singers = tuple(sorted({clip.singer for clip in clips}))
    audio = {name: resample(published.recordings[name], PROFILE_RATE).samples for name in groups}
    cut = []
    for clip in clips:
        first = int((clip.start_s + clip.end_s) / 2 * PROFILE_RATE) - WINDOW // 2
        cut.append(audio[clip.recording][first : first + WINDOW])
    labels = [singers.index(clip.singer) for clip in clips]
    group = [groups.index(clip.recording) for clip in clips]
    windows = ClipSet.from_arrays(cut, labels, singers, groups, group)
    return Windows(windows, extract_window_features(windows), singers, groups)


def _distinct(published: PublishedClips) -> list[PublishedClip]:
    """The first clip of each distinct audio of 0.2 s and more, none with a label conflict."""
    found: dict[str, PublishedClip] = {}
    for clip in published.clips:
        if not clip.label_conflict and clip.end_s - clip.start_s >= 0.2:
            found.setdefault(clip.audio_id, clip)
    if not found:
        raise SplitError("no clip of 0.2 s and more has a label that its source agrees with")
    return list(found.values())


def ensemble(members: int = MEMBERS, views: slice = slice(None), seed: int = 0) -> Method:
    """The package's own network; ``views`` leaves out parts of the profile."""

    def log_probabilities(windows: Windows, draws: list[Draw]) -> Float64Array:
        whole = windows.profiles
        values = np.zeros_like(whole.values)
        values[:, views] = whole.values[:, views]
        profiles = WindowFeatures(values, whole.labels, whole.groups)
        rest = iter(draws)
        parts = [
            held_out_log_probabilities(
                profiles, part, len(windows.singers), members=members, seed=seed
            )
            for part in iter(lambda: list(islice(rest, max(1, _TOGETHER // members))), [])
        ]
        return np.concatenate(parts)

    return log_probabilities


def score(windows: Windows, draws: list[Draw], log_probabilities: Float64Array) -> dict[str, Any]:
    """Recall by group, by singer, and their mean with a bootstrap interval over groups."""
    right = log_probabilities.argmax(-1) == windows.profiles.labels
    recalls: dict[str, list[float]] = {}
    for row, draw in zip(right, draws, strict=True):
        for group in draw:
            recalls.setdefault(windows.groups[group], []).append(
                float(row[windows.profiles.groups == group].mean())
            )
    by_group = {name: float(np.mean(values)) for name, values in sorted(recalls.items())}
    singers = {name: singer_of_group(name) for name in by_group}
    return {
        "balanced": balanced_mean(by_group, singers),
        "interval": bootstrap_interval(by_group, singers),
        "by_singer": {
            singer: float(
                np.mean([v for name, v in by_group.items() if singer_of_group(name) == singer])
            )
            for singer in sorted(set(map(singer_of_group, by_group)))
        },
        "by_group": by_group,
        "draws": len(draws),
    }


def score_groups(published: PublishedClips, method: Method | None = None) -> dict[str, Any]:
    """Recall on groups held out, ``inner`` and ``all``; None where nobody has enough groups.

    Raises
    ------
    SplitError
        No singer has two source groups.
    """
    windows = read_windows(published)
    if not windows.draws(2):
        raise SplitError("no singer has two source groups: none can be held out")
    run = method or ensemble()
    scores: dict[str, Any] = {"windows": int(windows.profiles.labels.size)}
    for kind, least in (("inner", 3), ("all", 2)):
        draws = windows.draws(least)
        scores[kind] = score(windows, draws, run(windows, draws)) if draws else None
    return scores


def groups_table(scores: dict[str, Any]) -> str:
    """Recall of each group, then means, as Markdown."""
    lines = ["| source group held out | recall % |", "|---|---|"]
    every = scores["all"]
    lines += [f"| {name} | {100 * value:.1f} |" for name, value in every["by_group"].items()]
    for name, kind in (("balanced, all draws", "all"), ("balanced, inner draws", "inner")):
        if scores[kind] is not None:
            low, high = scores[kind]["interval"]
            value = f"{100 * scores[kind]['balanced']:.1f} ({100 * low:.1f} to {100 * high:.1f})"
            lines.append(f"| {name}, {scores[kind]['draws']} | {value} |")
    return "\n".join(lines) + "\n"
