"""How the audit of whole recordings grows with their number: time and memory of a fresh process.

    python benchmarks/audit_growth.py [--seconds 180] [--counts 8 16 32]

Synthetic recordings at 44.1 kHz; every eighth is an MP3 copy of the one before. Memory is the
largest resident size of the process that audits, above that of one that audits a single recording.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from cantaor.corpus.synthetic.corpus import sing
from cantaor.corpus.synthetic.singers import draw_singers

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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 16, 32])
    options = parser.parse_args()
    print("| recordings | processor s each | MiB | copies found | false alarms |")
    print("|---|---|---|---|---|")
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            planted = write_recordings(Path(folder), count, options.seconds)
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


if __name__ == "__main__":
    main()
