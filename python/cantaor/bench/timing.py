"""Timing of one case and its peers in turns, on one thread, by processor time.

Processor time does not count what other programs do meanwhile; taking turns lets what still
disturbs (caches, clock frequency) fall on both sides of a ratio alike.
"""

from __future__ import annotations

import ctypes
import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cantaor.bench.records import Case, Peer, PeerResult, Result, Spread

#: One measurement repeats a call until it lasts so long, seconds.
_MIN_S = 0.004


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    seconds
        Time for the rounds of one case; the least number of rounds is made in any case.
    min_rounds, max_rounds
        Bounds on the rounds.
    """

    seconds: float
    min_rounds: int
    max_rounds: int


@dataclass(frozen=True, slots=True)
class Cost:
    """One call.

    Attributes
    ----------
    seconds
        Processor seconds.
    memory_bytes
        Growth of the process's peak resident memory; None off Linux.
    """

    seconds: float
    memory_bytes: int | None


QUICK = Effort(2.0, 3, 9)
FULL = Effort(20.0, 7, 25)


def measure(case: Case, effort: Effort = FULL) -> Result:
    """Check the answers of a case and of its peers, then time them in turns.

    Parameters
    ----------
    case
        What to do.
    effort
        How long to measure.

    Raises
    ------
    AnswersDifferError
        An answer is wrong; nothing is timed then.
    """
    data = case.make(case.sizes[-1])
    ours = case.run(data)  # compiles and fills caches
    checked = case.check(data, ours)
    present = [peer for peer in case.peers if available(peer)]
    # A peer's answer is let go once compared: it must not count as memory of the next.
    agreements = [peer.agree(data, ours, peer.run(data)) for peer in present]
    del ours
    calls = [partial(run, data) for run in (case.run, *(peer.run for peer in present))]
    costs = [cost(call) for call in calls]
    seconds = _take_turns(calls, [one.seconds for one in costs], effort)
    growth = _growth(case, effort)
    measured = {
        peer.name: PeerResult(
            peer.name,
            _version(peer.distribution),
            spread(theirs),
            spread([t / o for t, o in zip(theirs, seconds[0], strict=True)]),
            used.memory_bytes,
            agreement,
        )
        for peer, theirs, used, agreement in zip(
            present, seconds[1:], costs[1:], agreements, strict=True
        )
    }
    return Result(
        case.stage,
        case.name,
        case.unit,
        case.sizes[-1],
        spread(seconds[0]),
        costs[0].memory_bytes,
        exponent(growth),
        growth,
        checked,
        tuple(
            measured.get(peer.name) or PeerResult(peer.name, missing=peer.install)
            for peer in case.peers
        ),
        case.alone,
    )


def available(peer: Peer) -> bool:
    """Whether a peer can be imported here."""
    try:
        for module in peer.modules:
            import_module(module)
    except ImportError:
        return False
    return True


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles.

    Examples
    --------
    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0])
    Spread(median=3.0, low=2.0, high=4.0, rounds=5)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def exponent(growth: Sequence[tuple[int, float]]) -> float:
    """Slope of log seconds over log size, by least squares.

    Examples
    --------
    >>> round(exponent([(10, 0.1), (100, 1.0), (1000, 10.0)]), 6)
    1.0
    """
    sizes = [math.log(size) for size, _ in growth]
    seconds = [math.log(one) for _, one in growth]
    return statistics.linear_regression(sizes, seconds).slope


def seconds_of(call: Callable[[], object], repeats: int = 1) -> float:
    """Processor seconds of one call, the mean of ``repeats`` in a row."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def cost(call: Callable[[], object]) -> Cost:
    """Processor seconds of a call, and how much it raises the process's peak resident memory."""
    clear = Path("/proc/self/clear_refs")
    if not clear.exists():
        return Cost(seconds_of(call), None)
    _release_memory()
    before = status_bytes("VmRSS")
    clear.write_text("5")
    seconds = seconds_of(call)
    return Cost(seconds, max(0, status_bytes("VmHWM") - before))


def _take_turns(
    calls: Sequence[Callable[[], object]], estimates: Sequence[float], effort: Effort
) -> list[list[float]]:
    """Seconds of every call in every round; the calls of a round follow each other."""
    repeats = [max(1, math.ceil(_MIN_S / max(one, 1e-7))) for one in estimates]
    seconds: list[list[float]] = [[] for _ in calls]
    began = time.perf_counter()
    for done in range(effort.max_rounds):
        if done >= effort.min_rounds and time.perf_counter() - began > effort.seconds:
            break
        for taken, call, count in zip(seconds, calls, repeats, strict=True):
            taken.append(seconds_of(call, count))
    return seconds


def _growth(case: Case, effort: Effort) -> tuple[tuple[int, float], ...]:
    inputs = [case.make(size) for size in case.sizes]
    rounds = Effort(effort.seconds / 2, effort.min_rounds, effort.max_rounds)
    calls = [partial(case.run, data) for data in inputs]
    seconds = _take_turns(calls, [seconds_of(call) for call in calls], rounds)
    return tuple(
        (size, statistics.median(taken)) for size, taken in zip(case.sizes, seconds, strict=True)
    )


def _release_memory() -> None:
    """Give freed memory back to the system, so that using it again counts."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def status_bytes(field: str) -> int:
    """A figure of this process in ``/proc/self/status`` (Linux), bytes.

    Parameters
    ----------
    field
        ``"VmRSS"``, memory now; ``"VmHWM"``, its peak, which unlike ``ru_maxrss`` does not begin
        with that of the process this one was forked from.

    Examples
    --------
    >>> status_bytes("VmHWM") > 0
    True
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


def _version(distribution: str) -> str:
    try:
        return version(distribution) if distribution else ""
    except PackageNotFoundError:
        return ""
