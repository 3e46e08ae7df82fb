"""The paper's Table 2 and beyond: networks x features x data sets x protocols, resumable.

Each cell is one file; a grid that was interrupted goes on with the cells that are missing.

References
----------
Arronte Alvarez and Gómez-Martín (2020), Table 2.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.errors import ArgumentError, CantaorError, ModelError
from cantaor.io.files import json_text, replacing
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.learn.evaluation.evaluation import evaluate
from cantaor.learn.evaluation.machine import describe_machine
from cantaor.learn.training.settings import (
    TrainingSettings,
    pick_device,
    settings_facts,
    training_digest,
)
from cantaor.learn.training.train import train
from cantaor.metrics.paper_table import DATA, FEATURES, MODELS, paper_figures

#: Voice over white noise in dB at which every model is tested once more.
NOISES_DB = (30.0, 20.0, 10.0, 0.0)
#: Networks by what a step costs at the paper's width: 0.7, 1.2 and 7.5 s for 64 clips of 0.3 s on
#: two cores. Cheap ones are run first, so that a grid that is cut short holds the most cells.
BY_COST = ("crnn", "residual-blstm", "residual50")

#: Why a cell is empty that was not begun.
NO_TIME = "no time was left"


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid.

    Attributes
    ----------
    model, features
        As in :class:`TrainingSettings`.
    data
        Name of the data set.
    protocol
        Name of how test clips are set apart.
    fraction
        Fraction of each singer's training clips to train on, above 0 and at most 1.
    """

    model: str
    features: str
    data: str
    protocol: str
    fraction: float = 1.0

    @property
    def name(self) -> str:
        """Name of the cell's file."""
        suffix = "" if self.fraction == 1 else f"_{self.fraction:g}"
        return "_".join((self.protocol, self.data, self.model, self.features)) + suffix


def table_2(protocol: str = "paper") -> list[Cell]:
    """The 27 cells of the paper's Table 2, row by row."""
    rows = product(DATA, MODELS, FEATURES)
    return [Cell(model, features, data, protocol) for data, model, features in rows]


def with_fractions(cells: Iterable[Cell], fractions: Iterable[float]) -> list[Cell]:
    """Every cell with each fraction of its training clips."""
    fractions = sorted(set(fractions), reverse=True)
    return [replace(cell, fraction=fraction) for cell in cells for fraction in fractions]


