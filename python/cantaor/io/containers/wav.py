"""WAV and RF64: where the samples lie, and how many bytes of them the header states.

A recorder that was switched off leaves 0 as the size of the data, a program that wrote to a pipe
0xFFFFFFFF; a file that was cut short states more than there is.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import IO

_UNKNOWN = 0xFFFFFFFF
# Chunks in front of the samples; more are a sign of something else than WAV.
_MOST_CHUNKS = 1000


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Where the samples of a WAV file lie.

    Attributes
    ----------
    data_at
        Offset of the first sample, bytes.
    stated
        Bytes of samples by the header.
    present
        Bytes from the first sample to the end of the file, at most ``stated`` where that is sound.
    block
        Bytes of one sample of all channels.
    ds64_at
        Offset of the 64-bit sizes of an RF64 file, else None.
    """

    data_at: int
    stated: int
    present: int
    block: int
    ds64_at: int | None

    @property
    def is_open(self) -> bool:
        """Whether the header states no size although samples follow."""
        return self.stated in (0, _UNKNOWN) and self.present > 0

    @property
    def stated_frames(self) -> int:
        """Samples a channel by the header."""
        return self.stated // self.block

    @property
    def present_frames(self) -> int:
        """Samples a channel that are there."""
        return self.present // self.block


def wav_layout(handle: IO[bytes]) -> WavLayout | None:
    """Read the chunks of a WAV or RF64 file up to its samples; None where it is neither.

    Parameters
    ----------
    handle
        The file; its position is moved.
    """
    end = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    head = handle.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    at, block, ds64_at, ds64_size = 12, 0, None, 0
    for _ in range(_MOST_CHUNKS):
        handle.seek(at)
        chunk = handle.read(8)
        if len(chunk) < 8:
            return None
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            if block == 0:
                return None
            stated = ds64_size if ds64_at is not None and size == _UNKNOWN else size
            return _layout(handle, at + 8, stated, end, block, ds64_at)
        if name == b"fmt ":
            block = struct.unpack("<12xH", handle.read(14).ljust(14, b"\0"))[0]
        if name == b"ds64":
            ds64_at = at + 8
            ds64_size = struct.unpack("<8xQ", handle.read(16).ljust(16, b"\0"))[0]
        at += 8 + size + size % 2
    return None


def closed_header(handle: IO[bytes], layout: WavLayout) -> bytes:
    """The header of a file as it would be had its writer closed it: with the size of what is there.

    Parameters
    ----------
    handle
        The file; its position is moved.
    layout
        What :func:`wav_layout` said of it.
    """
    handle.seek(0)
    header = bytearray(handle.read(layout.data_at))
    size = layout.present // layout.block * layout.block
    if layout.ds64_at is not None:
        header[layout.ds64_at + 8 : layout.ds64_at + 16] = struct.pack("<Q", size)
        header[-4:] = struct.pack("<I", _UNKNOWN)
        return bytes(header)
    if size < _UNKNOWN - layout.data_at:
        header[4:8] = struct.pack("<I", size + layout.data_at - 8)
        header[-4:] = struct.pack("<I", size)
        return bytes(header)
    sizes = struct.pack("<QQQI", size + layout.data_at + 28, size, size // layout.block, 0)
    start = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(sizes)) + sizes
    return start + bytes(header[12:-4]) + struct.pack("<I", _UNKNOWN)


def _layout(
    handle: IO[bytes], data_at: int, stated: int, end: int, block: int, ds64_at: int | None
) -> WavLayout:
    present = max(0, end - data_at)
    if stated == 0 and _is_chunks(handle, data_at, end):
        present = 0
    elif stated not in (0, _UNKNOWN):
        present = min(present, stated)
    return WavLayout(data_at, stated, present, block, ds64_at)


def _is_chunks(handle: IO[bytes], at: int, end: int) -> bool:
    """Whether well-formed chunks fill a file to its end: then no samples were left out."""
    while at + 8 <= end:
        handle.seek(at)
        name, size = struct.unpack("<4sI", handle.read(8))
        if not all(32 <= letter < 127 for letter in name):
            return False
        at += 8 + size + size % 2
    return end - 1 <= at <= end + 1
