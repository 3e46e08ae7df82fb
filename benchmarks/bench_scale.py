"""A corpus from FLAC to motif instances: x real time per core, workers, memory, and the slow chain.

As a benchmark it runs on minutes of singing; as a program on as many hours as asked for::

    python -m benchmarks.bench_scale --hours 1 --workers 2 --rounds 3 --json scale.json
    python -m benchmarks.bench_scale --singers 100 1000 10000
    python -m benchmarks.bench_scale --recordings 1000 10000 100000

Runs with one process and with several take turns; of each the fastest is given. Processor time
counts all processes of a run, also the server that workers are forked from.

The corpus is made of a few synthesised recordings, each copied with another gain and length, so
that no two files are the same and hours of it are written in a minute. The slow chain is Essentia's
pitch and the plain-Python twins of segmentation and mining, on a part of the corpus.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from benchmarks.many_recordings import many_recordings
from benchmarks.many_singers import many_singers
from benchmarks.processes import call_apart, usage_of_all
from cantaor.chain import reduce_contour
from cantaor.clustering.kmeans import kmeans_1d
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.io.audio import read_audio, write_audio
from cantaor.motifs.mining import mine_closed
from cantaor.pipeline.mine import mine
from cantaor.pitch.tracker import extract_pitch
from cantaor.settings import Settings
from cantaor.types import Clusters, PitchTrack
from cantaor.units import hz_to_cents
from cantaor.workspace.journal import read_status
from tests.reference import contour as plain_contour
from tests.reference import motifs as plain_motifs

VOICES, ORIGINALS, SECONDS = 4, 2, 30.0


def tile_corpus(folder: Path, hours: float) -> Path:
    """A folder of so many hours in recordings of about half a minute."""
    made = make_corpus(folder / "originals", voices=VOICES, recordings=ORIGINALS, seconds=SECONDS)
    sounds = [(e.singer, read_audio(made.manifest.file(e))) for e in made.manifest.entries]
    corpus, rng = folder / "corpus", np.random.default_rng(0)
    corpus.mkdir()
    for number in range(max(len(sounds), round(hours * 3600 / SECONDS))):
        singer, audio = sounds[number % len(sounds)]
        cut = int(rng.integers(audio.sample_rate))
        samples = (audio.samples[cut:] * rng.uniform(0.3, 1.0)).astype(np.float32)
        write_audio(corpus / f"{singer}-{number:05d}.flac", samples, audio.sample_rate)
    return corpus


def measure(corpus: str, out: str, workers: int, clips: Any) -> dict[str, Any]:
    """One run."""
    before, start = usage_of_all(), perf_counter()
    workspace = mine(corpus, out, workers=workers, clips=clips)
    seconds, after = perf_counter() - start, usage_of_all()
    audio_s = sum(workspace.table("recordings", ["duration_s"])["duration_s"].to_pylist())
    assert workspace.table("failures").num_rows == 0
    own, others = after.own_s - before.own_s, after.others_s - before.others_s
    stages = read_status(out)["stages"]
    return {
        "workers": workers,
        "clips": clips,
        "clip_files": sum(1 for _ in (workspace.path / "clips").rglob("*.wav")),
        "audio_s": round(audio_s, 1),
        "seconds": round(seconds, 2),
        "cpu_s": round(own + others, 2),
        "command_cpu_s": round(own, 2),
        "times_real_time": round(audio_s / seconds, 1),
        "instances": workspace.table("instances", ["phrase"]).num_rows,
        "command_mb": round(after.own_mb),
        "worker_mb": round(after.others_mb),
        "stages": {one["stage"]: one["seconds"] for one in stages},
    }


def run_apart(corpus: Path, out: Path, workers: int, clips: Any = False) -> dict[str, Any]:
    """:func:`measure` in a new process on an empty workspace, so that its memory is its own."""
    result: dict[str, Any] = call_apart(
        "benchmarks.bench_scale", "measure", str(corpus), str(out), workers, clips
    )
    shutil.rmtree(out)
    return result


def slow_chain(files: list[Path]) -> float:
    """Essentia's pitch, then segments and motifs by the plain twins; x real time.

    Finding the motifs' instances is left out: the plain twin of that is no fair match.
    """
    start, audio_s, tracks = perf_counter(), 0.0, []
    for file in files:
        audio = read_audio(file)
        audio_s += audio.duration_s
        tracks.append(extract_pitch(audio, method="essentia"))
    clusters = kmeans_1d(np.concatenate([hz_to_cents(t.hz) for t in tracks]), Settings().k)
    plain = _plain_motifs([_plain_symbols(track, clusters) for track in tracks])
    seconds = perf_counter() - start
    contours = [reduce_contour(track, clusters, Settings()) for track in tracks]
    rows = [c.symbols[i:j] for c in contours for i, j in pairwise(c.symbol_offsets)]
    found = mine_closed(rows, Settings().min_support, gap=(0, 0), min_length=Settings().min_length)
    assert plain == {tuple(m.tolist()): int(n) for m, n in zip(found, found.support, strict=True)}
    return audio_s / seconds


def _plain_symbols(track: PitchTrack, clusters: Clusters) -> list[list[int]]:
    gap = int(Settings().max_gap_s / track.hop_s + 1e-6)
    cents, edges = hz_to_cents(track.hz).tolist(), clusters.edges.tolist()
    phrases = plain_contour.segments_in_clusters(cents, edges, 0.0, Settings().min_frames, gap)
    return [[b.cluster - a.cluster for a, b in pairwise(phrase)] for phrase in phrases]


def _plain_motifs(recordings: list[list[list[int]]]) -> dict[tuple[int, ...], int]:
    rows = [phrase for phrases in recordings for phrase in phrases]
    closed = plain_motifs.grow_gapped(rows, Settings().min_support, 0, 0)
    return {m: n for m, n in closed.items() if len(m) >= Settings().min_length}


@pytest.mark.benchmark(group="mine 8 minutes of singing from FLAC, one core")
@pytest.mark.parametrize("chain", ["native", "Essentia and plain Python"])
def test_scale(benchmark: Any, chain: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    corpus = tile_corpus(tmp_path_factory.mktemp("corpus"), 0.13)
    files = sorted(corpus.glob("V1-*.flac"))

    def native() -> float:
        out = tmp_path_factory.mktemp("work") / "w"
        start = perf_counter()
        workspace = mine(corpus, out, clips=False)
        seconds = perf_counter() - start
        audio_s = sum(workspace.table("recordings")["duration_s"].to_pylist())
        assert workspace.table("instances").num_rows > 100
        return float(audio_s / seconds)

    native()  # compiled kernels, warm files
    run = native if chain == "native" else lambda: slow_chain(files)
    speed = benchmark.pedantic(run, rounds=3)
    benchmark.extra_info["times real time"] = round(speed, 1)


def main() -> None:
    """Measure and print one JSON value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--clips", choices=["none", "few", "all"], default="none")
    parser.add_argument(
        "--slow", type=int, default=4, help="recordings for the slow chain; 0: none"
    )
    parser.add_argument("--corpus", type=Path, help="use or make this corpus instead of a new one")
    parser.add_argument(
        "--singers", type=int, nargs="+", help="instead: symbols of so many singers"
    )
    parser.add_argument("--recordings", type=int, nargs="+", help="instead: so many without audio")
    parser.add_argument("--json", type=Path, help="file to write")
    chosen = parser.parse_args()
    result: dict[str, Any] = {}
    if chosen.singers:
        result["many_singers"] = many_singers(chosen.singers)
    if chosen.recordings:
        result["many_recordings"] = many_recordings(chosen.recordings)
    if not result:
        result = run_chain(chosen)
    text = json.dumps(result, indent=2)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")
    print(text)