def run_grid(
    cells: Iterable[Cell],
    load_subsets: Callable[[str, str, int], ClipSubsets],
    settings: TrainingSettings,
    out: str | Path,
    *,
    progress: Callable[[Cell, Mapping[str, Any]], None] | None = None,
    go_on: Callable[[], bool] = lambda: True,
    source: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Train and test every cell that has no result yet, cheap networks first.

    Parameters
    ----------
    cells
        What to run.
    load_subsets
        Gives the clips for a data set, a protocol and a rate in Hz; its errors empty the cell.
    settings
        For all cells; model and features are the cell's.
    out
        Directory of the results.
    progress
        Called with every record, old or new, in the order in which they are run.
    go_on
        Asked before each new cell; once it says no, the other cells stay empty for lack of time.
    source
        Where the clips come from, kept as ``source`` in each record.

    Returns
    -------
    One record for each cell, in the order of ``cells``: what it is, ``accuracy``, ``auc``,
    ``balanced_accuracy``, ``train_accuracy``, ``gap``, ``epochs``, ``seconds``, ``parameters``,
    ``n``, ``by_recording`` (the answer for each tested recording from all its clips), ``date``,
    ``machine``, ``seed``, ``settings``, ``history`` (the metrics of each epoch), and ``noise``, the
    accuracy with white noise at each ratio of :data:`NOISES_DB`; or ``empty``, the reason why there
    is none. ``paper`` is what the paper prints (accuracy, AUC) or None, ``gain_over_random`` the
    accuracy less that of the same cell on random clips, or None.

    Raises
    ------
    ModelError
        The directory cannot be used, or a result there is damaged.
    """
    out = Path(out)
    wanted = list(cells)
    records = {}
    for cell in sorted(wanted, key=_cost):
        record = _cell(cell, load_subsets, settings, out, go_on, source)
        records[cell] = record
        if progress is not None:
            progress(cell, record)
    return _compare([records[cell] for cell in wanted])


def _cost(cell: Cell) -> int:
    return BY_COST.index(cell.model) if cell.model in BY_COST else len(BY_COST)


def _compare(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every record beside the paper's figures and beside random clips."""
    same = ("protocol", "model", "features", "fraction")
    random = {
        tuple(record[name] for name in same): record["accuracy"]
        for record in records
        if record["data"] == "random" and "empty" not in record
    }
    compared = []
    for record in records:
        printed = paper_figures(record["model"], record["features"], record["data"])
        figures = None if printed is None else tuple(round(one / 100, 4) for one in printed)
        base = random.get(tuple(record[name] for name in same))
        gain = None if base is None or "empty" in record else record["accuracy"] - base
        compared.append({**record, "paper": figures, "gain_over_random": gain})
    return compared


def _cell(
    cell: Cell,
    load_subsets: Callable[[str, str, int], ClipSubsets],
    settings: TrainingSettings,
    out: Path,
    go_on: Callable[[], bool],
    source: Mapping[str, Any] | None,
) -> dict[str, Any]:
    named = {} if source is None else {"source": dict(source)}
    mine = replace(settings, model=cell.model, features=cell.features)
    try:
        learned, validation, tested = load_subsets(cell.data, cell.protocol, mine.sample_rate)
        subsets = thin_clips(learned, cell.fraction, settings.seed), validation, tested
        key = _key(subsets, mine)
        file = out / f"{cell.name}_{key}.json"
        found = _read(file)
        if found is not None:
            if found.get("source") != named.get("source"):
                # The clips are the same: what was measured is true of this source as well.
                _write(file, found := {**found, **named})
            return found
        if not go_on():
            return {**asdict(cell), "empty": NO_TIME}
        unfinished = out / ".training" / key
        figures = _measure(subsets, mine, cell.protocol, unfinished)
        record = {**asdict(cell), "key": key, "cantaor": version("cantaor"), **named, **figures}
    except ModelError:
        raise
    except CantaorError as error:
        return {**asdict(cell), "empty": str(error)}
    _write(file, record)
    shutil.rmtree(unfinished, ignore_errors=True)
    return record


def thin_clips(clips: ClipSet, fraction: float, seed: int) -> ClipSet:
    """A fraction of each singer's clips, at least one; a smaller one is part of a larger one."""
    if not 0 < fraction <= 1:
        raise ArgumentError(f"fraction must be above 0 and at most 1; got {fraction}")
    if fraction == 1:
        return clips
    order = np.random.default_rng([seed, 1]).permutation(len(clips))
    kept = []
    for label in np.unique(clips.labels):
        mine = order[clips.labels[order] == label]
        kept.append(mine[: max(1, round(fraction * mine.size))])
    return clips.select(np.sort(np.concatenate(kept)))


def with_noise(clips: ClipSet, level_db: float, seed: int) -> ClipSet:
    """The clips with white noise so many dB below each clip's own mean power."""
    lengths = clips.lengths
    power = np.add.reduceat(np.square(clips.samples, dtype=np.float64), clips.offsets[:-1])
    deviation = np.sqrt(power / lengths * 10 ** (-level_db / 10)).astype(np.float32)
    noise = np.random.default_rng([seed, 2]).standard_normal(clips.samples.size, dtype=np.float32)
    return replace(clips, samples=clips.samples + noise * np.repeat(deviation, lengths))


def _key(subsets: ClipSubsets, settings: TrainingSettings) -> str:
    """Digest of all clips and settings of a cell."""
    both = training_digest(subsets[0], subsets[1], settings) + training_digest(
        subsets[2], subsets[2], settings
    )
    return hashlib.sha256(both.encode()).hexdigest()[:16]


def _measure(
    subsets: ClipSubsets, settings: TrainingSettings, protocol: str, unfinished: Path
) -> dict[str, Any]:
    trained = train(subsets[0], subsets[1], settings, checkpoint_dir=unfinished)
    figures = evaluate(trained, subsets[2], protocol, device=settings.device)
    on_train = evaluate(trained, subsets[0], device=settings.device).accuracy
    return {
        "date": str(datetime.date.today()),
        "machine": describe_machine(pick_device(settings.device)),
        "seed": settings.seed,
        "accuracy": figures.accuracy,
        "auc": figures.auc,
        "balanced_accuracy": figures.balanced_accuracy,
        "train_accuracy": on_train,
        "gap": on_train - figures.accuracy,
        "epochs": len(trained.history),
        "seconds": sum(epoch["seconds"] for epoch in trained.history),
        "parameters": sum(weights.numel() for weights in trained.module.parameters()),
        "n": figures.n,
        "by_recording": figures.to_json()["by_recording"],
        "noise": {
            f"{level:g}": evaluate(
                trained, with_noise(subsets[2], level, settings.seed), device=settings.device
            ).accuracy
            for level in NOISES_DB
        },
        "settings": {**settings_facts(settings), "augmentation": list(settings.augmentation)},
        "history": [dict(epoch) for epoch in trained.history],
    }


def _read(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"result {file} is damaged; remove it to run its cell anew") from error
    return record


def _write(file: Path, record: Mapping[str, Any]) -> None:
    with replacing(file, ModelError) as draft:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json_text(record, indent=2), encoding="utf-8")
