"""The command line: what users type, what they read, and the exit codes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.io.audio import write_audio
from cantaor.workspace.workspace import Workspace

SMALL = ("--width", "4", "--epochs", "2", "--device", "cpu")


def cantaor(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cantaor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture(scope="module")
def work(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mined and trained workspace that tests of this module only read."""
    folder = tmp_path_factory.mktemp("cli") / "w"
    shutil.copytree(small_workspace.path, folder)
    done = cantaor("train", folder, "--split", "recording", *SMALL)
    assert done.returncode == 0, done.stderr
    return folder


def test_help_lists_the_commands_and_shows_examples() -> None:
    text = cantaor("--help").stdout
    for command in ("demo", "mine", "train", "evaluate", "identify", "export"):
        assert command in text
        assert f"cantaor {command}" in cantaor(command, "--help").stdout


def test_mine_prints_a_table_and_json(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    done = cantaor("mine", small_corpus.folder, "--out", tmp_path / "w", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {row["singer"] for row in result["singers"]} == {"V1", "V2", "V3"}
    assert all(row["motifs"] > 0 for row in result["singers"])
    again = cantaor("mine", small_corpus.folder, "--out", tmp_path / "w")
    assert "Motifs per singer" in again.stdout


def test_train_evaluate_identify(work: Path, small_corpus: SyntheticCorpus) -> None:
    done = cantaor("evaluate", work, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"n", "accuracy", "balanced_accuracy", "auc", "by_recording", "protocol"} <= set(result)
    assert result["protocol"] == "recording"
    paths = [small_corpus.manifest.file(e) for e in small_corpus.manifest.entries[:2]]
    lines = cantaor("identify", work / "model", *paths, "--json").stdout.splitlines()
    results = [json.loads(line) for line in lines]
    assert [result["path"] for result in results] == [str(path) for path in paths]
    for result in results:
        assert sum(one["probability"] for one in result["ranked"]) == pytest.approx(1, abs=1e-4)
        assert len(result["ranked"]) == 3
        assert result["evidence"][0]["end_s"] > result["evidence"][0]["start_s"]


def test_no_recording_is_on_both_sides(work: Path) -> None:
    lines = (work / "model" / "clips.csv").read_text().splitlines()
    columns = lines[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in lines[1:]]
    subsets = {
        side: {r["recording"] for r in rows if r["split"] == side} for side in ("train", "test")
    }
    assert subsets["train"]
    assert subsets["test"]
    assert not subsets["train"] & subsets["test"]


def test_train_and_evaluate_on_clips_from_a_file(work: Path, tmp_path: Path) -> None:
    shutil.copy(work / "model" / "clips.csv", tmp_path / "clips.csv")
    done = cantaor(
        "train", "--clips", tmp_path / "clips.csv", "--out", tmp_path / "m", *SMALL, "--json"
    )
    assert done.returncode == 0, done.stderr
    done = cantaor("evaluate", tmp_path / "m", "--clips", tmp_path / "clips.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] > 0
    done = cantaor("identify", tmp_path / "m", tmp_path / "clips.csv")
    assert done.returncode == 1


def test_export_writes_torchscript(work: Path, tmp_path: Path) -> None:
    done = cantaor("export", work, "--out", tmp_path / "singer.ts")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "singer.ts").stat().st_size > 1000
    assert "## Limits" in (tmp_path / "singer.md").read_text()
    bad = cantaor("export", work, "--out", tmp_path / "singer.xyz")
    assert bad.returncode == 1
    assert "singer.xyz" in bad.stderr


def test_bad_files_are_named_and_the_good_ones_answered(
    work: Path, small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    good = small_corpus.manifest.file(small_corpus.manifest.entries[0])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio")
    soundfile.write(tmp_path / "zero.wav", np.zeros(0, "f4"), 44100)
    soundfile.write(tmp_path / "nan.wav", np.full(44100, np.nan, "f4"), 44100, subtype="FLOAT")
    write_audio(tmp_path / "silent.wav", np.zeros(44100, "f4"), 44100)
    names = ["missing.wav", "empty.wav", "text.wav", "zero.wav", "nan.wav", "silent.wav"]
    done = cantaor("identify", work, *[tmp_path / name for name in names], good)
    assert done.returncode == 3
    assert str(good) in re.sub(r"\s", "", done.stdout)
    for name, reason in zip(
        names, ["no such file", "empty", "not readable", "no audio", "NaN", "silent"], strict=True
    ):
        assert re.search(rf"{name}: .*{reason}", done.stderr), (name, done.stderr)
    assert "Traceback" not in done.stderr
    alone = cantaor("identify", work, tmp_path / "nan.wav")
    assert alone.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine", "missing", "--out", "w"], "missing"),
        (["mine", "corpus", "--out", "w", "--min-support", "0"], "min_support"),
        (["mine", "corpus", "--out", "w", "--gap", "2,1"], "gap"),
        (["mine", "corpus", "--out", "file"], "is a file"),
        (["mine", "corpus", "--out", "w", "--workers", "0"], "workers must be at least 1"),
        (["train", "missing"], "no such workspace"),
        (["train"], "either a workspace or --clips"),
        (["train", "WORK", "--split", "album"], "album"),
        (["train", "WORK", "--model", "mlp"], "mlp"),
        (
            ["train", "--clips", "c.csv", "--out", "m", "--split", "audio", "--max-clips", "9"],
            "--split, --max-clips cut a workspace's clips",
        ),
        (
            ["evaluate", "--grid", "--clips", "c.csv", "--out", "g", "--max-clips", "9"],
            "--max-clips cut a workspace's clips",
        ),
        (["evaluate", "corpus"], "corpus"),
        (["identify", "corpus", "V1-01.flac"], "corpus"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str],
    message: str,
    small_corpus: SyntheticCorpus,
    small_workspace: Workspace,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "corpus").symlink_to(small_corpus.folder)
    replaced = [str(small_workspace.path) if a == "WORK" else a for a in arguments]
    done = cantaor(*replaced, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_status_and_stages(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "path,singer\n"
        + "".join(f"{small_corpus.folder}/V1-0{i}.flac,V1\n" for i in (1, 2))
        + "gone.flac,V2\n"
    )
    arguments = (tmp_path / "list.csv", "--out", tmp_path / "w")
    done = cantaor("mine", *arguments, "--stage", "pitch")
    assert done.returncode == 3, done.stderr
    assert "pitch" in done.stdout
    status = json.loads(cantaor("status", tmp_path / "w", "--json").stdout)
    assert (status["state"], status["done"], status["failed"], status["left"]) == ("done", 2, 1, 0)
    done = cantaor("mine", *arguments, "--json", "--max-failures", "1")
    assert done.returncode == 3, done.stderr
    assert not done.stderr.strip().count("\n")
    stages = {one["stage"]: one for one in json.loads(done.stdout)["stages"]}
    assert (stages["pitch"]["reused"], stages["pitch"]["failed"]) == (2, 1)
    assert "gone.flac" in cantaor("status", tmp_path / "w").stdout
    assert cantaor("status", tmp_path).returncode == 1


def test_one_singer_and_too_few_recordings_are_explained(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    for names, message in (
        (("V1-01", "V1-02"), "one singer only"),
        (("V1-01", "V2-01"), "needs at least 2"),
    ):
        corpus = tmp_path / "-".join(names)
        corpus.mkdir()
        for name in names:
            shutil.copy(small_corpus.folder / f"{name}.flac", corpus)
        work = tmp_path / f"work-{corpus.name}"
        cantaor("mine", corpus, "--out", work, "--min-support", "1")
        done = cantaor("train", work, "--split", "recording", *SMALL)
        assert done.returncode == 1
        assert message in done.stderr
