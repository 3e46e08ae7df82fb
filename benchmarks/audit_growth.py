"""How the audit of whole recordings grows with their number: time and memory of a fresh process.

    python -m benchmarks.audit_growth [--seconds 180] [--counts 8 16 32]
    python -m benchmarks.audit_growth --matching 10000 100000

Synthetic recordings at 44.1 kHz; every eighth is an MP3 copy of the one before. Memory is the
largest resident size of the process that audits, above that of one that audits a single recording.

With ``--matching`` only the matching of near copies is measured, of fingerprints that are made up:
as full as those of 3 minutes, with frequencies and times that 20 synthetic voices sing; every
thousandth recording is a copy that has three fifths of another's landmarks. The share is that of
the landmarks that were looked at.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.processes import call_apart
from cantaor.bench.timing import status_bytes
from cantaor.corpus.audit.landmarks import MAX_LANDMARKS, Landmarks, landmarks, scatter
from cantaor.corpus.audit.near_copies import LandmarkTable
from cantaor.corpus.synthetic.corpus import sing
from cantaor.corpus.synthetic.singers import draw_singers
from cantaor.types import Int64Array

_AUDIT = """
import json, sys, time
from cantaor.bench.timing import status_bytes
from cantaor.corpus.audit.audit import audit
from cantaor.corpus.loaders import read_corpus
manifest = read_corpus(sys.argv[1])
start = time.process_time()
report = audit(manifest)
print(json.dumps({
    "seconds": time.process_time() - start,
    "megabytes": status_bytes("VmHWM") / 2**20,
    "near": [[report.recordings[p.one], report.recordings[p.other]] for p in report.near],
    "shared": len(report.overlapping),
}))
"""


def write_recordings(folder: Path, count: int, seconds: float) -> set[frozenset[str]]:
    """Recordings in ``folder``, and the names of planted copies."""
    voices = draw_singers(8, 3, np.random.default_rng(0))
    planted = set()
    samples = np.empty(0, np.float32)
    for index in range(count):
        name = f"V{index % 8 + 1}-{index:05}"
        if index % 8 == 7:
            name = f"V7-{index:05}"
            soundfile.write(folder / f"{name}.mp3", samples, 44_100, format="MP3")
            planted.add(frozenset((f"V7-{index - 1:05}", name)))
            continue
        rng = np.random.default_rng(index)
        voice = voices[index % 8]
        audio, *_ = sing(voice, "x", seconds, noise_db=10.0, sample_rate=44_100, rng=rng)
        samples = audio.samples
        soundfile.write(folder / f"{name}.flac", samples, 44_100)
    return planted


def main() -> None:
    options = _options()
    if options.matching:
        print_matching(options.matching)
    else:
        print_growth(options.counts, options.seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--matching", type=int, nargs="+", help="recordings of made-up landmarks")
    return parser.parse_args()


def print_growth(counts: list[int], seconds: float) -> None:
    """A row of whole audits for each number of recordings."""
    print("| recordings | processor s each | MiB | copies found | false alarms |")
    print("|---|---|---|---|---|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            planted = write_recordings(Path(folder), count, seconds)
            done = subprocess.run(
                [sys.executable, "-c", _AUDIT, folder], check=True, capture_output=True, text=True
            )
        result = json.loads(done.stdout)
        found = {frozenset(pair) for pair in result["near"]}
        print(
            f"| {count} | {result['seconds'] / count:.2f} | {result['megabytes']:.0f} | "
            f"{len(found & planted)} of {len(planted)} | {len(found - planted)} |",
            flush=True,
        )


def print_matching(counts: list[int]) -> None:
    """A row of matching alone for each number of recordings, each in a process of its own."""
    head = ("recordings", "landmarks", "dealing s", "matching s", "share", "MB", "copies", "wrong")
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for count in counts:
        row = call_apart("benchmarks.audit_growth", "match", count)
        print(
            f"| {count:,} | {row['landmarks']:,} | {row['dealing']:.0f} | {row['matching']:.0f} | "
            f"{row['share']:.2f} | {row['megabytes']:.0f} | {row['found']} of {row['planted']} | "
            f"{row['wrong']} |",
            flush=True,
        )


def match(count: int) -> dict[str, float]:
    """Processor seconds and peak memory of matching so many recordings."""
    fields, total = sung_fields()
    rng = np.random.default_rng(0)
    landmarks_given, dealing, planted = 0, 0.0, set()
    before = Landmarks(np.zeros(0, np.uint64), np.zeros(0, np.int32))
    with LandmarkTable() as table:
        for owner in range(count):
            one = made_up(fields, total, rng)
            if owner % 1000 == 999:
                one = altered(before, one, rng)
                planted.add((owner - 1, owner))
            began = time.process_time()
            table.add(owner, one)
            dealing += time.process_time() - began
            landmarks_given += one.hashes.size
            before = one
        began = time.process_time()
        pairs = {(pair.one, pair.other) for pair in table.near_copies()}
        matching, share = time.process_time() - began, table.share
    return {
        "share": share,
        "landmarks": landmarks_given,
        "dealing": dealing,
        "matching": matching,
        "megabytes": status_bytes("VmHWM") / 2**20,
        "found": len(pairs & planted),
        "planted": len(planted),
        "wrong": len(pairs - planted),
    }


def sung_fields() -> tuple[list[Int64Array], int]:
    """Frequency, steps and waits of landmarks of synthetic voices, and landmarks in 3 minutes."""
    voices = draw_singers(20, 3, np.random.default_rng(0))
    hashes, totals = [], []
    for index, voice in enumerate(voices):
        rng = np.random.default_rng(index)
        audio, *_ = sing(voice, "x", 30.0, noise_db=10.0, sample_rate=16_000, rng=rng)
        found = landmarks(audio).hashes
        hashes.append(found)
        # Only the smallest of a full fingerprint are kept: how far they reach tells of how many.
        kept = float(found[-1]) / 2**64 if found.size == MAX_LANDMARKS else 1.0
        totals.append(6 * found.size / kept)
    plain = gather(np.concatenate(hashes))
    widths = (13, 13, 8)
    fields = [
        plain & np.uint64(8191),
        plain >> np.uint64(13) & np.uint64(8191),
        plain >> np.uint64(26),
    ]
    assert max(int(field.max()) >> width for field, width in zip(fields, widths, strict=True)) == 0
    return [field.astype(np.int64) for field in fields], int(np.median(totals))


def gather(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What was scattered into these hashes."""
    back = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
    for _ in range(2):
        hashes = (hashes ^ (hashes >> np.uint64(32))) * back
    return hashes


def made_up(fields: list[Int64Array], total: int, rng: np.random.Generator) -> Landmarks:
    """A fingerprint whose landmarks have frequencies and steps as sung, put together anew."""
    second, third, first = (field[rng.integers(0, field.size, total)] for field in fields)
    hashes = scatter((first << 26 | third << 13 | second).astype(np.uint64))
    frames = rng.integers(0, 11_250, total).astype(np.int32)
    order = np.argsort(hashes)[:MAX_LANDMARKS]
    return Landmarks(hashes[order], frames[order])


def altered(source: Landmarks, other: Landmarks, rng: np.random.Generator) -> Landmarks:
    """Three fifths of one fingerprint, later by 100 frames, and the rest of another."""
    kept = rng.random(source.hashes.size) < 0.6
    new = rng.random(other.hashes.size) < 0.4
    hashes = np.concatenate([source.hashes[kept], other.hashes[new]])
    frames = np.concatenate([source.frames[kept] + np.int32(100), other.frames[new]])
    order = np.argsort(hashes)[:MAX_LANDMARKS]
    return Landmarks(hashes[order], frames[order])


if __name__ == "__main__":
    main()
