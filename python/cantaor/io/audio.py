"""Audio files in and out: anything libsndfile decodes, as mono float32.

This is the only module that opens audio files. Decoding and encoding are soundfile's (libsndfile),
resampling is soxr's; both are well-kept libraries and nothing here replaces them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from cantaor.errors import ArgumentError, AudioError
from cantaor.io.locations import Location, open_local, printable, stamp_of
from cantaor.types import Audio, Float32Array

#: File name extensions that count as audio when a folder is searched.
EXTENSIONS = (".wav", ".flac", ".mp3", ".ogg")

# Frames decoded at a time: bounds the memory that a many-channel file needs before it is mono.
_BLOCK = 1 << 18
# Others land near the sample that was asked for: they are decoded from the start.
_SEEKABLE = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC")


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of an audio file says.

    Attributes
    ----------
    sample_rate
        Samples per second, Hz.
    channels
        Number of channels, >= 1.
    frames
        Samples per channel.
    format
        Container, such as ``"FLAC"``.
    """

    sample_rate: int
    channels: int
    frames: int
    format: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def probe(path: Location) -> AudioInfo:
    """Read the header of an audio file.

    Parameters
    ----------
    path
        An audio file.

    Raises
    ------
    AudioError
        The file is missing, empty, or not audio.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
    >>> write_audio(file, np.zeros(441, np.float32), 44100)
    >>> probe(file).duration_s
    0.01
    """
    with _open(path) as sound:
        return AudioInfo(sound.samplerate, sound.channels, sound.frames, sound.format)


def read_audio(
    path: Location,
    sample_rate: int | None = None,
    channel: str | int = "mean",
) -> Audio:
    """Decode a recording to mono float32.

    Parameters
    ----------
    path
        WAV, FLAC, MP3, OGG or anything else that libsndfile reads; any rate and channel count; a
        file or any URL that fsspec opens.
    sample_rate
        Rate to resample to in Hz (soxr, high quality); ``None`` keeps the file's own.
    channel
        ``"mean"`` of all channels, or the index of one, counted from 0.

    Returns
    -------
    Audio
        At least one sample; every sample is finite.

    Raises
    ------
    AudioError
        The file is missing, empty, damaged, not audio, or holds NaN or infinite samples.
    ArgumentError
        ``sample_rate`` or ``channel`` is out of range.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
    >>> write_audio(file, np.zeros((480, 2), np.float32), 48000)
    >>> read_audio(file, sample_rate=16000).samples.shape
    (160,)
    """
    with open_audio(path, channel) as stream:
        samples = np.concatenate(list(stream.blocks()))
        rate = stream.sample_rate if sample_rate is None else sample_rate
        return resample(Audio(samples, stream.sample_rate), rate)


class AudioStream:
    """A recording that is decoded a block at a time; made by :func:`open_audio`.

    Attributes
    ----------
    info
        What the header says.
    """

    def __init__(self, sound: soundfile.SoundFile, path: Location, channel: str | int) -> None:
        self.info = AudioInfo(sound.samplerate, sound.channels, sound.frames, sound.format)
        self._sound = sound
        self._name = printable(os.fspath(path))
        self._channel = _channel_index(channel, sound.channels, self._name)

    @property
    def sample_rate(self) -> int:
        """Samples per second, Hz."""
        return self.info.sample_rate

    def blocks(self, start_s: float = 0.0, end_s: float = float("inf")) -> Iterator[Float32Array]:
        """The samples of a span, mono, in blocks of a few seconds.

        Parameters
        ----------
        start_s, end_s
            The span in seconds; an end past the recording's stops there.

        Yields
        ------
        float32 (n,), n at least 1, every sample finite.

        Raises
        ------
        AudioError
            The span lies outside the recording, the file is damaged or cut short, or a sample is
            NaN or infinite.
        """
        first = round(start_s * self.sample_rate)
        last = None if end_s == float("inf") else round(end_s * self.sample_rate)
        done = 0
        for block in self._decoded(first, last):
            bad = block.size - int(np.count_nonzero(np.isfinite(block)))
            if bad:
                at = first + done + int(np.argmin(np.isfinite(block)))
                raise AudioError(
                    f"{self._name}: {bad} of {block.size} samples are NaN or infinite, "
                    f"the first at {at / self.sample_rate:.3f} s"
                )
            done += block.size
            yield block
        if done == 0:
            self._refuse_nothing(start_s)
        self._refuse_cut_short(first, last, done)

    def _decoded(self, first: int, last: int | None) -> Iterator[Float32Array]:
        """Mono blocks from sample ``first`` up to ``last``."""
        position = self._skip_to(first)
        while last is None or position < last:
            block = self._read(_BLOCK if last is None else min(_BLOCK, last - position))
            if block.shape[0] == 0:
                return
            kept = block[max(0, first - position) :]
            position += block.shape[0]
            if kept.shape[0]:
                yield self._mono(kept)

    def _mono(self, block: Float32Array) -> Float32Array:
        if block.shape[1] == 1:
            return np.ascontiguousarray(block[:, 0])
        return block.mean(axis=1) if self._channel is None else block[:, self._channel].copy()

    def _skip_to(self, first: int) -> int:
        """Go near a sample and say where; only these formats are sought to the exact sample."""
        if self.info.format not in _SEEKABLE or first == 0:
            return 0
        try:
            return int(self._sound.seek(min(first, self.info.frames)))
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(f"{self._name}: damaged: {error}") from error

    def _read(self, frames: int) -> Float32Array:
        try:
            block: Float32Array = self._sound.read(frames, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError, OSError) as error:
            raise AudioError(f"{self._name}: damaged: {error}") from error
        return block

    def _refuse_nothing(self, start_s: float) -> None:
        if self.info.frames == 0 or start_s == 0:
            raise AudioError(f"{self._name}: holds no audio (0 samples)")
        raise AudioError(
            f"{self._name}: span from {start_s} s lies past its end at {self.info.duration_s} s"
        )

    def _refuse_cut_short(self, first: int, last: int | None, done: int) -> None:
        expected = self.info.frames if last is None else min(last, self.info.frames)
        if self.info.format != "MP3" and first + done < expected:
            raise AudioError(
                f"{self._name}: damaged or cut short: {first + done} of {self.info.frames} "
                "samples decoded"
            )


