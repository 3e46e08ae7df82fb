"""FLAC whose header does not state its length: the last frame says where it ends.

Programs that write to a pipe leave the number of samples 0 (RFC 9639, section 8.2: unknown).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

# The largest frame of the format is about 16 MB; real ones stay below this.
_TAIL = 1 << 20
_ID3V1 = 128
# The stream begins with this, behind tags of other formats at most.
_MARK, _HEAD = b"fLaC", 1 << 20
# Where, after the mark, rate, channels, width and number of samples stand; bits of the number.
_TOTAL_AT, _TOTAL = 18, (1 << 36) - 1


@dataclass(frozen=True, slots=True)
class FlacEnd:
    """Where a FLAC stream ends.

    Attributes
    ----------
    samples
        Samples a channel in the frames that are whole.
    is_whole
        Whether the last frame ends with the file.
    """

    samples: int
    is_whole: bool


def flac_end(handle: IO[bytes]) -> FlacEnd | None:
    """Find the last frame of a FLAC file; None where there is none.

    Parameters
    ----------
    handle
        The file; its position is moved.
    """
    handle.seek(0)
    head = handle.read(_HEAD)
    start = head.find(_MARK)
    # Samples of a frame where all are of one size.
    block = int.from_bytes(head[start + 10 : start + 12], "big")
    end = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, end - _TAIL))
    tail = handle.read(_TAIL)
    if tail[-_ID3V1 : -_ID3V1 + 3] == b"TAG":
        tail = tail[:-_ID3V1]
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        found = _frame(tail, at, block)
        if found is None:
            continue
        first, size = found
        is_whole = _crc16(tail[at:-2]) == int.from_bytes(tail[-2:], "big")
        return FlacEnd(first + size if is_whole else first, is_whole)
    return None


def ended_header(handle: IO[bytes], end: FlacEnd) -> bytes:
    """The first bytes of a FLAC file with its length, to stand in place of as many of its own.

    Parameters
    ----------
    handle
        The file; its position is moved.
    end
        What :func:`flac_end` found.
    """
    handle.seek(0)
    head = bytearray(handle.read(_HEAD))
    at = head.find(_MARK) + _TOTAL_AT
    facts = int.from_bytes(head[at : at + 8], "big") & ~_TOTAL | end.samples
    head[at : at + 8] = facts.to_bytes(8, "big")
    return bytes(head[: at + 8])


def _frame(data: bytes, at: int, block: int) -> tuple[int, int] | None:
    """First sample and number of samples of the frame that begins here, if one does."""
    head = data[at : at + 16]
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if size_code == 0 or rate_code == 15 or head[3] >> 4 > 10:
        return None
    number = _coded_number(head[4:])
    if number is None:
        return None
    value, used = number
    after = 4 + used
    size, extra = _block_size(size_code, head[after:])
    after += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if len(head) <= after or _crc8(head[:after]) != head[after]:
        return None
    return (value if head[1] & 1 else value * block), size


def _coded_number(data: bytes) -> tuple[int, int] | None:
    """The number of a frame or sample, coded like UTF-8 up to 7 bytes, and its bytes."""
    lead = data[0]
    if lead < 0x80:
        return lead, 1
    ones = 8 - (lead ^ 0xFF).bit_length()
    if ones < 2 or ones > 7 or len(data) < ones:
        return None
    value = lead & (0x7F >> ones)
    for byte in data[1:ones]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value, ones


def _block_size(code: int, data: bytes) -> tuple[int, int]:
    if code == 1:
        return 192, 0
    if code < 6:
        return 576 << (code - 2), 0
    if code < 8:
        width = code - 5
        return int.from_bytes(data[:width], "big") + 1, width
    return 256 << (code - 8), 0


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def _table16() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
        table.append(crc)
    return tuple(table)


_CRC16 = _table16()


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc
