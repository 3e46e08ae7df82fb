"""Recordings for tests: encoded here, and made to lie byte by byte."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from cantaor.io.resampling import resample
from cantaor.types import Audio

RATE = 44_100


def voice(seconds: float, rate: int = RATE, seed: int = 5) -> np.ndarray:
    """A voice that glides all the time, so that a shift in time shows as a shift in pitch."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    hz = 220 * 2 ** (0.5 * np.sin(2 * np.pi * 0.7 * t) + 0.1 * np.sin(2 * np.pi * 3 * t))
    phase = 2 * np.pi * np.cumsum(hz) / rate
    tone = sum(np.sin(h * phase) / h for h in range(1, 9))
    return (0.15 * tone + 0.001 * rng.normal(size=t.size)).astype(np.float32)


def encode(
    path: Path, codec: str, samples: np.ndarray, rate: int = RATE, video: str = "", **options: int
) -> Path:
    """Write samples at 44.1 kHz with PyAV, beside a moving picture where one is asked for."""
    import av

    samples = resample(Audio(samples, RATE), rate).samples
    form = {".wma": "asf", ".wmv": "asf", ".aac": "adts"}.get(path.suffix)
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", **options)
        if video:
            _picture(container, video, samples.size / rate)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        context = stream.codec_context
        convert = av.AudioResampler(
            context.format, "mono", rate, frame_size=context.frame_size or 1024
        )
        for piece in (*convert.resample(frame), *convert.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def _picture(container: object, codec: str, seconds: float) -> None:
    import av

    stream = container.add_stream(codec, rate=5)  # type: ignore[attr-defined]
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for number in range(int(seconds * 5)):
        image = np.full((72, 64), number * 7 % 255, np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
        container.mux(stream.encode(frame))  # type: ignore[attr-defined]
    container.mux(stream.encode(None))  # type: ignore[attr-defined]


def mp3_frames(data: bytes) -> list[int]:
    """Offsets of the frames of an MP3 as LAME writes it, the tag's first."""
    rates = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    offsets, at = [], 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        offsets.append(at)
        kbps = rates[data[at + 2] >> 4]
        at += 144 * kbps * 1000 // RATE + (data[at + 2] >> 1 & 1)
    return offsets


def patch(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def stated_frames(data: bytes, factor: float) -> bytes:
    """An MP3 whose tag states so many times the frames that it has."""
    at = max(data.find(b"Xing", 0, 200), data.find(b"Info", 0, 200)) + 8
    count = struct.unpack(">I", data[at : at + 4])[0]
    return patch(data, at, struct.pack(">I", round(count * factor)))


def data_size(data: bytes, size: int) -> bytes:
    """A WAV whose header states so many bytes of samples."""
    return patch(data, data.find(b"data") + 4, struct.pack("<I", size))


def endless(data: bytes) -> bytes:
    """A FLAC that does not state how many samples it has."""
    facts = int.from_bytes(data[18:26], "big") & ~((1 << 36) - 1)
    return patch(data, 18, facts.to_bytes(8, "big"))


def encoded(folder: Path, suffix: str, samples: np.ndarray) -> bytes:
    """The bytes of a file that libsndfile writes."""
    form = {"opus": ("OGG", "OPUS")}.get(suffix, (suffix.upper(), None))
    rate = 48_000 if suffix == "opus" else RATE
    path = folder / f"sound.{suffix}"
    samples = resample(Audio(samples, RATE), rate).samples
    with soundfile.SoundFile(path, "w", rate, 1, format=form[0], subtype=form[1]) as sound:
        for first in range(0, samples.size, 1 << 16):
            sound.write(samples[first : first + (1 << 16)])
    return path.read_bytes()
