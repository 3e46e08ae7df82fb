"""Winnowing, said slowly: every window is hashed afresh, every run of windows searched anew."""

from __future__ import annotations

import struct

_MASK = 2**64 - 1
_BASE = 0x9E3779B97F4A7C15
_FACTOR = 0xD6E8FEB86659FD93


def mix(x: int) -> int:
    x ^= x >> 32
    x = x * _FACTOR & _MASK
    x ^= x >> 32
    x = x * _FACTOR & _MASK
    return x ^ x >> 32


def code(sample: float) -> int:
    return mix(struct.unpack("<I", struct.pack("<f", sample + 0.0))[0] + 1)


def window_hash(codes: list[int]) -> int:
    total = 0
    for value in codes:
        total = (total * _BASE + value) & _MASK
    return mix(total)


def find_anchors(
    samples: list[float], window: int, spread: int, min_values: int
) -> list[tuple[int, int]]:
    """(hash, position) of the windows that are the smallest of any ``spread`` neighbours."""
    codes = [code(sample) for sample in samples]
    windows = [codes[i : i + window] for i in range(len(codes) - window + 1)]
    hashes = [
        window_hash(part) if len({value >> 58 for value in part}) >= min_values else None
        for part in windows
    ]
    kept = set()
    for first in range(max(len(hashes) - spread + 1, 1)):
        places = range(first, min(first + spread, len(hashes)))
        run = [(h, -i) for i in places if (h := hashes[i]) is not None]
        if run:
            kept.add(-min(run)[1])
    return [(hashes[i], i) for i in sorted(kept)]  # type: ignore[misc]
