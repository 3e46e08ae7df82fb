"""Scripts for clusters and containers: their syntax, their commands, and what exit codes become."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cantaor.cli import app

FOLDER = Path(__file__).resolve().parents[1] / "docs"
RECIPES = next(path.parent for path in FOLDER.rglob("shard.sbatch"))


def run(script: str, code: int, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script with a ``cantaor`` that says what it was asked for and ends with a code."""
    tool = folder / "cantaor"
    tool.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    tool.chmod(0o755)
    environment = {**os.environ, **variables, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["bash", str(RECIPES / script)]
    arguments = ["songs", str(folder)] if script == "shard.sbatch" else [str(folder)]
    return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (3, 0), (1, 1), (130, 1)])
def test_a_task_of_the_array_tracks_its_shard(code: int, ends: int, tmp_path: Path) -> None:
    done = run("shard.sbatch", code, tmp_path, SLURM_ARRAY_TASK_ID="7", SLURM_CPUS_PER_TASK="4")
    assert done.returncode == ends
    assert done.stdout.split() == (
        f"mine songs --out {tmp_path}/shard-7 --shard 7/64 --workers 4".split()
    )
    (last,) = re.findall(r"--array=1-(\d+)", (RECIPES / "shard.sbatch").read_text())
    assert last == "64"


def test_the_last_job_joins_all_shards(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"shard-{number}").mkdir()
    done = run("merge.sbatch", 3, tmp_path, SLURM_CPUS_PER_TASK="16")
    assert done.returncode == 0
    parts = f"merge {tmp_path}/shard-1 {tmp_path}/shard-2 --out {tmp_path}/work --workers 16"
    assert done.stdout.split() == parts.split()


def test_the_options_exist() -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    for script in RECIPES.glob("*.sbatch"):
        lines = script.read_text().replace("\\\n", " ")
        for command, rest in re.findall(r"^cantaor (\w+) (.*)$", lines, re.MULTILINE):
            options = {name for p in known[command].params for name in p.opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= options


def test_the_python_script_and_the_image() -> None:
    compile((RECIPES / "dask_slurm.py").read_text(), "dask_slurm.py", "exec")
    text = (RECIPES / "Dockerfile").read_text()
    assert "FROM python:3.11-slim" in text
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)
    assert sys.version_info >= (3, 11)
