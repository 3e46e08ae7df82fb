"""CPU = GPU checks, features beside torchaudio, throughput and the grid of Table 2, in one command.

    python -m benchmarks.gpu DATA --out RESULTS [--minutes 9] [--jobs 6] [--seeds 0 1 2]
        [--protocols paper audio-disjoint leave-one-out] [--width W] [--recipe accurate]
    python -m benchmarks.gpu --smoke --device cpu --out RESULTS

DATA is a clone of the published clips, or a folder with ``instances.csv`` and ``recordings/``. The
results are one dated Markdown file and one JSON file. Cells are trained ``--jobs`` at a time, each
in a process of its own, with all protocols of a seed before the next seed; each is a file in
``cells``, and a grid that was interrupted goes on with the cells that are missing. ``--smoke`` runs
the same steps with tiny networks on made-up tones, so that the command itself is tested where there
is no GPU.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

from cantaor.errors import SplitError
from cantaor.experiments.reproduction.instances import LEAVE_ONE_OUT, PROTOCOLS, trainings
from cantaor.experiments.reproduction.published import read_published
from cantaor.experiments.reproduction.table2 import DataSets, groups_left_out
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.learn.evaluation.grid import BY_COST, Cell, run_grid, table_2
from cantaor.learn.evaluation.grid_tables import curve_table, grid_table
from cantaor.learn.evaluation.machine import describe_machine
from cantaor.learn.features.spectrograms import LogMel
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.training.recipes import RECIPES, recipe_settings
from cantaor.learn.training.settings import TrainingSettings, pick_device
from cantaor.metrics.paper_table import DATA, FEATURES, MODELS

#: Largest difference of probabilities and embeddings, and of features in dB.
TOLERANCE, DECIBELS = 1e-3, 0.02
#: Padded, precision and whether torch.compile is used: the variants of every network.
VARIANTS = (
    (True, "float32", False),
    (False, "float32", False),
    (False, "bfloat16", False),
    (False, "bfloat16", True),
)


def main(arguments: list[str] | None = None) -> int:
    """Run everything and write the table; 1 if CPU and GPU differ."""
    options = _options(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    device = pick_device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    width = 1 if options.smoke else options.width
    report: dict[str, Any] = {
        "machine": describe_machine(device),
        "date": str(datetime.date.today()),
    }
    batch, backend = (4, "eager") if options.smoke else (64, "inductor")
    report["features"] = [features(device, 8 if options.smoke else 4_096)]
    report["agreement"] = [agreement(name, device, width) for name in MODELS]
    settings = recipe_settings(
        options.recipe,
        width=width,
        device=device.type,
        epochs=1 if options.smoke else None,
        padded=options.padded,
    )
    # As users have it: torch lets convolutions take TF32 unless it is told otherwise.
    torch.backends.cudnn.allow_tf32 = True
    if options.smoke:
        cells = table_2("paper")[::9]
        report["grid"] = run_grid(cells, smoke_subsets, settings, options.out / "cells")
    else:
        report["grid"] = train_cells(options, settings, deadline)
    # Written twice: what was measured so far survives a kill.
    write(options.out, report)
    if not options.cells_only:
        torch.backends.cudnn.allow_tf32 = False
        report["throughput"] = [
            throughput(name, device, width, variant, batch, backend)
            for name in MODELS
            for variant in VARIANTS
        ]
        write(options.out, report)
    return int(not all(row["agrees"] for row in report["agreement"] + report["features"]))


#: What a worker reads once: the clips by seed.
_LOADED: dict[int, DataSets] = {}


def train_cells(
    options: argparse.Namespace, settings: TrainingSettings, deadline: float
) -> list[dict[str, Any]]:
    """Records of all cells and seeds, trained side by side; none is begun after the deadline."""
    published = read_published(options.data)
    tasks = [
        (cell, replace(settings, seed=seed))
        for seed in options.seeds
        for protocol in options.protocols
        for cell in _costly_first(
            Cell(model, features, "motifs", training)
            for training in trainings(protocol, published)
            for model in options.models
            for features in (options.group_features if protocol == LEAVE_ONE_OUT else FEATURES)
        )
    ]
    records: dict[int, dict[str, Any]] = {}
    # A monotonic clock is one clock for all processes of a machine.
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        futures = {
            pool.submit(train_cell, *task, options.data, options.out / "cells", deadline): number
            for number, task in enumerate(tasks)
        }
        for future in as_completed(futures):
            number = futures[future]
            cell, mine = tasks[number]
            record = records[number] = future.result()
            result = record.get("accuracy", record.get("empty"))
            print(mine.seed, cell.name, result, record.get("seconds"), flush=True)
    return [records[number] for number in range(len(tasks))]


def _costly_first(cells: Iterable[Cell]) -> list[Cell]:
    """So that no long training is left alone at the end."""
    return sorted(cells, key=lambda cell: -BY_COST.index(cell.model))


def train_cell(
    cell: Cell, settings: TrainingSettings, data: Path, out: Path, deadline: float
) -> dict[str, Any]:
    """Record of one cell, in a worker."""
    torch.set_num_threads(2)
    if settings.seed not in _LOADED:
        published = next(iter(_LOADED.values())).published if _LOADED else read_published(data)
        _LOADED[settings.seed] = DataSets(published, settings.seed)
    go_on = time.monotonic() < deadline

    def run(begin: bool) -> dict[str, Any]:
        return run_grid([cell], _LOADED[settings.seed], settings, out, go_on=lambda: begin)[0]

    try:
        return run(go_on)
    except torch.OutOfMemoryError as error:
        return {**run(False), "empty": f"fewer jobs are needed: {str(error).splitlines()[0]}"}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="folder with instances.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--device", default="cuda", help="cuda, cpu or auto")
    parser.add_argument("--minutes", type=float, default=25.0, help="no cell begins later")
    parser.add_argument("--width", type=int, help="filters; as in the paper unless given")
    parser.add_argument("--recipe", default="paper", choices=list(RECIPES))
    parser.add_argument("--padded", action="store_true", help="the paper's padding to 426 frames")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--group-features", nargs="+", default=["log-mel"], choices=list(FEATURES))
    parser.add_argument(
        "--protocols", nargs="+", default=["paper"], choices=[*PROTOCOLS, LEAVE_ONE_OUT]
    )
    parser.add_argument("--cells-only", action="store_true", help="no throughput")
    parser.add_argument("--smoke", action="store_true", help="tiny, on made-up tones")
    options = parser.parse_args(arguments)
    if options.data is None and not options.smoke:
        parser.error("DATA is needed unless --smoke is given")
    return options


def features(device: torch.device, clips: int) -> dict[str, Any]:
    """Log-mel of clips of 0.3 s beside torchaudio's modules on the same batch and device."""
    waveforms = torch.randn(clips, 4_800, device=device) * 0.1
    mine = LogMel().to(device)
    mel = MelSpectrogram(
        16_000, 512, 400, 160, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"
    ).to(device)
    decibels = AmplitudeToDB(top_db=80.0)
    with torch.inference_mode():
        theirs = decibels(mel(waveforms[:, None]))[:, 0]
        theirs = theirs - theirs.amax((1, 2), keepdim=True)
        difference = float((mine(waveforms, frames=31) - theirs).abs().max())
        ours = _rate(lambda: mine(waveforms, frames=31), clips, device)
        peer = _rate(lambda: decibels(mel(waveforms)), clips, device)
    return {
        "clips": clips,
        "clips/s": ours,
        "torchaudio clips/s": peer,
        "ratio": ours / peer,
        "largest difference dB": difference,
        "agrees": difference <= DECIBELS,
    }


