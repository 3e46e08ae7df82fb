"""What some systems lack, another way is there for: simulated by taking it away."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cantaor.io.audio import read_audio
from cantaor.io.encoding import write_audio

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "cantaor"

# What Windows has not; of what the package imports itself, none may be named in any file.
ONLY_UNIX = ("fcntl", "grp", "pwd", "resource", "termios", "tty")
# Rooms that load nothing but the core's own dependencies; those of learn load torch.
CORE = ("cli", "clips", "clustering", "corpus", "io", "metrics", "motifs", "parallel", "pitch")

_IMPORT_CORE = """
import importlib, os, pkgutil, sys
import pyarrow, rich, scipy, soundfile, soxr, typer
for name in {blocked!r}:
    sys.modules[name] = None
for name in ("memfd_create", "sched_getaffinity", "fork", "getuid"):
    if hasattr(os, name):
        delattr(os, name)
import cantaor
for room in {rooms!r}:
    package = importlib.import_module("cantaor." + room)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            trace = error.__traceback__
            while trace.tb_next:
                trace = trace.tb_next
            assert "cantaor" not in trace.tb_frame.f_code.co_filename, (module.name, error)
"""


def test_no_module_imports_what_only_unix_has() -> None:
    named = [
        (file.name, name)
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name in ONLY_UNIX
    ]
    assert named == []


def test_the_core_imports_without_what_only_unix_has() -> None:
    code = _IMPORT_CORE.format(blocked=ONLY_UNIX, rooms=CORE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("form", ["wav", "flac", "ogg"])
def test_audio_is_written_without_files_of_memory(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = np.sin(np.arange(22_050) / 20).astype(np.float32) / 2
    write_audio(tmp_path / f"here.{form}", samples, 22_050)
    monkeypatch.delattr(os, "memfd_create", raising=False)
    write_audio(tmp_path / f"there.{form}", samples, 22_050)
    here, there = (read_audio(tmp_path / f"{name}.{form}") for name in ("here", "there"))
    np.testing.assert_array_equal(here.samples, there.samples)


def test_the_number_of_cores_is_known_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    from cantaor.parallel import workers

    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert workers.available_cores() >= 1


_SPAWNED = """
import multiprocessing
from pathlib import Path

from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.parallel import processes
from cantaor.pipeline.mine import mine

multiprocessing.get_all_start_methods = lambda: ["spawn"]

if __name__ == "__main__":
    made = make_corpus("voices", voices=1, recordings=2, seconds=8.0, seed=1)
    assert processes.open_processes()._context.get_start_method() == "spawn"
    print(mine(made.manifest, Path("work"), workers=2, clips=False).table("recordings").num_rows)
"""


def test_workers_are_spawned_where_none_can_be_forked(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SPAWNED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2"
