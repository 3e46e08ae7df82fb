"""Motifs of many singers and what marks whom, on contours made of symbols: seconds and memory.

A singer has 200 figures, half of them from a pool that all share; each is sung three to six times
between notes at random. No audio is involved: the contours are written as ``mine`` would, then all
steps over singers run in one process, down to the table of motifs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.processes import call_apart
from cantaor.bench.timing import status_bytes
from cantaor.io.files import write_table
from cantaor.pipeline.families import add_families
from cantaor.pipeline.instances import motif_names
from cantaor.pipeline.singers import (
    SingerJob,
    build_dictionary,
    count_singer,
    mine_singer,
    write_union,
)
from cantaor.settings import Settings
from cantaor.types import Contour
from cantaor.workspace.records import contour_to_table
from cantaor.workspace.rooms import made, table_path
from cantaor.workspace.workspace import begin, create_workspace

FIGURES, POOL, STEPS = 200, 2000, np.array([s for s in range(-7, 8) if s != 0], np.int32)


def figures(rng: np.random.Generator, number: int) -> list[np.ndarray[Any, Any]]:
    """Figures of six to twelve steps."""
    return [rng.choice(STEPS, n) for n in rng.integers(6, 13, number)]


def contour_of(rng: np.random.Generator, pool: list[np.ndarray[Any, Any]]) -> Contour:
    """What one singer sings: phrases of three figures with notes at random between them."""
    own = figures(rng, FIGURES // 2)
    own += [pool[i] for i in rng.choice(len(pool), FIGURES // 2, replace=False)]
    order = rng.permutation(np.repeat(np.arange(FIGURES), rng.integers(3, 7, FIGURES)))
    groups = [order[i : i + 3] for i in range(0, order.size, 3)]
    phrases = [
        np.concatenate([part for i in group for part in (own[i], rng.choice(STEPS, 2))])
        for group in groups
    ]
    offsets = np.cumsum([0, *map(len, phrases)]).astype(np.int64)
    segments = offsets + np.arange(offsets.size)
    size = int(segments[-1])
    start_s = np.arange(size) * 0.2
    zeros = np.zeros(size)
    symbols = np.concatenate(phrases).astype(np.int32)
    cluster = zeros.astype(np.int32)
    return Contour(cluster, zeros, start_s, start_s + 0.2, segments, symbols, offsets)


def write_contours(folder: Path, singers: int) -> list[SingerJob]:
    """A workspace with one contour a singer."""
    begin(create_workspace(folder), Settings())
    pool, jobs = figures(np.random.default_rng(0), POOL), []
    for number in range(singers):
        key = f"{number:032x}"
        contour = contour_of(np.random.default_rng([1, number]), pool)
        write_table(made(table_path(folder, "contours", key)), contour_to_table(contour))
        jobs.append(SingerJob(folder, f"S{number:06d}", (key,), Settings()))
    return jobs


def measure(singers: int) -> dict[str, Any]:
    """Processor time of every step, and what they found."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "w"
        jobs = write_contours(folder, singers)
        wall, marks = perf_counter(), [process_time()]
        motifs = {job.singer: mine_singer(job)[0] for job in jobs}
        marks.append(process_time())
        union = write_union(folder, list(motifs.values()))
        marks.append(process_time())
        counting = [SingerJob(folder, j.singer, j.contours, j.settings, union) for j in jobs]
        usage = {job.singer: count_singer(job)[0] for job in counting}
        marks.append(process_time())
        dictionary = build_dictionary(folder, motifs, usage, Settings())
        marks.append(process_time())
        table = dictionary.to_arrow().add_column(0, "motif", pa.array(motif_names(dictionary)))
        contours = {job.singer: job.contours for job in jobs}
        write_table(folder / "motifs.parquet", add_families(table, dictionary, contours, folder))
        marks.append(process_time())
        seconds_in_all = perf_counter() - wall
        size = sum(path.stat().st_size for path in (folder / "singers").rglob("*.parquet"))
        distinct = len(dictionary.union())
    steps = zip(
        ("mine", "union", "count", "dictionary", "families"), np.diff(marks).tolist(), strict=True
    )
    return {
        "singers": singers,
        "motifs": len(dictionary),
        "distinct": distinct,
        **{f"{name}_cpu_s": round(seconds, 2) for name, seconds in steps},
        "seconds": round(seconds_in_all, 1),
        "peak_mb": round(status_bytes("VmHWM") / 2**20),
        "tables_mb": round(size / 2**20, 1),
    }


def many_singers(numbers: list[int]) -> list[dict[str, Any]]:
    """:func:`measure` for each number, in a process of its own."""
    return [call_apart("benchmarks.many_singers", "measure", number) for number in numbers]
