"""Singing that several cases need: made, not recorded, so that the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cantaor.corpus.synthetic.corpus import SyntheticCorpus, make_corpus, sing
from cantaor.corpus.synthetic.singers import draw_singers
from cantaor.io.audio import write_audio
from cantaor.types import Audio, Float32Array

SEED = 11


@dataclass(frozen=True, eq=False, slots=True)
class Sung:
    """A recording with its f0.

    Attributes
    ----------
    audio
        The recording, 44.1 kHz.
    hz
        float32 (frames,), its f0 on the 256-sample grid, 0 = unvoiced.
    """

    audio: Audio
    hz: Float32Array


@cache
def singing(seconds: int) -> Sung:
    """A phrase after the other by one synthetic voice."""
    rng = np.random.default_rng(SEED)
    voice = draw_singers(5, 3, rng)[1]
    audio, sung = sing(voice, "V2-01", float(seconds), noise_db=10.0, sample_rate=44_100, rng=rng)
    return Sung(audio, sung.pitch.hz)


@cache
def rough_singing(seconds: int) -> Sung:
    """:func:`singing` with cycles that alternate in height by 15 %, still heard at their own f0."""
    sung = singing(seconds)
    samples, rate = sung.audio.samples, sung.audio.sample_rate
    frames = np.arange(sung.hz.size) * 256
    hz = np.interp(np.arange(samples.size), frames, sung.hz)
    gain = 1 + 0.15 * np.cos(np.pi * np.cumsum(hz) / rate)
    return Sung(Audio((samples * gain).astype(np.float32), rate), sung.hz)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file or a corpus in a temporary folder that goes when this does."""

    path: Path
    folder: TemporaryDirectory[str]


@cache
def recording_file(seconds: int) -> OnDisk:
    """:func:`singing` as a FLAC file."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="cantaor-bench-")
    path = Path(folder.name) / "V2-01.flac"
    write_audio(path, singing(seconds).audio.samples, 44_100)
    return OnDisk(path, folder)


@dataclass(frozen=True, slots=True)
class CorpusOnDisk:
    """A synthetic corpus in a temporary folder that goes when this does."""

    corpus: SyntheticCorpus
    folder: TemporaryDirectory[str]


@cache
def corpus_on_disk(recordings: int) -> CorpusOnDisk:
    """Two voices, so many recordings of 8 s each."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="cantaor-bench-")
    corpus = make_corpus(
        Path(folder.name) / "corpus", voices=2, recordings=recordings, seconds=8.0, seed=SEED
    )
    return CorpusOnDisk(corpus, folder)
