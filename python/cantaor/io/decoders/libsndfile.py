"""Decoding with libsndfile, and what must be mended before it can read a file to its real end.

libsndfile believes headers: the length that an MP3's tag states, a WAV whose data have no size. A
file whose header is true goes to it as it is; of another an unnamed copy with a true header does.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import IO

import soundfile

from cantaor.errors import AudioError
from cantaor.io.containers.flac import ended_header, flac_end
from cantaor.io.containers.mpeg import MpegPart, broken_frames, mpeg_parts, repaired
from cantaor.io.containers.ogg import OggLayout, ogg_layout
from cantaor.io.containers.wav import WavLayout, closed_header, wav_layout
from cantaor.io.decoders.decoder import LENGTH_TOLERANCE_S, AudioInfo, length_warning
from cantaor.io.decoders.parts import Part, PartsReader, unnamed_copy
from cantaor.types import Float32Array

# Others land near the sample that was asked for: they are decoded from the start.
_SEEKABLE = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC")
# Bytes that are copied at a time.
_COPIED = 1 << 20
# What libsndfile takes for the length of a FLAC file that states none.
_NO_LENGTH = 2**62
# Of the sizes in its account of a header, those that it found to be more than there is.
_SHORTER = re.compile(r"(?:SSND|BODY|Data Size|riff)\s*: (\d+) \(should be (\d+)\)")


class SoundfileDecoder:
    """A recording that libsndfile decodes; see :class:`cantaor.io.decoders.decoder.Decoder`."""

    def __init__(self, handle: IO[bytes], name: str) -> None:
        self._handle = handle
        self._name = name
        self._warnings: list[str] = []
        self._mpeg: list[MpegPart] = []
        self._position = 0
        self._is_mended = False
        self.stated_s: float | None = None
        self.must_be_whole = False
        kind = _kind(handle)
        try:
            self._reader, frames = self._open(kind)
        except (soundfile.SoundFileError, OSError, TypeError, RuntimeError) as error:
            # Its message begins with the number of a file descriptor.
            reason = re.sub(r"^Error opening \d+: ", "", str(error))
            raise AudioError(f"{name}: not readable as audio: {reason}") from error
        sound = self._reader.sound
        self.info = AudioInfo(
            sound.samplerate, sound.channels, frames, sound.format, sound.subtype, "libsndfile"
        )
        if self.stated_s is None and kind not in ("OGG",):
            self.stated_s = self.info.duration_s

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found wrong so far."""
        found = list(dict.fromkeys(self._warnings))
        remarks = [line for line in self._reader.remarks if "error: " in line]
        if remarks:
            first = remarks[0].partition("error: ")[2]
            found.append(f"{len(remarks)} remarks of the MP3 decoder, the first: {first}")
        return tuple(found)

    def seek(self, frame: int) -> int:
        """Go to a frame; what cannot land on it exactly begins again."""
        if frame == self._position:
            return frame
        if self.info.format in _SEEKABLE and self._reader.sound is not None:
            try:
                self._position = int(self._reader.sound.seek(min(frame, self.info.frames)))
            except (soundfile.SoundFileError, RuntimeError) as error:
                raise AudioError(f"{self._name}: damaged: {error}") from error
            return self._position
        if self._position:
            self._reader.rewind()
            self._position = 0
        return 0

    def read(self, frames: int) -> Float32Array:
        """The next frames."""
        if self.info.format in _SEEKABLE:
            # Past the end of a FLAC stream without a length lies an error.
            frames = max(0, min(frames, self.info.frames - self._position))
        heard = len(self._reader.remarks)
        try:
            block = self._reader.read(frames)
        except (soundfile.SoundFileError, RuntimeError, OSError) as error:
            if not self._mend_broken(frames):
                raise AudioError(f"{self._name}: damaged: {error}") from error
            return self.read(frames)
        if len(self._reader.remarks) > heard and self._mend_broken(frames):
            return self.read(frames)
        self._position += block.shape[0]
        return block

    def close(self) -> None:
        """Close what was opened here."""
        self._reader.close()

    def _open(self, kind: str) -> tuple[PartsReader, int]:
        if kind == "MP3":
            return self._open_mpeg()
        if kind == "OGG":
            return self._open_ogg()
        if kind == "WAV":
            return self._open_wav()
        return self._open_plain()

    def _open_plain(self, is_remarked: bool = False) -> tuple[PartsReader, int]:
        reader = self._whole(is_remarked=is_remarked)
        if reader.sound.frames >= _NO_LENGTH:
            reader.close()
            reader = PartsReader([Part(self._ended_flac)], is_remarked=False)
        frames = int(reader.sound.frames)
        self.must_be_whole = reader.sound.format == "FLAC"
        found = _SHORTER.search(reader.sound.extra_info)
        if found is not None and frames:
            stated = frames / reader.sound.samplerate * int(found[1]) / max(1, int(found[2]))
            self._state(stated, frames / reader.sound.samplerate)
        return reader, frames

    def _whole(self, is_remarked: bool = False) -> PartsReader:
        self._handle.seek(0)
        part = Part(lambda: _rewound(self._handle), is_ours=False)
        return PartsReader([part], is_remarked)

    def _state(self, stated_s: float | None, decoded_s: float, why: str = "") -> None:
        """Note what the header states, and warn where that is not what is there."""
        self.stated_s = stated_s
        if stated_s is None or abs(stated_s - decoded_s) > LENGTH_TOLERANCE_S or why:
            self._warnings.append(length_warning(stated_s, decoded_s, why))

    def _ended_flac(self) -> IO[bytes]:
        """A copy of a FLAC file whose header states its length."""
        found = flac_end(self._handle)
        if found is None:
            raise AudioError(f"{self._name}: damaged: no frame of its FLAC stream is whole")
        if not found.is_whole:
            self._warnings.append("header states no length, the last frame is cut: truncated")
        header = ended_header(self._handle, found)
        with _mapped(self._handle) as data:
            return unnamed_copy(chain([header], _pieces(data, len(header), len(data))))

    def _open_wav(self) -> tuple[PartsReader, int]:
        layout = wav_layout(self._handle)
        if layout is not None and layout.is_open and layout.stated == 0:
            reader = PartsReader([Part(partial(self._closed, layout))], is_remarked=False)
        else:
            reader = self._whole()
        frames, rate = int(reader.sound.frames), reader.sound.samplerate
        if layout is not None and layout.present and frames:
            stated_s = frames / rate * layout.stated / layout.present
            if layout.is_open:
                self._state(stated_s, frames / rate, "the header's length was never written")
            else:
                self._state(stated_s, frames / rate)
        return reader, frames

    def _closed(self, layout: WavLayout) -> IO[bytes]:
        """A copy of a WAV file whose header states what is there."""
        header = closed_header(self._handle, layout)
        with _mapped(self._handle) as data:
            end = layout.data_at + layout.present
            return unnamed_copy(chain([header], _pieces(data, layout.data_at, end)))

    def _open_ogg(self) -> tuple[PartsReader, int]:
        layout = ogg_layout(self._handle)
        if layout is None or len(layout.parts) < 2:
            reader = self._whole()
            frames = int(reader.sound.frames)
        else:
            reader, frames = self._open_chain(layout)
        if layout is not None and not layout.is_whole:
            self._state(None, frames / reader.sound.samplerate, "truncated (no last page)")
        if layout is not None and layout.skipped:
            self._warnings.append(f"{layout.skipped} bytes between the pages of the Ogg stream")
        return reader, frames

    def _open_chain(self, layout: OggLayout) -> tuple[PartsReader, int]:
        parts = [Part(partial(self._piece, *span)) for span in layout.parts]
        counts = []
        for part in parts:
            one = PartsReader([part], is_remarked=False)
            counts.append((int(one.sound.frames), one.sound.samplerate))
            one.close()
        rate = counts[0][1]
        return PartsReader(parts, False), sum(round(n * rate / own) for n, own in counts)

    def _piece(self, start: int, end: int) -> IO[bytes]:
        """An unnamed copy of some bytes of the file."""
        with _mapped(self._handle) as data:
            return unnamed_copy(_pieces(data, start, end))

    def _open_mpeg(self) -> tuple[PartsReader, int]:
        with _mapped(self._handle) as data:
            self._mpeg = mpeg_parts(data)
        if not self._mpeg:
            return self._open_plain(is_remarked=True)
        reader = self._mpeg_reader({})
        rate = reader.sound.samplerate
        counts = [(_decoded_frames(part), part.header.sample_rate) for part in self._mpeg]
        frames = sum(round(n * rate / own) for n, own in counts)
        self._state_mpeg(frames / rate)
        return reader, frames

    def _mpeg_reader(self, broken: dict[int, set[int]]) -> PartsReader:
        if len(self._mpeg) == 1 and not broken and _is_true(self._mpeg[0]):
            reader = self._whole(is_remarked=True)
            if int(reader.sound.frames) == _decoded_frames(self._mpeg[0]):
                return reader
            reader.close()
        parts = [
            Part(partial(self._mended, part, broken.get(number, set())), _decoded_frames(part))
            for number, part in enumerate(self._mpeg)
        ]
        return PartsReader(parts, is_remarked=True)

    def _mended(self, part: MpegPart, broken: set[int]) -> IO[bytes]:
        with _mapped(self._handle) as data:
            return unnamed_copy(repaired(data, part, broken, _padding(part)))

    def _state_mpeg(self, decoded_s: float) -> None:
        first, rate = self._mpeg[0], self._mpeg[0].header.sample_rate
        stated = _stated_frames(first)
        number = len(self._mpeg)
        joined = f"{number} recordings joined" if number > 1 else ""
        cut = "truncated" if self._mpeg[-1].is_cut or _ends_early(first) else "the header is wrong"
        stated_s = None if stated is None else stated / rate
        differs = stated_s is not None and abs(stated_s - decoded_s) > LENGTH_TOLERANCE_S
        if differs or joined or self._mpeg[-1].is_cut:
            self._state(stated_s, decoded_s, joined or cut)
        self.stated_s = decoded_s
        lost = [(part, at, count) for part in self._mpeg for at, count in part.lost]
        if lost:
            part, at, _ = lost[0]
            missing = sum(count * part.header.samples for part, _, count in lost) / rate
            place = at * part.header.samples / rate
            self._warnings.append(
                f"damaged in {len(lost)} places, the first at {place:.1f} s: "
                f"{missing:.2f} s are silence"
            )

    def _mend_broken(self, frames: int) -> bool:
        """After a decoder's complaint: silence the frames that cannot be right, once."""
        if not self._mpeg or self._is_mended:
            return False
        self._is_mended = True
        with _mapped(self._handle) as data:
            broken = {n: set(broken_frames(data, part)) for n, part in enumerate(self._mpeg)}
        number = sum(map(len, broken.values()))
        if number == 0:
            return False
        position = self._position
        self._reader.close()
        self._reader = self._mpeg_reader(broken)
        seconds = number * self._mpeg[0].header.samples / self.info.sample_rate
        self._warnings.append(f"{number} damaged frames: {seconds:.2f} s are silence")
        # In the blocks in which they were read: the last bits of an MP3's samples depend on them.
        skipped = 0
        while skipped < position:
            skipped += self._reader.read(min(frames, position - skipped)).shape[0]
        self._reader.remarks.clear()
        return True


