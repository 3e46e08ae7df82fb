"""MPEG audio (MP3): every frame of a file, what lies between them, and what the tags claim.

The length that a Xing, Info or VBRI tag states may be wrong, files may be joined, and bytes may be
damaged; the frames themselves tell. ISO/IEC 11172-3 section 2.4; the Xing and LAME tags are
described at http://gabriel.mp3-tech.org/mp3infotag.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import TypeAlias

#: The bytes of a file, in memory or mapped.
Bytes: TypeAlias = bytes | mmap

_BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# Of the first three bytes: sync, version, layer, rate. They stay the same through a recording.
_SAME = 0xFFFE0C
# Frames around a gap whose mean size tells how many are missing in it.
_AROUND = 20


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What the four bytes in front of a frame say.

    Attributes
    ----------
    layer, sample_rate, channels
        1 to 3; Hz; 1 or 2.
    samples
        Samples a channel.
    size
        Bytes, header included.
    side
        Bytes of side information after the header and its checksum; 0 for layers 1 and 2.
    has_crc
        Whether a checksum of two bytes follows the header.
    """

    layer: int
    sample_rate: int
    channels: int
    samples: int
    size: int
    side: int
    has_crc: bool


def frame_header(word: int) -> FrameHeader | None:
    """Read a frame's header, or None where the 32 bits are none.

    Examples
    --------
    >>> frame_header(0xFFFB90C4).size
    417
    """
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    code, rate_code = word >> 12 & 15, word >> 10 & 3
    wrong = word >> 21 != 0x7FF or version == 1 or layer == 4 or rate_code == 3
    if wrong or code in (0, 15):
        return None
    low = version != 3
    rate = _RATES[version][rate_code]
    bits = _BITRATES[2 if low else 1, layer][code - 1] * 1000
    pad = word >> 9 & 1
    channels = 1 if word >> 6 & 3 == 3 else 2
    samples = 384 if layer == 1 else 576 if low and layer == 3 else 1152
    size = (12 * bits // rate + pad) * 4 if layer == 1 else samples // 8 * bits // rate + pad
    side = 0 if layer != 3 else ((9, 17) if low else (17, 32))[channels - 1]
    return FrameHeader(layer, rate, channels, samples, size, side, not word >> 16 & 1)


@dataclass(frozen=True, slots=True)
class Tag:
    """What a Xing, Info or VBRI tag claims.

    Attributes
    ----------
    frames, size
        Frames of audio and bytes of the recording; None where not stated.
    delay, padding
        Samples that the encoder put in front and at the end; None where not stated.
    """

    frames: int | None
    size: int | None
    delay: int | None
    padding: int | None


@dataclass(slots=True)
class MpegPart:
    """One recording of a file.

    Attributes
    ----------
    start
        Offset of its first frame, the tag's where it has one.
    header
        Of its first frame of audio.
    word
        The same, as 32 bits.
    tag
        What is claimed of it.
    offsets, sizes
        Its frames of audio.
    gaps
        Index of the frame after each stretch of bytes that is no frame, and its bytes.
    is_cut
        Whether the file ends inside its last frame.
    end
        Offset past its last frame.
    """

    start: int
    header: FrameHeader
    word: int
    tag: Tag | None
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    is_cut: bool = False
    end: int = 0

    @property
    def lost(self) -> list[tuple[int, int]]:
        """Index of the frame after each gap, and the frames that are missing there."""
        found = []
        for index, size in self.gaps:
            near = self.sizes[max(0, index - _AROUND) : index + _AROUND]
            found.append((index, max(1, round(size * len(near) / sum(near)))))
        stated = self.tag.frames if self.tag is not None else None
        if stated is not None and len(found) == 1:
            index, guess = found[0]
            missing = stated - len(self.offsets)
            if abs(missing - guess) <= max(2, guess // 4) and missing > 0:
                found = [(index, missing)]
        return found


def mpeg_parts(data: Bytes) -> list[MpegPart]:
    """The recordings of an MPEG audio file.

    Parameters
    ----------
    data
        All its bytes.

    Returns
    -------
    At least one part with at least one frame, or nothing where no two frames follow each other.
    """
    parts: list[MpegPart] = []
    at, end = _after_tags(data, 0), len(data)
    gap = 0
    while at + 4 <= end:
        word = int.from_bytes(data[at : at + 4], "big")
        known = parts[-1] if parts else None
        head = frame_header(word)
        fits = head is not None and (
            (known is not None and not gap and word >> 8 & _SAME == known.word >> 8 & _SAME)
            or _is_followed(data, at, word, head.size)
        )
        if not fits or head is None:
            jump = _after_tags(data, at)
            gap += jump == at
            at = jump if jump > at else _next_sync(data, at + 1)
            continue
        at = _take(data, at, word, head, parts, gap)
        gap = 0
    return [part for part in parts if part.offsets]


def _take(
    data: Bytes, at: int, word: int, head: FrameHeader, parts: list[MpegPart], gap: int
) -> int:
    """Add a frame to the parts; returns where the next one should begin."""
    known = parts[-1] if parts else None
    tag = read_tag(data, at, head) if known is None or head.layer == 3 else None
    changed = known is not None and word >> 8 & _SAME != known.word >> 8 & _SAME
    if known is None or tag is not None or changed:
        parts.append(MpegPart(at, head, word, tag))
        if tag is not None:
            return at + head.size
        known = parts[-1]
    if at + head.size > len(data):
        known.is_cut = True
        return len(data)
    if not known.offsets:
        known.header, known.word = head, word
    elif gap:
        known.gaps.append((len(known.offsets), at - known.end))
    known.offsets.append(at)
    known.sizes.append(head.size)
    known.end = at + head.size
    return known.end


def _is_followed(data: Bytes, at: int, word: int, size: int) -> bool:
    """Whether frames of the same kind follow at the right distance, or the file ends there."""
    for _ in range(2):
        at += size
        if at + 4 > len(data) or _after_tags(data, at) > at:
            return True
        after = int.from_bytes(data[at : at + 4], "big")
        head = frame_header(after)
        if head is None or after >> 8 & _SAME != word >> 8 & _SAME:
            return False
        size = head.size
    return True


def _next_sync(data: Bytes, at: int) -> int:
    """Offset of the next byte that may begin a frame or a tag."""
    found = data.find(b"\xff", at)
    end = len(data) if found < 0 else found
    marks = (data.find(mark, at, end) for mark in (b"TAG", b"APETAGEX", b"ID3"))
    return min((one for one in marks if one >= 0), default=end)


def _after_tags(data: Bytes, at: int) -> int:
    """Where the tags that begin here end; the same place where there are none."""
    head = bytes(data[at : at + 32])
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] < 255:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        footer = 10 if head[5] & 0x10 else 0
        return min(len(data), at + 10 + size + footer)
    if head[:3] == b"TAG":
        return min(len(data), at + 128)
    if head[:8] == b"APETAGEX" and len(head) >= 24:
        size, flags = struct.unpack("<I4xI", head[12:24])
        return min(len(data), at + (32 + size if flags & 0x20000000 else 32))
    return at


def read_tag(data: Bytes, at: int, head: FrameHeader) -> Tag | None:
    """The Xing, Info or VBRI tag that a frame is, if it is one."""
    frame = bytes(data[at : at + head.size])
    inner = 4 + (2 if head.has_crc else 0) + head.side
    for start in (inner, 4 + head.side):
        if frame[start : start + 4] in (b"Xing", b"Info"):
            return _xing(frame[start + 4 :])
    if frame[36:40] == b"VBRI":
        size, frames = struct.unpack(">II", frame[46:54].ljust(8, b"\0"))
        return Tag(frames, size, None, None)
    return None


def _xing(data: bytes) -> Tag:
    flags = int.from_bytes(data[:4], "big")
    at, found = 4, []
    for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)):
        has = bool(flags & bit)
        found.append(int.from_bytes(data[at : at + 4], "big") if has else None)
        at += size if has else 0
    delay = padding = None
    if data[at : at + 4] in (b"LAME", b"Lavc", b"Lavf", b"GOGO"):
        both = int.from_bytes(data[at + 21 : at + 24], "big")
        delay, padding = both >> 12, both & 0xFFF
    return Tag(found[0], found[1], delay, padding)


