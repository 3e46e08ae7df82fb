"""Runs that are killed, starved or disturbed: what they leave is whole, and the next goes on."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.errors import ArgumentError, CorpusError, WorkspaceError
from cantaor.io.audio import write_audio
from cantaor.pipeline import clip_files as cutting
from cantaor.pipeline import recordings, stages
from cantaor.pipeline.mine import mine
from cantaor.workspace.journal import read_status
from cantaor.workspace.workspace import Workspace, lock, open_workspace

TABLES = ("recordings", "clusters", "motifs", "instances", "failures")

#: A run in a process of its own, so that it can be killed: corpus, workspace, workers.
CHILD = """
import sys
from cantaor.pipeline.mine import mine
if __name__ == "__main__":
    mine(sys.argv[1], sys.argv[2], workers=int(sys.argv[3]))
"""


def assert_equal(one: Workspace, other: Workspace) -> None:
    for name in TABLES:
        assert one.table(name).equals(other.table(name)), name
    assert clips_of(one) == clips_of(other)


def clips_of(workspace: Workspace) -> dict[str, bytes]:
    root = workspace.path / "clips"
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.wav")}


def kill_often(corpus: Path, work: Path, kills: int, workers: int, child: Path) -> None:
    """Kill runs at moments spread over the time that a whole one takes."""
    child.write_text(CHILD)
    command = [sys.executable, str(child), str(corpus), str(work), str(workers)]
    chance = random.Random(5)
    left = kills
    while left:
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
            until = time.monotonic() + 120
            while run.poll() is None and not (work / "progress.json").exists():
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 1.5) if left % 2 else chance.uniform(2, 5))
            if run.poll() is None:
                left -= 1
            elif run.returncode == 0:
                # It was faster than the moment: the next begins with less.
                shutil.rmtree(work / "contours")
                left -= 1
            run.send_signal(signal.SIGKILL)
            run.wait()


@pytest.mark.parametrize(
    ("kills", "workers"), [(2, 1), pytest.param(20, 2, marks=pytest.mark.slow)]
)
def test_killed_and_finished_is_undisturbed(
    small_corpus: SyntheticCorpus,
    small_workspace: Workspace,
    tmp_path: Path,
    kills: int,
    workers: int,
) -> None:
    kill_often(small_corpus.folder, tmp_path / "w", kills, workers, tmp_path / "child.py")
    assert_equal(mine(small_corpus.folder, tmp_path / "w"), small_workspace)
    assert not list((tmp_path / "w").rglob("*.part"))


def small_copy(corpus: SyntheticCorpus, folder: Path) -> Path:
    folder.mkdir()
    for name in ("V1-01", "V1-02", "V2-01", "V2-02"):
        shutil.copy(corpus.folder / f"{name}.flac", folder)
    return folder


def test_a_full_disk_stops_the_run_and_nothing_half_written_counts(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # No file can grow past 10 kB: the tables of pitch cannot be written.
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        with pytest.raises(WorkspaceError, match=r"cannot be written: .*File too large"):
            mine(corpus, tmp_path / "w")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not [p for p in (tmp_path / "w" / "pitch").rglob("*") if p.is_file()]
    status = read_status(tmp_path / "w")
    assert status["state"] == "stopped"
    assert "cannot be written" in status["reason"]
    assert_equal(mine(corpus, tmp_path / "w"), mine(corpus, tmp_path / "fresh"))


def test_a_file_that_changes_while_it_is_read_is_reported(
    small_corpus: SyntheticCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")
    track = recordings.track_blocks

    def meddle(*arguments: object) -> object:
        result = track(*arguments)  # type: ignore[arg-type]
        if "V2-01" in str(arguments[3]):
            with (corpus / "V2-01.flac").open("ab") as handle:
                handle.write(b"more")
        return result

    monkeypatch.setattr(recordings, "track_blocks", meddle)
    workspace = mine(corpus, tmp_path / "w")
    (failure,) = workspace.table("failures").to_pylist()
    assert "V2-01.flac: changed while it was read" in failure["reason"]
    assert failure["stage"] == "pitch"
    assert workspace.table("recordings").num_rows == 3


def test_a_file_that_changes_before_its_clips_are_cut_is_reported(
    small_corpus: SyntheticCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")

    def meddle(job: cutting.ClipJob) -> tuple[int, bool]:
        if "V2-01" in job.location:
            write_audio(corpus / "V2-01.flac", np.zeros(44100, "f4"), 44100)
        return cutting.cut_recording(job)

    monkeypatch.setattr(stages, "cut_recording", meddle)
    workspace = mine(corpus, tmp_path / "w", clips="all")
    (failure,) = workspace.table("failures").to_pylist()
    assert "V2-01.flac: changed since its pitch was tracked" in failure["reason"]
    rows = workspace.table("instances").to_pylist()
    assert {row["recording"] for row in rows if row["clip"] is None} == {"V2-01"}


def test_manifests_cannot_write_outside_the_workspace(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    names = ("V1-01", "V1-02", "V2-01")
    corpus = Manifest(
        tuple(
            ManifestEntry(f"{name}.flac", singer, recording)
            for name, singer, recording in zip(
                names,
                ("../../V1", "../../V1", "/etc/V2"),
                ("../../escape", str(tmp_path / "absolute"), "new\nline"),
                strict=True,
            )
        ),
        small_corpus.folder,
    )
    workspace = mine(corpus, tmp_path / "in" / "w")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["w"]
    clips = workspace.table("instances")["clip"].drop_null().to_pylist()
    assert clips
    for clip in clips:
        assert (workspace.path / "clips" / clip).resolve().is_relative_to(workspace.path)


def test_too_many_failures_end_the_run(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")
    for name in ("V1-bad", "V2-bad"):
        (corpus / f"{name}.wav").write_text("no audio")
    with pytest.raises(CorpusError, match=r"2 recordings failed, more than max_failures \(1\)"):
        mine(corpus, tmp_path / "w", max_failures=1)
    assert mine(corpus, tmp_path / "w", max_failures=2).table("failures").num_rows == 2


def test_stages_and_force(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")

    def computed(workspace: Workspace) -> dict[str, int]:
        return {one["stage"]: one["computed"] for one in read_status(workspace.path)["stages"]}

    assert computed(mine(corpus, tmp_path / "w", stage="contour")) == {"pitch": 4, "contour": 4}
    with pytest.raises(WorkspaceError, match="not finished"):
        open_workspace(tmp_path / "w")
    rest = {"pitch": 0, "contour": 0, "motifs": 2, "distinctive": 2, "instances": 4, "clips": 4}
    first = mine(corpus, tmp_path / "w")
    assert computed(first) == rest
    clips = clips_of(first)
    again = mine(corpus, tmp_path / "w", stage="contour", force=True)
    assert computed(again) == {"pitch": 0, "contour": 4}
    assert sum(computed(mine(corpus, tmp_path / "w", force=True)).values()) == 20
    assert clips_of(first) == clips
    with pytest.raises(ArgumentError, match="stage must be one of pitch, contour"):
        mine(corpus, tmp_path / "w", stage="f0")


def test_status_tells_running_done_and_killed(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")
    (corpus / "V1-bad.wav").write_text("no audio")
    seen: list[dict[str, object]] = []
    workspace = mine(
        corpus,
        tmp_path / "w",
        watch=lambda count: seen.append(read_status(tmp_path / "w")) if count.done == 2 else None,
    )
    assert {status["state"] for status in seen} == {"running"}
    status = read_status(workspace.path)
    assert (status["state"], status["left"], status["recordings"]) == ("done", 0, 5)
    assert [Path(one["path"]).name for one in status["failures"]] == ["V1-bad.wav"]
    pitch = status["stages"][0]
    assert (pitch["computed"], pitch["failed"], pitch["total"]) == (4, 1, 5)
    assert pitch["times_real_time"] > 1
    text = (workspace.path / "progress.json").read_text()
    (workspace.path / "progress.json").write_text(text.replace('"done"', '"running"', 1))
    assert read_status(workspace.path)["state"] == "killed"
    with lock(workspace):
        assert read_status(workspace.path)["state"] == "running"
    with pytest.raises(WorkspaceError, match="no run to report on"):
        read_status(corpus)


def test_an_executor_of_ones_own_gives_the_same(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    corpus = small_copy(small_corpus, tmp_path / "corpus")
    with ThreadPoolExecutor(3) as pool:
        threaded = mine(corpus, tmp_path / "threads", executor=pool)
    assert_equal(threaded, mine(corpus, tmp_path / "alone"))


def test_corpora_behind_urls(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    for name in ("V1-01", "V1-02", "V2-01"):
        store.pipe(f"/songs/{name}.flac", (small_corpus.folder / f"{name}.flac").read_bytes())
    store.pipe("/songs/list.csv", b"path,singer\nV1-01.flac,V1\nV1-02.flac,V1\nV2-01.flac,V2\n")
    try:
        folder = mine("memory://songs", tmp_path / "folder")
        table = mine("memory://songs/list.csv", tmp_path / "table")
    finally:
        store.rm("/songs", recursive=True)
    assert folder.table("motifs").equals(table.table("motifs"))
    assert set(folder.table("recordings")["path"].to_pylist()) == {
        f"memory://songs/{name}.flac" for name in ("V1-01", "V1-02", "V2-01")
    }
    local = small_copy(small_corpus, tmp_path / "corpus")
    (local / "V2-02.flac").unlink()
    files = mine(f"file://{local}", tmp_path / "files", clips=False)
    assert files.table("clusters").equals(folder.table("clusters"))
    assert files.table("motifs").equals(folder.table("motifs"))
    with pytest.raises(CorpusError, match="memory://nothing"):
        mine("memory://nothing", tmp_path / "nothing")


@pytest.mark.slow
def test_dask_gives_the_same_tables_also_when_a_worker_dies(
    small_corpus: SyntheticCorpus, small_workspace: Workspace, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    workspace = mine(small_corpus.folder, tmp_path / "local", dask="local", workers=2)
    assert_equal(workspace, small_workspace)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        killed: list[int] = []

        def kill_one(count: object) -> None:
            if not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        again = mine(
            small_corpus.folder,
            tmp_path / "again",
            dask=cluster.scheduler_address,
            progress=lambda _stage, done, _total: kill_one(done) if done == 2 else None,
        )
    assert killed
    assert_equal(again, small_workspace)
    with pytest.raises(WorkspaceError, match="no Dask scheduler"):
        mine(small_corpus.folder, tmp_path / "none", dask="tcp://127.0.0.1:9")
