"""An audit by workers, from a cache, or after a kill is the audit of one undisturbed process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit import measurement_files, measuring
from cantaor.corpus.audit.audit import audit
from cantaor.corpus.audit.summary import AuditReport
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import ArgumentError, WorkspaceError
from tests.test_cli import cantaor


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Voices, copies of them under other names, silence, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("audit") / "corpus"
    make_corpus(folder, voices=2, recordings=3, seconds=8.0, seed=1)
    shutil.copy(folder / "V1-01.flac", folder / "V1-copy.flac")
    samples, rate = soundfile.read(folder / "V2-01.flac")
    soundfile.write(folder / "V1-taken.wav", samples, rate, subtype="PCM_16")
    soundfile.write(folder / "V2-silent.wav", np.zeros(9000), 16_000)
    (folder / "V2-empty.wav").write_bytes(b"")
    (folder / "V2-noise.mp3").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "manifest.csv").unlink()
    (folder / "truth.json").unlink()
    return folder


@pytest.fixture(scope="module")
def undisturbed(corpus: Path) -> str:
    return text_of(audit(corpus))


def text_of(report: AuditReport) -> str:
    return json.dumps([report.to_json(), report.groups, report.contents, repr(report.faults)])


def test_workers_and_threads_give_the_same_audit(corpus: Path, undisturbed: str) -> None:
    done: list[int] = []
    assert text_of(audit(corpus, workers=2, progress=done.append)) == undisturbed
    assert done == sorted(done)
    assert done[-1] == 11
    with ThreadPoolExecutor(2) as threads:
        assert text_of(audit(corpus, executor=threads)) == undisturbed
    with pytest.raises(ArgumentError, match="workers must be at least 1, not 0"):
        audit(corpus, workers=0)


def test_a_second_audit_reads_no_audio_again(
    corpus: Path, undisturbed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    assert text_of(audit(corpus, cache=cache)) == undisturbed
    measured = []
    measure = measuring.measure_entries

    def counted(manifest, *rest):
        measured.append(manifest.entries[0].path)
        return measure(manifest, *rest)

    monkeypatch.setattr(measurement_files, "measure_entries", counted)
    assert text_of(audit(corpus, cache=cache)) == undisturbed
    # What failed is tried again; nothing else is.
    assert sorted(measured) == ["V2-empty.wav", "V2-noise.mp3"]


def test_other_audio_settings_or_code_are_measured_anew(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = tmp_path / "corpus", tmp_path / "cache"
    folder.mkdir()
    for name in ("V1-01.flac", "V2-01.flac"):
        shutil.copy(corpus / name, folder)
    audit(folder, cache=cache)

    def files() -> int:
        return len(list(cache.rglob("*.npz")))

    assert files() == 2
    shutil.copy(corpus / "V2-02.flac", folder / "V2-01.flac")
    assert text_of(audit(folder, cache=cache)) == text_of(audit(folder))
    assert files() == 3
    audit(folder, cache=cache, near=False)
    assert files() == 5
    monkeypatch.setattr(measurement_files, "AUDIT_VERSION", measuring.AUDIT_VERSION + 1)
    audit(folder, cache=cache)
    assert files() == 7


def test_damaged_and_foreign_files_of_a_cache_are_not_believed(
    corpus: Path, undisturbed: str, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    audit(corpus, cache=cache)
    (cache / "notes.txt").write_text("mine")
    files = sorted(cache.rglob("*.npz"))
    whole = [file.read_bytes() for file in files]
    files[0].write_bytes(whole[0][: len(whole[0]) // 2])
    files[1].write_bytes(whole[2])
    turned = bytearray(whole[3])
    turned[len(turned) // 2] ^= 0xFF
    files[3].write_bytes(bytes(turned))
    files[4].write_bytes(b"")
    np.savez(files[5], facts=np.array([{"an": "object"}], dtype=object))
    assert text_of(audit(corpus, cache=cache)) == undisturbed
    assert (cache / "notes.txt").read_text() == "mine"
    assert [len(file.read_bytes()) for file in files] == [len(data) for data in whole]


def test_a_cache_that_cannot_be_written_is_named(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WorkspaceError, match="file"):
        audit(corpus, cache=tmp_path / "file", workers=2)
    with pytest.raises(ArgumentError, match="a cache is on this machine"):
        audit(corpus, cache="s3://bucket/cache")


def test_killed_and_finished_is_undisturbed(corpus: Path, undisturbed: str, tmp_path: Path) -> None:
    cache, child = tmp_path / "cache", tmp_path / "child.py"
    child.write_text(
        "import sys\nfrom cantaor import audit\n"
        "if __name__ == '__main__':\n"
        "    audit(sys.argv[1], cache=sys.argv[2], workers=int(sys.argv[3]))\n"
    )
    # Killed six times, each a file further.
    for wanted in range(1, 7):
        command = [sys.executable, str(child), str(corpus), str(cache), str(1 + wanted % 2)]
        with subprocess.Popen(command, start_new_session=True) as run:
            until = time.monotonic() + 60
            while len(list(cache.rglob("*.npz"))) < wanted and run.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.002)
            os.killpg(run.pid, signal.SIGKILL)
    assert text_of(audit(corpus, cache=cache)) == undisturbed


@pytest.mark.slow
def test_dask_gives_the_same_audit_also_when_a_worker_dies(
    corpus: Path, undisturbed: str, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        killed: list[int] = []

        def kill_one(done: int) -> None:
            if done >= 2 and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        found = audit(
            corpus, dask=cluster.scheduler_address, cache=tmp_path / "cache", progress=kill_one
        )
    assert killed
    assert text_of(found) == undisturbed


def test_the_command_takes_workers_and_a_cache(corpus: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = cantaor("audit", corpus, "--workers", "2", "--cache", cache, "--json")
    again = cantaor("audit", corpus, "--cache", cache, "--json")
    assert first.returncode == again.returncode == 0, first.stderr
    assert first.stdout == again.stdout == cantaor("audit", corpus, "--json").stdout
