"""A grid's records as Markdown: beside the paper's figures, and as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cantaor.learn.evaluation.grid import NOISES_DB

_HEAD = (
    "protocol",
    "data",
    "network",
    "features",
    "accuracy %",
    "AUC %",
    "balanced %",
    "train - test %",
    "gain over random %",
    "epochs",
    "s",
    "parameters",
    "paper: accuracy / AUC %",
)


def grid_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Cells that learn from all training clips, beside the paper's; empty ones say why."""
    return _markdown(_HEAD, [_row(record) for record in records if record["fraction"] == 1])


def curve_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy by fraction of the training clips and by noise, one line for each of them."""
    head = (*_HEAD[:4], "fraction of clips", "accuracy %", *(f"{db:g} dB %" for db in NOISES_DB))
    rows = [
        [
            *_names(record),
            f"{record['fraction']:g}",
            _percent(record["accuracy"]),
            *(_percent(fraction) for fraction in record["noise"].values()),
        ]
        for record in records
        if "empty" not in record
    ]
    return _markdown(head, rows)


def _names(record: Mapping[str, Any]) -> list[str]:
    return [record[name] for name in ("protocol", "data", "model", "features")]


def _row(record: Mapping[str, Any]) -> list[str]:
    paper = "" if record["paper"] is None else " / ".join(map(_percent, record["paper"]))
    if "empty" in record:
        return [*_names(record), f"empty: {record['empty']}", *[""] * 7, paper]
    names = ("accuracy", "auc", "balanced_accuracy", "gap", "gain_over_random")
    costs = [str(record["epochs"]), f"{record['seconds']:.0f}", f"{record['parameters']:,}"]
    return [*_names(record), *(_percent(record[name]) for name in names), *costs, paper]


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
