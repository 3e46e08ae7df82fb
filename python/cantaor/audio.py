"""Audio files in and out: anything libsndfile decodes, as mono float32.

This is the only module that opens audio files. Decoding and encoding are soundfile's (libsndfile),
resampling is soxr's; both are well-kept libraries and nothing here replaces them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from cantaor.errors import ArgumentError, AudioError
from cantaor.types import Audio, Float32Array

#: File name extensions that count as audio when a folder is searched.
EXTENSIONS = (".wav", ".flac", ".mp3", ".ogg")

# Frames decoded at a time: bounds the memory that a many-channel file needs before it is mono.
_BLOCK = 1 << 18


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


def probe(path: str | os.PathLike[str]) -> AudioInfo:
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
    with _open(Path(path)) as sound:
        return AudioInfo(sound.samplerate, sound.channels, sound.frames, sound.format)


def read_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    channel: str | int = "mean",
) -> Audio:
    """Decode a recording to mono float32.

    Parameters
    ----------
    path
        WAV, FLAC, MP3, OGG or anything else that libsndfile reads; any rate and channel count.
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
    path = Path(path)
    with _open(path) as sound:
        pick = _channel_index(channel, sound.channels, path)
        samples = np.concatenate([np.empty(0, np.float32), *_mono_blocks(sound, pick, path)])
        rate, frames, is_exact = sound.samplerate, sound.frames, sound.format != "MP3"
    if samples.size == 0:
        raise AudioError(f"{path}: holds no audio (0 samples)")
    if is_exact and samples.size < frames:
        raise AudioError(
            f"{path}: damaged or cut short: {samples.size} of {frames} samples decoded"
        )
    bad = samples.size - int(np.count_nonzero(np.isfinite(samples)))
    if bad:
        raise AudioError(f"{path}: {bad} of {samples.size} samples are NaN or infinite")
    return resample(Audio(samples, rate), sample_rate or rate)


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
    if sample_rate <= 0:
        raise ArgumentError(f"sample_rate must be positive, not {sample_rate}")
    if sample_rate == audio.sample_rate:
        return audio
    samples = soxr.resample(audio.samples, audio.sample_rate, sample_rate)
    return Audio(np.ascontiguousarray(samples, dtype=np.float32), sample_rate)


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
        # By way of memory: libsndfile would wait for the disk at the end of every file.
        encoded = io.BytesIO()
        soundfile.write(encoded, samples, sample_rate, format=path.suffix[1:].upper())
        draft.write_bytes(encoded.getbuffer())
        draft.replace(path)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        draft.unlink(missing_ok=True)
        raise AudioError(f"{path}: cannot be written: {error}") from error


def _open(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise AudioError(f"{path}: no such file")
    if not path.is_file():
        raise AudioError(f"{path}: not a file")
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path}: the file is empty (0 bytes)")
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise AudioError(f"{path}: not readable as audio: {error}") from error


def _channel_index(channel: str | int, channels: int, path: Path) -> int | None:
    if channel == "mean":
        return None
    if isinstance(channel, bool) or not isinstance(channel, int) or not 0 <= channel < channels:
        raise ArgumentError(
            f'channel must be "mean" or an index below {channels} for {path}, not {channel!r}'
        )
    return channel


def _mono_blocks(
    sound: soundfile.SoundFile, channel: int | None, path: Path
) -> Iterator[Float32Array]:
    while True:
        try:
            block = sound.read(_BLOCK, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(f"{path}: damaged: {error}") from error
        if block.shape[0] == 0:
            return
        yield block.mean(axis=1) if channel is None else block[:, channel].copy()
