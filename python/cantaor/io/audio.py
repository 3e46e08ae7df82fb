"""Audio files in: whatever libsndfile or FFmpeg decodes, as mono float32.

What libsndfile reads it decodes; the rest goes to FFmpeg through PyAV (extra ``formats``). soxr
resamples. What is wrong with a file and does not keep it from being read is a warning, which
travels with its samples; nothing is printed here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import FileIO
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError, AudioError
from cantaor.io.channels import Channel, ChannelLevels, channel_index
from cantaor.io.decoders.decoder import LENGTH_TOLERANCE_S, Decoder, length_warning
from cantaor.io.decoders.decoder import AudioInfo as AudioInfo
from cantaor.io.decoders.libsndfile import SoundfileDecoder
from cantaor.io.encoding import write_audio as write_audio
from cantaor.io.formats import EXTENSIONS as EXTENSIONS
from cantaor.io.formats import HEAD, conversion_hint, has_ffmpeg, needs_ffmpeg, recognise
from cantaor.io.locations import Location, open_local, printable, stamp_of
from cantaor.io.resampling import resample as resample
from cantaor.io.resampling import resampled as resampled
from cantaor.settings import check_channel
from cantaor.types import Audio, Float32Array

# Frames decoded at a time: bounds the memory that a many-channel file needs before it is mono.
_BLOCK = 1 << 18


#: A recording: in memory, a file or URL, or samples (n,) that come with a sample rate.
Recording: TypeAlias = "Audio | str | os.PathLike[str] | ArrayLike"


def probe(path: Location) -> AudioInfo:
    """Read the header of an audio file.

    Parameters
    ----------
    path
        An audio file.

    Raises
    ------
    AudioError
        The file is missing, empty, not audio, or needs the extra ``formats``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
    >>> write_audio(file, np.zeros(441, np.float32), 44100)
    >>> probe(file).duration_s
    0.01
    """
    with _opened(path) as (handle, name), _decoder(handle, name) as decoder:
        return replace(decoder.info, warnings=decoder.warnings)


def read_audio(
    path: Location,
    sample_rate: int | None = None,
    channel: Channel = "mean",
) -> Audio:
    """Decode a recording to mono float32.

    Parameters
    ----------
    path
        Anything that libsndfile reads (WAV, FLAC, MP3, OGG, AIFF and more) or, with the extra
        ``formats``, FFmpeg (M4A, WMA, AMR, WebM, the sound of videos); any rate and channel count;
        a file or any URL that fsspec opens.
    sample_rate
        Rate to resample to in Hz (soxr, high quality); ``None`` keeps the file's own.
    channel
        ``"mean"`` of all channels, ``"left"``, ``"right"``, ``"first"``, ``"loudest"``, or the
        index of one, counted from 0.

    Returns
    -------
    Audio
        At least one sample; every sample is finite. ``warnings`` says what was wrong with the
        file: a header that states another length, damaged frames, channels that cancel.

    Raises
    ------
    AudioError
        The file is missing, empty, damaged, not audio, holds NaN or infinite samples, or needs the
        extra ``formats``.
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
    if sample_rate is not None and not sample_rate > 0:
        raise ArgumentError(f"sample_rate must be positive, not {sample_rate}")
    with open_audio(path, channel) as stream:
        samples = np.concatenate(list(stream.blocks()))
        audio = Audio(samples, stream.sample_rate, stream.warnings)
        return resample(audio, stream.sample_rate if sample_rate is None else sample_rate)


class AudioStream:
    """A recording that is decoded a block at a time; made by :func:`open_audio`.

    Attributes
    ----------
    info
        What the header says.
    """

    def __init__(self, decoder: Decoder, name: str, channel: int | None) -> None:
        self.info = decoder.info
        self._decoder = decoder
        self._name = name
        self._channel = channel
        self._levels = ChannelLevels(decoder.info.channels)
        self._length_warning = ""

    @property
    def sample_rate(self) -> int:
        """Samples per second, Hz."""
        return self.info.sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong so far and did not keep the recording from being read, in words."""
        found = (*self._decoder.warnings, self._length_warning, self.cancellation)
        return tuple(warning for warning in found if warning)

    @property
    def cancellation(self) -> str:
        """What to say where the channels cancel in the mean; empty where they do not."""
        return self._levels.cancellation() if self._channel is None else ""

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
            The span lies outside the recording, the file is damaged beyond reading, a FLAC file
            is cut short, or a sample is NaN or infinite.
        """
        first = round(start_s * self.sample_rate)
        last = None if end_s == float("inf") else round(end_s * self.sample_rate)
        done = 0
        for block in self._decoded(first, last):
            # A sample that is NaN makes both NaN.
            if not (np.isfinite(block.min(initial=0)) and np.isfinite(block.max(initial=0))):
                bad = block.size - int(np.count_nonzero(np.isfinite(block)))
                at = first + done + int(np.argmin(np.isfinite(block)))
                raise AudioError(
                    f"{self._name}: {bad} of {block.size} samples are NaN or infinite, "
                    f"the first at {at / self.sample_rate:.3f} s"
                )
            done += block.size
            yield block
        if done == 0:
            self._refuse_nothing(start_s)
        self._compare_length(first, last, done)

    def _decoded(self, first: int, last: int | None) -> Iterator[Float32Array]:
        """Mono blocks from sample ``first`` up to ``last``."""
        position = self._decoder.seek(first)
        while last is None or position < last:
            block = self._decoder.read(_BLOCK if last is None else min(_BLOCK, last - position))
            if block.shape[0] == 0:
                return
            kept = block[max(0, first - position) :]
            position += block.shape[0]
            if kept.shape[0]:
                yield self._mono(kept)

    def _mono(self, block: Float32Array) -> Float32Array:
        if block.shape[1] == 1:
            return np.ascontiguousarray(block[:, 0])
        if self._channel is not None:
            return block[:, self._channel].copy()
        mean: Float32Array = block.mean(axis=1)
        self._levels.add(block, mean)
        return mean

    def _refuse_nothing(self, start_s: float) -> None:
        if self.info.frames == 0 or start_s == 0:
            raise AudioError(f"{self._name}: holds no audio (0 samples)")
        raise AudioError(
            f"{self._name}: span from {start_s} s lies past its end at {self.info.duration_s} s"
        )

    def _compare_length(self, first: int, last: int | None, done: int) -> None:
        """Say where less was decoded, or more, than the header states."""
        expected = self.info.frames if last is None else min(last, self.info.frames)
        if self._decoder.must_be_whole and first + done < expected:
            raise AudioError(
                f"{self._name}: damaged or cut short: {first + done} of {self.info.frames} "
                "samples decoded"
            )
        if self._decoder.stated_s is None or (last is not None and last > self.info.frames):
            return
        missing_s = (expected - first - done) / self.sample_rate
        if abs(missing_s) > LENGTH_TOLERANCE_S:
            decoded_s = (first + done) / self.sample_rate
            self._length_warning = length_warning(self.info.duration_s, decoded_s)