def broken_frames(data: Bytes, part: MpegPart) -> list[int]:
    """Frames of layer 3 whose side information cannot be true.

    Parameters
    ----------
    data
        All bytes of the file.
    part
        One of its recordings.

    Returns
    -------
    Their indices: fields out of range, more bits than there are, or a reach back to bytes that a
    gap or a broken frame has taken.
    """
    if part.header.layer != 3:
        return []
    broken, known = [], 0
    gaps = {index for index, _ in part.gaps}
    for index, (at, size) in enumerate(zip(part.offsets, part.sizes, strict=True)):
        if index in gaps:
            known = 0
        head = frame_header(int.from_bytes(data[at : at + 4], "big"))
        assert head is not None
        first = at + 4 + 2 * head.has_crc
        body = bytes(data[first : at + size])
        # Bytes that were wiped out look like silence, but later frames reach back into them.
        need = _main_bits(body[: head.side], head) if any(body) else None
        own = size - (first - at) - head.side
        if need is None or need[0] > known or need[1] > 8 * (need[0] + own):
            broken.append(index)
            # Its bytes may still be what later frames reach back to, unless they are broken too.
            known = 0 if need is None else min(511, known + own)
            continue
        known = min(511, known + own)
    return broken


def _main_bits(side: bytes, head: FrameHeader) -> tuple[int, int] | None:
    """Bytes that a frame reaches back and bits of its main data; None where that is impossible."""
    value, width = int.from_bytes(side, "big"), 8 * len(side)
    low = head.samples == 576
    taken = 0

    def bits(count: int) -> int:
        nonlocal taken
        taken += count
        return value >> (width - taken) & ((1 << count) - 1)

    back = bits(8 if low else 9)
    bits((1, 2)[head.channels - 1] if low else (5, 3)[head.channels - 1] + 4 * head.channels)
    total = 0
    for _ in range((1 if low else 2) * head.channels):
        total += bits(12)
        if bits(9) > 288:
            return None
        bits(8 + (9 if low else 4))
        if bits(1):
            if bits(2) == 0:
                return None
            bits(20)
        else:
            bits(22)
        bits(2 if low else 3)
    return back, total


