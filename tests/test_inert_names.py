"""Hostile names in pages, figures and terminals: shown, never acted upon."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from cantaor.errors import WorkspaceError
from cantaor.io.files import json_text
from cantaor.plotting.contours import save_figure
from cantaor.plotting.evaluation import plot_confusion, plot_embeddings
from cantaor.plotting.svg import figure_markup
from cantaor.report import model_section
from cantaor.report.grid_section import grid_section
from cantaor.report.report import write_report
from cantaor.report.templates import shown, write_page
from cantaor.report.terminal import print_evaluation, print_rows
from cantaor.workspace.workspace import Workspace
from tests.hostile_names import HOSTILE, hostile_workspace


class Elements(HTMLParser):
    """Names of elements, and all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def require_inert(page: str, scripts: int = 0) -> None:
    found = Elements()
    found.feed(page)
    assert found.names.count("script") == scripts
    assert "img" not in found.names
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    for name, value in found.attributes:
        if name == "id":
            assert re.fullmatch(r"[A-Za-z0-9_.-]+", value or ""), value
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x0b\x1b]", page)
    page.encode("utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_figures_are_inert(name: str, tmp_path: Path) -> None:
    singers = [name, "B"]
    for figure in (
        plot_confusion(singers, [[1, 2], [0, 3]]),
        plot_embeddings(np.eye(4, 2), singers * 2),
    ):
        markup = figure_markup(figure, shown(name), name)
        require_inert(markup)
        ids = set(re.findall(r'\bid="([^"]+)"', markup))
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', markup)) <= ids
        assert save_figure(figure, tmp_path / "f.png").stat().st_size


def test_different_names_give_different_identifiers() -> None:
    figure = plot_confusion(["a"], [[1]])
    ids = [set(re.findall(r'id="([^"]+)"', figure_markup(figure, "", n))) for n in ("a b", "a_b")]
    assert not ids[0] & ids[1]


@pytest.fixture(scope="module")
def hostile(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    names = [name for name in HOSTILE if name != "\ud800"]
    return hostile_workspace(small_workspace, tmp_path_factory.mktemp("hostile") / "w", names)


def test_a_page_of_a_hostile_workspace_is_inert(hostile: Workspace, tmp_path: Path) -> None:
    page = write_report(hostile, tmp_path / "r.html").read_text(encoding="utf-8")
    # Tracks, sounds and the page's own script.
    require_inert(page, scripts=3)
    for block in re.findall(r'<script type="application/json" id="[^"]+">(.*?)</script>', page):
        json.loads(block)
    assert "$\\frac{$" in page


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("evaluation-a.json", "[]"),
        ("evaluation-a.json", "{"),
        ("evaluation-a.json", '{"classes": ["a"], "confusion": [[1, 2]]}'),
        ("evaluation-a.json", '{"classes": ["a"], "confusion": [[1]], "accuracy": "<b>"}'),
        ("model/model.json", '{"history": [{"epoch": 1, "loss": "<b>", "accuracy": 1}]}'),
        ("model/model.json", "[1]"),
        ("grid/a.json", '{"model": "", "features": "", "data": "", "protocol": "", "auc": "x"}'),
    ],
)
def test_wrong_files_of_a_workspace_are_named(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text, encoding="latin-1")
    workspace = Workspace(tmp_path)
    with pytest.raises(WorkspaceError, match=re.escape(str(tmp_path / file))):
        read_all(workspace)


def read_all(workspace: Workspace) -> None:
    """Everything of models and grids that a page shows."""
    model_section.tested_models(workspace)
    model_section.learning_drawings(workspace)
    grid_section(workspace)


def test_pages_replace_their_own_only(small_workspace: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("<html>my holidays</html>")
    with pytest.raises(WorkspaceError, match=r"report\.html: is there and no page of cantaor"):
        write_report(small_workspace, page)
    with pytest.raises(WorkspaceError, match="no page of cantaor"):
        write_page(page, "audit.html")
    assert page.read_text() == "<html>my holidays</html>"


@pytest.mark.parametrize("name", [*HOSTILE, "song [live].flac", "x[", "[/red]", ":cat:", "[bold]"])
def test_terminal_shows_names_as_they_are(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20000")
    print_rows(name, [name], [[name]])
    vote = {"singer": name, "answer": name, "probability": 1.0, "n": 1}
    figures = dict.fromkeys(("n", "accuracy", "balanced_accuracy", "auc", "recording_accuracy"))
    result = {**figures, "protocol": name, "classes": [name], "confusion": [[1]]}
    print_evaluation({**result, "by_recording": {name: vote}})
    out = capsys.readouterr().out
    assert "\x1b[31m" not in out
    if name.isprintable():
        assert name[:200] in out


def test_json_has_no_nan() -> None:
    text = json_text({"a": [float("nan"), (float("-inf"), 1)], "b": 2.5})
    assert json.loads(text, parse_constant=lambda _: 1 / 0) == {"a": [None, [None, 1]], "b": 2.5}
