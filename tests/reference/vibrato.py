"""Vibrato as its definition: voiced runs, turning points, half cycles, one list at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

REVERSAL = 10.0


@dataclass
class Stretch:
    """Half cycles between turning points ``first`` and ``first + len(centres)`` of one run."""

    first: int
    centres: list[float] = field(default_factory=list)
    extents: list[float] = field(default_factory=list)


@dataclass
class Flattened:
    cents: list[float]
    regions: list[tuple[int, int, float, float]]


def voiced_runs(cents: list[float]) -> list[list[int]]:
    """Frames of each stretch without an unvoiced frame."""
    runs: list[list[int]] = [[]]
    for frame, value in enumerate(cents):
        if math.isnan(value):
            runs.append([])
        else:
            runs[-1].append(frame)
    return [run for run in runs if run]


def turning_points(run: list[int], cents: list[float]) -> list[int]:
    """Extremes from which pitch comes back by at least ten cents; the last extreme too.

    Between two of them pitch goes one way. The first frame of equal extremes counts.
    """
    points: list[int] = []
    rest = run
    while True:
        # How far can the next point be sought before pitch has come back from it?
        found = _first_turn(rest, cents, points)
        if found is None:
            break
        points.append(found[0])
        rest = [frame for frame in rest if frame >= found[1]]
    if points:
        sought = max if cents[rest[0]] > cents[points[-1]] else min
        best = sought(cents[frame] for frame in rest)
        points.append(next(frame for frame in rest if cents[frame] == best))
    return points


def _first_turn(rest: list[int], cents: list[float], points: list[int]) -> tuple[int, int] | None:
    """The next turning point, and the frame where pitch has come back from it."""
    for index, frame in enumerate(rest):
        before = rest[: index + 1]
        high = max(before, key=lambda f: (cents[f], -f))
        low = min(before, key=lambda f: (cents[f], f))
        seeks_high = not points or cents[rest[0]] > cents[points[-1]]
        seeks_low = not points or not seeks_high
        if seeks_high and cents[high] - cents[frame] >= REVERSAL:
            return high, frame
        if seeks_low and cents[frame] - cents[low] >= REVERSAL:
            return low, frame
    return None


def is_half_cycle(a: int, b: int, cents: list[float], hop_s: float) -> bool:
    """Of 4 to 9 Hz within a frame, at most 400 cents, and round like a sine."""
    frames = b - a
    if not 1 / 18 / hop_s - 1 <= frames <= 1 / 8 / hop_s + 1:
        return False
    half = abs(cents[b] - cents[a]) / 2
    if 2 * half > 400:
        return False
    centre = (cents[a] + cents[b]) / 2
    inner = sum((cents[i] - centre) ** 2 for i in range(a + 1, b))
    return 0.16 <= (inner + half**2) / frames / half**2 <= 0.58


def stretches(points: list[int], cents: list[float], hop_s: float) -> list[Stretch]:
    """Two or more half cycles in a row, alike in extent around a centre that stays."""
    found: list[Stretch] = []
    open_: Stretch | None = None
    for i in range(len(points) - 1):
        a, b = points[i], points[i + 1]
        if not is_half_cycle(a, b, cents, hop_s):
            open_ = None
            continue
        centre, extent = (cents[a] + cents[b]) / 2, abs(cents[b] - cents[a])
        if open_ is not None:
            less, more = sorted([open_.extents[-1], extent])
            drift = abs(centre - open_.centres[-1])
            if less < 0.5 * more or drift > max(6.0, (less + more) / 12):
                open_ = None
        if open_ is None:
            open_ = Stretch(i)
            found.append(open_)
        open_.centres.append(centre)
        open_.extents.append(extent)
    return [stretch for stretch in found if len(stretch.centres) >= 2]


def edge(
    points: list[int],
    at: int,
    inside: int,
    run: list[int],
    cents: list[float],
    hop_s: float,
) -> int:
    """Outermost frame of the incomplete cycle beyond a turning point; ``inside`` is the one before.

    All of a half cycle that stays within the vibrato's range, else as much of one as could be
    vibrato: within its range, no steeper, no longer.
    """
    here, other = points[at], points[inside]
    border = run[0] if at < inside else run[-1]
    beyond = points[2 * at - inside] if 0 <= 2 * at - inside < len(points) else border
    step = at - inside
    centre, extent = (cents[here] + cents[other]) / 2, abs(cents[here] - cents[other])
    if abs(beyond - here) <= 1 / 8 / hop_s and abs(cents[beyond] - centre) <= 0.6 * extent:
        return beyond
    frames = abs(here - other)
    frame = here
    while frame != beyond and abs(frame - here) < frames:
        value = cents[frame + step]
        if abs(value - centre) > 0.6 * extent:
            break
        if abs(value - cents[frame]) > 2.4 * extent / frames + 5:
            break
        frame += step
    return frame


def flatten_vibrato(cents: list[float], hop_s: float) -> Flattened:
    out = list(cents)
    regions: list[tuple[int, int, float, float]] = []
    for run in voiced_runs(cents):
        points = turning_points(run, cents)
        free_from = run[0]
        for found in stretches(points, cents, hop_s):
            last = found.first + len(found.centres)
            begin = edge(points, found.first, found.first + 1, run, cents, hop_s)
            begin = max(begin, free_from)
            end = edge(points, last, last - 1, run, cents, hop_s)
            mean = (points[last] - points[found.first]) / len(found.centres)
            if (end - begin) / mean < 2.75:
                continue
            free_from = end + 1
            centres = found.centres
            if max(centres) - min(centres) <= 30:
                centres = [sum(centres) / len(centres)] * len(centres)
            middles = [(points[i] + points[i + 1]) / 2 for i in range(found.first, last)]
            for frame in range(begin, end + 1):
                out[frame] = _interpolate(frame, middles, centres)
            cycles = len(found.centres) / 2
            seconds = (points[last] - points[found.first]) * hop_s
            extent = sum(found.extents) / len(found.extents) / 2
            regions.append((begin, end, cycles / seconds, extent))
    return Flattened(out, regions)


def _interpolate(x: float, at: list[float], values: list[float]) -> float:
    if x <= at[0]:
        return values[0]
    for (a, one), (b, two) in zip(
        zip(at, values, strict=True), zip(at[1:], values[1:], strict=True), strict=False
    ):
        if x < b:
            return one + (x - a) / (b - a) * (two - one)
    return values[-1]
