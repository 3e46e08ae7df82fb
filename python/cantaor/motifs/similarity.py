"""Where something like a figure stands in long rows of steps: approximate matching.

The distance between two figures is the least number of edits that make one the other; an edit
inserts, deletes or replaces a step, or exchanges two neighbours. A match may begin anywhere. Steps
alone are searched by the native kernel, a column of the table of distances in the bits of a word.
Where rhythm counts too, the classic recurrence with a first row of zeros is computed for all places
at once, one row a step of the figure.

References
----------
Sellers, P. H. (1980). The theory and computation of evolutionary distances: pattern recognition.
Journal of Algorithms 1.
Hyyrö, H. (2003). A bit-vector algorithm for computing Levenshtein and Damerau edit distances.
Nordic Journal of Computing 10.
Damerau, F. J. (1964). A technique for computer detection and correction of spelling errors.
Communications of the ACM 7 (exchanges; as optimal string alignment, no part is edited twice).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cantaor._core import find_near_figures
from cantaor.errors import ArgumentError
from cantaor.types import Float64Array, Int32Array, Int64Array

#: Longest figure that is searched for, in steps.
MAX_STEPS = 64
# Costs are counted in thousandths of an edit, in the upper bits of a key whose lower bits hold
# where the match starts: the least key is the cheapest match, the latest start among equals.
_EDIT = 1000
_SHIFT = 24
_ONE = np.int64(_EDIT) << _SHIFT
_STARTS = (np.int64(1) << _SHIFT) - 1
# Places worked on at a time, whole phrases of them: they stay in the processor's cache.
_TOGETHER = 1 << 15


@dataclass(frozen=True, eq=False, slots=True)
class Matches:
    """Matches of a figure, the nearest first.

    Attributes
    ----------
    start, end
        int64 (matches,), half-open places in the searched steps; no two matches overlap.
    distance
        float64 (matches,), edits; whole numbers unless rhythm counts.
    """

    start: Int64Array
    end: Int64Array
    distance: Float64Array

    def __len__(self) -> int:
        return int(self.start.size)


def default_distance(steps: int) -> int:
    """Edits allowed where none are named: a third of the steps, rounded, at least one.

    Examples
    --------
    >>> [default_distance(n) for n in (2, 4, 5, 8, 12)]
    [1, 1, 2, 3, 4]
    """
    return max(1, (steps + 1) // 3)


def match_figure(
    text: Int32Array,
    figure: ArrayLike,
    max_distance: float,
    *,
    limit: int | None = None,
    rhythm: Float64Array | None = None,
    figure_rhythm: ArrayLike | None = None,
) -> Matches:
    """Places where a figure stands, also with some edits.

    Parameters
    ----------
    text
        int32 (places,), steps of all phrases; 0 stands between two phrases and is never matched.
    figure
        int (steps,), what is sought: 1 to 64 steps, none of them 0.
    max_distance
        Most edits, >= 0 and below the number of steps.
    limit
        Most matches that are returned; None for all.
    rhythm, figure_rhythm
        float (places,) and (steps,), where durations count too: the logarithm to base 2 of how
        much longer the note after each step lasts than the one before it. A step that agrees then
        costs half the difference of the two, one edit at most; tempo does not matter.

    Raises
    ------
    ArgumentError
        The figure is empty, too long or holds a 0, or an argument is out of range.

    Examples
    --------
    >>> found = match_figure(np.array([4, 1, -1, 2, 0, 1, 2], np.int32), [1, -1, 2], 1)
    >>> found.start.tolist(), found.end.tolist(), found.distance.tolist()
    ([1, 5], [4, 7], [0.0, 1.0])
    """
    sought = _checked(figure, max_distance, rhythm, figure_rhythm)
    rhythms = None if figure_rhythm is None else np.asarray(figure_rhythm, np.float64)
    most = round(max_distance * _EDIT)
    if most == 0 and rhythm is None:
        starts = _exact(text, sought)
        return _apart(starts, starts + sought.size, np.zeros(starts.size, np.int64), limit)
    if rhythm is None or rhythms is None:
        near_figures = find_near_figures(
            np.ascontiguousarray(text, np.int32), sought.astype(np.int32), most // _EDIT
        )
        return _apart(near_figures[0], near_figures[1], near_figures[2] * _EDIT, limit)
    found: list[tuple[Int64Array, Int64Array, Int64Array]] = []
    for first, last in _pieces(text):
        near = _near(text[first:last], sought, most, rhythm[first:last], rhythms)
        found.append((near[0] + first, near[1] + first, near[2]))
    none = np.zeros(0, np.int64)
    starts, ends, cost = (np.concatenate([none, *side]) for side in zip(*found, strict=True))
    return _apart(starts, ends, cost, limit)


def _pieces(text: Int32Array) -> list[tuple[int, int]]:
    """Runs of whole phrases, each about as long as is worked on at a time."""
    between = np.flatnonzero(text == 0)
    bounds = [0]
    while bounds[-1] + _TOGETHER < text.size:
        place = np.searchsorted(between, bounds[-1] + _TOGETHER)
        bounds.append(int(between[place]) + 1 if place < between.size else text.size)
    if bounds[-1] < text.size or len(bounds) == 1:
        bounds.append(text.size)
    return list(pairwise(bounds))


def _exact(text: Int32Array, figure: Int64Array) -> Int64Array:
    starts = np.flatnonzero(text == figure[0])
    for place, step in enumerate(figure[1:].tolist(), 1):
        starts = starts[starts < text.size - place]
        starts = starts[text[starts + place] == step]
    return starts.astype(np.int64)


def _near(
    text: Int32Array,
    figure: Int64Array,
    most: int,
    rhythm: Float64Array,
    figure_rhythm: Float64Array,
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Start, end and cost of the cheapest match at every place where one ends that is near."""
    keys = _last_row(text, figure, rhythm, figure_rhythm)
    cost = keys >> _SHIFT
    ends = np.flatnonzero((cost <= most) & (text != 0)).astype(np.int64)
    starts = _STARTS - (keys[ends] & _STARTS)
    kept = starts <= ends  # everything deleted is no match
    return starts[kept], ends[kept] + 1, cost[ends[kept]]


