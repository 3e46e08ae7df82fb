"""Benchmark results as table rows, Markdown, and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cantaor.bench.records import PeerResult, Result, Spread
from cantaor.bench.result_files import Change
from cantaor.errors import require_extra
from cantaor.plotting.contours import GRID, INK, MOTIF_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("stage", "what", "size", "time", "memory", "growth", "beside", "faster", "answers")
#: Of them those that fit a terminal.
TERMINAL_COLUMNS = ("stage", "what", "time", "memory", "growth", "beside", "faster")
CHANGE_COLUMNS = ("stage", "what", "compared by", "times slower", "noise", "")


def result_rows(results: Sequence[Result]) -> list[list[str]]:
    """One row for each case and peer; a peer that is missing gives its install line.

    Returns
    -------
    list of list of str
        Cells in the order of :data:`COLUMNS`.
    """
    rows = []
    for result in results:
        if result.seconds is None:
            rows.append([result.stage, f"needs {result.missing}", *[""] * 7])
            continue
        own = [
            result.stage,
            result.name,
            f"{result.size:,} {result.unit}",
            duration_text(result.seconds.median),
            memory_text(result.memory_bytes),
            "" if result.exponent is None else f"n^{result.exponent:.2f}",
        ]
        if not result.peers:
            rows.append([*own, result.alone, "", result.checked])
        for index, peer in enumerate(result.peers):
            start = own if index == 0 else [""] * len(own)
            rows.append([*start, *_peer_cells(peer, result.checked if index == 0 else "")])
    return rows


def terminal_rows(results: Sequence[Result]) -> list[list[str]]:
    """:func:`result_rows` without sizes and notes, in the order of :data:`TERMINAL_COLUMNS`."""
    kept = [COLUMNS.index(name) for name in TERMINAL_COLUMNS]
    return [[row[index] for index in kept] for row in result_rows(results)]


def change_rows(changes: Sequence[Change]) -> list[list[str]]:
    """One row for each case of two runs, in the order of :data:`CHANGE_COLUMNS`."""
    return [
        [
            change.stage,
            change.name,
            change.measure,
            "" if change.times_slower is None else f"{change.times_slower:.2f}",
            "" if change.noise is None else f"{change.noise:.2f}",
            change.verdict,
        ]
        for change in changes
    ]


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for documents.

    Examples
    --------
    >>> print(markdown_table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def chart(results: Sequence[Result]) -> Figure:
    """How many times faster than each peer, on a logarithmic axis, with quartiles.

    Parameters
    ----------
    results
        Measured cases; those without a peer are left out.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    require_extra("matplotlib", "plot")
    from matplotlib.figure import Figure

    bars = [
        (f"{result.stage}: {result.name}\n{peer.name}", peer.times_faster)
        for result in results
        for peer in result.peers
        if peer.times_faster is not None
    ]
    figure = Figure(figsize=(10, 1.2 + 0.46 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    for row, (_, ratio) in enumerate(bars):
        reach = [[ratio.median - ratio.low], [ratio.high - ratio.median]]
        colour = MOTIF_COLOURS[1] if ratio.median >= 1 else MOTIF_COLOURS[3]
        axes.barh(row, ratio.median, 0.62, left=0, color=colour, xerr=reach, ecolor=INK)
        axes.text(ratio.high * 1.08, row, times_text(ratio.median), va="center", color=INK)
    axes.set_yticks(range(len(bars)), [label for label, _ in bars], fontsize="small")
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color=INK, lw=1)
    axes.margins(x=0.12)
    axes.set_xlabel("times as fast as the peer (processor time, one thread, same run)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    return figure


def duration_text(seconds: float) -> str:
    """Seconds in the unit that reads best.

    Examples
    --------
    >>> duration_text(0.00123), duration_text(2.5), duration_text(4.2e-5)
    ('1.23 ms', '2.5 s', '42 us')
    """
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1 or unit == "us":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError("unreachable")


def times_text(ratio: float) -> str:
    """A ratio of times.

    Examples
    --------
    >>> times_text(12.34), times_text(0.5), times_text(1234.0)
    ('12.3x', '0.50x', '1,234x')
    """
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"


def memory_text(used: int | None) -> str:
    """Bytes in MiB, or nothing where unknown."""
    return "" if used is None else f"{used / 2**20:.1f} MiB"


def _peer_cells(peer: PeerResult, checked: str) -> list[str]:
    name = f"{peer.name} {peer.version}".strip()
    if peer.times_faster is None:
        return [name, f"missing: {peer.missing}", checked]
    notes = [note for note in (checked, f"peer: {peer.agreement}") if note]
    return [name, _ratio_text(peer.times_faster), "; ".join(notes)]


def _ratio_text(ratio: Spread) -> str:
    return f"{times_text(ratio.median)} ({times_text(ratio.low)}-{times_text(ratio.high)})"
