"""The report in a real browser: no errors, sound, keyboard, accessibility, time to load."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cantaor.corpus.audit.audit import audit
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.pipeline.mine import mine
from cantaor.report.report import write_report
from cantaor.workspace.summary import workspace_manifest

BROWSER = Path(__file__).parent / "browser"

pytestmark = pytest.mark.slow


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("no Chromium on PATH: apt-get install chromium")


def open_page(page: Path, profile: Path, *more: object) -> dict[str, Any]:
    if shutil.which("node") is None:
        pytest.fail("no Node.js on PATH: apt-get install nodejs npm")
    if not (BROWSER / "node_modules").is_dir():
        pytest.fail(f"no browser driver: npm install --prefix {BROWSER}")
    command = ["node", BROWSER / "check_report.js", page, chromium(), profile, *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_a_reader_meets_no_obstacle(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", voices=5, recordings=6, seconds=30.0, seed=3)
    workspace = mine(corpus.folder, tmp_path / "work", min_length=4)
    found = audit(workspace_manifest(workspace))
    page = write_report(workspace, tmp_path / "r.html", audit=found, motifs_per_singer=40)
    seen = open_page(page, tmp_path / "profile")
    assert seen["motifs"] == 200
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["loadMs"] < 2000
    assert seen["played"]
    assert len(set(seen["keyboard"])) == len(seen["keyboard"])
    for theme in ("light", "dark"):
        assert [one for one in seen["axe"][theme] if one["impact"] in ("serious", "critical")] == []
