"""Parts of a corpus tracked apart and joined: the same bytes as one run, or a clear refusal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cantaor.cli import app
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import ArgumentError, CorpusError, WorkspaceError
from cantaor.io.files import link_or_copy
from cantaor.pipeline import merge as joining
from cantaor.pipeline import recordings
from cantaor.pipeline.merge import merge_shards
from cantaor.pipeline.mine import mine
from cantaor.pipeline.shards import parse_shard
from cantaor.workspace.journal import read_status
from cantaor.workspace.workspace import Workspace, open_workspace

TABLES = ("recordings", "clusters", "motifs", "instances", "failures")
SETTINGS: dict[str, Any] = {"min_length": 3, "min_support": 2}
CHILD = """
import sys
from cantaor.pipeline.merge import merge_shards
merge_shards(sys.argv[2:], sys.argv[1], clips="all")
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices, three recordings each, and one file that holds no audio."""
    folder = tmp_path_factory.mktemp("shards") / "c"
    make_corpus(folder, voices=2, recordings=3, seconds=8.0, seed=1)
    (folder / "ground_truth.json").unlink(missing_ok=True)
    (folder / "V1-bad.wav").write_text("no audio")
    return folder


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return mine(corpus, tmp_path_factory.mktemp("whole") / "w", clips="all", **SETTINGS)


@pytest.fixture(scope="module")
def shards(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("parts")
    return [shard(corpus, place / f"s{i}", f"{i}/3") for i in (1, 2, 3)]


def shard(corpus: Path | Manifest, out: Path, name: str, **changes: Any) -> Path:
    return mine(corpus, out, shard=name, **{**SETTINGS, **changes}).path


def bytes_of(workspace: Workspace) -> dict[str, bytes]:
    files = [workspace.path / f"{name}.parquet" for name in TABLES]
    files += [workspace.path / "cantaor.toml", *(workspace.path / "clips").rglob("*.wav")]
    return {str(path.relative_to(workspace.path)): path.read_bytes() for path in files}


def test_shards_joined_are_one_run_byte_for_byte(
    corpus: Path, whole: Workspace, shards: list[Path], tmp_path: Path
) -> None:
    joined = merge_shards([shards[2], shards[0], shards[1]], tmp_path / "w", clips="all")
    assert bytes_of(joined) == bytes_of(whole)
    assert len(bytes_of(whole)) > 20
    (failure,) = joined.table("failures").to_pylist()
    assert "V1-bad.wav" in failure["reason"]
    open_workspace(joined.path)
    status = read_status(joined.path)
    assert status["stages"][0]["computed"] == 0
    # The joined workspace is like any other: another run finds all that was tracked.
    again = mine(corpus, joined.path, clips="all", **{**SETTINGS, "k": 7})
    pitch = read_status(again.path)["stages"][0]
    assert (pitch["computed"], pitch["reused"], pitch["failed"]) == (0, 6, 1)


def test_two_workers_and_copies_give_the_same(
    whole: Workspace, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    joined = merge_shards(shards, tmp_path / "w", workers=2, clips="all")
    assert bytes_of(joined) == bytes_of(whole)
    assert {p.stat().st_nlink for p in (joined.path / "pitch").rglob("*.parquet")} == {1}


def test_more_shards_than_recordings(corpus: Path, tmp_path: Path) -> None:
    names = ("V1-01.flac", "V1-02.flac")
    entries = tuple(ManifestEntry(name, "V1", name, start_s=1.0, end_s=7.0) for name in names)
    manifest = Manifest(entries, corpus, skipped=(("a", "odd"), ("b", "odd"), ("c", "odd")))
    parts = [shard(manifest, tmp_path / f"s{i}", f"{i}/5") for i in range(1, 6)]
    joined = merge_shards(parts, tmp_path / "w", clips="all")
    assert bytes_of(joined) == bytes_of(mine(manifest, tmp_path / "one", clips="all", **SETTINGS))
    assert joined.table("failures").num_rows == 3


def test_warnings_of_shards_arrive(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "accompaniment_warning", lambda *_: "perhaps a guitar")
    parts = [shard(corpus, tmp_path / f"s{i}", f"{i}/2") for i in (1, 2)]
    joined = merge_shards(parts, tmp_path / "w", clips="all")
    assert joined.table("failures")["kind"].to_pylist().count("warned") == 6
    assert bytes_of(joined) == bytes_of(mine(corpus, tmp_path / "one", clips="all", **SETTINGS))


def test_a_merge_that_is_killed_is_finished_by_the_same_command(
    whole: Workspace, shards: list[Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "w"), *map(str, shards)]
    for wait_s in (0.0, 0.3):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
            until = time.monotonic() + 120
            while run.poll() is None and not (tmp_path / "w" / "progress.json").exists():
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(wait_s)
            run.send_signal(signal.SIGKILL)
            run.wait()
    assert bytes_of(merge_shards(shards, tmp_path / "w", clips="all")) == bytes_of(whole)


def test_a_merge_stopped_while_it_links_is_finished(
    whole: Workspace, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def stop_at_third(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        link_or_copy(source, target)

    monkeypatch.setattr(joining, "link_or_copy", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        merge_shards(shards, tmp_path / "w", clips="all")
    monkeypatch.undo()
    assert bytes_of(merge_shards(shards, tmp_path / "w", clips="all")) == bytes_of(whole)


def test_missing_repeated_and_foreign_shards_are_named(
    corpus: Path, whole: Workspace, shards: list[Path], tmp_path: Path
) -> None:
    one, two, three = shards
    out = tmp_path / "w"
    with pytest.raises(WorkspaceError, match=r"1 of 3 shards missing: 2/3; given: 1/3 \(.*s1\), 3"):
        merge_shards([one, three], out)
    again = Path(shutil.copytree(two, tmp_path / "again"))
    with pytest.raises(WorkspaceError, match=r"s2 and .*again are both shard 2/3"):
        merge_shards([one, two, three, again], out)
    other = shard(corpus, tmp_path / "of2", "2/2")
    with pytest.raises(WorkspaceError, match=r"not shards of one run: 3 against 2"):
        merge_shards([one, other, three], out)
    other = shard(corpus, tmp_path / "hop", "2/3", hop=512)
    with pytest.raises(WorkspaceError, match=r"s1 .*hop .* other settings: hop 256 against 512"):
        merge_shards([one, other, three], out)
    other = shard(corpus, tmp_path / "strict", "2/3", strict=True)
    with pytest.raises(WorkspaceError, match="strict False against True"):
        merge_shards([one, other, three], out)
    less = Path(shutil.copytree(corpus, tmp_path / "less"))
    (less / "V2-03.flac").unlink()
    other = shard(less, tmp_path / "few", "2/3")
    with pytest.raises(WorkspaceError, match=r"7 recordings below .*/c .* against 6 .*/less"):
        merge_shards([one, other, three], out)
    with pytest.raises(WorkspaceError, match="is a whole mined workspace, no shard"):
        merge_shards([one, whole.path, three], out)
    with pytest.raises(WorkspaceError, match="nowhere: no such folder"):
        merge_shards([one, tmp_path / "nowhere", three], out)
    with pytest.raises(ArgumentError, match="at least one"):
        merge_shards([], out)
    with pytest.raises(ArgumentError, match="s1: is shard 1/3 itself"):
        merge_shards(shards, one)
    with pytest.raises(WorkspaceError, match="is shard 2/3 of a corpus; name another"):
        merge_shards(shards, again)
    assert not out.exists()


def test_incomplete_shards_are_named(corpus: Path, shards: list[Path], tmp_path: Path) -> None:
    one, two, three = shards
    with pytest.raises(CorpusError, match="max_failures"):
        shard(corpus, tmp_path / "stopped", "2/3", max_failures=0, strict=True, min_hz=1300.0)
    with pytest.raises(WorkspaceError, match=r"stopped: shard 2/3 stopped .* of 2 recordings left"):
        merge_shards([one, tmp_path / "stopped", three], tmp_path / "w")
    work = mine(corpus, tmp_path / "part", stage="pitch", **SETTINGS).path
    with pytest.raises(WorkspaceError, match="unfinished run of mine without --shard"):
        merge_shards([one, work, three], tmp_path / "w")
    broken = Path(shutil.copytree(two, tmp_path / "broken"))
    next((broken / "pitch").rglob("*.parquet")).unlink()
    with pytest.raises(WorkspaceError, match=r"broken/pitch/.*: cannot be read"):
        merge_shards([one, broken, three], tmp_path / "w")
    edited = Path(shutil.copytree(two, tmp_path / "edited"))
    text = (edited / "cantaor.toml").read_text()
    (edited / "cantaor.toml").write_text(text.replace("k = 24", "k = 9"))
    with pytest.raises(
        WorkspaceError, match=r"is not what shard 2/3 was made with: k 9 against 24"
    ):
        merge_shards([one, edited, three], tmp_path / "w")


def test_a_shard_is_tracked_once_and_says_what_it_is(corpus: Path, tmp_path: Path) -> None:
    work = shard(corpus, tmp_path / "s", "2/3")
    status = read_status(work)
    assert (status["shard"], status["recordings"], status["corpus_recordings"]) == ("2/3", 2, 7)
    assert shard(corpus, work, "2/3") == work
    assert read_status(work)["stages"][0]["reused"] == 2
    with pytest.raises(WorkspaceError, match="is shard 2/3 of a corpus, with pitch only"):
        open_workspace(work)
    with pytest.raises(WorkspaceError, match=r"s: is shard 2/3, not 1/3"):
        shard(corpus, work, "1/3")
    # Mined to the end without --shard, it is a workspace like any other.
    assert open_workspace(mine(corpus, work, **SETTINGS).path).is_mined
    assert not (work / "shard.parquet").exists()
    assert read_status(work)["shard"] == ""
    with pytest.raises(WorkspaceError, match=r"is a whole mined workspace; name another for 2/3"):
        shard(corpus, work, "2/3")


@pytest.mark.parametrize("name", ["0/3", "4/3", "1", "1/0", "a/b", "1/3/5", "-1/3", ""])
def test_names_of_shards(name: str) -> None:
    with pytest.raises(ArgumentError, match='shard must be "i/n"'):
        parse_shard(name)


def test_what_makes_no_sense_for_a_shard(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="ends after stage pitch"):
        shard(corpus, tmp_path / "s", "1/3", stage="motifs")
    with pytest.raises(ArgumentError, match="prune is for whole workspaces"):
        shard(corpus, tmp_path / "s", "1/3", prune=True)
    assert not (tmp_path / "s").exists()


def test_the_commands(corpus: Path, whole: Workspace, tmp_path: Path) -> None:
    options = ["--min-length", "3", "--min-support", "2"]
    for i in (1, 2, 3):
        out = ["--out", str(tmp_path / f"s{i}"), "--shard", f"{i}/3", "--json"]
        done = CliRunner().invoke(app, ["mine", str(corpus), *out, *options])
        assert json.loads(done.stdout)["shard"] == f"{i}/3"
        assert done.exit_code == (3 if json.loads(done.stdout)["failures"] else 0)
    said = CliRunner().invoke(app, ["status", str(tmp_path / "s1")]).stdout
    assert "shard 1/3 (3 of 7 recordings): done" in " ".join(said.split())
    parts = [str(tmp_path / f"s{i}") for i in (1, 2, 3)]
    command = ["merge", *parts, "--out", str(tmp_path / "w"), "--all-clips"]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 3  # the file without audio
    assert len(json.loads(done.stdout)["singers"]) == 2
    assert bytes_of(Workspace(tmp_path / "w")) == bytes_of(whole)
    done = CliRunner().invoke(app, command)
    assert "Motifs per singer" in done.stdout
    assert "V1-bad.wav" in done.stderr
