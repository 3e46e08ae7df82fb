"""What the documents show is run: Python blocks and commands in a folder laid out as they say.

Every command's name and options are checked by default; running them all trains networks: slow.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from cantaor.cli import app
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.io.audio import write_audio
from cantaor.pipeline.mine import mine
from tests.encoder_files import FACTS, Bands, script

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Their commands are run in this order, in one folder.
RUN = [
    "docs/tutorials/first-report.md",
    "docs/tutorials/first-pattern.md",
    "docs/tutorials/first-evaluation.md",
    "docs/how-to/recordings.md",
    "docs/how-to/mining.md",
    "docs/how-to/sequences.md",
    "docs/how-to/training.md",
    "docs/how-to/identification.md",
    "docs/how-to/encoders.md",
    "docs/how-to/find-and-annotate.md",
    "docs/how-to/audit.md",
    "docs/how-to/export.md",
    "docs/how-to/speed.md",
    "README.md",
]
#: Folders of guides.
GUIDES = ("how-to", "reproduce")
#: Languages of blocks: what is run, and what is only shown.
KNOWN = {"sh", "python", "text"}
#: Tables of a workspace.
TABLES = ("recordings", "clusters", "motifs", "instances", "failures")
#: Set-up of this or another machine, tried by .ci/run and .ci/nightly instead.
SET_UP = re.compile(
    r"python3 -m venv|\.venv/bin/|cmake |npm |\.ci/"
    r"|python -m (pytest|pip|build|sphinx|tests\.)|python (docs|benchmarks)/"
)


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)


def blocks_in_order(page: Path) -> list[tuple[str, str]]:
    """Language and text of every block of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^ *```(\w+)\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)


def commands(page: Path, *languages: str) -> list[list[str]]:
    """Arguments of every cantaor command in the page's blocks of some languages."""
    return [found for language in languages for b in blocks(page, language) for found in calls(b)]


def calls(block: str) -> list[list[str]]:
    """Arguments of every cantaor command in a block, as a shell would cut them."""
    lines = [line.strip() for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("cantaor ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``recordings`` of three singers and a ``song.mp3``."""
    place = tmp_path_factory.mktemp("docs")
    corpus = make_corpus(place / "made", voices=3, recordings=5, seconds=12.0, seed=5)
    (place / "recordings").mkdir()
    for entry in corpus.manifest.entries:
        shutil.copy(corpus.manifest.file(entry), place / "recordings")
    shutil.copy(corpus.manifest.file(corpus.manifest.entries[0]), place / "song.mp3")
    # In place of one with the weights of others.
    script(place / "ge2e.ts", Bands(), FACTS)
    return place


def test_every_block_says_what_it_is() -> None:
    for page in PAGES:
        found = re.findall(r"^ *```(\S*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(found[1::2]) <= {""}, page
        assert set(found[::2]) <= KNOWN, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    for command, *arguments in commands(page, "sh", "text"):
        options = {name for p in known[command].params for name in (*p.opts, *p.secondary_opts)}
        assert {a for a in arguments if a.startswith("--")} <= options, f"{page}: {command}"


def test_guides_show_every_command() -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = {
        command
        for page in PAGES
        if page.parent.name in GUIDES
        for command, *_ in commands(page, "sh")
    }
    assert known <= shown, (
        f"{known - shown} stand in no block below docs/{' or docs/'.join(GUIDES)}"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_other_lines_are_set_up(page: Path) -> None:
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            assert line.startswith("cantaor ") or SET_UP.match(line) or not line, f"{page}: {line}"


def test_python_blocks_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine(folder / "recordings", folder / "work")
    monkeypatch.chdir(folder)
    ran = 0
    for page in PAGES:
        names: dict[str, object] = {}
        for block in blocks(page, "python"):
            exec(compile(block, str(page), "exec"), names)
            ran += 1
    assert ran >= 4


def test_links_and_pictures_exist() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(#[^)\s]*)?\)", text):
            file = (page.parent / target) if target else page
            assert file.exists(), f"{page}: {target}"
            if anchor:
                assert anchor in anchors(file), f"{page}: {target}{anchor}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", TABLES)
def test_columns_of_tables_are_documented(folder: Path, name: str) -> None:
    work = mine(folder / "recordings", folder / "tables")
    text = (ROOT / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {name}.parquet\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert set(work.table(name).column_names) <= named


def test_what_people_look_for_is_two_clicks_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    pages = {
        index.parent / target for target in re.findall(r"\]\(([^)#:]+\.md)", index.read_text())
    }
    near = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    for line in (
        "`.m4a`",
        "cantaor patterns visits.parquet --column pages",
        "cantaor reproduce table2",
        "#SBATCH",
        "cantaor mine recordings --out work-dask --dask local",
    ):
        assert line in near, line


def test_pictures_are_made_by_the_program_and_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert all(picture.stat().st_size < 400_000 for picture in pictures)


@pytest.mark.slow
def test_every_command_of_the_documents_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soft = np.zeros(1, np.float32)
    write_audio(folder / "empty.wav", soft, 16_000)  # a neighbour that no command may stumble over
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    shutil.rmtree(folder / "work", ignore_errors=True)
    monkeypatch.chdir(folder)
    for page in RUN:
        names: dict[str, object] = {}
        for language, block in blocks_in_order(ROOT / page):
            if language == "python":
                exec(compile(block, page, "exec"), names)
            for arguments in calls(block) if language == "sh" else []:
                command = [sys.executable, "-m", "cantaor", *arguments]
                done = subprocess.run(command, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, f"{page}: {' '.join(arguments)}\n{done.stderr}"
