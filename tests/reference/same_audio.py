"""Which clips of a corpus share audio, told by how its files were made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class MadeClip:
    """What a clip was made from: samples ``first`` up to ``last`` of take ``take``."""

    take: int
    first: int
    last: int


def known(clips: list[MadeClip], some: list[int], others: list[int]) -> float:
    """The fraction of some clips that share a sample with any of the others."""
    hits = {
        a
        for a, b in product(some, others)
        if clips[a].take == clips[b].take
        and max(clips[a].first, clips[b].first) < min(clips[a].last, clips[b].last)
    }
    return len(hits) / len(some) if some else 0.0
