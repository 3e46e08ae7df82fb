"""What is measured (:class:`Case`, :class:`Peer`) and what came out (:class:`Result`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program that does what a case does.

    Attributes
    ----------
    name
        As readers know it.
    modules
        What is imported; empty for a baseline that needs only what cantaor itself needs.
    distribution
        Package whose version is noted; may be empty.
    install
        Line that installs it.
    run
        ``run(data)`` returns its answer.
    agree
        ``agree(data, ours, theirs)`` raises :class:`~cantaor.errors.AnswersDifferError`, or says
        in a few words how the answers agree.
    """

    name: str
    modules: tuple[str, ...]
    distribution: str
    install: str
    run: Callable[[Any], Any]
    agree: Callable[[Any, Any, Any], str]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a stage does, with its peers.

    Attributes
    ----------
    stage, name
        Stage of the chain, and what is done to what.
    unit
        What a size counts, such as ``"values"``.
    sizes
        Three sizes over a decade; peers are measured at the last.
    make
        ``make(size)`` returns input data of a size, the same on every call.
    run
        ``run(data)`` returns cantaor's answer.
    check
        ``check(data, ours)`` raises :class:`~cantaor.errors.AnswersDifferError`, or says in a few
        words what holds.
    peers
        Best first.
    alone
        Why there is no peer, where there is none.
    """

    stage: str
    name: str
    unit: str
    sizes: tuple[int, int, int]
    make: Callable[[int], Any]
    run: Callable[[Any], Any]
    check: Callable[[Any, Any], str]
    peers: tuple[Peer, ...] = ()
    alone: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles of repeated measurements.

    Attributes
    ----------
    median, low, high
        Median, lower and upper quartile.
    rounds
        Number of measurements.
    """

    median: float
    low: float
    high: float
    rounds: int


@dataclass(frozen=True, slots=True)
class PeerResult:
    """How a peer did beside cantaor.

    Attributes
    ----------
    name, version
        The peer; the version is empty for a baseline.
    seconds
        Processor seconds of one call; None where the peer is missing.
    times_faster
        Its seconds over cantaor's in the same round; None where the peer is missing.
    memory_bytes
        Growth of the process's peak memory over one call; None where unknown.
    agreement
        How its answer agrees with cantaor's.
    missing
        Line that installs it; empty where it is there.
    """

    name: str
    version: str = ""
    seconds: Spread | None = None
    times_faster: Spread | None = None
    memory_bytes: int | None = None
    agreement: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One case, measured.

    Attributes
    ----------
    stage, name, unit, size
        The case, and the size that ``seconds`` and the peers stand for.
    seconds
        Processor seconds of one call; None where the stage's own extra is missing.
    memory_bytes
        Growth of the process's peak memory over one call; None where unknown.
    exponent
        Slope of log seconds over log size, over a decade: 1 is linear.
    growth
        Size and median seconds that the exponent comes from.
    checked
        What was asserted of the answer.
    peers
        The peers, best first.
    alone
        Why there is no peer, where there is none.
    missing
        Line that installs what the stage itself needs; empty where it is there.
    """

    stage: str
    name: str
    unit: str = ""
    size: int = 0
    seconds: Spread | None = None
    memory_bytes: int | None = None
    exponent: float | None = None
    growth: tuple[tuple[int, float], ...] = ()
    checked: str = ""
    peers: tuple[PeerResult, ...] = ()
    alone: str = ""
    missing: str = ""


def results_to_plain(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Results as plain values for JSON."""
    return [asdict(result) for result in results]


def results_from_plain(rows: Sequence[Mapping[str, Any]]) -> list[Result]:
    """Results from what :func:`results_to_plain` made."""
    return [
        Result(
            **{
                **row,
                "seconds": _spread(row["seconds"]),
                "growth": tuple((int(size), float(s)) for size, s in row["growth"]),
                "peers": tuple(_peer(one) for one in row["peers"]),
            }
        )
        for row in rows
    ]


def _peer(row: Mapping[str, Any]) -> PeerResult:
    spreads = {name: _spread(row[name]) for name in ("seconds", "times_faster")}
    return PeerResult(**{**row, **spreads})


def _spread(row: Mapping[str, Any] | None) -> Spread | None:
    return None if row is None else Spread(**row)
