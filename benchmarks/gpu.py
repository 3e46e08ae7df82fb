"""CPU = GPU checks, throughput and the grid of Table 2, in one command.

    python -m benchmarks.gpu DATA --out RESULTS [--minutes 25] [--width W] [--recipe accurate]
    python -m benchmarks.gpu --smoke --device cpu --out RESULTS

DATA is a folder with ``instances.csv`` and ``recordings/``. The results are one dated Markdown
file and one JSON file; a grid that was interrupted goes on. ``--smoke`` runs the same steps with
tiny networks on made-up tones, so that the command itself is tested where there is no GPU.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.instances import PROTOCOLS, Instances, read_instances
from cantaor.errors import SplitError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.data.subsets import ClipSubsets
from cantaor.learn.evaluation.grid import run_grid, table_2
from cantaor.learn.evaluation.grid_tables import curve_table, grid_table
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.training.recipes import RECIPES, recipe_settings
from cantaor.learn.training.settings import pick_device
from cantaor.metrics.paper_table import DATA, MODELS

TOLERANCE = 1e-3


def main(arguments: list[str] | None = None) -> int:
    """Run everything and write the table; 1 if CPU and GPU differ."""
    options = _options(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    device = pick_device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    width = 1 if options.smoke else options.width
    report: dict[str, Any] = {"machine": machine(device), "date": str(datetime.date.today())}
    report["agreement"] = [agreement(name, device, width) for name in MODELS]
    report["throughput"] = [
        throughput(name, device, width, padded, precision, 4 if options.smoke else 64)
        for name in MODELS
        for padded, precision in ((True, "float32"), (False, "float32"), (False, "bfloat16"))
    ]
    settings = recipe_settings(
        options.recipe,
        width=width,
        device=device.type,
        epochs=1 if options.smoke else None,
        padded=options.padded,
    )
    cells = [cell for protocol in options.protocols for cell in table_2(protocol)]
    report["grid"] = run_grid(
        cells[:: 9 if options.smoke else 1],
        smoke_subsets if options.smoke else DataSets(options.data),
        settings,
        options.out / "cells",
        progress=lambda cell, record: print(cell.name, record.get("accuracy", record.get("empty"))),
        go_on=lambda: time.monotonic() < deadline - 60,
    )
    write(options.out, report)
    return int(not all(row["agrees"] for row in report["agreement"]))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="folder with instances.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--device", default="cuda", help="cuda, cpu or auto")
    parser.add_argument("--minutes", type=float, default=25.0, help="time for everything")
    parser.add_argument("--width", type=int, help="filters; as in the paper unless given")
    parser.add_argument("--recipe", default="paper", choices=list(RECIPES))
    parser.add_argument("--padded", action="store_true", help="the paper's padding to 426 frames")
    parser.add_argument("--protocols", nargs="+", default=["paper"], choices=list(PROTOCOLS))
    parser.add_argument("--smoke", action="store_true", help="tiny, on made-up tones")
    options = parser.parse_args(arguments)
    if options.data is None and not options.smoke:
        parser.error("DATA is needed unless --smoke is given")
    return options


def machine(device: torch.device) -> dict[str, str]:
    """What ran: names and versions."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "device": f"{device.type} {name}".strip(),
        "torch": torch.__version__,
        "python": platform.python_version(),
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
    return {"model": name, **row, "agrees": max(row.values()) <= TOLERANCE}


def throughput(
    name: str, device: torch.device, width: int | None, padded: bool, precision: str, batch: int
) -> dict[str, Any]:
    """Clips of 0.3 s a second: features alone, waveform to probability, training step."""
    torch.manual_seed(0)
    singer = SingerClassifier(name, "log-mel", 5, width, padded).to(device)
    adam = torch.optim.Adam(singer.parameters())
    waveforms = torch.randn(batch, 4_800, device=device) * 0.1
    labels = torch.arange(batch, device=device) % 5
    mixed = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")

    def features() -> None:
        singer.images(waveforms, None)

    def predict() -> None:
        images, counts = singer.images(waveforms, None)
        with mixed:
            singer.classify(images, counts)

    def learn() -> None:
        images, counts = singer.images(waveforms, None)
        with mixed:
            logits, _ = singer.classify(images, counts)
        adam.zero_grad()
        cross_entropy(logits.float(), labels).backward()
        adam.step()

    with torch.inference_mode():
        rates = {"features": _rate(features, batch, device)}
        singer.eval()
        rates["inference"] = _rate(predict, batch, device)
    singer.train()
    rates["training"] = _rate(learn, batch, device)
    return {"model": name, "padded": padded, "precision": precision, **rates}


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


class DataSets:
    """The paper's three data sets from a folder of instances, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[tuple[str, int], Instances] = {}

    def __call__(self, data: str, protocol: str, sample_rate: int) -> ClipSubsets:
        wanted = data, sample_rate
        if wanted not in self.read:
            self.read[wanted] = read_instances(self.folder, *wanted)
        split = PROTOCOLS[protocol](self.read[wanted], 0)
        return split.train, split.validation, split.test


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
    parts = [f"# {report['machine']['device']}, {report['date']}", str(report["machine"])]
    parts += ["## CPU = device, TF32 off", _table(report["agreement"])]
    parts += ["## Clips of 0.3 s a second", _table(report["throughput"])]
    parts += ["## Table 2", grid_table(report["grid"])]
    parts += ["## With noise", curve_table(report["grid"])]
    (out / f"{name}.md").write_text("\n\n".join(parts))
    print(out / f"{name}.md")


def _table(rows: list[dict[str, Any]]) -> str:
    head = list(rows[0])
    cells = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *cells])


if __name__ == "__main__":
    sys.exit(main())
