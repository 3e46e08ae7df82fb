"""The page of what was left out: every answer, the worst first, and nothing that acts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cantaor.errors import ArgumentError, MissingExtraError, WorkspaceError
from cantaor.experiments.leave_one_out import GroupAnswer, LeaveOneOut
from cantaor.plotting.coverage import coverage_markup
from cantaor.report import templates
from cantaor.report.left_out_page import left_out_headline, write_left_out_page
from tests.test_cli import cantaor
from tests.test_inert_names import HOSTILE, require_inert

pytest.importorskip("jinja2", reason="needs the extra 'plot'")

ANSWERS = {
    "A1": GroupAnswer("A", "A", 0.9, "named", 10, 1.0),
    "A2": GroupAnswer("A", "B", 0.8, "named", 10, 0.5),
    "B1": GroupAnswer("B", "B", 0.6, "unsure", 10, 0.5),
    "B2": GroupAnswer("B", "", 0.0, "no motif", 0, 0.0),
}


def page_of(answers: dict[str, GroupAnswer], skipped: dict[str, str], path: Path) -> str:
    found = LeaveOneOut("group", answers, skipped).to_json()
    return write_left_out_page(found, path, "my corpus").read_text(encoding="utf-8")


def test_the_page_has_every_answer_the_worst_first(tmp_path: Path) -> None:
    page = page_of(ANSWERS, {"C1": "the only one of C"}, tmp_path / "p.html")
    assert re.findall(r'<th scope="row" class="name">(\w+)</th>', page) == [
        "A2",
        "B2",
        "B1",
        "A1",
        "C1",
    ]
    assert "2 got the right singer (50%); of the 2 that were named, 1 was wrong." in page
    assert "the only one of C" in page
    assert page.count("<circle") == 4
    assert page.count("<table>") == page.count("<caption>") == 3
    assert not re.search(r"<th(?![^>]*scope=)[ >]", page)
    assert not re.search(r"""(?:src|href)="(?!#|data:)|@import|url\(""", page)
    # Only the name space of the drawing.
    assert page.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http") == 0
    require_inert(page)
    assert "Not left out" not in page_of(ANSWERS, {}, tmp_path / "p.html")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_nothing(name: str, tmp_path: Path) -> None:
    answers = {name: GroupAnswer(name, name, 0.9, "named", 1, 1.0), "B": ANSWERS["A2"]}
    found = LeaveOneOut("recording", answers, {f"{name}!": f"the only one of {name}"}).to_json()
    page = write_left_out_page(found, tmp_path / "p.html", name).read_text(encoding="utf-8")
    require_inert(page)
    assert len(page) < 30_000


def test_headlines() -> None:
    told = {"by": "recording", "groups_right": 1, "groups_total": 1, "named": 1, "named_wrong": 0}
    assert left_out_headline(told) == (
        "Of 1 recording, each asked of a model that never met it, 1 got the right singer (100%); "
        "of the 1 that was named, none was wrong."
    )
    assert left_out_headline({**told, "named": 0}).endswith("none was sure enough to be named.")


def test_pages_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "p.html").write_text("<html>my holidays</html>")
    with pytest.raises(WorkspaceError, match="no page of cantaor"):
        page_of(ANSWERS, {}, tmp_path / "p.html")
    done = cantaor("evaluate", tmp_path, "--leave-out", "group", "--html", tmp_path / "p.html")
    assert done.returncode == 1
    assert "no page of cantaor" in done.stderr
    done = cantaor("evaluate", tmp_path, "--html", tmp_path / "q.html")
    assert "--html is for --leave-out" in done.stderr


def test_without_jinja2_the_install_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(module: str, extra: str) -> None:
        raise MissingExtraError(f"{module}: pip install 'cantaor[{extra}]'")

    monkeypatch.setattr(templates, "require_extra", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'cantaor\[plot\]'"):
        page_of(ANSWERS, {}, tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


def test_a_curve_outside_its_axes_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"risk \(1\.5\)"):
        coverage_markup([{"coverage": 1.0, "risk": 1.5}], "x")
    with pytest.raises(ArgumentError, match="plain words"):
        coverage_markup([], "<b>")
