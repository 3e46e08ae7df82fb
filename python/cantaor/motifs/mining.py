"""Closed motifs of symbol sequences, and where they occur.

A motif is a *closed* pattern: nothing can be added to it without losing support, the number of
sequences that contain it. Three engines stand behind :func:`mine_closed`, chosen by the gap that
is allowed between neighbouring symbols: BIDE for any gap, a suffix array for none, pattern growth
for a bounded one.

References
----------
Wang, J. and Han, J. (2004). BIDE: efficient mining of frequent closed sequences. ICDE.
Li, C. and Wang, J. (2008). Efficiently mining closed subsequences with gap constraints. SDM.
Abouelhoda, M. I., Kurtz, S. and Ohlebusch, E. (2004). Replacing suffix trees with enhanced suffix
arrays. Journal of Discrete Algorithms 2.
Aho, A. V. and Corasick, M. J. (1975). Efficient string matching. Communications of the ACM 18.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import numpy as np

from cantaor import _core
from cantaor.errors import ArgumentError, TooManyPatternsError
from cantaor.motifs.arguments import (
    MAX_SYMBOLS,
    Gap,
    Progress,
    absolute_support,
    callable_or_none,
    check_lengths,
    checked_gap,
    seconds_or_none,
    whole,
    whole_or_none,
)
from cantaor.motifs.encoding import AnySequences, EncodedSequences, encode_sequences
from cantaor.types import Int32Array, Int64Array, Motifs, Occurrences

_MAX_THREADS = 1024


def mine_closed(
    sequences: AnySequences,
    min_support: float | int,
    *,
    gap: Gap = None,
    min_length: int = 1,
    max_length: int | None = None,
    top_k: int | None = None,
    max_patterns: int | None = None,
    max_seconds: float | None = None,
    max_nodes: int | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Motifs:
    """Closed patterns of symbol sequences.

    Parameters
    ----------
    sequences
        A list of int or of string sequences; a tuple ``(values, offsets)`` whose second item is a
        numpy array: sequence ``i`` is then ``values[offsets[i]:offsets[i + 1]]``, with offsets
        from 0 to ``len(values)``; or a list column of Arrow, pandas or Polars. Any int32 symbols
        or strings, at most 2**31 - 1 of them. Strings are numbered once, in their own order.
    min_support
        Minimum number of sequences that contain a pattern, an int >= 1; or a fraction of the
        sequences, a float in (0, 1], which stands for ``ceil(share * n - 1e-9)``. Empty
        sequences count among the ``n``.
    gap
        None: any number of symbols may be skipped between two neighbours of a pattern (BIDE). A
        pattern is closed if no proper super-sequence has the same support. ``(low, high)``: from
        ``low`` to ``high`` symbols are skipped. A pattern is closed if no one-symbol prefix or
        suffix extension under the same gap has the same support; ``(0, 0)`` means contiguous.
    min_length, max_length
        Lengths to return, in symbols; they never change what counts as closed.
    top_k
        Return only the ``top_k`` patterns of highest support among those of wanted length; of
        equal support, longer ones first, then lexicographically smaller ones.
    max_patterns
        Give up, with an error, once more patterns than this would be returned.
    max_seconds, max_nodes
        End the search after so many seconds, or after it has looked at so many patterns, and
        return what was found: ``partial`` is then True. Each pattern is closed and has its exact
        support; which of them are missing depends on the threads. Contiguous patterns are found
        in linear time, all at once at the end: ``max_nodes`` does not concern them, and seconds
        that run out leave none.
    threads
        Threads for ``gap=None`` and real gaps; the suffix array uses one. A complete result does
        not depend on it.
    progress
        Called up to fifty times a second with the number of patterns looked at; whatever it
        raises ends the call.

    Returns
    -------
    Motifs ordered by length, then lexicographically by symbol.

    Raises
    ------
    ArgumentError
        An argument has a wrong value; it is named. Itemsets are refused.
    TooManyPatternsError
        More than ``max_patterns`` patterns.

    Examples
    --------
    >>> motifs = mine_closed([[1, 2, 3], [1, 4, 2, 3], [2, 3]], 2)
    >>> [(motif.tolist(), int(n)) for motif, n in zip(motifs, motifs.support)]
    [([2, 3], 3), ([1, 2, 3], 2)]
    >>> mine_closed([["do", "re", "mi"], ["do", "mi"]], 2).decoded(0)
    ['do', 'mi']
    """
    given = encode_sequences(sequences)
    min_count = absolute_support(min_support, given.offsets.size - 1)
    limits = _limits(min_length, max_length, top_k, max_patterns, threads, progress)
    bounds = checked_gap(gap)
    work = (whole_or_none("max_nodes", max_nodes), seconds_or_none("max_seconds", max_seconds))
    with _naming_ways_out(min_support, min_length):
        found = _mine(given, min_count, limits, bounds, work)
    values, offsets, support, partial = found
    return Motifs(values, offsets, support, bounds, partial, given.vocabulary)


def mine_right_closed(
    sequences: AnySequences,
    min_support: float | int = 3,
    *,
    min_length: int = 5,
    max_length: int | None = None,
    top_k: int | None = None,
    max_patterns: int | None = None,
    progress: Progress | None = None,
) -> Motifs:
    """Contiguous patterns that no symbol *behind* them extends with the same support.

    This is what the program behind the published motif sets returned: its window before a
    pattern is empty for adjacent symbols, so extensions to the left were never found and up to
    40 % of its patterns are not closed. Use it to compare with published sets, and
    ``mine_closed(..., gap=(0, 0))`` for anything else. The defaults are the published ones.

    Parameters and order of the result are those of :func:`mine_closed`.

    Raises
    ------
    ArgumentError
        An argument has a wrong value; it is named.
    TooManyPatternsError
        More than ``max_patterns`` patterns.

    Examples
    --------
    >>> motifs = mine_right_closed([[1, 2, 3], [1, 2, 3]], 2, min_length=1)
    >>> [motif.tolist() for motif in motifs]
    [[3], [2, 3], [1, 2, 3]]
    """
    given = encode_sequences(sequences)
    min_count = absolute_support(min_support, given.offsets.size - 1)
    limits = _limits(min_length, max_length, top_k, max_patterns, 1, progress)
    with _naming_ways_out(min_support, min_length):
        values, offsets, support, _ = _core.mine_contiguous(
            given.values, given.offsets, min_count, *limits, right_side_only=True
        )
    return Motifs(values, offsets, support, (0, 0), vocabulary=given.vocabulary)


def find_occurrences(
    motifs: Motifs | AnySequences,
    sequences: AnySequences,
    gap: Gap | Literal["mined"] = "mined",
    *,
    progress: Progress | None = None,
) -> Occurrences:
    """Where every motif occurs, for many motifs at once.

    Parameters
    ----------
    motifs
        Patterns to look for, none of them empty: :class:`Motifs`, or anything ``sequences`` may
        be, of strings where those are. They need not be closed, and one may be given twice.
    sequences
        As for :func:`mine_closed`.
    gap
        ``"mined"``: the gap that ``motifs`` were mined with, ``(0, 0)`` for plain sequences.
        ``(0, 0)``: all contiguous matches, also overlapping ones. ``(low, high)`` or None (any
        gap): minimal windows, those that embed the motif under the gap and hold no smaller such
        window.
    progress
        Called up to fifty times a second with 0; whatever it raises ends the call.

    Returns
    -------
    Occurrences of each motif by sequence, then start.

    Raises
    ------
    ArgumentError
        An argument has a wrong value; it is named.

    Examples
    --------
    >>> found = find_occurrences([[1, 2]], [[1, 2, 1, 2], [3, 1, 2]])
    >>> list(zip(found.sequence.tolist(), found.start.tolist(), found.end.tolist()))
    [(0, 0, 2), (0, 2, 4), (1, 1, 3)]
    """
    if gap == "mined":
        gap = motifs.gap if isinstance(motifs, Motifs) else (0, 0)
    if isinstance(motifs, Motifs):
        patterns = EncodedSequences(motifs.values, motifs.offsets, motifs.vocabulary)
    else:
        patterns = encode_sequences(motifs, "motifs")
    if np.any(np.diff(patterns.offsets) == 0):
        empty = int(np.flatnonzero(np.diff(patterns.offsets) == 0)[0])
        raise ArgumentError(f"motifs must have at least one symbol each; motif {empty} has none")
    low, high = checked_gap(gap) or (0, MAX_SYMBOLS)
    within = encode_sequences(sequences)
    wanted = patterns.in_vocabulary_of(within)
    return Occurrences(
        *_core.find_occurrences(
            wanted, patterns.offsets, *within.rows, low, high, callable_or_none(progress)
        )
    )


_Limits: TypeAlias = tuple[int, int | None, int | None, int | None, int, Progress | None]


def _mine(
    given: EncodedSequences,
    min_count: int,
    limits: _Limits,
    bounds: Gap,
    work: tuple[int | None, float | None],
) -> tuple[Int32Array, Int64Array, Int32Array, bool]:
    values, offsets = given.rows
    nodes, seconds = work
    if bounds is None:
        return _core.mine_any_gap(
            values, offsets, min_count, *limits, max_nodes=nodes, max_seconds=seconds
        )
    if bounds == (0, 0):
        return _core.mine_contiguous(
            values, offsets, min_count, *limits, max_nodes=nodes, max_seconds=seconds
        )
    return _core.mine_gapped(
        values, offsets, min_count, *limits, *bounds, max_nodes=nodes, max_seconds=seconds
    )


@contextmanager
def _naming_ways_out(min_support: float | int, min_length: int) -> Iterator[None]:
    try:
        yield
    except _core.TooManyPatterns as error:
        raise TooManyPatternsError(
            f"{error}: raise min_support (now {min_support}) or min_length (now {min_length}), "
            "bound gap, max_length or max_seconds, ask for top_k only, or raise max_patterns"
        ) from None


def _limits(
    min_length: int,
    max_length: int | None,
    top_k: int | None,
    max_patterns: int | None,
    threads: int,
    progress: Progress | None,
) -> _Limits:
    limits = (
        whole("min_length", min_length, 1),
        whole_or_none("max_length", max_length),
        whole_or_none("top_k", top_k),
        whole_or_none("max_patterns", max_patterns),
        whole("threads", threads, 1, _MAX_THREADS),
        callable_or_none(progress),
    )
    check_lengths(min_length, max_length)
    return limits
