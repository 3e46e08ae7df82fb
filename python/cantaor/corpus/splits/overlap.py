"""Which clips share audio: the one definition of a leak that every split is held to.

Two clips share audio if they overlap in time in one recording, or carry the same content key
(equal audio, or a group of clips found by an audit to overlap). Clips that only touch share
nothing. Where spans are not known, all clips of a recording count as sharing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cantaor.errors import ArgumentError
from cantaor.types import Float64Array, Int64Array

BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class ClipTable:
    """What a split has to know of the clips, one row each.

    Attributes
    ----------
    labels, recordings
        int64 (clips,), codes of singer and recording.
    singers
        Names behind ``labels``.
    sources
        int64 (clips,), codes of the source group; the recording where no group is known.
    contents
        int64 (clips,), codes of equal content; every clip its own where not known.
    starts_s, ends_s
        float64 (clips,), span in the recording, or None where not known.
    """

    labels: Int64Array
    singers: tuple[str, ...]
    recordings: Int64Array
    sources: Int64Array
    contents: Int64Array
    starts_s: Float64Array | None
    ends_s: Float64Array | None

    def __len__(self) -> int:
        return int(self.labels.size)


def encode_columns(
    labels: Sequence[str],
    recordings: Sequence[str],
    groups: Sequence[str] | None,
    starts_s: ArrayLike | None,
    ends_s: ArrayLike | None,
    content: Sequence[str] | None,
) -> ClipTable:
    """Check the columns of a clip table against each other and turn names into codes.

    Raises
    ------
    ArgumentError
        Lengths differ, there are no clips, only one of the two times is given, or some
        ``end <= start``.
    """
    count = len(labels)
    if count == 0:
        raise ArgumentError("labels is empty: there are no clips to split")
    for name, column in (("recordings", recordings), ("groups", groups), ("content", content)):
        if column is not None and len(column) != count:
            raise ArgumentError(f"length of {name} ({len(column)}) must match labels ({count})")
    names = [str(name) for name in recordings]
    sources = (
        names
        if groups is None
        else [
            f"group {group}" if group else f"recording {name}"
            for group, name in zip(groups, names, strict=True)
        ]
    )
    singers, label = np.unique([str(name) for name in labels], return_inverse=True)
    starts, ends = _spans(starts_s, ends_s, count)
    return ClipTable(
        labels=label.astype(np.int64),
        singers=tuple(singers.tolist()),
        recordings=_codes(names),
        sources=_codes(sources),
        contents=_content_codes(content, count),
        starts_s=starts,
        ends_s=ends,
    )


def audio_components(clips: ClipTable, keep: Int64Array | None = None) -> Int64Array:
    """Sets of clips joined by shared audio.

    Parameters
    ----------
    clips
        The clip table.
    keep
        int64, the clips to look at; None means all.

    Returns
    -------
    int64 (clips or ``keep.size``,), number of the set of each clip. Two clips of one set are
    joined by a chain of clips of which each shares audio with the next.
    """
    chosen = np.arange(len(clips)) if keep is None else keep
    if clips.starts_s is None or clips.ends_s is None:
        overlapping = clips.recordings[chosen]
    else:
        overlapping = _overlapping(
            clips.recordings[chosen], clips.starts_s[chosen], clips.ends_s[chosen]
        )
    return merge_partitions(overlapping, clips.contents[chosen])


def shares_audio(clips: ClipTable, one: Int64Array, other: Int64Array) -> bool:
    """Whether any clip of one side shares audio with a clip of the other.

    Parameters
    ----------
    clips
        The clip table.
    one, other
        int64, the clips on each side.
    """
    if one.size == 0 or other.size == 0:
        return False
    if np.intersect1d(one, other).size:
        return True
    # On a path between the two sides some step crosses over, so one common set is enough.
    part = audio_components(clips, np.concatenate([one, other]))
    return bool(np.intersect1d(part[: one.size], part[one.size :]).size)


def overlaps_any(clips: ClipTable, some: Int64Array, others: Int64Array) -> BoolArray:
    """Which clips share audio with any of some other clips.

    Parameters
    ----------
    clips
        The clip table.
    some, others
        int64, clips asked about, and clips they are held against; no clip is in both.

    Returns
    -------
    bool (``some.size``,).
    """
    touched: BoolArray = np.isin(clips.contents[some], clips.contents[others])
    if clips.starts_s is None or clips.ends_s is None:
        return touched | np.isin(clips.recordings[some], clips.recordings[others])
    asked, held = _by_code(clips.recordings[some]), _by_code(clips.recordings[others])
    for recording in asked.keys() & held.keys():
        near, against = asked[recording], others[held[recording]]
        starts, ends = np.sort(clips.starts_s[against]), np.sort(clips.ends_s[against])
        # Spans that began before a clip ends, less those that were over when it began.
        begun = np.searchsorted(starts, clips.ends_s[some[near]], side="left")
        over = np.searchsorted(ends, clips.starts_s[some[near]], side="right")
        touched[near] |= begun > over
    return touched


def merge_partitions(*partitions: Int64Array) -> Int64Array:
    """The finest partition that keeps together whatever any of the given ones does.

    Parameters
    ----------
    *partitions
        int64 (n,) each, number of the set of each item, >= 0.

    Returns
    -------
    int64 (n,), numbered by first appearance.

    Examples
    --------
    >>> merge_partitions(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 3])).tolist()
    [0, 0, 0, 1]
    """
    size = partitions[0].size
    if size == 0:
        return np.zeros(0, dtype=np.int64)
    columns, offset = [], size
    for partition in partitions:
        codes = np.unique(partition, return_inverse=True)[1]
        columns.append(offset + codes)
        offset += int(codes.max()) + 1
    rows = np.tile(np.arange(size), len(columns))
    links = coo_array((np.ones(rows.size, bool), (rows, np.concatenate(columns))), (offset, offset))
    parts = connected_components(links, directed=False)[1][:size]
    first, inverse = np.unique(parts, return_index=True, return_inverse=True)[1:]
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def join_pairs(count: int, ones: Sequence[int], others: Sequence[int]) -> Int64Array:
    """Number of the connected set of each of ``count`` items that are linked in pairs."""
    links = coo_array((np.ones(len(ones), bool), (list(ones), list(others))), (count, count))
    part: Int64Array = connected_components(links, directed=False)[1].astype(np.int64)
    return part


def _by_code(codes: Int64Array) -> dict[int, Int64Array]:
    """Indices at which each code stands."""
    if codes.size == 0:
        return {}
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True))


def _overlapping(recordings: Int64Array, starts: Float64Array, ends: Float64Array) -> Int64Array:
    order = np.lexsort((starts, recordings))
    parts = np.zeros(order.size, dtype=np.int64)
    current, reach, recording = -1, -np.inf, -1
    for index in order:
        if recordings[index] != recording or starts[index] >= reach:
            current, reach, recording = current + 1, ends[index], recordings[index]
        reach = max(reach, ends[index])
        parts[index] = current
    return parts


def _codes(names: Iterable[str]) -> Int64Array:
    return np.unique(list(names), return_inverse=True)[1].astype(np.int64)


def _content_codes(content: Sequence[str] | None, count: int) -> Int64Array:
    if content is None:
        return np.arange(count, dtype=np.int64)
    keys = [f"same {key}" if key else f"own {index}" for index, key in enumerate(content)]
    return _codes(keys)


def _spans(
    starts_s: ArrayLike | None, ends_s: ArrayLike | None, count: int
) -> tuple[Float64Array | None, Float64Array | None]:
    if starts_s is None and ends_s is None:
        return None, None
    if starts_s is None or ends_s is None:
        raise ArgumentError("starts_s and ends_s must be given together")
    starts = np.asarray(starts_s, dtype=np.float64)
    ends = np.asarray(ends_s, dtype=np.float64)
    for name, times in (("starts_s", starts), ("ends_s", ends)):
        if times.shape != (count,):
            raise ArgumentError(f"shape of {name} {times.shape} must match labels ({count},)")
    wrong = np.flatnonzero(~(starts < ends))
    if wrong.size:
        index = int(wrong[0])
        raise ArgumentError(
            f"starts_s must be below ends_s; clip {index} runs from {starts[index]} "
            f"to {ends[index]}"
        )
    return starts, ends
