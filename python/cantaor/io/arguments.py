"""A recording as callers may name it: in memory, as samples with their rate, or as a file."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from cantaor.errors import ArgumentError
from cantaor.io.audio import read_audio
from cantaor.types import Audio

#: A recording: in memory, a file or URL, or samples (n,) that come with a sample rate.
Recording: TypeAlias = "Audio | str | os.PathLike[str] | ArrayLike"


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
