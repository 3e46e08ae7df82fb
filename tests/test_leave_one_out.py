"""Every group left out in turn: nothing of it is known, and what was answered is kept."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.manifest import Manifest
from cantaor.corpus.manifest_files import read_clips
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import ArgumentError, SplitError
from cantaor.experiments import leave_one_out as module
from cantaor.experiments.clip_splits import prepare_fold
from cantaor.experiments.leave_one_out import GroupAnswer, LeaveOneOut, leave_one_out
from cantaor.experiments.mined_recordings import mined_recordings
from cantaor.learn.identification.decisions import decide
from cantaor.learn.training import ensemble_training
from cantaor.learn.training.recipes import recipe_settings
from cantaor.metrics.held_out_groups import balanced_mean, bootstrap_interval, coverage_curve
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import Workspace, open_workspace
from tests.test_cli import cantaor

QUICK = (100, 96)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two voices with two recordings each, and a third with one."""
    folder = tmp_path_factory.mktemp("left")
    make_corpus(folder / "corpus", voices=3, recordings=2, seconds=12.0, seed=5)
    (folder / "corpus" / "V3-02.flac").unlink()
    return mine(folder / "corpus", folder / "work", clips=False, min_support=2)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble_training, "training_effort", lambda _: QUICK)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[str], set[str]]]:
    """Recordings of both sides of every training."""
    sides: list[tuple[set[str], set[str]]] = []
    whole: Callable[..., Path] = module.train_workspace

    def noted(workspace, prepared, *rest, **names):
        learned, tested = (
            {e.recording for e in prepared.clips.entries if (e.split == "test") == test}
            for test in (False, True)
        )
        sides.append((learned, tested))
        return whole(workspace, prepared, *rest, **names)

    monkeypatch.setattr(module, "train_workspace", noted)
    return sides


def test_every_recording_is_asked_of_a_model_that_never_met_it(
    workspace: Workspace, quick: None, asked: list[tuple[set[str], set[str]]], tmp_path: Path
) -> None:
    settings, steps = recipe_settings("robust"), []
    found = leave_one_out(
        workspace,
        settings,
        "recording",
        out=tmp_path / "folds",
        progress=lambda _stage, done, total: steps.append((done, total)),
    )
    assert sorted(found.groups) == ["V1/V1-01", "V1/V1-02", "V2/V2-01", "V2/V2-02"]
    assert list(found.skipped) == ["V3/V3-01"]
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    for (learned, tested), name in zip(asked, found.groups, strict=True):
        assert tested == {name.partition("/")[2]}
        assert not learned & tested
        assert len(learned) == 4
    for name, one in found.groups.items():
        assert one.singer == name[:2]
        assert one.windows > 0
        assert 0 <= one.probability <= 1
        assert one.decision in ("named", "unsure", "unknown")
    # What is there is not run again, unless settings change or a file is damaged.
    asked.clear()
    assert leave_one_out(workspace, settings, "recording", out=tmp_path / "folds") == found
    assert not asked
    files = sorted((tmp_path / "folds").glob("*.json"))
    files[0].write_text("{")
    assert leave_one_out(workspace, settings, "recording", out=tmp_path / "folds") == found
    assert len(asked) == 1
    leave_one_out(workspace, replace(settings, seed=1), "recording", out=tmp_path / "folds")
    assert len(asked) == 5


def test_clusters_and_dictionary_of_a_fold_know_nothing_of_what_is_left_out(
    workspace: Workspace, tmp_path: Path
) -> None:
    rows = mined_recordings(workspace)
    place = [row.recording for row in rows].index("V1-01")
    whole = prepare_fold(workspace, [place]).finder
    other = tmp_path / "other"
    shutil.copytree(workspace.path, other)
    changed = open_workspace(other)
    # Other singing under the left out recording's pitch: what the fold fits must not move.
    shutil.copy(
        next(other.rglob(f"{rows[place - 1 if place else 1].pitch_key}*")),
        next(other.rglob(f"{rows[place].pitch_key}*")),
    )
    again = prepare_fold(changed, [place]).finder
    np.testing.assert_array_equal(whole.clusters.centers, again.clusters.centers)
    np.testing.assert_array_equal(whole.motifs.values, again.motifs.values)