@contextmanager
def open_audio(path: Location, channel: str | int = "mean") -> Iterator[AudioStream]:
    """Open a recording to decode it a block at a time; memory does not grow with its length.

    Parameters
    ----------
    path, channel
        As for :func:`read_audio`.

    Raises
    ------
    AudioError
        The file is missing, empty or not audio.
    ArgumentError
        ``channel`` is out of range.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
    >>> write_audio(file, np.zeros(88200, np.float32), 44100)
    >>> with open_audio(file) as stream:
    ...     sum(block.size for block in stream.blocks(0.5, 1.0))
    22050
    """
    with _open(path) as sound:
        yield AudioStream(sound, path, channel)


def resample(audio: Audio, sample_rate: int) -> Audio:
    """Resample to another rate (soxr, high quality); the same record if the rate is the same.

    Parameters
    ----------
    audio
        Any mono audio.
    sample_rate
        Target rate in Hz, > 0.

    Raises
    ------
    ArgumentError
        ``sample_rate`` is not positive.

    Examples
    --------
    >>> resample(Audio(np.zeros(480, np.float32), 48000), 16000).samples.size
    160
    """
    if not sample_rate > 0:
        raise ArgumentError(f"sample_rate must be positive, not {sample_rate}")
    if sample_rate == audio.sample_rate:
        return audio
    samples = soxr.resample(audio.samples, audio.sample_rate, sample_rate)
    return Audio(np.ascontiguousarray(samples, dtype=np.float32), sample_rate)


def resampled(
    blocks: Iterable[Float32Array],
    sample_rate: int,
    target_rate: int,
    sink: Callable[[Float32Array], object],
) -> Iterator[Float32Array]:
    """Pass blocks on unchanged while ``sink`` gets them at another rate.

    Parameters
    ----------
    blocks
        float32 (n,) each, of one recording.
    sample_rate, target_rate
        Hz, > 0.
    sink
        Gets the samples of :func:`resample`, bit for bit, in blocks of any size; the last of them
        when ``blocks`` end.

    Examples
    --------
    >>> parts = []
    >>> for _ in resampled([np.zeros(4800, np.float32)] * 3, 48000, 16000, parts.append): pass
    >>> sum(part.size for part in parts)
    4800
    """
    if sample_rate == target_rate:
        for block in blocks:
            sink(block)
            yield block
        return
    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32")
    for block in blocks:
        sink(stream.resample_chunk(block))
        yield block
    sink(stream.resample_chunk(np.empty(0, np.float32), last=True))


def write_audio(path: str | os.PathLike[str], samples: Float32Array, sample_rate: int) -> None:
    """Write audio in the format that the extension names, 16 bits a sample where it is PCM.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    path
        ``.wav``, ``.flac``, ``.mp3`` or ``.ogg``.
    samples
        float32 (n,) or (n, channels), -1..1; louder samples are clipped.
    sample_rate
        Hz, > 0.

    Raises
    ------
    AudioError
        The format is unknown or the file cannot be written.
    """
    path = Path(path)
    draft = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        draft.write_bytes(_encode(samples, sample_rate, path.suffix[1:].upper()))
        draft.replace(path)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise AudioError(f"{path}: cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _encode(samples: Float32Array, sample_rate: int, form: str) -> bytes:
    # In a file of memory: libsndfile would wait for the disk at the end of every file. By its
    # descriptor: see _open.
    with os.fdopen(os.memfd_create("audio"), "rb") as memory:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        with soundfile.SoundFile(
            memory.fileno(), "w", sample_rate, channels, format=form, closefd=False
        ) as sound:
            sound.write(samples)
        memory.seek(0)
        return memory.read()


@contextmanager
def _open(path: Location) -> Iterator[soundfile.SoundFile]:
    name = printable(os.fspath(path))
    try:
        if stamp_of(path).size == 0:
            raise AudioError(f"{name}: the file is empty (0 bytes)")
        handle = open_local(path)
    except FileNotFoundError as error:
        raise AudioError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise AudioError(f"{name}: not a file") from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened: {error.strerror or error}") from error
    except ValueError as error:
        raise AudioError(f"{name}: cannot be opened: {error}") from error
    with handle:
        try:
            # A descriptor, not the file object: libsndfile would read that through callbacks into
            # Python, and Ctrl-C within a callback is lost.
            sound = soundfile.SoundFile(handle.fileno(), closefd=False)
        except (soundfile.SoundFileError, OSError, TypeError) as error:
            raise AudioError(f"{name}: not readable as audio: {error}") from error
        with sound:
            yield sound


def _channel_index(channel: str | int, channels: int, name: str) -> int | None:
    if channel == "mean":
        return None
    if isinstance(channel, bool) or not isinstance(channel, int) or not 0 <= channel < channels:
        raise ArgumentError(
            f'channel must be "mean" or an index below {channels} for {name}, not {channel!r}'
        )
    return channel
