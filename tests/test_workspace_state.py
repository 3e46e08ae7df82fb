"""The state of a workspace: it changes last and at once, loses nothing, and stays in its folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import ArgumentError, CorpusError, WorkspaceError
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.io.audio import write_audio
from cantaor.io.files import read_table, write_table
from cantaor.pipeline import publishing
from cantaor.pipeline.mine import mine
from cantaor.report.grid_section import grid_section
from cantaor.report.motif_cards import motif_cards, sounds_of
from cantaor.workspace import staging
from cantaor.workspace.changes import changed_since, workspace_facts
from cantaor.workspace.journal import read_status
from cantaor.workspace.provenance import maker_of
from cantaor.workspace.workspace import Workspace, open_workspace

TABLES = ("recordings", "clusters", "motifs", "instances", "failures")
SETTINGS: dict[str, Any] = {"min_length": 3, "min_support": 2}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices, three recordings each."""
    folder = tmp_path_factory.mktemp("state") / "c"
    make_corpus(folder, voices=2, recordings=3, seconds=8.0, seed=1)
    (folder / "ground_truth.json").unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="module")
def mined(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return mine(corpus, tmp_path_factory.mktemp("mined") / "w", **SETTINGS)


@pytest.fixture
def work(mined: Workspace, tmp_path: Path) -> Workspace:
    """A copy that a test may do anything to."""
    return Workspace(Path(shutil.copytree(mined.path, tmp_path / "w")))


def part_of(corpus: Path, folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        shutil.copy(corpus / f"{name}.flac", folder)
    return folder


def state_of(workspace: Workspace) -> dict[str, bytes]:
    """Bytes of tables, settings, clips and notes."""
    files = [workspace.path / f"{name}.parquet" for name in TABLES]
    files += [workspace.path / "cantaor.toml"]
    files += [p for room in ("clips", "cut") for p in (workspace.path / room).rglob("*.*")]
    return {str(p.relative_to(workspace.path)): p.read_bytes() for p in files if p.is_file()}


def assert_whole(workspace: Workspace) -> None:
    """What the tables say is there, is there, and nothing else."""
    rows = workspace.table("instances").to_pylist()
    named = {row["clip"] for row in rows if row["clip"]}
    root = workspace.path / "clips"
    assert named == {str(p.relative_to(root)) for p in root.rglob("*.wav")}
    for row in workspace.table("recordings").to_pylist():
        workspace.track(row["pitch_key"])
        workspace.contour(row["contour_key"])
    assert not (workspace.path / staging.STAGING).exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pitch_method": "yin"}, "pitch_method must be salience or essentia, not 'yin'"),
        ({"hop": 50_000}, "hop must be a whole number of 1 to 44100"),
        ({"k": 100_000}, "k"),
        ({"min_support": 2**40}, "min_support"),
        ({"gap": "any", "max_patterns": 1, "min_length": 1}, "max_patterns"),
        ({"clips": "some"}, "clips must be"),
        ({"max_failures": -1}, "max_failures"),
        ({"workers": 0}, "workers"),
    ],
)
def test_what_ends_in_an_error_leaves_the_workspace_as_it_was(
    corpus: Path, work: Workspace, settings: dict[str, Any], message: str
) -> None:
    before = state_of(work)
    with pytest.raises(Exception, match=message):
        mine(corpus, work.path, **{**SETTINGS, **settings})
    assert state_of(work) == before
    assert open_workspace(work.path).settings.min_length == 3
    assert not (work.path / staging.STAGING).exists()


def test_a_run_of_some_stages_leaves_a_mined_workspace_as_it_was(
    corpus: Path, work: Workspace
) -> None:
    before = state_of(work)
    mine(corpus, work.path, stage="instances", force=True, **{**SETTINGS, "k": 7})
    assert state_of(work) == before
    assert open_workspace(work.path).settings.k == 24


