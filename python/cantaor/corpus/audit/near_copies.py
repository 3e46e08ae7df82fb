"""Near copies: recordings with far more landmarks in common at one offset than chance brings.

Equal landmarks meet by sorting. They are dealt to parts by the last bits of their hashes, and where
there are more than memory should hold the parts are files: what is held at once does not grow with
the corpus. The larger a corpus, the more landmarks meet by chance. Where they would be too many
only some of the parts are looked at: a fair sample of landmarks, which a copy keeps as well.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cantaor.corpus.audit.landmarks import FRAME_S, MAX_LANDMARKS, Landmarks
from cantaor.errors import WorkspaceError
from cantaor.types import Int32Array, Int64Array

# Landmarks held in memory, 16 bytes each, before they go to files, and the number of parts.
_HELD, _PARTS = 8_000_000, 64
_ROW = np.dtype([("hash", np.uint64), ("owner", np.int32), ("frame", np.int32)])
# Meetings of two equal landmarks that are looked at, 12 bytes each: in all, and of one part. Of a
# part with more the commonest landmarks are left out: they say least about who is whose copy.
_MAX_MEETINGS = 16_000_000
_PART_OF_MEETINGS = 4
_MIN_COMMON = 12
_MIN_SHARE = 0.05

Rows: TypeAlias = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class NearCopy:
    """Two recordings of the same audio.

    Attributes
    ----------
    one, other
        Indices of the recordings, ``one < other``.
    offset_s
        Where ``other`` starts on the time axis of ``one``, within about 16 ms.
    common
        Number of landmarks in common at this offset.
    share
        The same relative to the recording with fewer landmarks, 0..1.
    """

    one: int
    other: int
    offset_s: float
    common: int
    share: float


def near_copies(prints: Sequence[Landmarks]) -> tuple[NearCopy, ...]:
    """Pairs of recordings with far more common landmarks at one offset than expected by chance.

    Parameters
    ----------
    prints
        Fingerprint of each recording.

    Returns
    -------
    Pairs in order of their indices. A pair needs at least 12 landmarks in common at one offset
    and 5 % of those that the recording with fewer could have in common.
    """
    with LandmarkTable() as table:
        for owner, one in enumerate(prints):
            table.add(owner, one)
        return table.near_copies()


class LandmarkTable:
    """Landmarks of many recordings, in files where there are too many to hold.

    Parameters
    ----------
    held
        Most landmarks in memory.
    folder
        Where files may be made; None: where the system keeps temporary files. They go when the
        table is closed.

    Attributes
    ----------
    share
        Share of the landmarks that :meth:`near_copies` looked at, 1 but for large corpora.

    Examples
    --------
    >>> one = Landmarks(np.arange(20, dtype=np.uint64), np.arange(20, dtype=np.int32))
    >>> with LandmarkTable() as table:
    ...     table.add(0, one)
    ...     table.add(3, one)
    ...     [(pair.one, pair.other, pair.share) for pair in table.near_copies()]
    [(0, 3, 1.0)]
    """

    def __init__(self, held: int = _HELD, folder: Path | None = None) -> None:
        self._held, self._where = held, folder
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: list[Rows] = []
        self._count = 0
        self.share = 1.0
        # Up to where every recording has all its landmarks: of more than are kept, those with the
        # smallest hashes were.
        self._ends: dict[int, int] = {}

    def __enter__(self) -> LandmarkTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._files is not None:
            self._files.cleanup()

    def add(self, owner: int, prints: Landmarks) -> None:
        """Take the landmarks of one recording, once.

        Raises
        ------
        WorkspaceError
            The files cannot be written.
        """
        size = prints.hashes.size
        if size == 0:
            return
        rows = np.empty(size, _ROW)
        rows["hash"], rows["owner"], rows["frame"] = prints.hashes, owner, prints.frames
        self._ends[owner] = int(prints.hashes[-1]) if size == MAX_LANDMARKS else 2**64 - 1
        self._waiting.append(rows)
        self._count += size
        if self._count > self._held:
            self._spill()

    def near_copies(self) -> tuple[NearCopy, ...]:
        """As :func:`near_copies`; the indices are those that recordings were added by.

        Raises
        ------
        WorkspaceError
            The files cannot be written or read.
        """
        meetings, looked_at = [], 0
        total = 0
        for part in self._parts(_PARTS):
            rows = _meetings(part, _MAX_MEETINGS // _PART_OF_MEETINGS)
            if looked_at and total + len(rows) > _MAX_MEETINGS:
                break
            meetings.append(rows)
            total, looked_at = total + len(rows), looked_at + 1
        rows = np.concatenate([np.zeros((0, 3), np.int32), *meetings])
        meetings.clear()
        self.share = looked_at / _PARTS
        found, common = _count_rows(rows)
        del rows
        # A copy that starts between two frames scatters over two neighbouring shifts.
        common = common + _of_next_shift(found, common)
        many = common >= _MIN_COMMON
        found, common = found[many], common[many]
        share = np.minimum(common / self._comparable(found[:, 0], found[:, 1], looked_at), 1.0)
        best: dict[tuple[int, int], NearCopy] = {}
        columns = *found.T.tolist(), common.tolist(), share.tolist()
        for one, other, shift, number, part_of in zip(*columns, strict=True):
            known = best.get((one, other))
            if part_of >= _MIN_SHARE and (known is None or known.common < number):
                best[one, other] = NearCopy(one, other, shift * FRAME_S, number, part_of)
        return tuple(best[key] for key in sorted(best))

    def _comparable(self, one: Int32Array, other: Int32Array, looked_at: int) -> Int64Array:
        """Landmarks looked at of the recording with fewer, up to where either was cut short."""
        pairs = np.unique(np.stack([one, other], axis=1), axis=0)
        ends = [min(self._ends[a], self._ends[b]) for a, b in pairs.tolist()]
        last = np.tile(np.array(ends, np.uint64), 2)
        counts = np.zeros(last.size, np.int64)
        for part in self._parts(looked_at):
            counts += _count_up_to(part, pairs.T.ravel(), last)
        fewest = counts.reshape(2, -1).min(axis=0, initial=2**62)
        keys = pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1]
        place = np.searchsorted(keys, one.astype(np.int64) << 32 | other)
        comparable: Int64Array = fewest[place]
        return comparable

    def _parts(self, count: int) -> Iterator[Rows]:
        """The first parts, each with all rows of its hashes, ordered by hash and recording."""
        if self._files is None:
            rows, bounds = _dealt(self._waiting)
            self._waiting = [rows]
            for number in range(count):
                yield _ordered(rows[bounds[number] : bounds[number + 1]])
            return
        self._spill()
        for number in range(count):
            try:
                rows = np.fromfile(self._file(number), _ROW)
            except OSError as error:
                raise WorkspaceError(f"{self._file(number)}: cannot be read: {error}") from error
            yield _ordered(rows)

    def _spill(self) -> None:
        rows, bounds = _dealt(self._waiting)
        self._waiting, self._count = [], 0
        try:
            if self._files is None:
                self._files = tempfile.TemporaryDirectory(prefix="cantaor-audit-", dir=self._where)
            for part in range(_PARTS):
                with self._file(part).open("ab") as file:
                    file.write(rows[bounds[part] : bounds[part + 1]].tobytes())
        except OSError as error:
            raise WorkspaceError(f"landmarks cannot be written: {error}") from error

    def _file(self, number: int) -> Path:
        assert self._files is not None
        return Path(self._files.name) / f"{number:02d}"


def _dealt(parts: Sequence[Rows]) -> tuple[Rows, Int64Array]:
    """Rows by the last bits of their hashes, and where each part of them begins."""
    rows = np.concatenate([np.empty(0, _ROW), *parts])
    number = (rows["hash"] & np.uint64(_PARTS - 1)).astype(np.int64)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=_PARTS))])
    return rows[np.argsort(number, kind="stable")], bounds


def _meetings(rows: Rows, most: int) -> Int32Array:
    """(one, other, shift) of every two equal landmarks of an ordered part, int32 (n, 3)."""
    if rows.size == 0:
        return np.zeros((0, 3), np.int32)
    hashes = rows["hash"]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    counts = np.diff(starts, append=hashes.size)
    found = [
        _coincidences(rows, starts[counts == count], count) for count in _rare_enough(counts, most)
    ]
    return np.concatenate([np.zeros((0, 3), np.int32), *found])


def _rare_enough(counts: Int64Array, most: int) -> list[int]:
    """Numbers of equal landmarks, from 2 up, whose meetings together stay within bounds."""
    sizes, often = np.unique(counts[counts > 1], return_counts=True)
    meetings = np.cumsum(often * (sizes * (sizes - 1) // 2))
    return [int(size) for size in sizes[meetings <= most]]


def _ordered(rows: Rows) -> Rows:
    return rows[np.lexsort((rows["owner"], rows["hash"]))]


def _coincidences(rows: Rows, starts: Int64Array, count: int) -> Int32Array:
    """(one, other, shift) of every two landmarks in the buckets of one size."""
    one, other = np.triu_indices(count, 1)
    members = starts[:, None]
    left, right = rows[(members + one).ravel()], rows[(members + other).ravel()]
    differ = left["owner"] != right["owner"]
    left, right = left[differ], right[differ]
    columns = [left["owner"], right["owner"], left["frame"] - right["frame"]]
    return np.stack(columns, axis=1)


def _count_rows(rows: Int32Array) -> tuple[Int32Array, Int64Array]:
    order = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))
    rows = rows[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = np.any(rows[1:] != rows[:-1], axis=1)
    starts = np.flatnonzero(new)
    return rows[starts], np.diff(starts, append=len(rows))


def _of_next_shift(found: Int32Array, common: Int64Array) -> Int64Array:
    """Landmarks in common at the shift one frame later, 0 where that row is missing."""
    follows = np.zeros(common.size, dtype=np.int64)
    same = np.all(found[1:, :2] == found[:-1, :2], axis=1) & (found[1:, 2] == found[:-1, 2] + 1)
    follows[:-1][same] = common[1:][same]
    return follows


def _count_up_to(rows: Rows, owners: NDArray[Any], last: NDArray[np.uint64]) -> Int64Array:
    """Rows of each of some recordings whose hash is at most ``last``, int64 (owners,)."""
    kept = rows[np.isin(rows["owner"], owners)]
    low = np.zeros(last.size, np.uint64)
    # Sorted together: what is asked from stands before rows of the same hash, what up to behind.
    owner = np.concatenate([kept["owner"], owners, owners])
    hashes = np.concatenate([kept["hash"], low, last])
    kind = np.repeat(np.array([1, 0, 2]), [kept.size, low.size, last.size])
    order = np.lexsort((kind, hashes, owner))
    before = np.empty(order.size, np.int64)
    before[order] = np.cumsum(kind[order] == 1)
    from_here, up_to = np.split(before[kept.size :], 2)
    counted: Int64Array = up_to - from_here
    return counted
