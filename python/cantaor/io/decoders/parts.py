"""libsndfile over a recording that lies in one or several pieces of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import soundfile
import soxr

from cantaor.io.decoders.remarks import native_remarks
from cantaor.types import Float32Array


@dataclass(frozen=True, slots=True)
class Part:
    """One piece.

    Attributes
    ----------
    open
        Makes the file to decode: a descriptor is needed.
    frames
        Samples a channel; None where libsndfile knows them.
    is_ours
        Whether to close the file afterwards.
    """

    open: Callable[[], IO[bytes]]
    frames: int | None = None
    is_ours: bool = True


class PartsReader:
    """Frames of one piece after the other, all at the rate and channels of the first.

    Attributes
    ----------
    sound
        What is being decoded.
    remarks
        What libsndfile's decoders had to say.
    """

    def __init__(self, parts: Sequence[Part], is_remarked: bool) -> None:
        self._parts = parts
        self._is_remarked = is_remarked
        self._index = -1
        self._file: IO[bytes] | None = None
        self._left: int | None = None
        self._resampler: soxr.ResampleStream | None = None
        self._waiting: list[Float32Array] = []
        self.remarks: list[str] = []
        self.sound: Any = None
        self.sample_rate, self.channels = 0, 0
        self._next()

    def read(self, frames: int) -> Float32Array:
        """The next frames, float32 (n, channels); none at the end.

        Raises
        ------
        soundfile.SoundFileError, RuntimeError, OSError
            The piece is damaged.
        """
        while self.sound is not None:
            wanted = frames if self._left is None else min(frames, self._left)
            block = self._decode(wanted) if wanted else np.empty((0, 1), np.float32)
            if self._left is not None:
                self._left -= block.shape[0]
            out = self._converted(block)
            if block.shape[0] == 0:
                self._next()
            if out.shape[0]:
                return out
        return np.empty((0, self.channels), np.float32)

    def rewind(self) -> None:
        """Begin again."""
        self._index = -1
        self._next()

    def close(self) -> None:
        """Close what is open."""
        if self.sound is not None:
            self.sound.close()
            self.sound = None
        if self._file is not None and self._parts[self._index].is_ours:
            self._file.close()
        self._file = None

    def _next(self) -> None:
        self.close()
        self._index += 1
        if self._index >= len(self._parts):
            return
        part = self._parts[self._index]
        self._file = part.open()
        self._left = part.frames
        self.sound = self._open(self._file)
        self._resampler = None
        if self._index == 0:
            self.sample_rate, self.channels = self.sound.samplerate, self.sound.channels
        elif self.sound.samplerate != self.sample_rate:
            self._resampler = soxr.ResampleStream(
                self.sound.samplerate, self.sample_rate, self.channels, dtype="float32"
            )

    def _open(self, file: IO[bytes]) -> soundfile.SoundFile:
        # A descriptor, not the file object: libsndfile would read that through callbacks into
        # Python, and Ctrl-C within a callback is lost.
        if not self._is_remarked:
            return soundfile.SoundFile(file.fileno(), closefd=False)
        with native_remarks() as remarks:
            sound = soundfile.SoundFile(file.fileno(), closefd=False)
        self.remarks += remarks.lines
        return sound

    def _decode(self, frames: int) -> Float32Array:
        if not self._is_remarked:
            block: Float32Array = self.sound.read(frames, dtype="float32", always_2d=True)
            return block
        try:
            with native_remarks() as remarks:
                block = self.sound.read(frames, dtype="float32", always_2d=True)
        finally:
            self.remarks += remarks.lines
        return block

    def _converted(self, block: Float32Array) -> Float32Array:
        """A later piece's frames as the first piece's are."""
        if self._index == 0:
            return block
        if block.shape[1] != self.channels and block.shape[0]:
            block = np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
        if self._resampler is None:
            return block
        is_last = block.shape[0] == 0
        piece = np.empty((0, self.channels), np.float32) if is_last else block
        out: Float32Array = self._resampler.resample_chunk(
            np.ascontiguousarray(piece[:, 0] if self.channels == 1 else piece), last=is_last
        )
        return out.reshape(-1, self.channels)


def unnamed_copy(pieces: Iterable[bytes]) -> IO[bytes]:
    """A temporary file without a name that holds some bytes; it goes when it is closed.

    Raises
    ------
    OSError
        There is no room for it.
    """
    with ExitStack() as undo:
        copy = undo.enter_context(TemporaryFile())
        copy.writelines(pieces)
        copy.seek(0)
        undo.pop_all()
    return copy