def _kind(handle: IO[bytes]) -> str:
    """``"MP3"``, ``"OGG"``, ``"WAV"`` or nothing, from the first bytes."""
    handle.seek(0)
    head = handle.read(12)
    handle.seek(0)
    if head[:4] == b"OggS":
        return "OGG"
    if head[:4] in (b"RIFF", b"RF64"):
        return "WAV"
    is_sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return "MP3" if is_sync or head[:3] == b"ID3" else ""


def _rewound(handle: IO[bytes]) -> IO[bytes]:
    handle.seek(0)
    return handle


def _mapped(handle: IO[bytes]) -> mmap.mmap:
    return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)


def _pieces(data: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    return (data[at : min(end, at + _COPIED)] for at in range(start, end, _COPIED))


def _count(part: MpegPart) -> int:
    """Frames of a recording, those that are missing in it included."""
    return len(part.offsets) + sum(count for _, count in part.lost)


def _is_true(part: MpegPart) -> bool:
    """Whether a recording's tag states what is there, and nothing is wrong inside."""
    tag = part.tag
    return not part.gaps and not part.is_cut and (tag is None or tag.frames == _count(part))


def _stated_frames(part: MpegPart) -> int | None:
    if part.tag is None or part.tag.frames is None:
        return None
    trimmed = (part.tag.delay or 0) + (part.tag.padding or 0)
    return part.tag.frames * part.header.samples - trimmed


def _padding(part: MpegPart) -> int:
    """Samples to drop at the end: none where the end itself is missing."""
    if part.tag is None or part.is_cut or _ends_early(part):
        return 0
    return part.tag.padding or 0


def _ends_early(part: MpegPart) -> bool:
    """Whether both frames and bytes are fewer than the tag states: the end is missing."""
    tag = part.tag
    if tag is None or tag.frames is None or _count(part) >= tag.frames:
        return False
    return tag.size is None or part.end - part.start < tag.size - part.header.size


def _decoded_frames(part: MpegPart) -> int:
    total = _count(part) * part.header.samples
    if part.tag is None or part.tag.delay is None:
        return total
    return max(0, total - part.tag.delay - _padding(part))