def _checked(
    figure: ArrayLike,
    max_distance: float,
    rhythm: Float64Array | None,
    figure_rhythm: ArrayLike | None,
) -> Int64Array:
    sought = np.asarray(figure)
    if sought.ndim != 1 or not 1 <= sought.size <= MAX_STEPS or sought.dtype.kind not in "iu":
        raise ArgumentError(f"figure must be 1 to {MAX_STEPS} whole steps, not {figure!r}")
    if np.any(sought == 0):
        raise ArgumentError("figure must not hold a step of 0: neighbouring segments differ")
    if np.any(np.abs(sought.astype(np.float64)) > np.iinfo(np.int32).max):
        raise ArgumentError(f"steps of the figure must fit into 32 bits: {figure!r}")
    if not 0 <= max_distance < sought.size:
        raise ArgumentError(
            f"max_distance must be from 0 to below the {sought.size} steps of the figure, "
            f"not {max_distance}"
        )
    if (rhythm is None) != (figure_rhythm is None):
        raise ArgumentError("rhythm must be given for both the text and the figure, or for neither")
    return sought.astype(np.int64)


def _last_row(
    text: Int32Array,
    figure: Int64Array,
    rhythm: Float64Array,
    figure_rhythm: Float64Array,
) -> Int64Array:
    """Key of the cheapest match of the whole figure that ends at each place."""
    size = text.size
    between = text == 0
    never = np.int64(2 * MAX_STEPS) * _ONE
    # Position from which insertions are counted; phrases lie so far apart that none reaches over.
    along = (np.arange(size) + np.cumsum(between) * 4 * MAX_STEPS) * _ONE
    begin = _STARTS - np.arange(size + 1)  # a match that starts before this place
    above = begin.copy()  # row 0, one more place in front
    before: NDArray[np.int64] | None = None
    for i, step in enumerate(figure.tolist()):
        row = above[:-1] + _replacing(text, step, rhythm, figure_rhythm, i)
        np.minimum(row, above[1:] + _ONE, out=row)
        if before is not None:
            swapped = np.zeros(size, np.bool_)
            swapped[1:] = (text[1:] == figure[i - 1]) & (text[:-1] == step)
            swapped[1:] &= ~between[1:]
            row[swapped] = np.minimum(row[swapped], before[np.flatnonzero(swapped) - 1] + _ONE)
        row[between] = never
        row -= along
        np.minimum.accumulate(row, out=row)
        row += along
        # Between phrases only deletions lead on: the next phrase starts afresh.
        row[between] = begin[1:][between] + (i + 1) * _ONE
        before, above = above, np.concatenate([[begin[0] + (i + 1) * _ONE], row])
    return above[1:]


def _replacing(
    text: Int32Array,
    step: int,
    rhythm: Float64Array,
    figure_rhythm: Float64Array,
    place: int,
) -> NDArray[np.int64]:
    """What it costs to match one step of the figure with each place."""
    apart = np.minimum(np.abs(rhythm - figure_rhythm[place]) / 2, 1.0)
    cost = np.where(text == step, np.rint(apart * _EDIT), _EDIT)
    return cost.astype(np.int64) << _SHIFT


def _apart(starts: Int64Array, ends: Int64Array, cost: Int64Array, limit: int | None) -> Matches:
    """The nearest matches that do not overlap, those at the same distance in order of place."""
    order = np.lexsort((starts, cost))
    taken = np.zeros(int(ends.max(initial=0)), np.bool_)
    kept: list[int] = []
    for row in order.tolist():
        first, last = starts[row], ends[row]
        if taken[first] or taken[last - 1] or taken[first:last].any():
            continue
        taken[first:last] = True
        kept.append(row)
        if len(kept) == limit:
            break
    chosen = np.array(kept, np.int64)
    return Matches(starts[chosen], ends[chosen], cost[chosen] / _EDIT)
