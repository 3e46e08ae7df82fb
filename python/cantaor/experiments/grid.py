"""The grid of networks, features, data sets and protocols over a mined workspace."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

from cantaor.corpus.identity import hash_entries
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.splits.columns import clip_columns
from cantaor.corpus.splits.protocols import PROTOCOLS, split_clips
from cantaor.errors import ArgumentError, ModelError, SplitError
from cantaor.experiments.clip_splits import mark_sides, prepare_clips, side_manifest
from cantaor.experiments.learnt_audio import checked_clips, name_subsets, shared_in
from cantaor.experiments.train_evaluate import clip_subsets
from cantaor.io.files import write_json, write_text
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.learn.evaluation.grid import Cell, run_grid, with_fractions
from cantaor.learn.evaluation.grid_tables import curve_table, grid_table
from cantaor.learn.features.spectrograms import build_features
from cantaor.learn.training.settings import TrainingSettings
from cantaor.metrics.paper_table import DATA, FEATURES, MODELS
from cantaor.pipeline.mine import Progress
from cantaor.plotting.contours import save_figure
from cantaor.plotting.learning_curves import plot_robustness
from cantaor.workspace.changes import workspace_facts
from cantaor.workspace.workspace import Workspace

# What a grid's folder holds beside its cells.
_FILES = ("grid.json", "grid.md", "curves.png")

#: What the paper combines as channels of one network beside its single features.
COMBINED = ("log-mel+mfcc",)
#: Protocol of clips whose file names their sides.
FILE = "file"


#: What test and validation clips share with training, by data set and protocol.
Shares: TypeAlias = dict[tuple[str, str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class GridPlan:
    """Which cells are run.

    Attributes
    ----------
    models, features, data, protocols
        Names; every combination is a cell.
    fractions
        Shares of the training clips, each in (0, 1]; 1 is always run.
    """

    models: tuple[str, ...] = MODELS
    features: tuple[str, ...] = FEATURES + COMBINED
    data: tuple[str, ...] = DATA
    protocols: tuple[str, ...] = ("paper",)
    fractions: tuple[float, ...] = (1.0,)

    def cells(self) -> list[Cell]:
        """All cells in the order of the paper's Table 2."""
        rows = product(self.protocols, self.data, self.models, self.features)
        cells = [Cell(model, feature, data, protocol) for protocol, data, model, feature in rows]
        return with_fractions(cells, (1.0, *self.fractions))


