"""Makes the pictures of the report that the documents show, from a synthetic corpus.

    python docs/make_pictures.py CHROMIUM

Needs what the browser test of the report needs: ``npm install --prefix tests/browser``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cantaor.corpus.audit.audit import audit
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_workspace
from cantaor.experiments.train_evaluate import train_workspace
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine
from cantaor.report.report import write_report
from cantaor.workspace.summary import workspace_manifest

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("motifs-light", "recordings-dark", "models-light", "models-dark")


def make_report(folder: Path) -> Path:
    """The report of a small corpus with a small network."""
    corpus = make_corpus(folder / "corpus", voices=3, recordings=6, seconds=20.0, seed=7)
    workspace = mine(corpus.folder, folder / "demo")
    prepared = prepare_clips(workspace, "recording", max_clips=150, seed=0)
    settings = recipe_settings("accurate", width=8, device="cpu")
    train_workspace(workspace, prepared, settings)
    evaluate_workspace(workspace)
    found = audit(workspace_manifest(workspace))
    return write_report(workspace, folder / "report.html", audit=found)


def main(chromium: str) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        page = make_report(folder)
        script = ROOT / "tests" / "browser" / "check_report.js"
        command = ["node", script, page, chromium, folder / "profile", folder]
        subprocess.run(list(map(str, command)), check=True)
        for name in SHOWN:
            shutil.copy(folder / f"report-{name}.png", ROOT / "docs" / "images")


if __name__ == "__main__":
    main(sys.argv[1])