def repaired(data: Bytes, part: MpegPart, broken: set[int], padding: int) -> Iterator[bytes]:
    """A recording whose tag is true, with silent frames where frames are missing or broken.

    Parameters
    ----------
    data
        All bytes of the file.
    part
        The recording.
    broken
        Frames to silence; what later frames take from them stays.
    padding
        Samples that the decoder drops at the end.

    Yields
    ------
    Pieces of the new file.
    """
    lost = dict(part.lost)
    count = len(part.offsets) + sum(lost.values())
    size = sum(part.sizes) + sum(n * part.header.size for n in lost.values())
    delay = part.tag.delay if part.tag is not None else None
    if part.header.layer == 3:
        yield _info_frame(part, count, size, delay or 0, padding)
    for index, (at, length) in enumerate(zip(part.offsets, part.sizes, strict=True)):
        for _ in range(lost.get(index, 0)):
            yield _silent(part.word, part.header.size)
        frame = bytes(data[at : at + length])
        if index in broken:
            head = frame_header(int.from_bytes(frame[:4], "big"))
            assert head is not None
            first = 4 + 2 * head.has_crc
            frame = frame[:first] + bytes(head.side) + frame[first + head.side :]
        yield frame


def _silent(word: int, size: int) -> bytes:
    # Without its checksum: zeros behind the header decode to silence.
    return (word | 0x10000).to_bytes(4, "big") + bytes(size - 4)


def _info_frame(part: MpegPart, count: int, size: int, delay: int, padding: int) -> bytes:
    """A tag frame with the true number of frames, large enough to hold it."""
    inner = 4 + part.header.side
    tag = b"Xing" + struct.pack(">III", 3, count, size)
    tag += b"LAME3.100" + bytes(12) + (delay << 12 | padding & 0xFFF).to_bytes(3, "big") + bytes(12)
    for code in range(1, 15):
        word = part.word & ~0xF200 | code << 12 | 0x10000
        head = frame_header(word)
        if head is not None and head.size >= inner + len(tag):
            frame = word.to_bytes(4, "big") + bytes(part.header.side) + tag
            return frame.ljust(head.size, b"\0")
    raise AssertionError("the largest frames of every kind hold a tag")
