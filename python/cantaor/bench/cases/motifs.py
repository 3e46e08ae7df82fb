"""Mining beside prefixspan and seq2pat, occurrences beside Python's string search."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from cantaor.bench.cases.checks import require
from cantaor.bench.records import Case, Peer
from cantaor.motifs.mining import find_occurrences, mine_closed
from cantaor.types import Int32Array, Int64Array, Motifs, Occurrences

Supports = dict[tuple[int, ...], int]
_INSTALL = "pip install 'cantaor[bench]'"
_STEPS = (-2, -1, 1, 2)


@dataclass(frozen=True, eq=False, slots=True)
class Phrases:
    """Phrases of signed steps, flat and as lists for peers that take nothing else."""

    values: Int32Array
    offsets: Int64Array
    rows: list[list[int]]
    min_support: int


def _phrases(count: int, min_support: int) -> Phrases:
    """Phrases of 5 to 40 steps; each step depends a little on the one before."""
    rng = np.random.default_rng(6)
    sizes = rng.integers(5, 41, count)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    draws = rng.random(int(offsets[-1]))
    table = np.cumsum(rng.dirichlet(np.full(4, 2.5), 4), axis=1)
    states = list(
        itertools.accumulate(
            draws, lambda state, u: int(np.searchsorted(table[state, :3], u)), initial=0
        )
    )[1:]
    values = np.asarray(_STEPS, np.int32)[states]
    rows = [values[a:b].tolist() for a, b in itertools.pairwise(offsets.tolist())]
    return Phrases(values, offsets, rows, min_support)


def _for_any_gap(count: int) -> Phrases:
    return _phrases(count, int(0.8 * count))


def _for_contiguous(count: int) -> Phrases:
    return _phrases(count, 3)


def _any_gap(data: Phrases) -> Motifs:
    return mine_closed((data.values, data.offsets), data.min_support)


def _contiguous(data: Phrases) -> Motifs:
    return mine_closed((data.values, data.offsets), data.min_support, gap=(0, 0))


def as_supports(motifs: Motifs) -> Supports:
    """Patterns with their supports."""
    return {tuple(m.tolist()): int(n) for m, n in zip(motifs, motifs.support, strict=True)}


def _check_any_gap(data: Phrases, motifs: Motifs) -> str:
    for pattern, support in itertools.islice(as_supports(motifs).items(), 50):
        counted = sum(is_subsequence(pattern, row) for row in data.rows)
        require(counted == support, f"support of {pattern} is {support}, counted {counted}")
    return f"{len(motifs):,} patterns, supports counted anew"


def _check_contiguous(data: Phrases, motifs: Motifs) -> str:
    texts = ["".join(map(chr, _shift(row))) for row in data.rows]
    for pattern, support in itertools.islice(as_supports(motifs).items(), 50):
        wanted = "".join(map(chr, _shift(pattern)))
        counted = sum(wanted in text for text in texts)
        require(counted == support, f"support of {pattern} is {support}, counted {counted}")
    return f"{len(motifs):,} patterns, supports counted anew"


def is_subsequence(pattern: tuple[int, ...], row: list[int]) -> bool:
    """Whether a pattern's symbols occur in a row in this order.

    Examples
    --------
    >>> is_subsequence((1, 3), [1, 2, 3]), is_subsequence((3, 1), [1, 2, 3])
    (True, False)
    """
    rest = iter(row)
    return all(symbol in rest for symbol in pattern)


def _prefixspan(data: Phrases) -> Supports:
    from prefixspan import PrefixSpan

    found = PrefixSpan(data.rows).frequent(data.min_support, closed=True)
    return {tuple(pattern): n for n, pattern in found}


def _all_frequent(_data: Phrases, ours: Motifs, theirs: Supports) -> str:
    """Its closed mode returns patterns that are not closed, so ours are a part of its own."""
    require(as_supports(ours).items() <= theirs.items(), "a closed pattern is not the peer's")
    more = len(theirs) - len(ours)
    return f"all of ours; {more:,} of its are not closed"


def _seq2pat(data: Phrases) -> Supports:
    from sequential.seq2pat import Attribute, Seq2Pat

    miner = Seq2Pat([[symbol + 3 for symbol in row] for row in data.rows], max_span=None)
    places = Attribute([list(range(len(row))) for row in data.rows])
    miner.add_constraint(places.gap() <= 1)
    found = miner.get_patterns(min_frequency=data.min_support)
    return {tuple(symbol - 3 for symbol in pattern): n for *pattern, n in found}


def _all_contiguous(_data: Phrases, ours: Motifs, theirs: Supports) -> str:
    long = {pattern: n for pattern, n in as_supports(ours).items() if len(pattern) > 1}
    require(long.items() <= theirs.items(), "a closed pattern is not the peer's")
    return f"all of ours; {len(theirs) - len(long):,} more, open ones too"


@dataclass(frozen=True, slots=True)
class Search:
    """Motifs and the phrases they are looked for in."""

    motifs: Motifs
    phrases: Phrases


def _search(count: int) -> Search:
    phrases = _for_contiguous(count)
    return Search(mine_closed((phrases.values, phrases.offsets), 3, gap=(0, 0)), phrases)


def _occurrences(data: Search) -> Occurrences:
    return find_occurrences(data.motifs, (data.phrases.values, data.phrases.offsets))


def _check_occurrences(data: Search, found: Occurrences) -> str:
    sung = [np.unique(part).size for part in np.split(found.sequence, found.offsets[1:-1])]
    require(np.array_equal(sung, data.motifs.support), "phrases with a motif are not its support")
    return f"{len(found):,} occurrences, as many phrases as supports"


def _string_search(data: Search) -> int:
    """Number of occurrences by ``str.find`` in the phrases joined by a symbol of their own."""
    text = "\0".join("".join(map(chr, _shift(row))) for row in data.phrases.rows)
    count = 0
    for motif in data.motifs:
        wanted = "".join(map(chr, _shift(motif.tolist())))
        place = text.find(wanted)
        while place >= 0:
            count += 1
            place = text.find(wanted, place + 1)
    return count


def _same_count(_data: Search, ours: Occurrences, theirs: int) -> str:
    require(len(ours) == theirs, f"{len(ours)} occurrences are not the peer's {theirs}")
    return "same number"


def _shift(row: list[int] | tuple[int, ...]) -> list[int]:
    return [symbol + 100 for symbol in row]


CASES = (
    Case(
        "motifs",
        "closed, any gap, support 80 %",
        "phrases",
        (100, 320, 1_000),
        _for_any_gap,
        _any_gap,
        _check_any_gap,
        (Peer("prefixspan", ("prefixspan",), "prefixspan", _INSTALL, _prefixspan, _all_frequent),),
    ),
    Case(
        "motifs",
        "closed, contiguous, support 3",
        "phrases",
        (100, 320, 1_000),
        _for_contiguous,
        _contiguous,
        _check_contiguous,
        (Peer("seq2pat", ("sequential.seq2pat",), "seq2pat", _INSTALL, _seq2pat, _all_contiguous),),
    ),
    Case(
        "motifs",
        "occurrences of the motifs",
        "phrases",
        (100, 320, 1_000),
        _search,
        _occurrences,
        _check_occurrences,
        (Peer("str.find", (), "", "", _string_search, _same_count),),
    ),
)
