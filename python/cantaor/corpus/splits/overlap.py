"""Which clips share audio: the one definition of a leak that every split is held to.

Two clips share audio if they overlap in time in one source, or carry the same content key (equal
audio, or a group of clips found by an audit to overlap). Clips that only touch share nothing.
Where spans are not known, all clips of a source count as sharing; where sources are not known,
a recording is its own. :mod:`cantaor.corpus.identity` takes sources and content from the audio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cantaor.corpus.identity import plain_name
from cantaor.errors import ArgumentError
from cantaor.types import Float64Array, Int64Array

BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class ClipTable:
    """What a split has to know of the clips, one row each.

    Attributes
    ----------
    labels, recordings
        int64 (clips,), codes of singer and recording; no recording is of two singers.
    singers
        Names behind ``labels``.
    groups
        int64 (clips,), codes of the source group; the recording where no group is known.
    tracks
        int64 (clips,), codes of the audio that the times count in.
    contents
        int64 (clips,), codes of equal content; every clip its own where not known.
    starts_s, ends_s
        float64 (clips,), span on the track, or None where not known.
    """

    labels: Int64Array
    singers: tuple[str, ...]
    recordings: Int64Array
    groups: Int64Array
    tracks: Int64Array
    contents: Int64Array
    starts_s: Float64Array | None
    ends_s: Float64Array | None

    def __len__(self) -> int:
        return int(self.labels.size)


def encode_columns(
    labels: Sequence[str],
    recordings: Sequence[str],
    groups: Sequence[str] | None = None,
    starts_s: ArrayLike | None = None,
    ends_s: ArrayLike | None = None,
    content: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
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
    columns = {"recordings": recordings, "groups": groups, "content": content, "sources": sources}
    for name, column in columns.items():
        if column is not None and len(column) != count:
            raise ArgumentError(f"length of {name} ({len(column)}) must match labels ({count})")
    takes = [
        ("recording", plain_name(str(singer)), plain_name(str(name)))
        for singer, name in zip(labels, recordings, strict=True)
    ]
    sessions = [
        ("group", plain_name(str(group)), "") if group else take
        for group, take in zip(groups or [""] * count, takes, strict=True)
    ]
    singers, label = np.unique([str(name) for name in labels], return_inverse=True)
    starts, ends = _spans(starts_s, ends_s, count)
    return ClipTable(
        labels=label.astype(np.int64),
        singers=tuple(singers.tolist()),
        recordings=_codes(takes),
        groups=_codes(sessions),
        tracks=_codes(takes if sources is None else sources),
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
        overlapping = clips.tracks[chosen]
    else:
        overlapping = _overlapping(
            clips.tracks[chosen], clips.starts_s[chosen], clips.ends_s[chosen]
        )
    return merge_partitions(overlapping, clips.contents[chosen])


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
        return touched | np.isin(clips.tracks[some], clips.tracks[others])
    asked, held = _by_code(clips.tracks[some]), _by_code(clips.tracks[others])
    for track in asked.keys() & held.keys():
        near, against = asked[track], others[held[track]]
        starts, ends = np.sort(clips.starts_s[against]), np.sort(clips.ends_s[against])
        # Spans that began before a clip ends, less those that were over when it began.
        begun = np.searchsorted(starts, clips.ends_s[some[near]], side="left")
        over = np.searchsorted(ends, clips.starts_s[some[near]], side="right")
        touched[near] |= begun > over
    return touched


def shared_fraction(clips: ClipTable, some: Int64Array, others: Int64Array) -> float:
    """Fraction of some clips that share audio with any of the others; 0 where there are none."""
    return float(np.mean(overlaps_any(clips, some, others))) if some.size else 0.0


def shared_audio(clips: ClipTable, sides: Sequence[str]) -> dict[str, float]:
    """How much of what a model is tested and watched on it has learnt from.

    Parameters
    ----------
    clips
        The clip table.
    sides
        Side of each clip: ``"train"``, ``"validation"``, ``"test"``, or anything else for none.

    Returns
    -------
    ``"test"``: the fraction of test clips that share audio with a training or validation clip;
    ``"validation"``: of validation clips, with a training clip; each where that side has clips.

    Examples
    --------
    >>> table = encode_columns(["AM"] * 3, ["a", "a", "b"])
    >>> shared_audio(table, ["train", "test", "test"])
    {'test': 0.5}
    """
    train, validation, test = (
        np.flatnonzero(np.array(sides, dtype=object) == name)
        for name in ("train", "validation", "test")
    )
    known = np.union1d(train, validation)
    pairs = {"test": (test, known), "validation": (validation, train)}
    return {
        name: shared_fraction(clips, some, others)
        for name, (some, others) in pairs.items()
        if some.size
    }


def share_notes(shared: Mapping[str, float]) -> tuple[str, ...]:
    """A sentence for each side that shares audio with what is learnt from.

    Examples
    --------
    >>> share_notes({"test": 0.625, "validation": 0.0})
    ('training and test share audio: 62.5 % of the test clips',)
    """
    return tuple(
        f"training and {name} share audio: {100 * fraction:.3g} % of the {name} clips"
        for name, fraction in shared.items()
        if fraction > 0
    )


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


def _overlapping(tracks: Int64Array, starts: Float64Array, ends: Float64Array) -> Int64Array:
    order = np.lexsort((starts, tracks))
    parts = np.zeros(order.size, dtype=np.int64)
    current, reach, track = -1, -np.inf, -1
    for index in order:
        if tracks[index] != track or starts[index] >= reach:
            current, reach, track = current + 1, ends[index], tracks[index]
        reach = max(reach, ends[index])
        parts[index] = current
    return parts


def _codes(names: Sequence[Any]) -> Int64Array:
    """Numbers of equal things, in their order."""
    number = {name: code for code, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)


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
