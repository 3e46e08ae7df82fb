"""What every decoder gives: the header's facts, blocks of samples, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cantaor.types import Float32Array

#: Shorter differences between a header's length and what was decoded are rounding, seconds.
LENGTH_TOLERANCE_S = 0.1


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
        Samples per channel; where the header lies and the file tells, what is there.
    format
        Container, such as ``"FLAC"``.
    codec
        Coding of the samples, such as ``"PCM_16"`` or ``"aac"``.
    decoder
        What reads it: ``"libsndfile"`` or ``"ffmpeg"``.
    warnings
        What is wrong with the file as far as it shows without decoding, in words.
    """

    sample_rate: int
    channels: int
    frames: int
    format: str
    codec: str = ""
    decoder: str = "libsndfile"
    warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


class Decoder(Protocol):
    """An open recording. Frames are samples of all channels.

    Attributes
    ----------
    info
        What is known before it is decoded.
    stated_s
        Length by the header in seconds, None where it states none.
    """

    info: AudioInfo
    stated_s: float | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found wrong so far, in words."""
        ...

    @property
    def must_be_whole(self) -> bool:
        """Whether fewer frames than the header states are an error, not a warning."""
        ...

    def seek(self, frame: int) -> int:
        """Go to a frame or before it, and say where."""
        ...

    def read(self, frames: int) -> Float32Array:
        """The next frames, float32 (n, channels), n at most ``frames`` and 0 at the end."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


def length_warning(stated_s: float | None, decoded_s: float, why: str = "") -> str:
    """Both figures of a recording whose header does not state what is there.

    Examples
    --------
    >>> length_warning(15.0, 9.9)
    'header 15.0 s, decoded 9.9 s: truncated'
    >>> length_warning(None, 9.9)
    'header states no length, decoded 9.9 s: truncated'
    """
    stated = "header states no length" if stated_s is None else f"header {stated_s:.1f} s"
    if not why:
        shorter = stated_s is None or decoded_s < stated_s
        why = "truncated" if shorter else "the header is wrong"
    return f"{stated}, decoded {decoded_s:.1f} s: {why}"
