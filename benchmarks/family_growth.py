"""How grouping one singer's motifs into families grows with their instances.

    python -m benchmarks.family_growth [--instances 10000 100000 1000000]

Phrases are made of figures from a pool of 200, then mined without gaps; every occurrence of every
motif is an instance. Only the grouping is timed, each size in a process of its own; its peak is
what grouping adds to the instances that are already there.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from benchmarks.processes import call_apart
from cantaor.bench.timing import cost, exponent
from cantaor.motifs.families import group_families, motif_scores
from cantaor.motifs.mining import find_occurrences, mine_closed
from cantaor.types import Int32Array

_POOL, _FIGURES = 200, 4


def main(arguments: list[str] | None = None) -> int:
    """Print a row for each size, and how the time grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args(arguments)
    print("| instances | motifs | families | shown | processor s | MB |\n|---|---|---|---|---|---|")
    growth: list[tuple[int, float]] = []
    for instances in options.instances:
        row = call_apart("benchmarks.family_growth", "measure", instances)
        print(
            f"| {row['instances']:,} | {row['motifs']:,} | {row['families']:,} | {row['shown']:,} "
            f"| {row['seconds']:.2f} | {row['megabytes']:.0f} |",
            flush=True,
        )
        growth.append((row["instances"], row["seconds"]))
    if len(growth) > 1:
        print(f"time grows with the power {exponent(growth):.2f}")
    return 0


def phrases(count: int, seed: int = 0) -> list[Int32Array]:
    """Phrases of figures drawn from a pool, with a step of its own between two of them."""
    rng = np.random.default_rng(seed)
    steps = np.array([-4, -3, -2, -1, 1, 2, 3, 4], np.int32)
    pool = [rng.choice(steps, rng.integers(3, 8)) for _ in range(_POOL)]
    return [
        np.concatenate(
            [
                part
                for f in rng.integers(0, _POOL, _FIGURES)
                for part in (pool[f], rng.choice(steps, 1))
            ]
        )
        for _ in range(count)
    ]


def measure(instances: int) -> dict[str, float]:
    """Seconds and MB of grouping at least so many instances."""
    count = max(100, instances // 100)
    while True:
        sequences = phrases(count)
        motifs = mine_closed(sequences, max(3, count // 500), gap=(0, 0), min_length=3)
        found = find_occurrences(motifs, sequences)
        if found.start.size >= instances:
            break
        count = int(count * 1.2 * instances / max(found.start.size, 1)) + 1
    offset = np.cumsum([0, *(one.size for one in sequences)])
    motif = np.repeat(np.arange(len(motifs)), np.diff(found.offsets))
    start, end = (offset[found.sequence] + place for place in (found.start, found.end))
    lengths = np.diff(motifs.offsets)
    scores = motif_scores(lengths, motifs.support, np.linspace(3, -1, len(motifs)))
    weights = np.full(int(offset[-1]), 0.1)
    families = group_families(motif, start, end, scores, weights)
    spent = cost(lambda: group_families(motif, start, end, scores, weights))
    return {
        "instances": int(motif.size),
        "motifs": len(motifs),
        "families": int(families.shown.size),
        "shown": int(families.shown.sum()),
        "seconds": spent.seconds,
        "megabytes": (spent.memory_bytes or 0) / 2**20,
    }


if __name__ == "__main__":
    sys.exit(main())