def agreement(name: str, device: torch.device, width: int | None) -> dict[str, Any]:
    """Largest difference of features, probabilities and embeddings between CPU and device."""
    torch.manual_seed(0)
    host = SingerClassifier(name, "log-mel+mfcc+spectrogram", 5, width).eval()
    host.scale.fill_(0.05)
    other = copy.deepcopy(host).to(device)
    waveforms = torch.randn(8, 16_000) * 0.1
    lengths = torch.tensor([16_000, 1, 800, 4_800, 4_801, 9_999, 12_345, 160])
    with torch.inference_mode():
        mine = (host.images(waveforms, lengths)[0] / 0.05, *host(waveforms, lengths))
        there = waveforms.to(device), lengths.to(device)
        theirs = (other.images(*there)[0] / 0.05, *other(*there))
    parts = ("features", "probabilities", "embedding")
    row: dict[str, Any] = {
        part: float((a - b.cpu()).abs().max())
        for part, a, b in zip(parts, mine, theirs, strict=True)
    }
    agrees = row["features"] <= DECIBELS and max(list(row.values())[1:]) <= TOLERANCE
    return {"model": name, **row, "agrees": agrees}


def throughput(
    name: str,
    device: torch.device,
    width: int | None,
    variant: tuple[bool, str, bool],
    batch: int,
    backend: str,
) -> dict[str, Any]:
    """Clips of 0.3 s a second: features alone, waveform to probability, training step."""
    padded, precision, compiled = variant
    row = {"model": name, "padded": padded, "precision": precision, "compiled": compiled}
    torch.manual_seed(0)
    singer = SingerClassifier(name, "log-mel", 5, width, padded).to(device)
    classify = torch.compile(singer.classify, backend=backend) if compiled else singer.classify
    adam = torch.optim.Adam(singer.parameters())
    waveforms = torch.randn(batch, 4_800, device=device) * 0.1
    labels = torch.arange(batch, device=device) % 5
    mixed = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")

    def images() -> None:
        singer.images(waveforms, None)

    def infer() -> None:
        pictures, counts = singer.images(waveforms, None)
        with mixed:
            classify(pictures, counts)

    def learn() -> None:
        pictures, counts = singer.images(waveforms, None)
        with mixed:
            logits, _ = classify(pictures, counts)
        adam.zero_grad()
        cross_entropy(logits.float(), labels).backward()
        adam.step()

    rates: dict[str, Any] = {}
    try:
        singer.eval()
        with torch.no_grad():
            rates["features"] = _rate(images, batch, device)
            rates["inference"] = _rate(infer, batch, device)
        singer.train()
        rates["training"] = _rate(learn, batch, device)
    except Exception as error:  # A compiler may be missing or fail in any way: the rest still runs.
        if not compiled:
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        rates = {"features": None, "inference": None, "training": reason}
    return {**row, **rates}


