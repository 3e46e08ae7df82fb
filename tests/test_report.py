"""The report page and its figures, without a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cantaor.corpus.audit.audit import audit
from cantaor.errors import ArgumentError
from cantaor.io.files import write_table
from cantaor.metrics.calibration_error import expected_calibration_error
from cantaor.plotting.evaluation import (
    calibration_bins,
    embedding_map,
    plot_calibration,
    plot_confusion,
    plot_embeddings,
)
from cantaor.plotting.svg import figure_markup
from cantaor.report.report import write_report
from cantaor.workspace.summary import workspace_manifest
from cantaor.workspace.workspace import Workspace

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Structure(HTMLParser):
    """Open elements, identifiers, and what points elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href"} and re.match(r"(https?:)?//", value or ""):
                self.outside.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def tested(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small workspace with figures of a model that was never trained."""
    path = tmp_path_factory.mktemp("tested") / "w"
    path.mkdir()
    for one in small_workspace.path.iterdir():
        (path / one.name).symlink_to(one)
    workspace = Workspace(path)
    rng = np.random.default_rng(0)
    singers = ["V1", "V2", "V3"] * 20
    answers = [singers[i] if i % 3 else "V1" for i in range(60)]
    confusion = [[20, 0, 0], [0, 20, 0], [0, 0, 20]]
    figures = {
        "n": 60,
        "accuracy": 1.0,
        "balanced_accuracy": 1.0,
        "auc": None,
        "recording_accuracy": 1.0,
        "classes": ["V1", "V2", "V3"],
        "confusion": confusion,
    }
    (path / "evaluation-recording.json").write_text(json.dumps(figures))
    table = {
        "singer": singers,
        "answer": answers,
        "probability": rng.uniform(0.3, 1, 60).astype(np.float32),
        "embedding": list(rng.standard_normal((60, 8)).astype(np.float32)),
    }
    write_table(path / "heldout-recording.parquet", pa.table(table))
    (path / "model").mkdir()
    epochs = [{"epoch": e, "loss": 1 / e, "accuracy": 0.5} for e in (1, 2, 3)]
    (path / "model" / "model.json").write_text(json.dumps({"history": epochs}))
    (path / "grid").mkdir()
    cell = {"model": "crnn", "features": "mfcc", "data": "motifs", "protocol": "paper"}
    (path / "grid" / "one.json").write_text(json.dumps({**cell, "accuracy": 0.9, "auc": None}))
    return workspace


def page_of(workspace: Workspace, folder: Path) -> str:
    found = audit(workspace_manifest(workspace))
    return write_report(workspace, folder / "r.html", audit=found).read_text(encoding="utf-8")


def block(page: str, name: str) -> dict[str, str] | list[dict[str, object]]:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_page_holds_every_part_and_nothing_from_elsewhere(
    tested: Workspace, tmp_path: Path
) -> None:
    page = page_of(tested, tmp_path)
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert structure.outside == []
    assert len(structure.ids) == len(set(structure.ids))
    parts = {"corpus", "motifs", "recordings", "models", "learning", "grid", "settings"}
    assert parts <= set(structure.ids)
    assert "88.59 / 87.66" in page  # the paper's cell beside ours
    assert "exact copies" in page


def test_every_sound_and_recording_of_a_card_is_there(tested: Workspace, tmp_path: Path) -> None:
    page = page_of(tested, tmp_path)
    sounds = block(page, "sounds-data")
    assert set(re.findall(r'data-sound="([^"]+)"', page)) == set(sounds)
    names = {one["name"] for one in block(page, "tracks-data")}  # type: ignore[index]
    assert set(re.findall(r'data-show="([^"]+)"', page)) <= names


def test_hostile_names_stay_text(small_workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.mkdir()
    for one in small_workspace.path.iterdir():
        (path / one.name).symlink_to(one)
    recordings = small_workspace.table("recordings")
    named = ["</script><b id=evil>"] * recordings.num_rows
    place = recordings.column_names.index("recording")
    (path / "recordings.parquet").unlink()
    write_table(
        path / "recordings.parquet", recordings.set_column(place, "recording", pa.array(named))
    )
    page = write_report(Workspace(path), tmp_path / "r.html").read_text(encoding="utf-8")
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert "evil" not in structure.ids
    assert "Not audited" in page


def test_a_workspace_without_a_model_has_no_empty_parts(
    small_workspace: Workspace, tmp_path: Path
) -> None:
    page = write_report(small_workspace, tmp_path / "r.html").read_text(encoding="utf-8")
    for part in ("models", "learning", "grid"):
        assert f'id="{part}"' not in page
        assert f'href="#{part}"' not in page


def test_calibration_by_hand() -> None:
    probability, correct = [0.55, 0.55, 0.95, 1.0], [True, False, True, True]
    mean, share, count = calibration_bins(probability, correct)
    np.testing.assert_allclose(mean, [0.55, 0.975])
    assert share.tolist() == [0.5, 1.0]
    assert count.tolist() == [2, 2]
    assert expected_calibration_error(probability, correct) == pytest.approx((0.05 + 0.025) / 2)


def test_embedding_map_keeps_distances_of_a_plane(rng: np.random.Generator) -> None:
    plane = rng.standard_normal((30, 2)) @ np.linalg.qr(rng.standard_normal((6, 2)))[0].T
    points = embedding_map(plane)
    ours = np.linalg.norm(points[:, None] - points, axis=-1)
    theirs = np.linalg.norm(plane[:, None] - plane, axis=-1)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert embedding_map([[1.0], [2.0]]).shape == (2, 2)


def test_figures_become_markup_that_follows_the_theme() -> None:
    figures = [
        plot_confusion(["a", "b"], [[3, 1], [0, 0]]),
        plot_calibration([0.2, 0.9], [False, True]),
        plot_embeddings(np.eye(4, 2), ["a", "b", "a", "b"]),
    ]
    for number, figure in enumerate(figures):
        text = figure_markup(figure, 'what "it" shows', f"f{number}")
        assert 'aria-label="what &quot;it&quot; shows"' in text
        assert "var(--ink)" in text
        assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert all(one.startswith(f"f{number}-") for one in ids)
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', text)) <= set(ids)
    with pytest.raises(ArgumentError, match="must be 2 x 2 for 2 classes"):
        plot_confusion(["a", "b"], np.zeros((3, 3)))


WITHOUT_TORCH = """
import sys
hidden = ("torch", "torchaudio", "lightning", "sklearn", "safetensors", "torchmetrics")
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
from cantaor.cli import main
sys.argv = ["cantaor", *sys.argv[1:]]
main()
"""


def test_the_report_needs_no_torch(tested: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    command = [sys.executable, "-c", WITHOUT_TORCH]
    ran = subprocess.run(
        [*command, "report", str(tested.path), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    page = out.read_text(encoding="utf-8")
    assert "88.59 / 87.66" in page
    assert "confusion-recording" in page
    model = [*command, "identify", str(tested.path / "model"), "a.wav"]
    refused = subprocess.run(model, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "cantaor[learn]" in refused.stderr
