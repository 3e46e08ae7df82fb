"""Ogg: the recordings that are chained in one file, and whether the last one has an end.

Ogg states no length: a file that was cut short shows by its last page, which does not say that it
is the last or is not whole (RFC 3533, section 6).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

_CAPTURE = b"OggS"
_FIRST, _LAST = 2, 4
# The largest page: header, 255 segments of 255 bytes.
_PAGE = 27 + 255 + 255 * 255


@dataclass(frozen=True, slots=True)
class OggLayout:
    """The recordings of an Ogg file.

    Attributes
    ----------
    parts
        Start and end of each recording, bytes.
    is_whole
        Whether the last page is there and whole.
    skipped
        Bytes between pages that belong to none.
    """

    parts: tuple[tuple[int, int], ...]
    is_whole: bool
    skipped: int


def ogg_layout(handle: IO[bytes]) -> OggLayout | None:
    """Walk over the pages of an Ogg file; None where it is none.

    Parameters
    ----------
    handle
        The file; its position is moved.
    """
    end = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    if handle.read(4) != _CAPTURE:
        return None
    starts: list[int] = []
    at, skipped, flags, page_end, begins = 0, 0, 0, 0, False
    while at < end:
        handle.seek(at)
        head = handle.read(27 + 255)
        if len(head) < 27:
            break
        if head[:4] != _CAPTURE:
            step = _next_page(handle, at)
            skipped += step
            at += step
            continue
        count = head[26]
        page_end = at + 27 + count + sum(head[27 : 27 + count])
        flags = head[5]
        if flags & _FIRST and not begins:
            starts.append(at)
        begins = bool(flags & _FIRST)
        at = page_end
    is_whole = bool(flags & _LAST) and page_end <= end
    ends = [*starts, end][1:]  # none where no page says that it is a first one
    return OggLayout(tuple(zip(starts, ends, strict=True)), is_whole, skipped)


def _next_page(handle: IO[bytes], at: int) -> int:
    """Bytes to the next page, or to the end of the file."""
    handle.seek(at + 1)
    passed = 1
    while block := handle.read(_PAGE):
        found = block.find(_CAPTURE)
        if found >= 0:
            return passed + found
        passed += max(1, len(block) - 3)
        if len(block) <= 3:
            break
        handle.seek(at + passed)
    return passed + 3