def _rate(step: Callable[[], None], batch: int, device: torch.device, rounds: int = 5) -> float:
    """Clips a second of the fastest of some rounds, after one to warm up."""
    best = float("inf")
    for index in range(rounds + 1):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if index:
            best = min(best, time.perf_counter() - start)
    return batch / best


def smoke_subsets(data: str, protocol: str, sample_rate: int) -> ClipSubsets:
    """Tones in place of the data sets; one set is left out, so that its cell is empty."""
    if data == DATA[-1]:
        raise SplitError("there are no recordings to draw from in a smoke run")
    rng = np.random.default_rng(DATA.index(data))
    moment = np.arange(1_600) / sample_rate
    subsets = []
    for count in (12, 6, 6):
        labels = np.arange(count) % 3
        clips = [np.sin(2 * np.pi * rng.uniform(200, 210) * (1 + k) * moment) for k in labels]
        subsets.append(ClipSet.from_arrays(clips, labels, ["a", "b", "c"]))
    return subsets[0], subsets[1], subsets[2]


def write(out: Path, report: dict[str, Any]) -> None:
    """The report as JSON and Markdown, named by its date."""
    out.mkdir(parents=True, exist_ok=True)
    name = f"gpu-{report['date']}"
    (out / f"{name}.json").write_text(json.dumps(report, indent=2))
    parts = [f"# {report['machine']['name']}, {report['date']}", str(report["machine"])]
    parts += ["## Log-mel beside torchaudio", _table(report["features"])]
    parts += ["## CPU = device, TF32 off", _table(report["agreement"])]
    if "throughput" in report:
        parts += ["## Clips of 0.3 s a second", _table(report["throughput"])]
    parts += ["## Table 2", grid_table(report["grid"])]
    if left_out := groups_left_out(report["grid"]):
        parts += ["## Source groups left out", _table(left_out)]
    parts += ["## With noise", curve_table(report["grid"])]
    (out / f"{name}.md").write_text("\n\n".join(parts))
    print(out / f"{name}.md")


def _table(rows: list[dict[str, Any]]) -> str:
    head = list(rows[0])
    cells = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *cells])


if __name__ == "__main__":
    sys.exit(main())
