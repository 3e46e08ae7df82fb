"""Writing audio files that are whole or absent."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO

import soundfile

from cantaor.errors import AudioError
from cantaor.types import Float32Array


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
    with _memory() as memory:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        with soundfile.SoundFile(
            memory.fileno(), "w", sample_rate, channels, format=form, closefd=False
        ) as sound:
            sound.write(samples)
        memory.seek(0)
        return memory.read()


def _memory() -> IO[bytes]:
    """A file without a name: of memory where the system has such files, else a temporary one."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("audio"), "rb")
    return tempfile.TemporaryFile()
