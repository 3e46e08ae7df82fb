"""Memory of a run: it depends on the workers, not on how long recordings are or how many."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.io.audio import read_audio

#: Mine in a process of its own and say what it took.
CHILD = """
import json, resource, sys
from cantaor.bench.timing import status_bytes
from cantaor.errors import CorpusError
from cantaor.pipeline.mine import mine
if __name__ == "__main__":
    try:
        workspace = mine(sys.argv[1], sys.argv[2], workers=int(sys.argv[3]))
        failures = workspace.table("failures")["reason"].to_pylist()
    except CorpusError as error:
        failures = [str(error)]
    workers = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(status_bytes("VmHWM"), workers)
    print(json.dumps({"failures": failures, "mb": peak / 2**20}))
"""


def peak_of(corpus: Path, work: Path, workers: int = 1) -> tuple[float, list[str]]:
    """Peak memory in MB of the largest process, and what failed."""
    work.parent.mkdir(parents=True, exist_ok=True)
    child = work.parent / "child.py"
    child.write_text(CHILD)
    command = [sys.executable, str(child), str(corpus), str(work), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found = json.loads(done.stdout)
    return found["mb"], found["failures"]


def write_long(path: Path, source: Path, repeats: int, rate: int, channels: int) -> None:
    """A recording of many copies of another, with another gain each, written in blocks."""
    samples = read_audio(source, rate).samples
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16") as sound:
        for number in range(repeats):
            gain = 0.5 + 0.5 * ((number * 0.37) % 1)
            sound.write(np.repeat((samples * gain)[:, None], channels, axis=1))


@pytest.mark.slow
def test_long_recordings_take_no_more_memory(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    peaks = []
    for name, repeats in (("short", 2), ("long", 60)):
        corpus = tmp_path / name
        corpus.mkdir()
        for singer in ("V1", "V2"):
            source = small_corpus.folder / f"{singer}-01.flac"
            write_long(corpus / f"{singer}-1.flac", source, repeats, 44100, 2)
        peaks.append(peak_of(corpus, tmp_path / "work" / name)[0])
    # 15 minutes each against half a minute: as float32 samples they would be 152 MB more.
    assert peaks[1] < 600
    assert peaks[1] - peaks[0] < 60


@pytest.mark.slow
def test_a_day_of_silence_and_many_channels(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    with soundfile.SoundFile(corpus / "V1-day.flac", "w", 8000, 1, "PCM_16") as sound:
        for _ in range(24):
            sound.write(np.zeros(8000 * 3600, np.int16))
    source = small_corpus.folder / "V2-01.flac"
    write_long(corpus / "V2-wide.wav", source, 4, 192_000, 8)
    peak, failures = peak_of(corpus, tmp_path / "work" / "w")
    assert len(failures) == 1
    assert "V1-day.flac: silent (all 691200000 samples are 0)" in failures[0]
    assert peak < 600