def run_chain(chosen: argparse.Namespace) -> dict[str, Any]:
    """The chain from audio on, with one process and with several, and the slow chain."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        corpus = chosen.corpus or tile_corpus(place, chosen.hours)
        files = sorted(corpus.glob("V1-*.flac"))
        mine(_first(corpus, place / "warm"), place / "warm-work", clips=False)
        numbers = sorted({1, chosen.workers})
        clips = {"none": False, "few": True, "all": "all"}[chosen.clips]
        turns = [
            [run_apart(corpus, place / "w", n, clips) for n in numbers]
            for _ in range(chosen.rounds)
        ]
        runs = [min(same, key=lambda run: run["seconds"]) for same in zip(*turns, strict=True)]
        result: dict[str, Any] = {"runs": runs}
        if chosen.slow:
            result["slow_times_real_time"] = round(slow_chain(files[: chosen.slow]), 1)
            result["ratio"] = round(runs[0]["times_real_time"] / result["slow_times_real_time"], 1)
        result["workers_gain"] = round(runs[0]["seconds"] / runs[-1]["seconds"], 2)
        result["workers_cpu"] = round(runs[-1]["cpu_s"] / runs[0]["cpu_s"], 2)
    return result


def _first(corpus: Path, folder: Path) -> Path:
    """A corpus of three recordings, to compile and cache kernels on."""
    folder.mkdir()
    for file in sorted(corpus.glob("*.flac"))[:3]:
        (folder / file.name).symlink_to(file.resolve())
    return folder


if __name__ == "__main__":
    main()