def clips_of(workspace: Workspace, folder: Path) -> Path:
    prepared = prepare_fold(workspace, [0], max_clips=12)
    path = folder / "clips.csv"
    with path.open("w", newline="") as sink:
        rows = csv.writer(sink)
        rows.writerow(["path", "start_s", "end_s", "singer", "recording", "group"])
        for e in prepared.clips.entries:
            where = prepared.clips.location(e)
            rows.writerow([where, e.start_s, e.end_s, e.singer, e.recording, f"room {e.recording}"])
    return path


def test_clips_of_a_file_are_left_out_by_group(
    workspace: Workspace, quick: None, tmp_path: Path
) -> None:
    clips = read_clips(clips_of(workspace, tmp_path))
    found = leave_one_out(clips, recipe_settings("robust"))
    assert sorted(found.groups) == [f"room V{n}-0{m}" for n in (1, 2) for m in (1, 2)]
    assert list(found.skipped) == ["room V3-01"]
    told = found.to_json()
    assert told["groups_total"] == 4
    assert told["groups_right"] == sum(one.right for one in found.groups.values())
    assert told["coverage"][-1]["coverage"] == 1
    json.dumps(told, allow_nan=False)


def test_the_command_prints_what_the_library_finds(workspace: Workspace, tmp_path: Path) -> None:
    clips = clips_of(workspace, tmp_path)
    options = ("--leave-out", "group", "--clips", clips, "--out", tmp_path / "folds")
    done = cantaor("evaluate", *options, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["groups"]) == {f"room V{n}-0{m}" for n in (1, 2) for m in (1, 2)}
    shown = cantaor("evaluate", *options).stdout
    assert "answers right" in shown
    assert "not left out: room V3-01" in shown


def test_what_cannot_be_left_out_is_said(workspace: Workspace, tmp_path: Path) -> None:
    settings = recipe_settings("robust")
    with pytest.raises(ArgumentError, match="group, recording, not 'album'"):
        leave_one_out(workspace, settings, "album")
    clips = read_clips(clips_of(workspace, tmp_path))
    alone = tuple(e for e in clips.entries if e.singer == "V1")
    with pytest.raises(SplitError, match="nothing can be left out"):
        leave_one_out(replace(clips, entries=alone), settings)
    one_each = tuple(e for e in clips.entries if e.recording.endswith("01"))
    with pytest.raises(SplitError, match="second group"):
        leave_one_out(Manifest(one_each, clips.root), settings)
    done = cantaor("evaluate", workspace.path, "--grid", "--leave-out", "group")
    assert done.returncode == 1
    assert "not --grid and --leave-out" in done.stderr


def test_figures_over_groups() -> None:
    answers = {
        "A1": GroupAnswer("A", "A", 0.9, "named", 10, 1.0),
        "A2": GroupAnswer("A", "B", 0.8, "named", 10, 0.5),
        "B1": GroupAnswer("B", "B", 0.6, "unsure", 10, 0.5),
        "B2": GroupAnswer("B", "", 0.0, "no motif", 0, 0.0),
    }
    told = LeaveOneOut("group", answers, {}).to_json()
    assert (told["groups_right"], told["groups_total"]) == (2, 4)
    assert (told["named"], told["named_wrong"]) == (2, 1)
    assert told["balanced_accuracy"] == 0.5
    assert told["interval"] == pytest.approx([0.25, 0.75])
    assert [round(row["risk"], 3) for row in told["coverage"]] == [0, 0.5, 0.333, 0.5]
    singers = {"A1": "A", "A2": "A", "B1": "B"}
    assert balanced_mean({"A1": 1, "B1": 0}, singers) == 0.5
    assert bootstrap_interval({"A1": 1.0, "A2": 1.0, "B1": 0.0}, singers) == (0.5, 0.5)
    assert coverage_curve([0.5, 0.5], [True, False]) == [
        {"threshold": 0.5, "coverage": 1.0, "risk": 0.5}
    ]


def test_decisions() -> None:
    assert [decide(p, False) for p in (0.75, 0.749)] == ["named", "unsure"]
    assert decide(1.0, True) == "unknown"
    assert decide(1.0, None) is None
