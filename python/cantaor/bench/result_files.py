"""Result files: written, read, and two of them compared."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cantaor._core import build_info
from cantaor.bench.records import Result, Spread, results_from_plain, results_to_plain
from cantaor.errors import ArgumentError
from cantaor.io.files import write_json

_FORMAT = "cantaor-bench-1"
#: A change below this is never called one, share.
_MIN_CHANGE = 0.10


@dataclass(frozen=True, slots=True)
class Change:
    """One case in two result files.

    Attributes
    ----------
    stage, name
        The case.
    measure
        What is compared: time beside a peer of the same run, or seconds where no peer is in both.
    times_slower
        New over old; above 1 is slower.
    noise
        Change that the spread of both runs explains, as a factor.
    verdict
        ``"slower"``, ``"faster"``, ``"same"``, ``"gone"`` or ``"new"``.
    """

    stage: str
    name: str
    measure: str
    times_slower: float | None
    noise: float | None
    verdict: str


def machine() -> dict[str, Any]:
    """What ran where, without a name of the machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cantaor": version("cantaor"),
        "compiler": build_info()["compiler"],
        "build": build_info()["build_type"],
    }


def write_results(path: str | os.PathLike[str], results: Sequence[Result], effort: str) -> None:
    """Write results with their date and machine as JSON.

    Raises
    ------
    WorkspaceError
        The file cannot be written.
    """
    write_json(Path(path), document(results, effort))


def document(results: Sequence[Result], effort: str) -> dict[str, Any]:
    """What a result file holds, as plain values."""
    return {
        "format": _FORMAT,
        "date": date.today().isoformat(),
        "effort": effort,
        "machine": machine(),
        "results": results_to_plain(results),
    }


def read_results(path: str | os.PathLike[str]) -> list[Result]:
    """Read results that :func:`write_results` wrote.

    Raises
    ------
    ArgumentError
        The file cannot be read or is not one of results.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            raise ArgumentError(f"{path}: format {document['format']!r} is not {_FORMAT!r}")
        return results_from_plain(document["results"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"{path}: not a file of benchmark results: {error!r}") from error


def compare(old: Sequence[Result], new: Sequence[Result]) -> list[Change]:
    """What became slower or faster beyond the noise of both runs.

    Times beside a peer that both runs measured are compared where there is one: they also hold
    between machines and between a busy and an idle one. The noise is what the quartiles of both
    runs span together, and never taken below 10 %.

    Parameters
    ----------
    old, new
        Results of two runs.

    Returns
    -------
    list of Change
        One for each case of either run, those of ``new`` first.
    """
    before = {(one.stage, one.name): one for one in old if not one.missing}
    after = {(one.stage, one.name): one for one in new if not one.missing}
    changes = [
        _change(before[key], one) if key in before else _lone(one, "new")
        for key, one in after.items()
    ]
    return changes + [_lone(one, "gone") for key, one in before.items() if key not in after]


def _change(old: Result, new: Result) -> Change:
    measure, one, other = _comparable(old, new)
    slower = other.median / one.median
    spread = math.log(one.high / one.low) + math.log(other.high / other.low)
    noise = max(1 + _MIN_CHANGE, math.exp(spread))
    verdict = "slower" if slower > noise else "faster" if slower < 1 / noise else "same"
    return Change(new.stage, new.name, measure, slower, noise, verdict)


def _comparable(old: Result, new: Result) -> tuple[str, Spread, Spread]:
    """What to compare of two runs, larger meaning slower."""
    before = {peer.name: peer.times_faster for peer in old.peers}
    for peer in new.peers:
        known = before.get(peer.name)
        if old.size == new.size and known is not None and peer.times_faster is not None:
            return f"beside {peer.name}", _inverse(known), _inverse(peer.times_faster)
    assert old.seconds is not None
    assert new.seconds is not None
    return (
        f"seconds per {new.unit}",
        _per_unit(old.seconds, old.size),
        _per_unit(new.seconds, new.size),
    )


def _inverse(spread: Spread) -> Spread:
    return Spread(1 / spread.median, 1 / spread.high, 1 / spread.low, spread.rounds)


def _per_unit(spread: Spread, size: int) -> Spread:
    return Spread(spread.median / size, spread.low / size, spread.high / size, spread.rounds)


def _lone(result: Result, verdict: str) -> Change:
    return Change(result.stage, result.name, "", None, None, verdict)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
