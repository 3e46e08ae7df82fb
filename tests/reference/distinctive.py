"""Which motifs mark which singer in plain Python: every motif is counted in every singer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Motif = tuple[int, ...]
Phrases = Sequence[Sequence[int]]


def union(dictionaries: Mapping[str, Mapping[Motif, int]]) -> dict[Motif, int]:
    """Every motif with the sum of its supports, by length, then lexicographically."""
    sums: dict[Motif, int] = {}
    for supports in dictionaries.values():
        for motif, support in supports.items():
            sums[motif] = sums.get(motif, 0) + support
    return dict(sorted(sums.items(), key=lambda item: (len(item[0]), item[0])))


def count(motif: Motif, phrases: Phrases) -> int:
    """How often a motif stands in phrases, overlaps too."""
    return sum(
        tuple(phrase[i : i + len(motif)]) == motif
        for phrase in phrases
        for i in range(len(phrase) - len(motif) + 1)
    )


def scores(
    dictionaries: Mapping[str, Mapping[Motif, int]], phrases: Mapping[str, Phrases]
) -> dict[tuple[str, Motif], tuple[int, float]]:
    """Occurrences and log-odds of every singer's motifs, from the table of all counts.

    Monroe et al. (2008), equations (15), (16), (19) and (22), one pseudo-count a motif on average.
    """
    words = list(union(dictionaries))
    counts = {singer: [count(word, own) for word in words] for singer, own in phrases.items()}
    totals = [sum(column) for column in zip(*counts.values(), strict=True)]
    grand, strength = sum(totals), float(len(words))
    found = {}
    for singer, supports in dictionaries.items():
        own = sum(counts[singer])
        for index, word in enumerate(words):
            if word not in supports:
                continue
            if len(words) == 1:  # nothing to compare it with
                found[singer, word] = (counts[singer][index], 0.0)
                continue
            here, there = counts[singer][index], totals[index] - counts[singer][index]
            pseudo = strength * totals[index] / grand
            mine, theirs = here + pseudo, there + pseudo
            odds = math.log(mine / (own + strength - mine))
            others = math.log(theirs / (grand - own + strength - theirs))
            found[singer, word] = (here, (odds - others) / math.sqrt(1 / mine + 1 / theirs))
    return found
