"""The paper's Table 2 on the published clips."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from cantaor.errors import ArgumentError
from cantaor.experiments.reproduction.instances import (
    LEAVE_ONE_OUT,
    PROTOCOLS,
    Instances,
    cut_instances,
    split_instances,
    trainings,
)
from cantaor.experiments.reproduction.published import Progress, PublishedClips
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.learn.evaluation.grid import Cell, run_grid
from cantaor.learn.training.settings import TrainingSettings
from cantaor.metrics.held_out_groups import balanced_mean, bootstrap_interval
from cantaor.metrics.paper_table import DATA, FEATURES, MODELS

# What depends on the machine or the day; each cell's own file keeps it.
_FIGURES = (
    *("protocol", "data", "model", "features", "accuracy", "auc", "balanced_accuracy"),
    *("train_accuracy", "gap", "n", "epochs", "parameters", "noise", "seed", "paper"),
    "by_recording",
)


class DataSets:
    """The paper's data sets from published clips, each cut once for each rate."""

    def __init__(self, published: PublishedClips, seed: int) -> None:
        self.published = published
        self.seed = seed
        self.cut: dict[tuple[str, int], Instances] = {}

    def __call__(self, data: str, protocol: str, sample_rate: int) -> ClipSubsets:
        wanted = data, sample_rate
        if wanted not in self.cut:
            self.cut[wanted] = cut_instances(self.published, *wanted)
        return split_instances(self.cut[wanted], protocol, self.seed)


def run_table2(
    published: PublishedClips,
    settings: TrainingSettings,
    cells: Path,
    *,
    protocols: Sequence[str] = tuple(PROTOCOLS),
    models: Sequence[str] = MODELS,
    features: Sequence[str] = FEATURES,
    data: Sequence[str] = ("motifs",),
    minutes: float | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Train and test every cell that has no result yet.

    Parameters
    ----------
    published
        Clips.
    settings
        For all cells; its seed also cuts the sides.
    cells
        Folder of the cells' files, with dates, seconds and histories.
    protocols, models, features, data
        Names; every combination is a cell. ``"leave-one-out"`` has a cell for each source group,
        and a last row over all of them. Published phrases are hardly longer than motifs:
        ``motifs+segment`` and ``random`` say little there.
    minutes
        After so many no further cell is begun.
    progress
        Called as ``progress("grid", done, total)``.

    Returns
    -------
    The figures of each cell that do not depend on the machine's speed or the date.

    Raises
    ------
    ArgumentError
        A name is unknown.
    """
    known = {"protocols": (*PROTOCOLS, LEAVE_ONE_OUT), "models": MODELS, "data": DATA}
    given = {"protocols": protocols, "models": models, "data": data}
    for what, names in given.items():
        if wrong := [name for name in names if name not in known[what]]:
            raise ArgumentError(f"{what} must be of {', '.join(known[what])}; got {wrong[0]!r}")
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    split = [training for name in protocols for training in trainings(name, published)]
    wanted = [Cell(m, f, d, p) for p, d, m, f in product(split, data, models, features)]
    done: list[Cell] = []

    def tell(cell: Cell, _record: Mapping[str, Any]) -> None:
        done.append(cell)
        if progress is not None:
            progress("grid", len(done), len(wanted))

    records = run_grid(
        wanted,
        DataSets(published, settings.seed),
        settings,
        cells,
        progress=tell,
        go_on=lambda: time.monotonic() < end,
    )
    return [_figures(record) for record in records]


def _figures(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("protocol", "data", "model", "features", "empty", "paper")
    names = kept if "empty" in record else _FIGURES
    return {name: record[name] for name in names if name in record}


def groups_left_out(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each network and features: how many source groups are named when left out.

    Returns
    -------
    ``model``, ``features``, ``data``, ``groups``, ``groups_right`` (the answer from all clips of a
    group is its singer), ``balanced_accuracy`` (of clips: mean over a singer's groups, then over
    singers), and its ``interval`` by bootstrap over groups. Cells without a result are left out.
    """
    rows: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
    for record in records:
        if record["protocol"].startswith(f"{LEAVE_ONE_OUT}-") and "empty" not in record:
            key = record["model"], record["features"], record["data"]
            rows.setdefault(key, {}).update(record["by_recording"])
    return [
        {"model": model, "features": features, "data": data, **_over_groups(groups)}
        for (model, features, data), groups in rows.items()
    ]


def _over_groups(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    accuracy = {name: one["accuracy"] for name, one in groups.items()}
    singers = {name: one["singer"] for name, one in groups.items()}
    return {
        "groups": len(groups),
        "groups_right": sum(one["answer"] == one["singer"] for one in groups.values()),
        "balanced_accuracy": balanced_mean(accuracy, singers),
        "interval": bootstrap_interval(accuracy, singers),
    }


def table2_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy and macro AUC beside the paper's own, as Markdown."""
    lines = [
        "| protocol | data | network | features | accuracy / AUC % | paper | tested | epochs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in records:
        names = [one[name] for name in ("protocol", "data", "model", "features")]
        paper = "" if one["paper"] is None else " / ".join(f"{100 * v:.2f}" for v in one["paper"])
        if "empty" in one:
            row = [*names, f"empty: {one['empty']}", paper, "", ""]
        else:
            auc = "none" if one["auc"] is None else f"{100 * one['auc']:.2f}"
            figures = f"{100 * one['accuracy']:.2f} / {auc}"
            row = [*names, figures, paper, str(one["n"]), str(one["epochs"])]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, *_group_lines(records)]) + "\n"


def _group_lines(records: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = groups_left_out(records)
    if not rows:
        return []
    lines = [
        "",
        "Each source group left out once:",
        "",
        "| data | network | features | groups right | balanced accuracy of clips % |",
        "|---|---|---|---|---|",
    ]
    for one in rows:
        low, high = (100 * bound for bound in one["interval"])
        right = f"{one['groups_right']} of {one['groups']}"
        balanced = f"{100 * one['balanced_accuracy']:.1f} ({low:.1f} to {high:.1f})"
        lines.append(
            f"| {one['data']} | {one['model']} | {one['features']} | {right} | {balanced} |"
        )
    return lines