@contextmanager
def open_audio(path: Location, channel: Channel = "mean") -> Iterator[AudioStream]:
    """Open a recording to decode it a block at a time; memory does not grow with its length.

    Parameters
    ----------
    path, channel
        As for :func:`read_audio`.

    Raises
    ------
    AudioError
        The file is missing, empty, not audio, or needs the extra ``formats``. An error that the
        block raises gets the levels of the channels where these cancel in the mean.
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
    check_channel(channel)
    with _opened(path) as (handle, name):
        if channel == "loudest":
            channel = _loudest(handle, name)
        with _decoder(handle, name) as decoder:
            index = channel_index(channel, decoder.info.channels, name)
            stream = AudioStream(decoder, name, index)
            try:
                yield stream
            except AudioError as error:
                if not stream.cancellation:
                    raise
                raise AudioError(f"{error}; its {stream.cancellation}") from error


def _loudest(handle: FileIO, name: str) -> int:
    """Index of the channel with most power in the whole recording."""
    with _decoder(handle, name) as decoder:
        if decoder.info.channels == 1:
            return 0
        levels = ChannelLevels(decoder.info.channels)
        while (block := decoder.read(_BLOCK)).shape[0]:
            levels.add(np.nan_to_num(block))
        return levels.loudest


@contextmanager
def _opened(path: Location) -> Iterator[tuple[FileIO, str]]:
    """The bytes of a recording as a file of this machine, and how to call it."""
    name = printable(os.fspath(path))
    try:
        is_empty = stamp_of(path).size == 0
        handle = open_local(path)
    except FileNotFoundError as error:
        raise AudioError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise AudioError(f"{name}: not a file") from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened: {error.strerror or error}") from error
    except ValueError as error:
        raise AudioError(f"{name}: cannot be opened: {error}") from error
    if is_empty:
        handle.close()
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    # Without a buffer: the decoders share its descriptor and must find it where it was left.
    with handle, FileIO(handle.fileno(), closefd=False) as raw:
        yield raw, name


@contextmanager
def _decoder(handle: FileIO, name: str) -> Iterator[Decoder]:
    """What decodes a file: told by its first bytes, not by its name."""
    decoder = _choose(handle, name)
    try:
        yield decoder
    finally:
        decoder.close()


def _choose(handle: FileIO, name: str) -> Decoder:
    handle.seek(0)
    kind = recognise(handle.read(HEAD))
    if kind and not has_ffmpeg():
        raise AudioError(f"{name}: {kind} needs FFmpeg: {conversion_hint(name)}")
    if kind:
        return _ffmpeg(handle, name)
    try:
        return SoundfileDecoder(handle, name)
    except AudioError as error:
        if has_ffmpeg():
            try:
                return _ffmpeg(handle, name)
            except AudioError:
                raise error from None
        if needs_ffmpeg(name):
            raise AudioError(f"{error}; FFmpeg may read it: {conversion_hint(name)}") from error
        raise


def _ffmpeg(handle: FileIO, name: str) -> Decoder:
    # Loaded when first needed: it takes longer than a short file takes to decode.
    from cantaor.io.decoders.ffmpeg import AvDecoder

    return AvDecoder(handle, name)


def as_audio(recording: Recording, sample_rate: int | None = None) -> Audio:
    """The recording in memory, whichever way it was given.

    Parameters
    ----------
    recording
        Audio, a path or URL, or samples (n,) at ``sample_rate``; full scale is -1..1.
    sample_rate
        Hz, of samples; left out with audio and with files, which state their own.

    Raises
    ------
    ArgumentError
        Samples come without a rate, or a rate comes with what already has one.
    AudioError
        The file cannot be read.

    Examples
    --------
    >>> as_audio([0.0, 0.5], sample_rate=8_000).duration_s
    0.00025
    """
    if isinstance(recording, Audio):
        if sample_rate not in (None, recording.sample_rate):
            raise ArgumentError(
                f"sample_rate ({sample_rate}) must match that of audio ({recording.sample_rate}); "
                "leave it out"
            )
        return recording
    if isinstance(recording, (str, os.PathLike)):
        if sample_rate is not None:
            raise ArgumentError(f"sample_rate is for samples; {recording} states its own rate")
        return read_audio(recording)
    if sample_rate is None:
        raise ArgumentError(
            f"sample_rate must be given with samples; got a {type(recording).__name__} without one"
        )
    return Audio(np.asarray(recording, dtype=np.float32), sample_rate)
