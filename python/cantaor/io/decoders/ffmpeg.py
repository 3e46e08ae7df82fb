"""Decoding with FFmpeg through PyAV: the sound of what libsndfile does not read.

Encoder delay is removed where the container states it, and where a coding has one of its own. A
packet that cannot be decoded costs its own samples: silence takes their place.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from io import FileIO
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cantaor.errors import AudioError, require_extra
from cantaor.io.decoders.decoder import AudioInfo
from cantaor.types import Float32Array

if TYPE_CHECKING:
    from fractions import Fraction

Made = TypeVar("Made")

# Demuxers that may be used. Others open further files or addresses that a file names.
_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dtshd,eac3,flac,flv,loas,matroska,mov,mp3,"
    "mpc,mpc8,mpeg,mpegts,ogg,oma,rm,tta,voc,w64,wav,wv"
)
# Names of FFmpeg's demuxers that readers do not know.
_NAMES = {"mov": "MP4", "matroska": "Matroska", "asf": "Windows Media", "mpegts": "MPEG-TS"}
# Their time stamps lead to the exact sample; elsewhere a span is decoded up to.
_SEEKABLE = ("mov", "matroska")
# These state how long they are; the length of others is a guess from their bit rate.
_STATING = ("mov", "matroska", "asf", "avi", "flv", "wav", "w64", "caf", "aiff", "au", "tta", "wv")
# Containers that keep no word of an encoder's delay, and the delay that a coding itself has,
# samples: the transform's overlap; for MP3 with what nearly all encoders add.
_SILENT_ON_DELAY = ("aac", "amr", "avi", "ac3", "eac3", "mpegts", "mpeg", "flv", "loas")
_OWN_DELAY = {"aac": 1024, "mp3": 1105, "mp3float": 1105, "ac3": 256, "eac3": 256, "amrnb": 40}
# FFmpeg's decoder of these drops two frames, which its own encoder is late by only one.
_HALF_DELAY, _DROP_NOTHING = ("wmav1", "wmav2"), 1 << 29
# Nearer than this to the start nothing is sought; a coder is given time to settle before a span.
_FAR_S, _SETTLE_S = 30.0, 1.0
# Time stamps are rounded; a smaller hole between two frames is no hole. A larger one than the
# second figure is a jump of the clock, not silence.
_HOLE_S, _JUMP_S = 0.05, 3600.0
# What nearly all decoders give: a plane of samples for each channel.
_PLANAR = {"fltp": np.float32, "s16p": np.int16, "s32p": np.int32}
# A header of this size may take long to read.
_LARGE = 4 << 20


class AvDecoder:
    """A recording that FFmpeg decodes; see :class:`cantaor.io.decoders.decoder.Decoder`."""

    def __init__(self, handle: FileIO, name: str) -> None:
        self._av: Any = require_extra("av", "formats")
        self._name = name
        self._warnings: list[str] = []
        self._handle = handle
        self._primed = 0
        self._channels = 0
        self._damaged = self._filled = 0
        self._drops_frame = False
        self._resampler: Any = None
        self._layout: tuple[str, int] | None = None
        self._origin: int | None = None
        self._grid = (0, 0)
        self._up = self._down = 1
        self.stated_s: float | None = None
        self._container = self._open(handle)
        try:
            self.info = self._start()
        except BaseException:
            self._container.close()
            raise

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found wrong so far."""
        found = list(self._warnings)
        if self._damaged:
            found.append(f"{self._damaged} damaged packets: silence in their place")
        if self._filled:
            seconds = self._filled / self.info.sample_rate
            found.append(f"{seconds:.2f} s without sound data: silence in their place")
        return tuple(found)

    @property
    def must_be_whole(self) -> bool:
        """Never: what is there is read."""
        return False

    def seek(self, frame: int) -> int:
        """Go to a frame or before it: near one far inside, else to the start."""
        rate = self.info.sample_rate
        if frame < _FAR_S * rate or self._demuxer not in _SEEKABLE or self._origin is None:
            if self._position or self._waiting_frames != self._primed:
                self._restart()
            return self._position
        target = frame - int(_SETTLE_S * rate)
        self._restart(self._origin + int(target / rate / self._time_base))
        self._pull()
        if not self._waiting or self._position > frame:
            self._restart()
        return self._position

    def read(self, frames: int) -> Float32Array:
        """The next frames."""
        while self._waiting_frames < frames and not self._is_done:
            self._pull()
        taken, count = [], 0
        while self._waiting and count < frames:
            block = self._waiting.popleft()
            rest = frames - count
            if block.shape[1] > rest:
                self._waiting.appendleft(block[:, rest:])
                block = block[:, :rest]
            taken.append(block)
            count += block.shape[1]
        self._waiting_frames -= count
        self._position += count
        if not taken:
            return np.empty((0, self.info.channels), np.float32)
        return (taken[0] if len(taken) == 1 else np.concatenate(taken, axis=1)).T

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _open(self, handle: FileIO) -> Any:
        handle.seek(0)
        options = {
            "fd": str(handle.fileno()),
            "format_whitelist": _DEMUXERS,
            "protocol_whitelist": "fd",
        }
        is_large = os.fstat(handle.fileno()).st_size > _LARGE
        try:
            opening: Callable[[], Any] = lambda: self._av.open("fd:", options=options)  # noqa: E731
            return _interruptible(opening) if is_large else opening()
        except (self._av.error.FFmpegError, ValueError) as error:
            raise AudioError(f"{self._name}: not readable as audio: {_words(error)}") from error

    def _start(self) -> AudioInfo:
        """Choose the sound of the file and decode its first frame: it tells rate and channels."""
        sounds = self._container.streams.audio
        if not sounds:
            raise AudioError(f"{self._name}: holds no sound (no audio stream)")
        if sounds[0].codec_context is None:
            raise AudioError(f"{self._name}: its sound is coded in a way that FFmpeg does not know")
        if len(sounds) > 1:
            self._warnings.append(f"{len(sounds)} sound tracks: the first is read")
        self._stream = sounds[0]
        self._demuxer = self._container.format.name.partition(",")[0]
        self._time_base: Fraction = self._stream.time_base
        self._reset()
        while self._layout is None and not self._is_done:
            self._pull()
        self._primed = self._waiting_frames
        layout, codec = self._layout, self._stream.codec_context
        if layout is None:
            raise AudioError(f"{self._name}: damaged: none of its sound can be decoded")
        rate = layout[1]
        self.stated_s = self._stated()
        seconds = self.stated_s if self.stated_s is not None else self._guess()
        return AudioInfo(
            rate,
            self._channels,
            round(seconds * rate),
            _NAMES.get(self._demuxer, self._demuxer.upper()),
            str(codec.name),
            "ffmpeg",
        )

    def _stated(self) -> float | None:
        """Length of the sound by the header, seconds."""
        if self._demuxer not in _STATING:
            return None
        if self._stream.duration:
            return float(self._stream.duration * self._time_base)
        tag = next((v for k, v in self._stream.metadata.items() if k.startswith("DURATION")), "")
        hours, _, rest = tag.partition(":")
        minutes, _, seconds = rest.partition(":")
        try:
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            if self._container.streams.video:
                return None
        duration = self._container.duration
        return None if duration is None else float(duration / self._av.time_base)

    def _guess(self) -> float:
        duration = self._stream.duration
        if duration:
            return float(duration * self._time_base)
        return float((self._container.duration or 0) / self._av.time_base)

    def _reset(self) -> None:
        codec = self._stream.codec_context
        writer = str(self._container.metadata.get("encoder", ""))
        self._drops_frame = codec.name in _HALF_DELAY and writer.startswith("Lavf")
        if self._drops_frame:
            codec.flags2 |= _DROP_NOTHING
        self._packets: Iterator[Any] = self._container.demux(self._stream)
        self._waiting: deque[Float32Array] = deque()
        self._waiting_frames = 0
        self._position = 0
        self._next: int | None = None
        self._is_done = False
        self._to_drop = _OWN_DELAY.get(codec.name, 0) if self._demuxer in _SILENT_ON_DELAY else 0

    def _restart(self, stamp: int | None = None) -> None:
        """Go on from the packet before a time stamp, or from the very start.

        For the start the file is opened anew: a decoder that has run does not always drop an
        encoder's delay a second time.
        """
        try:
            if stamp is None:
                self._container.close()
                self._container = self._open(self._handle)
                self._stream = self._container.streams.audio[0]
            else:
                self._container.seek(stamp, stream=self._stream)
        except self._av.error.FFmpegError as error:
            raise AudioError(f"{self._name}: cannot be sought: {_words(error)}") from error
        self._reset()
        self._damaged = self._filled = 0
        if stamp is not None:
            self._to_drop = 0
            self._next = -1

    def _pull(self) -> None:
        """Decode one packet."""
        try:
            packet = next(self._packets, None)
        except self._av.error.FFmpegError as error:
            self._warnings.append(f"reading stopped: {_words(error)}")
            packet = None
        if packet is None:
            self._is_done = True
            return
        try:
            frames = packet.decode()
        except self._av.error.FFmpegError:
            self._damaged += 1
            return
        for frame in frames:
            self._take(frame)

    def _take(self, frame: Any) -> None:
        # Asked of every frame, thousands a minute: nothing here may be slow.
        if frame.samples == 0:
            return
        if self._layout is None:
            self._layout = (frame.layout.name, frame.sample_rate)
            self._channels = frame.layout.nb_channels
            base = self._time_base * frame.sample_rate
            self._up, self._down = base.numerator, base.denominator
            self._origin = frame.pts
            size = int(self._stream.codec_context.frame_size or 0) or frame.samples
            self._grid = (size, frame.samples % size)
        if frame.layout.nb_channels != self._channels or frame.sample_rate != self._layout[1]:
            for one in self._same(frame):
                self._append(_floats(one, self._channels), None)
            return
        stamp = None
        if frame.pts is not None and self._origin is not None:
            stamp = ((frame.pts - self._origin) * self._up + self._down // 2) // self._down
        self._append(_floats(frame, self._channels), stamp)

    def _append(self, block: Float32Array, stamp: int | None) -> None:
        """Keep a frame's samples where its time stamp says that they belong."""
        assert self._layout is not None
        rate = self._layout[1]
        if self._next == -1 and stamp is not None:
            self._position = self._next = self._snapped(stamp, block.shape[1])
        if self._next is None or self._next < 0:
            self._next = 0
        hole = 0 if stamp is None else stamp - self._next
        if _HOLE_S * rate < hole < _JUMP_S * rate:
            self._filled += hole
            self._next += hole
            self._keep(np.zeros((block.shape[0], hole), np.float32))
        self._next += block.shape[1]
        if self._drops_frame:
            self._drops_frame, self._to_drop = False, block.shape[1]
        if self._to_drop:
            dropped = min(self._to_drop, block.shape[1])
            self._to_drop -= dropped
            block = block[:, dropped:]
        self._keep(block)

    def _keep(self, block: Float32Array) -> None:
        if block.shape[1]:
            self._waiting.append(block)
            self._waiting_frames += block.shape[1]

    def _snapped(self, stamp: int, size: int) -> int:
        """The sample that a rounded time stamp means, where all frames are of one size."""
        assert self._layout is not None
        step, grid = float(self._time_base * self._layout[1]), self._grid[0]
        if step <= 1 or size != grid:
            return max(0, stamp)
        exact = round((stamp - self._grid[1]) / grid) * grid + self._grid[1]
        return max(0, exact if abs(exact - stamp) <= step + 1 else stamp)

    def _same(self, frame: Any) -> list[Any]:
        """A frame of another rate or layout than the first, made alike."""
        assert self._layout is not None
        if self._resampler is None:
            layout, rate = self._layout
            self._resampler = self._av.AudioResampler(format="fltp", layout=layout, rate=rate)
            self._warnings.append(
                f"its sound changes to {frame.sample_rate} Hz, {frame.layout.name}: made alike"
            )
        frame.pts = None
        resampled: list[Any] = self._resampler.resample(frame)
        return resampled


def _floats(frame: Any, channels: int) -> Float32Array:
    """Samples of a frame, float32 (channels, n), full scale -1..1."""
    kind = _PLANAR.get(frame.format.name)
    if kind is None:
        array: NDArray[Any] = frame.to_ndarray()
    else:
        # What to_ndarray does, at a third of its cost.
        planes = [np.frombuffer(one, kind, frame.samples) for one in frame.planes]
        array = planes[0][None] if channels == 1 else np.stack(planes)
    if not frame.format.is_planar and channels > 1:
        array = array.reshape(-1, channels).T
    if array.dtype == np.float32:
        return array
    floats: Float32Array = array.astype(np.float32)
    if array.dtype == np.uint8:
        floats = (floats - np.float32(128)) / np.float32(128)
    elif array.dtype.kind == "i":
        floats *= np.float32(2.0 ** (1 - 8 * array.dtype.itemsize))
    return floats


def _interruptible(make: Callable[[], Made]) -> Made:
    """Call in a thread of its own: a large header is read in one native call without Ctrl-C."""
    done = threading.Event()
    results: list[Made] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(make())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    while not done.wait(0.05):
        continue
    if errors:
        raise errors[0]
    return results[0]


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)
