"""Writes mining.json from the plain-Python twins: run it only when the definition changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.reference import motifs as reference  # noqa: E402


def case(name: str, rows: list[list[int]], min_support: int, gap: list[int] | None) -> dict:
    if gap is None:
        closed = reference.grow_any_gap(rows, min_support)
    else:
        closed = reference.grow_gapped(rows, min_support, *gap)
    return {
        "name": name,
        "gap": gap,
        "min_support": min_support,
        "sequences": rows,
        "closed": [[list(pattern), n] for pattern, n in reference.ordered(closed)],
    }


def main() -> None:
    rng = np.random.default_rng(20041130)
    steps = [s for s in range(-3, 4) if s != 0]
    few = [rng.choice(steps, n).tolist() for n in rng.integers(5, 30, 24)]
    many = [rng.integers(-20, 20, n).tolist() for n in rng.integers(0, 40, 40)]
    cases = [
        case("any gap, 6 symbols", few, 14, None),
        case("any gap, 40 symbols", many, 10, None),
        case("contiguous, 6 symbols", few, 3, [0, 0]),
        case("contiguous, 40 symbols", many, 2, [0, 0]),
        case("gap 0..1, 6 symbols", few, 5, [0, 1]),
        case("gap 1..3, 6 symbols", few, 6, [1, 3]),
        case("gap 2..2, 40 symbols", many, 2, [2, 2]),
    ]
    (HERE / "mining.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
