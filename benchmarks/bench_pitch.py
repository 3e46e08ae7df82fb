"""The native tracker beside Essentia's, on the same audio, the answers asserted first.

The ratio is measured in one test, the two trackers in turns, by the least time of several turns.
"""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import essentia.standard as essentia
import mir_eval
import numpy as np
import pytest

from benchmarks.processes import call_apart
from cantaor.corpus.synthetic import corpus as synthetic
from cantaor.corpus.synthetic.singers import draw_singers
from cantaor.io.audio import read_audio
from cantaor.pitch.tracker import PitchStream, extract_pitch
from cantaor.types import Audio
from tests.singing import VOICES, sing

HOP_S = 256 / 44_100


@pytest.fixture(scope="module")
def sung() -> tuple[Audio, np.ndarray]:
    """30 s of a synthetic voice, and its f0 in every frame."""
    return singing_voice()


def overall(hz: np.ndarray, truth: np.ndarray) -> float:
    times = np.arange(hz.size) * HOP_S
    truth = truth.astype(np.float64)
    scores = mir_eval.melody.evaluate(times, truth, times, hz.astype(np.float64))
    return float(scores["Overall Accuracy"])


def peer(audio: Audio, equal_loudness: bool = False) -> np.ndarray:
    samples = audio.samples
    if equal_loudness:
        samples = essentia.EqualLoudness(sampleRate=44_100)(samples)
    hz, _ = essentia.PredominantPitchMelodia(frameSize=2048, hopSize=256)(samples)
    return np.maximum(hz, 0)


def seconds(*calls: Callable[[], object], turns: int = 5) -> list[float]:
    """Least processor time of each call, the calls in turns."""
    least = [np.inf] * len(calls)
    for _ in range(turns):
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            least[i] = min(least[i], time.process_time() - start)
    return least


@pytest.mark.benchmark(group="pitch of 30 s")
def test_cantaor(benchmark: Any, sung: tuple[Audio, np.ndarray]) -> None:
    audio, truth = sung
    assert overall(benchmark(extract_pitch, audio).hz, truth) >= 0.95


@pytest.mark.benchmark(group="pitch of 30 s")
def test_essentia(benchmark: Any, sung: tuple[Audio, np.ndarray]) -> None:
    audio, truth = sung
    hz = benchmark.pedantic(peer, (audio,), rounds=2, warmup_rounds=0)
    assert overall(hz[: audio.samples.size // 256 + 1], truth) >= 0.6


@pytest.mark.benchmark(group="pitch of 0.3 s")
def test_short_clip(benchmark: Any, sung: tuple[Audio, np.ndarray]) -> None:
    audio, _ = sung
    clip = Audio(audio.samples[44_100 : 44_100 + 13_230], 44_100)
    assert benchmark(extract_pitch, clip).hz.size == 52


def recordings() -> dict[str, Callable[[], tuple[Audio, np.ndarray]]]:
    """Makers of audio with its f0 in every frame; a real one where test data are at hand."""
    found = {
        "voice of tests/singing.py": singing_voice,
        "voice of the synthetic corpus": corpus_voice,
    }
    folder = os.environ.get("CANTAOR_TEST_DATA")
    return {"vocadito_1": lambda: vocadito(Path(folder) / "pitch"), **found} if folder else found


def singing_voice() -> tuple[Audio, np.ndarray]:
    samples, hz = sing(VOICES["female"], seconds=30.0, seed=3)
    return Audio(samples, 44_100), hz[::256]


def corpus_voice() -> tuple[Audio, np.ndarray]:
    voice = draw_singers(1, 3, np.random.default_rng(4))[0]
    rng = np.random.default_rng(5)
    audio, truth = synthetic.sing(voice, "one", 30.0, noise_db=10.0, sample_rate=44_100, rng=rng)
    return audio, truth.pitch.hz


def vocadito(folder: Path) -> tuple[Audio, np.ndarray]:
    hz = np.loadtxt(folder / "vocadito_1.csv", delimiter=",")[:, 1]
    return read_audio(folder / "vocadito_1.flac"), hz


@pytest.mark.parametrize("name", list(recordings()))
def test_ratio_to_essentia(name: str, record_property: Any) -> None:
    audio, truth = recordings()[name]()
    hz = extract_pitch(audio).hz
    size = min(hz.size, truth.size)
    assert overall(hz[:size], truth[:size]) >= 0.95
    ours, theirs, filtered = seconds(
        lambda: extract_pitch(audio), lambda: peer(audio), lambda: peer(audio, True)
    )
    record_property("times_essentia", theirs / ours)
    record_property("times_essentia_with_equal_loudness", filtered / ours)
    print(
        f"\n{name}: {audio.duration_s / ours:.0f} x real time; "
        f"{theirs / ours:.1f} x Essentia, {filtered / ours:.1f} x with EqualLoudness"
    )
    assert theirs / ours > 15


def track_an_hour(block: str, rate: int, threads: int) -> dict[str, Any]:
    """An hour in blocks of 30 s: wall clock, memory gained since import, the track's digest."""
    held = [resident_mb()]
    samples, stream = np.load(block), PitchStream(rate, threads=threads)
    start = time.perf_counter()
    for _ in range(120):
        stream.feed(samples)
        held.append(resident_mb())
    track = stream.finish()
    seconds = time.perf_counter() - start
    gained = max(*held, resident_mb()) - held[0]
    digest = hashlib.sha256(track.hz.tobytes()).hexdigest()
    return {"seconds": seconds, "megabytes": gained, "digest": digest}


def resident_mb() -> float:
    """Memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def test_an_hour_with_two_threads(tmp_path: Path) -> None:
    block = corpus_voice()[0]
    np.save(tmp_path / "block.npy", block.samples)
    given = str(tmp_path / "block.npy"), block.sample_rate
    turns = [
        [call_apart("benchmarks.bench_pitch", "track_an_hour", *given, n) for n in (1, 2)]
        for _ in range(3)
    ]
    assert len({run["digest"] for turn in turns for run in turn}) == 1
    one, two = (min(turn[i]["seconds"] for turn in turns) for i in (0, 1))
    most = max(run["megabytes"] for turn in turns for run in turn)
    print(
        f"\nan hour: {one:.2f} s with one thread, {one / two:.2f} x as fast with two; {most:.0f} MB"
    )
    assert most < 100
