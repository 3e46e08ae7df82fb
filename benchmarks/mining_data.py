"""Seeded databases for mining that look like contours, cents, gestures, text, clicks and trips."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from cantaor.types import Int32Array, Int64Array


@dataclass(frozen=True, slots=True)
class Database:
    """Ragged symbols and the least support they are mined with."""

    name: str
    values: Int32Array
    offsets: Int64Array
    min_support: int

    def rows(self) -> list[list[int]]:
        """As lists, for peers that take nothing else."""
        symbols = self.values.tolist()
        bounds = self.offsets.tolist()
        return [symbols[a:b] for a, b in itertools.pairwise(bounds)]


def _offsets(lengths: np.ndarray) -> Int64Array:
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


def phrases(n: int, alphabet: int, min_support: int, seed: int = 1, mean: float = 28.5) -> Database:
    """Phrases whose steps depend a little on the step before, of log-normal length from 5."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(mean) - 0.18, 0.6, n), 5, 200).astype(np.int64)
    cumulative = np.cumsum(rng.dirichlet(np.full(alphabet, 2.5), alphabet), axis=1)
    draws = rng.random(int(lengths.sum()))
    values = np.empty(draws.size, dtype=np.int32)
    state = 0
    for i, draw in enumerate(draws.tolist()):
        state = min(int(np.searchsorted(cumulative[state], draw)), alphabet - 1)
        values[i] = state
    half = alphabet // 2
    signed = np.where(values < half, values - half, values - half + 1).astype(np.int32)
    return Database(f"phrases {n}, {alphabet} symbols", signed, _offsets(lengths), min_support)


def zipf(
    name: str, n: int, alphabet: int, mean: float, exponent: float, min_support: int, seed: int = 2
) -> Database:
    """Sequences of geometric length whose symbols follow Zipf's law."""
    rng = np.random.default_rng(seed)
    lengths = rng.geometric(1 / mean, n).astype(np.int64)
    weights = 1 / np.arange(1, alphabet + 1) ** exponent
    values = rng.choice(alphabet, int(lengths.sum()), p=weights / weights.sum()).astype(np.int32)
    return Database(name, values, _offsets(lengths), min_support)


def classic() -> list[Database]:
    """Stand-ins for the eight public and contour databases of classic mining.

    They have the sequences, symbols and least supports of those, and about as many closed patterns.
    """
    return [
        phrases(50, 6, 20, mean=37.5),
        phrases(500, 6, 300, mean=30.3),
        phrases(5_000, 6, 2_500, mean=31),
        phrases(5_000, 40, 500, mean=36.5),
        zipf("gesture-like", 730, 267, 57, 0.95, 200),
        zipf("text-like", 5_834, 9_025, 34, 0.95, 300),
        zipf("click-like", 59_601, 497, 3.5, 1.1, 60),
        zipf("trip-like", 21_078, 67, 5.5, 0.3, 100),
    ]
