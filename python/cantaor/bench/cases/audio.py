"""Decoding: resampled beside librosa's loader, and format by format beside the decoder alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from cantaor.bench.cases.checks import require, require_close
from cantaor.bench.cases.singing import OnDisk, recording_file, singing
from cantaor.bench.records import Case, Peer
from cantaor.io.audio import read_audio
from cantaor.io.formats import has_ffmpeg
from cantaor.types import Float32Array

RATE = 16_000
_SIZES = (10, 32, 100)
_PIECE = 1 << 14
_INSTALL = "pip install 'cantaor[formats]'"


def _ours(data: OnDisk) -> Float32Array:
    return read_audio(data.path, RATE).samples


def _librosa(data: OnDisk) -> Float32Array:
    import librosa

    samples: Float32Array = librosa.load(data.path, sr=RATE, mono=True)[0]
    return samples


def _check(_data: OnDisk, samples: Float32Array) -> str:
    seconds = samples.size / RATE
    require(bool(np.isfinite(samples).all()), "samples are not all finite")
    require(seconds > 1, f"only {seconds:.1f} s were read")
    return f"{seconds:.0f} s at 16 kHz"


def _agree(_data: OnDisk, ours: Float32Array, theirs: Any) -> str:
    return require_close("samples", ours, theirs, 1e-3)


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a recording: by libsndfile (``codec`` empty) or by FFmpeg."""

    suffix: str
    codec: str = ""

    @property
    def name(self) -> str:
        """What is measured."""
        return f"read {self.suffix[1:].upper()}" + (f" ({self.codec})" if self.codec else "")

    def make(self, seconds: int) -> OnDisk:
        """A sung recording of so many seconds."""
        return _written(self, seconds)


@cache
def _written(form: Format, seconds: int) -> OnDisk:
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="cantaor-bench-")
    path = Path(folder.name, f"V2-01{form.suffix}")
    samples = singing(seconds).audio.samples
    if form.codec:
        _encode(path, form.codec, samples)
    else:
        with soundfile.SoundFile(path, "w", 44_100, 1) as sound:
            # libsndfile's Vorbis encoder takes no more at once than its stack holds.
            for first in range(0, samples.size, _PIECE):
                sound.write(samples[first : first + _PIECE])
    return OnDisk(path, folder)


def _encode(path: Path, codec: str, samples: Float32Array) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        context = stream.codec_context
        size = context.frame_size or 1024
        convert = av.AudioResampler(context.format, "mono", 44_100, frame_size=size)
        for piece in (*convert.resample(frame), *convert.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def _read(data: OnDisk) -> Float32Array:
    return read_audio(data.path).samples


def _check_read(_data: OnDisk, samples: Float32Array) -> str:
    require(bool(np.isfinite(samples).all()), "samples are not all finite")
    require(samples.size > 44_100, f"only {samples.size} samples were read")
    return f"{samples.size / 44_100:.0f} s"


def _pyav(data: OnDisk) -> Float32Array:
    import av

    with av.open(str(data.path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate(frames, axis=1)[0]
    if samples.dtype.kind != "i":
        return np.asarray(samples, np.float32)
    floats: Float32Array = samples.astype(np.float32)
    return floats * np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))


def _same(_data: OnDisk, ours: Float32Array, theirs: Any) -> str:
    # A container that states no delay keeps it in the decoder's own answer, in front.
    late = theirs.size - ours.size
    require(0 <= late <= 2112, f"{theirs.size} samples, not {ours.size}")
    return require_close("samples", ours, theirs[late:], 2e-3)


PYAV = Peer("PyAV alone", ("av",), "av", _INSTALL, _pyav, _same)
FORMATS = (
    Format(".wav"),
    Format(".flac"),
    Format(".mp3"),
    Format(".ogg"),
    *(
        (Format(".m4a", "aac"), Format(".m4a", "alac"), Format(".mkv", "aac"))
        if has_ffmpeg()
        else ()
    ),
)

LIBROSA = Peer(
    "librosa.load", ("librosa",), "librosa", "pip install 'cantaor[bench]'", _librosa, _agree
)
CASES = (
    Case(
        "audio",
        "read FLAC, 44.1 to 16 kHz",
        "seconds of audio",
        _SIZES,
        recording_file,
        _ours,
        _check,
        (LIBROSA,),
    ),
    *(
        Case(
            "audio",
            form.name,
            "seconds of audio",
            _SIZES,
            form.make,
            _read,
            _check_read,
            (PYAV,),
        )
        for form in FORMATS
    ),
)
