"""Clips that share samples at any offset, found in linear time and aligned on common timelines.

Each clip is reduced to content-defined anchors by winnowing (``csrc/include/cantaor/anchors.hpp``).
Equal anchors tie two clips together at one offset; following the ties puts every clip of a
connected set at its place on one *timeline*, the piece of source audio they were cut from. Two
clips share samples if they overlap on a timeline.

References
----------
Schleimer, S., Wilkerson, D. S. and Aiken, A. (2003). Winnowing: local algorithms for document
fingerprinting. SIGMOD. doi:10.1145/872757.872770
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from cantaor._core import find_anchors
from cantaor.types import Float32Array, Float64Array, Int64Array

#: Samples that an anchor compares. Equal by chance: never, given the variety asked for.
WINDOW = 32
#: Fewest shared samples that are found without fail, where memory allows.
MIN_SHARED = 64
_MIN_VALUES = 8
# Samples that are searched at once.
_PIECE = 1 << 20
# Anchors held at once, 20 bytes each; larger corpora are sampled more thinly.
_BUDGET = 16_000_000


@dataclass(frozen=True, eq=False, slots=True)
class ClipAnchors:
    """Anchors of one clip.

    Attributes
    ----------
    hashes
        uint64 (anchors,).
    positions
        int64 (anchors,), first sample of each anchor.
    samples
        Length of the clip.
    """

    hashes: NDArray[np.uint64]
    positions: Int64Array
    samples: int


@dataclass(frozen=True, eq=False, slots=True)
class Timelines:
    """Alignment of clips on the source audio that they share.

    Attributes
    ----------
    timeline
        int64 (clips,), number of the connected set of each clip.
    start, end
        float64 (clips,), place on the timeline in samples. A clip that fits its timeline at several
        places (repeated samples) takes all of it: from -inf to inf.
    """

    timeline: Int64Array
    start: Float64Array
    end: Float64Array


def shared_run(total_samples: int) -> int:
    """Minimum number of shared samples to detect, so that the anchors of a corpus fit in memory.

    Parameters
    ----------
    total_samples
        Samples of the whole corpus.

    Examples
    --------
    >>> shared_run(80_000_000), shared_run(10_000 * 180 * 44_100)
    (64, 9953)
    """
    spread = max(MIN_SHARED - WINDOW + 1, 2 * total_samples // _BUDGET)
    return spread + WINDOW - 1


def clip_anchors(samples: Float32Array, min_shared: int = MIN_SHARED) -> ClipAnchors:
    """Anchors such that clips sharing ``min_shared`` consecutive samples share one of them.

    Parameters
    ----------
    samples
        float32 (n,), any scale; compared bit for bit.
    min_shared
        Length of a shared run that must be found, >= 32 samples.

    Returns
    -------
    ClipAnchors; none in silence and in audio of fewer than 8 different values in 32 samples.
    """
    spread = min_shared - WINDOW + 1
    hashes, positions = find_anchors(
        np.ascontiguousarray(samples, dtype=np.float32), WINDOW, spread, _MIN_VALUES
    )
    return ClipAnchors(hashes, positions, int(samples.size))


class AnchorStream:
    """:func:`clip_anchors` of a clip that arrives in blocks; the anchors are the same.

    Parameters
    ----------
    min_shared
        As there.
    """

    def __init__(self, min_shared: int = MIN_SHARED) -> None:
        self._min_shared = min_shared
        # What two pieces share: one sample less than a whole comparison takes.
        self._overlap = WINDOW + (min_shared - WINDOW + 1) - 2
        self._kept = np.zeros(0, np.float32)
        self._origin = 0
        self._found: list[ClipAnchors] = []
        self._last = -1

    def add(self, block: Float32Array) -> None:
        """Take the next samples, float32 (n,)."""
        self._kept = np.concatenate([self._kept, block])
        if self._kept.size >= _PIECE + self._overlap:
            self._take()

    def finish(self) -> ClipAnchors:
        """The anchors of all that was taken."""
        size = self._origin + self._kept.size
        if not self._found or self._kept.size > self._overlap:
            self._take()
        return ClipAnchors(
            np.concatenate([one.hashes for one in self._found]),
            np.concatenate([one.positions for one in self._found]),
            size,
        )

    def _take(self) -> None:
        found = clip_anchors(self._kept, self._min_shared)
        positions = found.positions + self._origin
        # The first comparison of a piece may keep the anchor that the piece before ended with.
        first = int(positions.size > 0 and positions[0] == self._last)
        if positions.size:
            self._last = int(positions[-1])
        self._found.append(ClipAnchors(found.hashes[first:], positions[first:], 0))
        gone = max(self._kept.size - self._overlap, 0)
        self._kept, self._origin = self._kept[gone:].copy(), self._origin + gone


def place_on_timelines(clips: Sequence[ClipAnchors]) -> Timelines:
    """Find clips that share samples, and align them on their common source.

    Parameters
    ----------
    clips
        Anchors of every clip, made with one ``min_shared``.

    Examples
    --------
    >>> source = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    >>> timelines = place_on_timelines([clip_anchors(source[:600]), clip_anchors(source[500:])])
    >>> timelines.timeline.tolist(), timelines.start.tolist()
    ([0, 0], [0.0, 500.0])
    """
    count = len(clips)
    ties = _ties(clips)
    own = ties[:, 0] == ties[:, 1]
    one, other, shift, weight = ties[~own].T
    place, timeline = _place(count, one, other, shift, weight)
    start = place.astype(np.float64)
    end = start + np.array([clip.samples for clip in clips], dtype=np.float64)
    torn = place[other] - place[one] != shift
    for loose in (ties[own, 0], one[torn], other[torn]):
        start[loose], end[loose] = -np.inf, np.inf
    return Timelines(timeline, start, end)


def _ties(clips: Sequence[ClipAnchors]) -> Int64Array:
    """Rows (clip, clip, shift, number of anchors) for clips with an anchor in common.

    A clip that holds the same samples twice is tied to itself.
    """
    hashes = np.concatenate([np.zeros(0, np.uint64), *(clip.hashes for clip in clips)])
    positions = np.concatenate([np.zeros(0, np.int64), *(clip.positions for clip in clips)])
    shared = _with_equals(hashes)
    first = np.cumsum([0, *(clip.hashes.size for clip in clips)])
    owner = np.searchsorted(first, shared, side="right") - 1
    hashes, positions = hashes[shared], positions[shared]
    # A chain through the equal anchors is enough to connect them all, and stays linear.
    equal = np.flatnonzero(hashes[1:] == hashes[:-1])
    rows = np.stack(
        [owner[equal], owner[equal + 1], positions[equal] - positions[equal + 1]], axis=1
    )
    ties, weight = np.unique(rows, axis=0, return_counts=True)
    return np.column_stack([ties, weight]).astype(np.int64)


def _with_equals(values: NDArray[np.uint64]) -> Int64Array:
    """Indices of the values that stand there more than once, ordered by value, then by index."""
    # Values alone are sorted several times as fast as with their places, and few have an equal.
    ordered = np.sort(values)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    low = np.uint64((1 << 20) - 1)
    marked = np.zeros(1 << 20, dtype=bool)
    marked[twice & low] = True
    likely = np.flatnonzero(marked[values & low])
    shared = likely[np.isin(values[likely], twice)]
    return shared[np.argsort(values[shared], kind="stable")]


def _place(
    count: int, one: Int64Array, other: Int64Array, shift: Int64Array, weight: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Place of each clip on its timeline, following the ties that most anchors support."""
    # Of several shifts between two clips the best supported one is used.
    order = np.lexsort((-weight, other, one))
    first = np.ones(order.size, dtype=bool)
    first[1:] = np.any(np.diff(np.stack([one, other])[:, order], axis=1) != 0, axis=0)
    best = order[first]
    one, other, shift = one[best], other[best], shift[best]
    # Within an anchor the owners ascend, so one < other and no pair stands in the graph twice.
    graph = _graph(1.0 / weight[best], one, other, count)
    timeline = connected_components(graph, directed=False)[1].astype(np.int64)
    roots = np.unique(timeline, return_index=True)[1]
    steps = {(a, b): s for a, b, s in np.stack([one, other, shift], axis=1).tolist()}
    place = [0] * (count + 1)
    for node, parent in _walk(minimum_spanning_tree(graph), roots):
        if parent < count:
            forward = steps.get((parent, node))
            step = -steps[node, parent] if forward is None else forward
            place[node] = place[parent] + step
    return np.array(place[:count], dtype=np.int64), timeline


def _graph(weights: Float64Array, one: ArrayLike, other: ArrayLike, nodes: int) -> csr_array:
    """A graph of weighted ties; old releases of scipy walk indices of 32 bits only."""
    ends = np.asarray(one, dtype=np.int32), np.asarray(other, dtype=np.int32)
    return coo_array((weights, ends), shape=(nodes, nodes)).tocsr()


def _walk(tree: csr_array, roots: Int64Array) -> list[tuple[int, int]]:
    """Nodes of a forest and their parents, parents first; a root's parent is one past the last."""
    count = tree.shape[0]
    links = coo_array(tree)
    rows = np.concatenate([links.coords[0], np.full(roots.size, count)])
    columns = np.concatenate([links.coords[1], roots])
    joined = _graph(np.ones(rows.size), rows, columns, count + 1)
    nodes, before = breadth_first_order(joined, count, directed=False)
    return list(zip(nodes[1:].tolist(), before[nodes[1:]].tolist(), strict=True))
