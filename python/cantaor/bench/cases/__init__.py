"""The cases, a module for each stage; a stage whose extra is missing says so in its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from cantaor.bench.records import Case, Result
from cantaor.bench.timing import FULL, Effort, measure
from cantaor.errors import ArgumentError

#: Stages in the order of the chain, with the extra that each needs beside the core.
STAGES = {
    "audio": "",
    "pitch": "",
    "clusters": "",
    "contour": "",
    "motifs": "",
    "find": "",
    "clips": "",
    "features": "learn",
    "networks": "learn",
    "audit": "",
    "chain": "",
}


def cases_of(stage: str) -> tuple[Case, ...]:
    """The cases of a stage.

    Raises
    ------
    ArgumentError
        There is no such stage.
    ImportError
        The stage's own extra is missing.
    """
    if stage not in STAGES:
        raise ArgumentError(f"stage must be one of {', '.join(STAGES)}, not {stage!r}")
    found: tuple[Case, ...] = import_module(f"cantaor.bench.cases.{stage}").CASES
    return found


def run_stages(
    stages: Sequence[str] = tuple(STAGES),
    effort: Effort = FULL,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Result]:
    """Measure every case of some stages.

    Parameters
    ----------
    stages
        Names from :data:`STAGES`.
    effort
        How long to measure.
    progress
        Called as ``progress(stage, done, total)``.

    Raises
    ------
    ArgumentError
        There is no such stage.
    AnswersDifferError
        An answer is wrong.
    """
    report = progress or (lambda _stage, _done, _total: None)
    results: list[Result] = []
    for stage in stages:
        try:
            cases = cases_of(stage)
        except ImportError:
            line = f"pip install 'cantaor[{STAGES[stage]}]'"
            results.append(Result(stage, "not measured", missing=line))
            continue
        for done, case in enumerate(cases):
            report(stage, done, len(cases))
            results.append(measure(case, effort))
        report(stage, len(cases), len(cases))
    return results
