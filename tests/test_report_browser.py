"""The report in a real browser: no errors, sound, keyboard, accessibility, time to load."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cantaor.corpus.audit.audit import audit
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.pipeline.figures import FoundFigure
from cantaor.pipeline.mine import mine
from cantaor.report.audit_page import write_audit_page
from cantaor.report.found_page import write_found_page
from cantaor.report.report import write_report
from cantaor.workspace.summary import workspace_manifest
from cantaor.workspace.workspace import Workspace
from tests.hostile_names import hostile_workspace

BROWSER = Path(__file__).parent / "browser"

pytestmark = pytest.mark.slow


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("no Chromium on PATH: apt-get install chromium")


def open_page(
    page: Path, profile: Path, *more: object, check: str = "check_report.js"
) -> dict[str, Any]:
    if shutil.which("node") is None:
        pytest.fail("no Node.js on PATH: apt-get install nodejs npm")
    if not (BROWSER / "node_modules").is_dir():
        pytest.fail(f"no browser driver: npm install --prefix {BROWSER}")
    command = ["node", BROWSER / check, page, chromium(), profile, *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_a_reader_meets_no_obstacle(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", voices=5, recordings=12, seconds=45.0, seed=3)
    workspace = mine(corpus.folder, tmp_path / "work", min_length=3)
    found = audit(workspace_manifest(workspace))
    page = write_report(workspace, tmp_path / "r.html", audit=found, motifs_per_singer=40)
    seen = open_page(page, tmp_path / "profile")
    # A card for each family, 40 a singer.
    assert seen["motifs"] == 200
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["loadMs"] < 2000
    assert seen["played"]
    assert len(set(seen["keyboard"])) == len(seen["keyboard"])
    for theme in ("light", "dark"):
        assert [one for one in seen["axe"][theme] if one["impact"] in ("serious", "critical")] == []


#: What the browser would note if it acted on one of these names.
NAMES = [
    "x" * 10_000,
    "</script><script>act('script')</script>",
    '"><img src=x onerror="act(1)">',
    "' onmouseover='act(2)' onfocus='act(3)' autofocus x='",
    "--><svg onload=act(4)><iframe srcdoc='<script>parent.act(5)</script>'>",
    "\u202egnola\u2066 \u200f",
    "two\nlines\r\nof\ta name",
    "a\x00\x0b\x1b[31mb",
    "javascript:act(6)",
    "{{ act(7) }} ${act(8)} </style><style>body{display:none}</style>",
    "&lt;script&gt;act(9)&lt;/script&gt;",
]


def require_inert(seen: dict[str, Any], scripts: int) -> None:
    assert seen["acted"] == []
    assert seen["dialogs"] == []
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["elements"] == {"script": scripts, "img": 0, "iframe": 0, "object": 0, "embed": 0}
    assert seen["turning"] == []
    assert seen["longest"] <= 8000
    assert seen["sticking"] == {"1280": [], "390": []}
    assert seen["scrolls"] == {"1280": 0, "390": 0}


@pytest.fixture(scope="module", params=range(0, len(NAMES), 3))
def names(request: pytest.FixtureRequest) -> list[str]:
    """All names, another three of them first: singers are called by those."""
    first: int = request.param
    return NAMES[first:] + NAMES[:first]


def hostile_manifest(workspace: Workspace, names: list[str]) -> Manifest:
    """Recordings of a workspace, twice under other names: copies, and labels that contradict."""
    plain = workspace_manifest(workspace)
    entries = [
        ManifestEntry(
            str(plain.file(entry)),
            singer=names[(index + again) % len(names)],
            recording=names[(2 * index + again) % len(names)],
            group=names[(3 * index + again) % len(names)],
        )
        for again in range(2)
        for index, entry in enumerate(plain.entries)
    ]
    return Manifest(tuple(entries), Path())


def test_a_report_of_hostile_names(
    small_workspace: Workspace, tmp_path: Path, names: list[str]
) -> None:
    hostile = hostile_workspace(small_workspace, tmp_path / "w", names)
    found = audit(hostile_manifest(small_workspace, names))
    page = write_report(hostile, tmp_path / "r.html", audit=found)
    require_inert(open_page(page, tmp_path / "p", check="check_names.js"), scripts=3)


def test_an_audit_of_hostile_names(
    small_workspace: Workspace, tmp_path: Path, names: list[str]
) -> None:
    found = audit(hostile_manifest(small_workspace, names))
    page = write_audit_page(found, tmp_path / "a.html", title=names[0])
    require_inert(open_page(page, tmp_path / "p", check="check_names.js"), scripts=0)


def test_places_of_hostile_names(tmp_path: Path, names: list[str]) -> None:
    found = [
        FoundFigure(name, names[index - 1], "gone.wav", 1.0, 2.0, 0.0, (1, -2), (100.0, 200.0, 0.0))
        for index, name in enumerate(names)
    ]
    page = write_found_page(found, tmp_path / "f.html", steps=(1, -2))
    require_inert(open_page(page, tmp_path / "p", check="check_names.js"), scripts=2)