def run_workspace_grid(
    workspace: Workspace,
    plan: GridPlan,
    settings: TrainingSettings,
    out: Path,
    *,
    max_clips: int | None = None,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Train and test every cell of a plan; cells that were run before are kept.

    Parameters
    ----------
    workspace
        A mined workspace, from which every data set and protocol is cut.
    plan
        What to run.
    settings
        For all cells.
    out
        Folder: one JSON file a cell, ``grid.json``, the table ``grid.md`` and ``curves.png``.
    max_clips
        Most training clips of one singer, or None: all.
    minutes
        After so many no further cell is begun: the rest say so. None: all are run.
    progress
        Called as ``progress("grid", done, total)``.

    Returns
    -------
    One record for each cell, see :func:`cantaor.learn.evaluation.grid.run_grid`; with
    ``shared_audio``, the fractions of test and validation clips that share audio with what was
    learnt from.
    """
    shares: Shares = {}

    def load_subsets(data: str, protocol: str, sample_rate: int) -> ClipSubsets:
        prepared = prepare_clips(workspace, protocol, data, max_clips=max_clips, seed=settings.seed)
        shares[data, protocol] = prepared.shared_audio
        return clip_subsets(prepared.clips, sample_rate)

    source = workspace_facts(workspace, out)
    return _run(plan, load_subsets, shares, settings, out, minutes, progress, source)


def run_clips_grid(
    clips: Manifest,
    plan: GridPlan,
    settings: TrainingSettings,
    out: Path,
    *,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """The grid over clips that a file names.

    The file's clips are the data set ``motifs``; the other data sets need a workspace, and their
    cells say so. Under the protocol :data:`FILE` clips are on the sides that the file names; under
    every other they are cut anew, whatever it names. Arguments and result as in
    :func:`run_workspace_grid`.

    Raises
    ------
    SplitError
        The protocol :data:`FILE` is asked for and the file names no test clips.
    ArgumentError
        A protocol is unknown.
    """
    known = (*PROTOCOLS[:-1], FILE)
    unknown = [name for name in plan.protocols if name not in known]
    if unknown:
        raise ArgumentError(f"protocols must be of {', '.join(known)}; got {', '.join(unknown)}")
    if FILE in plan.protocols and not _names_test(clips):
        raise SplitError(
            "the file of clips names no test side: its column split must say test; or cut one "
            f"by --protocols {','.join(PROTOCOLS[:-1])}"
        )
    shares: Shares = {}
    named: dict[str, Manifest] = {}

    @cache
    def hashed() -> Manifest:
        return hash_entries(checked_clips(clips))

    def sides_under(protocol: str) -> Manifest:
        if protocol == FILE:
            return name_subsets(clips, settings)[0]
        return cut_sides(hashed(), protocol, settings.seed)

    def load_subsets(data: str, protocol: str, sample_rate: int) -> ClipSubsets:
        if data != DATA[0]:
            raise SplitError("a list of clips does not say what else was sung; mine a workspace")
        if protocol not in named:
            named[protocol] = sides_under(protocol)
        shares[data, protocol] = shared_in(named[protocol])
        return clip_subsets(named[protocol], sample_rate)

    return _run(plan, load_subsets, shares, settings, out, minutes, progress)


def cut_sides(clips: Manifest, protocol: str, seed: int = 0) -> Manifest:
    """Clips with their sides filled in by a protocol; those that would reach across are left out.

    Parameters
    ----------
    clips
        Clips with the keys of their audio, see :func:`cantaor.corpus.identity.hash_entries`.
    protocol
        One of :data:`cantaor.corpus.splits.protocols.PROTOCOLS`.
    seed
        Decides the split.

    Raises
    ------
    SplitError
        There is too little for the split; the message names who lacks what.
    """
    columns = clip_columns(clips)
    split = split_clips(**columns, protocol=protocol, seed=seed)
    return side_manifest(clips, mark_sides(columns, split, seed)[0])


def default_protocols(clips: Manifest | None) -> str:
    """What is run unless protocols are named: the file's own sides where it has any."""
    return FILE if clips is not None and _names_test(clips) else "paper"


def _names_test(clips: Manifest) -> bool:
    return any(entry.split.strip().lower() == "test" for entry in clips.entries)


def plan_of(
    models: str | None, features: str | None, data: str | None, protocols: str, fractions: str
) -> GridPlan:
    """A plan from names that are separated by commas; None stands for all.

    Raises
    ------
    ArgumentError
        A list is empty, a network, feature, data set or protocol unknown, or a share is no number
        in (0, 1].

    Examples
    --------
    >>> plan_of("crnn", "mfcc, log-mel", "motifs", "paper", "0.5").fractions
    (0.5,)
    """
    return GridPlan(
        _parse("models", models, MODELS, MODELS),
        _known_features(_parse("features", features, FEATURES + COMBINED)),
        _parse("data", data, DATA, DATA),
        _parse("protocols", protocols, (), (*PROTOCOLS[:-1], FILE)),
        tuple(_fraction(text) for text in _parse("fractions", fractions, ())),
    )


def _parse(
    what: str, text: str | None, every: tuple[str, ...], known: tuple[str, ...] = ()
) -> tuple[str, ...]:
    if text is None:
        return every
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    wrong = [name for name in names if known and name not in known]
    if wrong or not names:
        raise ArgumentError(f"{what} must be of {', '.join(known or every)}; got {text!r}")
    return names


def _known_features(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        build_features(name)
    return names


def _fraction(text: str) -> float:
    try:
        fraction = float(text)
    except ValueError:
        fraction = float("nan")
    if not 0 < fraction <= 1:
        raise ArgumentError(f"fractions must be numbers above 0 and at most 1; got {text!r}")
    return fraction


def _run(
    plan: GridPlan,
    load_subsets: Callable[[str, str, int], ClipSubsets],
    shares: Shares,
    settings: TrainingSettings,
    out: Path,
    minutes: float | None,
    progress: Progress | None,
    source: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    _require_grid_folder(out)
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    cells = plan.cells()
    kept: dict[tuple[str, str, int], ClipSubsets] = {}
    done: list[Cell] = []

    def subsets(*wanted: *tuple[str, str, int]) -> ClipSubsets:
        if wanted not in kept:
            kept.clear()  # One data set at a time is held in memory.
            kept[wanted] = load_subsets(*wanted)
        return kept[wanted]

    def report(cell: Cell, _record: Mapping[str, Any]) -> None:
        done.append(cell)
        if progress is not None:
            progress("grid", len(done), len(cells))

    records = run_grid(
        cells,
        subsets,
        settings,
        out,
        progress=report,
        go_on=lambda: time.monotonic() < end,
        source=source,
    )
    records = [
        one
        if "empty" in one
        else one | {"shared_audio": dict(shares.get((one["data"], one["protocol"]), {}))}
        for one in records
    ]
    _write(out, records)
    return records


def _require_grid_folder(out: Path) -> None:
    """Raise ModelError if what a grid writes would replace a file of something else."""
    there = [out / name for name in _FILES if (out / name).exists()]
    try:
        records = json.loads((out / _FILES[0]).read_text(encoding="utf-8")) if there else []
    except (OSError, ValueError, RecursionError):
        records = None
    ours = isinstance(records, list) and all(isinstance(r, dict) and "data" in r for r in records)
    if not ours:
        raise ModelError(f"{there[0]} is there and not of a grid; name another folder")


def _write(out: Path, records: list[dict[str, Any]]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "grid.json", records)
    write_text(out / "grid.md", f"{grid_table(records)}\n{curve_table(records)}")
    if find_spec("matplotlib") is not None and any("empty" not in r for r in records):
        save_figure(plot_robustness(records), out / "curves.png")
