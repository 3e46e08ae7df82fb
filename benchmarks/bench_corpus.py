"""Synthesis of a corpus, and the audit of one. No installable peer does either."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit.audit import audit
from cantaor.corpus.audit.landmarks import landmarks
from cantaor.corpus.audit.winnowing import clip_anchors
from cantaor.corpus.loaders import read_flamenco_motifs
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.splits.protocols import split_clips
from cantaor.corpus.synthetic.corpus import sing
from cantaor.corpus.synthetic.singers import draw_singers
from cantaor.types import Audio

RATE = 22_050
SINGERS = ("AM", "EC", "EM")
CLIPS_EACH = 300


def recording(seed: int, seconds: float = 30.0, rate: int = RATE) -> Audio:
    voice = draw_singers(5, 3, np.random.default_rng(0))[seed % 5]
    rng = np.random.default_rng(seed)
    return sing(voice, "x", seconds, noise_db=10.0, sample_rate=rate, rng=rng)[0]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """900 clips in the published layout: half are copies of another, and they overlap."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(7)
    for number, singer in enumerate(SINGERS):
        sound = recording(number).samples
        (folder / singer).mkdir()
        for index in range(CLIPS_EACH // 2):
            size = int(rng.integers(2_000, 12_000))
            start = int(rng.integers(sound.size - size))
            for copy in range(2):
                path = folder / singer / f"S{copy}_-1_1_{index:04x}.wav"
                soundfile.write(path, sound[start : start + size], RATE, subtype="FLOAT")
    return read_flamenco_motifs(folder)


@pytest.mark.benchmark(group="synthesise a recording of 30 s at 44.1 kHz")
def test_synthesis(benchmark: Any) -> None:
    audio = benchmark(recording, 0, 30.0, 44_100)
    assert audio.samples.size == 30 * 44_100
    assert 0.3 < np.abs(audio.samples).max() <= 0.91


@pytest.mark.benchmark(group="anchors of a recording of 30 s")
def test_anchors(benchmark: Any) -> None:
    samples = recording(1).samples
    found = benchmark(clip_anchors, samples)
    # Winnowing keeps two of spread + 1 windows, here of 34.
    assert found.hashes.size == pytest.approx(samples.size / 17, rel=0.05)


@pytest.mark.benchmark(group="fingerprint of a recording of 30 s")
def test_landmarks(benchmark: Any) -> None:
    audio = recording(2)
    assert benchmark(landmarks, audio).hashes.size > 1000


@pytest.mark.benchmark(group="audit 900 clips")
def test_audit(benchmark: Any, clips: Manifest) -> None:
    report = benchmark.pedantic(audit, (clips,), rounds=3, warmup_rounds=1)
    assert len(report.duplicates) == len(clips) // 2
    assert len(set(report.groups)) == len(SINGERS)
    seconds = sum(report.durations_s)
    benchmark.extra_info["times real time"] = round(seconds / benchmark.stats["median"], 1)


@pytest.mark.benchmark(group="split 11,000 clips without shared audio")
def test_split(benchmark: Any) -> None:
    rng = np.random.default_rng(3)
    labels = [SINGERS[i % 3] for i in range(11_000)]
    recordings = [f"{SINGERS[i % 3]}-{i % 15}" for i in range(11_000)]
    starts = rng.uniform(0, 2_000, 11_000)
    split = benchmark(
        split_clips,
        labels,
        recordings,
        protocol="audio",
        starts_s=starts,
        ends_s=starts + rng.uniform(0.1, 1.0, 11_000),
    )
    assert not split.leaks
    assert 0.15 < split.test.size / 11_000 < 0.25
