"""Finding a figure with some edits beside the recurrence over all places in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cantaor.bench.cases.checks import require
from cantaor.bench.records import Case, Peer
from cantaor.motifs.similarity import Matches, default_distance, match_figure
from cantaor.types import Int32Array

_STEPS_PER_HOUR = 45_000  # as many as the published flamenco recordings have
_PHRASE = 20
_FIGURE = (2, -1, 3, -2, 5, -4, 1, 6)


@dataclass(frozen=True, eq=False, slots=True)
class Corpus:
    """Steps of many phrases with 0 between them, and where a figure was planted."""

    steps: Int32Array
    planted: tuple[int, ...]


def _corpus(hours: int) -> Corpus:
    rng = np.random.default_rng(8)
    steps = rng.choice(np.array([-3, -2, -1, 1, 2, 3], np.int32), hours * _STEPS_PER_HOUR)
    steps[::_PHRASE] = 0
    phrases = rng.choice(steps.size // _PHRASE, hours, replace=False)
    planted = tuple(sorted((phrases * _PHRASE + 5).tolist()))
    for place in planted:
        steps[place : place + len(_FIGURE)] = _FIGURE
    return Corpus(steps, planted)


def _find(data: Corpus) -> Matches:
    return match_figure(data.steps, _FIGURE, default_distance(len(_FIGURE)), limit=1_000)


def _check(data: Corpus, found: Matches) -> str:
    exact = tuple(sorted(found.start[found.distance == 0].tolist()))
    require(exact == data.planted, f"{len(exact)} of {len(data.planted)} planted figures exactly")
    return f"{len(exact)} planted figures first of {len(found):,}"


def _recurrence(data: Corpus) -> Matches:
    """The same search as for rhythm, in which all places have one."""
    return match_figure(
        data.steps,
        _FIGURE,
        default_distance(len(_FIGURE)),
        limit=1_000,
        rhythm=np.zeros(data.steps.size),
        figure_rhythm=np.zeros(len(_FIGURE)),
    )


def _same(_data: Corpus, ours: Matches, theirs: Matches) -> str:
    for name in ("start", "end", "distance"):
        require(np.array_equal(getattr(ours, name), getattr(theirs, name)), f"{name} differ")
    return "the same matches"


CASES = (
    Case(
        "find",
        "a figure of 8 steps, up to 3 edits",
        "hours",
        (10, 32, 100),
        _corpus,
        _find,
        _check,
        (Peer("recurrence in numpy", (), "", "", _recurrence, _same),),
    ),
)
