"""Decoding and resampling, beside librosa's loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest

from cantaor.audio import read_audio
from cantaor.corpus.synthetic import SyntheticCorpus

RATE = 16_000


@pytest.fixture(scope="module")
def path(corpus: SyntheticCorpus) -> Path:
    return corpus.manifest.file(corpus.manifest.entries[0])


@pytest.mark.benchmark(group="read a 30 s FLAC at 16 kHz")
def test_cantaor(benchmark: Any, path: Path) -> None:
    ours = benchmark(read_audio, path, RATE).samples
    theirs, _ = librosa.load(path, sr=RATE, mono=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.benchmark(group="read a 30 s FLAC at 16 kHz")
def test_librosa(benchmark: Any, path: Path) -> None:
    samples, rate = benchmark(librosa.load, path, sr=RATE, mono=True)
    assert rate == RATE
    assert abs(samples.size - 30 * RATE) <= RATE
