"""Files of a workspace lie in folders of two digits; flat workspaces are read and moved."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cantaor.annotation.layers import recording_layers
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import WorkspaceError
from cantaor.pipeline.figures import find_similar
from cantaor.pipeline.mine import mine
from cantaor.report.report import write_report
from cantaor.workspace import rooms, staging
from cantaor.workspace.journal import read_status
from cantaor.workspace.rooms import ROOMS, files_in, note_path, table_path
from cantaor.workspace.workspace import Workspace, open_workspace

SETTINGS: dict[str, Any] = {"min_length": 3, "min_support": 2}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms") / "c"
    make_corpus(folder, voices=2, recordings=3, seconds=8.0, seed=1)
    (folder / "ground_truth.json").unlink(missing_ok=True)
    for path in folder.glob("*.flac"):
        os.utime(path, (1e9, 1e9))  # long enough ago for its hash to be noted
    return folder


@pytest.fixture(scope="module")
def mined(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return mine(corpus, tmp_path_factory.mktemp("mined") / "w", **SETTINGS)


@pytest.fixture
def flat(mined: Workspace, tmp_path: Path) -> Workspace:
    """A workspace as an earlier version left it."""
    return flattened(Workspace(Path(shutil.copytree(mined.path, tmp_path / "flat"))))


def flattened(workspace: Workspace) -> Workspace:
    for base in (workspace.path, workspace.path / staging.STAGING):
        for room in ROOMS:
            for path in list((base / room).rglob("*.*")):
                path.replace(base / room / path.name)
            for place in [p for p in (base / room).glob("*") if p.is_dir()]:
                place.rmdir()
    return workspace


def files_of(workspace: Workspace) -> dict[str, bytes]:
    """Everything but the log and the lock."""
    passing = {"progress.json", "journal.jsonl", ".lock"}
    return {
        str(p.relative_to(workspace.path)): p.read_bytes()
        for p in workspace.path.rglob("*")
        if p.is_file() and p.name not in passing
    }


def computed(workspace: Workspace) -> dict[str, int]:
    return {one["stage"]: one["computed"] for one in read_status(workspace.path)["stages"]}


def test_no_file_lies_loose_in_a_room(mined: Workspace) -> None:
    for room in ROOMS:
        inside = list((mined.path / room).iterdir())
        assert inside
        assert all(place.is_dir() and len(place.name) == 2 for place in inside)
        found = {*files_in(mined.path, room, ".parquet"), *files_in(mined.path, room, ".json")}
        assert found == {p for p in (mined.path / room).rglob("*") if p.is_file()}
        assert all(path.parent.name == path.name[:2] for path in found)


def test_a_flat_workspace_is_read_as_it_is(flat: Workspace, mined: Workspace) -> None:
    before = files_of(flat)
    opened = open_workspace(flat.path)
    for row in opened.table("recordings").to_pylist():
        assert (opened.track(row["pitch_key"]).hz == mined.track(row["pitch_key"]).hz).all()
        one, other = (w.contour(row["contour_key"]) for w in (opened, mined))
        assert (one.symbols == other.symbols).all()
    figure = opened.table("motifs")["symbols"][0].as_py()
    assert find_similar(opened, figure)
    (one, other) = (next(iter(recording_layers(w))) for w in (opened, mined))
    assert one.notes == other.notes
    kept = {name: content for name, content in files_of(flat).items() if name in before}
    assert kept == before


def test_a_run_moves_the_files_of_a_flat_workspace(
    corpus: Path, flat: Workspace, mined: Workspace
) -> None:
    mine(corpus, flat.path, **SETTINGS)
    assert set(computed(flat).values()) == {0}
    assert files_of(flat) == files_of(mined)


def test_a_move_that_was_stopped_is_completed(
    corpus: Path, flat: Workspace, mined: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def stop(path: Path) -> Path:
        nonlocal count
        count += 1
        if count == 9:
            raise KeyboardInterrupt
        return made(path)

    made = rooms.made
    monkeypatch.setattr(rooms, "made", stop)
    with pytest.raises(KeyboardInterrupt):
        mine(corpus, flat.path, **SETTINGS)
    monkeypatch.undo()
    assert files_of(flat) != files_of(mined)
    for row in open_workspace(flat.path).table("recordings").to_pylist():
        flat.track(row["pitch_key"])
    mine(corpus, flat.path, **SETTINGS)
    assert files_of(flat) == files_of(mined)


def test_a_flat_workspace_is_pruned(corpus: Path, flat: Workspace, tmp_path: Path) -> None:
    less = tmp_path / "less"
    less.mkdir()
    for name in ("V1-01", "V1-02", "V2-01"):
        shutil.copy2(corpus / f"{name}.flac", less)
    mine(less, flat.path, prune=True, **SETTINGS)
    fresh = mine(less, tmp_path / "fresh", **SETTINGS)
    forget = {"seen"}  # what is known of files stays
    for room in set(ROOMS) - forget:
        assert {p.name for p in (flat.path / room).rglob("*.*")} == {
            p.name for p in (fresh.path / room).rglob("*.*")
        }, room


def test_a_commit_of_an_earlier_version_is_completed(
    corpus: Path, mined: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Workspace(Path(shutil.copytree(mined.path, tmp_path / "w")))

    def stop(_folder: Path) -> None:
        raise KeyboardInterrupt

    complete = staging.complete
    monkeypatch.setattr(staging, "complete", lambda f: stop(f) if staging.is_pending(f) else None)
    with pytest.raises(KeyboardInterrupt):
        mine(corpus, work.path, **{**SETTINGS, "k": 9})
    monkeypatch.setattr(staging, "complete", complete)
    flattened(work)
    assert not work.is_mined
    again = open_workspace(work.path)
    assert again.settings.k == 9
    fresh = mine(corpus, tmp_path / "fresh", **{**SETTINGS, "k": 9})
    assert again.table("instances").equals(fresh.table("instances"))
    clips = {p.name for p in (fresh.path / "clips").rglob("*.wav")}
    assert {p.name for p in (again.path / "clips").rglob("*.wav")} == clips


@pytest.mark.parametrize("room", ["pitch", "cut", ".staging/cut"])
def test_folders_of_digits_that_are_links_are_refused(
    corpus: Path, flat: Workspace, tmp_path: Path, room: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (flat.path / room).mkdir(parents=True, exist_ok=True)
    (flat.path / room / "ab").symlink_to(outside)
    with pytest.raises(WorkspaceError, match=r"ab: is a link to .*outside"):
        mine(corpus, flat.path, **{**SETTINGS, "k": 7})
    assert not list(outside.iterdir())


def test_names_that_are_no_keys_are_refused(tmp_path: Path) -> None:
    for name in ("../../etc/passwd", "x" * 32, "", "ab"):
        with pytest.raises(WorkspaceError, match="is no key of a table in pitch"):
            table_path(tmp_path, "pitch", name)
        with pytest.raises(WorkspaceError, match="is no note in cut"):
            note_path(tmp_path, "cut", f"{name}.json")


def test_a_report_of_a_flat_workspace(flat: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    write_report(flat, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 10_000
