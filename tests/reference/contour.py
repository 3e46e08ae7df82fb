"""Contour segmentation as its definition, one list at a time."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass


@dataclass
class Segment:
    cluster: int
    values: list[float]
    first: int
    last: int


def split_phrases(cents: list[float], max_gap: int) -> list[list[tuple[int, float]]]:
    """(frame, cents) of the voiced frames of each phrase."""
    phrases: list[list[tuple[int, float]]] = [[]]
    previous = None
    for frame, value in enumerate(cents):
        if math.isnan(value):
            continue
        if previous is not None and frame - previous - 1 > max_gap:
            phrases.append([])
        phrases[-1].append((frame, value))
        previous = frame
    return phrases


def runs_in_clusters(
    phrase: list[tuple[int, float]], edges: list[float], hysteresis: float
) -> list[Segment]:
    """Runs of voiced frames in one cluster, which is left only beyond an edge by more."""
    runs: list[Segment] = []
    for frame, value in phrase:
        if runs:
            bounds = [-math.inf, *edges, math.inf]
            low, high = bounds[runs[-1].cluster], bounds[runs[-1].cluster + 1]
            if low - hysteresis <= value < high + hysteresis:
                runs[-1].values.append(value)
                runs[-1].last = frame
                continue
        runs.append(Segment(bisect_right(edges, value), [value], frame, frame))
    return runs


def runs_within_margin(phrase: list[tuple[int, float]], margin: float) -> list[Segment]:
    """Greedy runs whose frames stay within ``margin`` of the mean of the run so far."""
    runs: list[Segment] = []
    for frame, value in phrase:
        if runs:
            count, total = len(runs[-1].values), math.fsum(runs[-1].values)
            if abs(value * count - total) <= margin * count:
                runs[-1].values.append(value)
                runs[-1].last = frame
                continue
        runs.append(Segment(-1, [value], frame, frame))
    return runs


def merge_neighbours(segments: list[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for segment in segments:
        if merged and merged[-1].cluster == segment.cluster:
            merged[-1].values += segment.values
            merged[-1].last = segment.last
        else:
            merged.append(segment)
    return merged


def segments_in_clusters(
    cents: list[float], edges: list[float], hysteresis: float, min_frames: int, max_gap: int
) -> list[list[Segment]]:
    """Phrases of segments; phrases without any are left out."""
    phrases = []
    for phrase in split_phrases(cents, max_gap):
        runs = runs_in_clusters(phrase, edges, hysteresis)
        segments = merge_neighbours([run for run in runs if len(run.values) >= min_frames])
        if segments:
            phrases.append(segments)
    return phrases


def segments_within_margin(
    cents: list[float], margin: float, min_frames: int, max_gap: int
) -> list[list[Segment]]:
    """As :func:`segments_in_clusters`, with greedy runs that are not merged."""
    phrases = []
    for phrase in split_phrases(cents, max_gap):
        runs = runs_within_margin(phrase, margin)
        segments = [run for run in runs if len(run.values) >= min_frames]
        if segments:
            phrases.append(segments)
    return phrases


def tonic(
    cents: list[float], lengths: list[float], phrase_ends: list[int], end_weight: float
) -> float | None:
    """Pitch class with most weight under a Gaussian of 33 cents, in its most sung octave."""
    if not cents:
        return None
    weights = [
        length * (end_weight if index in phrase_ends else 1.0)
        for index, length in enumerate(lengths)
    ]

    def apart(one: float, other: float) -> float:
        around = (one - other) % 1200.0
        return min(around, 1200.0 - around)

    def strength(fold: float) -> float:
        bells = [math.exp(-0.5 * (apart(c, fold) / 33.0) ** 2) for c in cents]
        return sum(w * bell for w, bell in zip(weights, bells, strict=True))

    peak = max((5.0 * step for step in range(240)), key=strength)
    near = [i for i, c in enumerate(cents) if apart(c, peak) <= 66.0]
    octaves: dict[int, list[int]] = {}
    for i in near:
        octaves.setdefault(round((cents[i] - peak) / 1200.0), []).append(i)
    most = max(octaves.values(), key=lambda own: sum(weights[i] for i in own))
    total = sum(weights[i] for i in most)
    return sum(weights[i] * cents[i] for i in most) / total