def test_a_corpus_that_lacks_recordings_is_refused_and_named(
    corpus: Path, work: Workspace, tmp_path: Path
) -> None:
    less = part_of(corpus, tmp_path / "less", "V1-01", "V1-02", "V1-03", "V2-02")
    before = state_of(work)
    with pytest.raises(WorkspaceError, match=r"lacks 2 of its recordings: V2-01 .*V2-03") as found:
        mine(less, work.path, **SETTINGS)
    assert "--prune" in str(found.value)
    assert state_of(work) == before
    gone = [r["pitch_key"] for r in work.table("recordings").to_pylist() if r["recording"][3:] > ""]
    mine(less, work.path, prune=True, **SETTINGS)
    fresh = mine(less, tmp_path / "fresh", **SETTINGS)
    assert_whole(work)
    for name in TABLES:
        assert work.table(name).equals(fresh.table(name)), name
    left = {path.stem for path in (work.path / "pitch").rglob("*.parquet")}
    assert left == set(work.table("recordings")["pitch_key"].to_pylist())
    assert len(left) == len(gone) - 2
    mine(corpus, work.path, **SETTINGS)
    assert_whole(work)


def test_a_killed_prune_is_completed_by_the_next_run(
    corpus: Path, work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = part_of(corpus, tmp_path / "less", "V1-01", "V1-02", "V1-03")
    before = state_of(work)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_write_settings", stop)
        with pytest.raises(KeyboardInterrupt):
            mine(less, work.path, prune=True, **SETTINGS)
    assert state_of(work) == before
    mine(less, work.path, **SETTINGS)
    assert_whole(work)
    assert work.table("recordings").num_rows == 3
    assert not (work.path / "pruning.json").exists()


def stop(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", range(0, 14, 2))
def test_killed_at_any_step_of_the_commit_the_next_completes_it(
    corpus: Path, work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    less = part_of(corpus, tmp_path / "less", "V1-01", "V1-02", "V1-03")
    replace, left = Path.replace, [step]

    def counted(self: Path, target: Path) -> Path:
        if staging.is_pending(work.path) and staging.STAGING in str(self):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", counted)
    with pytest.raises(KeyboardInterrupt):
        mine(less, work.path, prune=True, **{**SETTINGS, "k": 9})
    monkeypatch.undo()
    assert not work.is_mined
    again = open_workspace(work.path)
    assert again.settings.k == 9
    assert again.table("recordings").num_rows == 3
    assert_whole(again)


def test_clips_that_are_gone_or_cut_short_are_made_again(corpus: Path, work: Workspace) -> None:
    before = state_of(work)
    shutil.rmtree(work.path / "clips")
    mine(corpus, work.path, **SETTINGS)
    assert state_of(work) == before
    clip = next((work.path / "clips").rglob("*.wav"))
    clip.write_bytes(clip.read_bytes()[:60])
    mine(corpus, work.path, **SETTINGS)
    assert state_of(work) == before
    for room in ("contours", "singers", "instances"):
        for path in (work.path / room).rglob("*.parquet"):
            path.write_bytes(b"PAR1")
    mine(corpus, work.path, **SETTINGS)
    assert state_of(work) == before


def test_a_manifest_that_repeats_a_name_is_refused(corpus: Path, work: Workspace) -> None:
    before = state_of(work)
    twice = Manifest(
        (ManifestEntry("V1-01.flac", "V1", "a"), ManifestEntry("V1-02.flac", "V1", "a")), corpus
    )
    with pytest.raises(CorpusError, match=r"called 'a'.*V1-01.*V1-02"):
        mine(twice, work.path, prune=True, **SETTINGS)
    assert state_of(work) == before


@pytest.mark.parametrize(
    "name", ["ABSOLUTE", "../../victim.wav", "link/victim.wav", "", ".", "a\0"]
)
def test_notes_cannot_remove_what_is_not_in_the_workspace(
    corpus: Path, work: Workspace, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim.wav"
    victim.write_bytes(b"precious")
    (work.path / "clips" / "link").symlink_to(tmp_path)
    listed = str(victim) if name == "ABSOLUTE" else name
    for note in (work.path / "cut").rglob("*.json"):
        note.write_text(json.dumps({"key": "x", "clips": [listed]}))
    (work.path / "cut" / f"{'f' * 32}.json").write_text(json.dumps({"key": "", "clips": [listed]}))
    mine(corpus, work.path, **{**SETTINGS, "k": 11})
    assert victim.read_bytes() == b"precious"
    shutil.rmtree(work.path / "clips" / "link", ignore_errors=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["victim.wav", "w"]


@pytest.mark.parametrize("room", ["clips", "cut", "contours", "pitch", ".staging", "journal.jsonl"])
def test_parts_of_a_workspace_that_are_links_are_refused(
    corpus: Path, work: Workspace, tmp_path: Path, room: str
) -> None:
    outside = tmp_path / "outside"
    place = work.path / room
    if place.is_file():
        outside.write_bytes(b"precious")
        place.unlink()
    else:
        outside.mkdir()
        (outside / "a.parquet").write_bytes(b"precious")
        shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(outside)
    with pytest.raises(WorkspaceError, match=rf"{room}: is a link to .*outside"):
        mine(corpus, work.path, **{**SETTINGS, "k": 11})
    kept = outside if outside.is_file() else outside / "a.parquet"
    assert kept.read_bytes() == b"precious"
    assert outside.is_file() or len(list(outside.iterdir())) == 1


def test_a_commit_of_a_stranger_stays_in_its_folder(work: Workspace, tmp_path: Path) -> None:
    (tmp_path / "victim.json").write_text("{}")
    (work.path / staging.STAGING).mkdir()
    record = work.path / staging.STAGING / "commit.json"
    for name in ("../../victim.json", "/etc/passwd", "x"):
        record.write_text(json.dumps({"keep": [], "drop": [name]}))
        with pytest.raises(WorkspaceError, match="names something that is no note"):
            open_workspace(work.path)
    record.write_text("[")
    with pytest.raises(WorkspaceError, match=r"commit\.json: damaged"):
        open_workspace(work.path)
    assert (tmp_path / "victim.json").exists()


@pytest.mark.parametrize("how", ["absolute", "dots", "link"])
def test_the_report_embeds_nothing_from_outside(work: Workspace, tmp_path: Path, how: str) -> None:
    write_audio(tmp_path / "secret.wav", np.full(4000, 0.5, "f4"), 8000)
    (work.path / "clips" / "secret.wav").symlink_to(tmp_path / "secret.wav")
    names = {"absolute": str(tmp_path / "secret.wav"), "dots": "../../secret.wav"}
    table = work.table("instances")
    clips = pa.array([names.get(how, "secret.wav")] * table.num_rows)
    place = table.column_names.index("clip")
    write_table(work.path / "instances.parquet", table.set_column(place, "clip", clips))
    cards = motif_cards(open_workspace(work.path), 8)
    assert cards
    assert sounds_of(work, cards) == {}
    with pytest.raises(WorkspaceError, match="no key"):
        work.track("../../secret")


def test_tables_name_what_made_them_and_do_not_mix(
    corpus: Path, work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in work.path.rglob("*.parquet"):
        maker = maker_of(read_table(path).schema)
        assert maker is not None, path
        assert maker.cantaor
        assert maker.stages
    other = mine(corpus, tmp_path / "other", **{**SETTINGS, "k": 12})
    shutil.copy(other.path / "motifs.parquet", work.path)
    with pytest.raises(WorkspaceError, match=r"not made together: k 24 against 12"):
        open_workspace(work.path)
    mine(corpus, work.path, **SETTINGS)
    open_workspace(work.path)
    toml = work.path / "cantaor.toml"
    toml.write_text(toml.read_text().replace("k = 24", "k = 13"))
    with pytest.raises(WorkspaceError, match="k 13 against 24"):
        open_workspace(work.path)
    mine(corpus, work.path, **SETTINGS)
    monkeypatch.setattr(publishing, "PITCH_VERSION", 99)
    with pytest.raises(WorkspaceError, match=r"version of pitch . against 99; run mine again"):
        prepare_clips(open_workspace(work.path), "paper")


def test_a_model_knows_when_its_workspace_changed(
    corpus: Path, work: Workspace, tmp_path: Path
) -> None:
    for model in (work.path / "model", tmp_path / "models" / "m1"):
        facts = json.loads(json.dumps(workspace_facts(work, model)))
        mine(corpus, work.path, force=True, **SETTINGS)
        assert changed_since(facts, model) == ""
        mine(corpus, work.path, **{**SETTINGS, "k": 15})
        assert "k 24 against 15" in changed_since(facts, model)
        mine(corpus, work.path, **SETTINGS)
        assert changed_since(facts, model) == ""
        one = part_of(corpus, tmp_path / model.name, "V1-01", "V1-02", "V1-03", "V2-01")
        mine(one, work.path, prune=True, **SETTINGS)
        assert "other recordings" in changed_since(facts, model)
        mine(corpus, work.path, **SETTINGS)
    for nonsense in ({}, [], "x", {"path": 3}, {"path": "../w", "stages": 1}, {"path": "a\0"}):
        assert changed_since(nonsense, work.path / "model") == ""


def test_grid_cells_of_other_settings_stand_apart(work: Workspace) -> None:
    cell = {"model": "crnn", "features": "mfcc", "data": "motifs", "protocol": "paper"}
    source = workspace_facts(work, work.path / "grid")
    (work.path / "grid").mkdir()
    for name, width, state in (("a", 4, source["state"]), ("b", 8, source["state"]), ("c", 4, "x")):
        record = {**cell, "accuracy": 0.5, "auc": None, "settings": {"width": width}}
        record["source"] = {**source, "state": state}
        (work.path / "grid" / f"{name}.json").write_text(json.dumps(record))
    (work.path / "grid" / "grid.json").write_text(json.dumps([{**cell, "settings": {"width": 4}}]))
    found = grid_section(work)
    assert len(found.cells) == 1
    why = " ".join(one["why"] for one in found.others)
    assert "width 8 against 4" in why
    assert "changed since" in why


def test_results_inside_a_corpus_are_passed_over_and_named(corpus: Path, tmp_path: Path) -> None:
    mixed = part_of(corpus, tmp_path / "c", "V1-01", "V1-02", "V2-01", "V2-02")
    first = mine(mixed, mixed / "work", **SETTINGS)
    shutil.copytree(first.path / "clips", mixed / "V9")
    (mixed / "V8").mkdir()
    for name in ("model.json", "model.safetensors", "V8-1.wav"):
        (mixed / "V8" / name).touch()
    shutil.copy(first.path / "cantaor.toml", mixed)  # settings alone make no workspace
    again = mine(mixed, mixed / "work", **SETTINGS)
    assert set(again.table("recordings")["singer"].to_pylist()) == {"V1", "V2"}
    assert again.table("failures").num_rows == 0
    named = {Path(path).name: kind for path, kind in read_status(again.path)["passed_over"]}
    assert {name: kind.split()[1] for name, kind in named.items()} == {
        "V8": "model",
        "V9": "folder",
        "work": "workspace",
    }
    for own in ("work", "work/clips"):
        with pytest.raises(CorpusError, match=r"of cantaor|that cantaor cut"):
            mine(mixed / own, tmp_path / "other")
    urls = mine(f"file://{mixed}", tmp_path / "urls", clips=False, **SETTINGS)
    assert urls.table("motifs").equals(again.table("motifs"))


GUARDED = 'if __name__ == "__main__":\n    run()\n'


@pytest.mark.parametrize("call", ["run()\n", "if True:\n    run()\n", GUARDED])
def test_a_script_without_main_guard_is_told_so(corpus: Path, tmp_path: Path, call: str) -> None:
    script = tmp_path / "script.py"
    start = "from cantaor.pipeline.mine import mine\ndef run():\n"
    script.write_text(f"{start}    print(mine({str(corpus)!r}, 'w', workers=2).path)\n{call}")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=300
    )
    if call == GUARDED:
        assert done.returncode == 0, done.stderr
        return
    assert 'put it under: if __name__ == "__main__"' in done.stderr
    assert "script.py, line" in done.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("url", ["memory://w", "file:///tmp/w", "s3://bucket/w", "file:/tmp/w"])
def test_a_workspace_is_not_behind_a_url(corpus: Path, url: str) -> None:
    calls: list[Callable[[], object]] = [lambda: mine(corpus, url), lambda: open_workspace(url)]
    for call in calls:
        with pytest.raises(ArgumentError, match="a workspace is on this machine"):
            call()
