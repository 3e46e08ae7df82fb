"""From recordings to answers with the recipe for recordings never heard, and from mirdata."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cantaor.corpus.loaders import read_mirdata
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.train_evaluate import train_workspace
from cantaor.io.audio import read_audio
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import Workspace, open_workspace
from tests.test_cli import cantaor
from tests.test_loaders import open_tonas


@pytest.fixture(scope="module")
def work(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a robust model whose test recordings were not heard."""
    folder = tmp_path_factory.mktemp("robust") / "w"
    shutil.copytree(small_workspace.path, folder)
    workspace = open_workspace(folder)
    train_workspace(workspace, prepare_clips(workspace, "recording"), recipe_settings("robust"))
    return folder


def test_recordings_never_heard_are_recognised(work: Path) -> None:
    result = evaluate_model(work / "model")
    assert result.protocol == "recording"
    assert result.recording_accuracy == 1
    facts = json.loads((work / "model" / "model.json").read_text())
    assert facts["settings"]["recipe"] == "robust"
    assert facts["extra"]["calibration"]["votes"] > 0


def test_a_singer_is_enrolled_and_found(
    work: Path, small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    path = {e.recording: small_corpus.manifest.file(e) for e in small_corpus.manifest.entries}
    model = tmp_path / "model"
    done = cantaor("enrol", work, path["V1-01"], "--singer", "New", "--out", model, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recordings"] == 1
    # What belonged to the model is still beside it.
    assert (model / "clips.csv").read_bytes() == (work / "model" / "clips.csv").read_bytes()
    done = cantaor("identify", model, path["V1-02"], path["V2-02"], "--json")
    assert done.returncode == 0, done.stderr
    one, other = (json.loads(line) for line in done.stdout.splitlines())
    assert {row["singer"] for row in one["ranked"]} == {"V1", "V2", "V3", "New"}
    # The new name is V1's own voice: both share what was V1's.
    assert {row["singer"] for row in one["ranked"][:2]} == {"V1", "New"}
    assert other["singer"] == "V2"
    assert other["calibrated"] is True
    refused = cantaor("enrol", work, path["V1-01"], "--singer", "V1")
    assert refused.returncode == 1
    assert "must be a new name" in refused.stderr


def test_the_nearest_recordings_are_shown(
    work: Path, small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    paths = [small_corpus.manifest.file(e) for e in small_corpus.manifest.entries]
    table = tmp_path / "embeddings.parquet"
    done = cantaor("embed", work, *paths, "--out", table)
    assert done.returncode == 0, done.stderr
    for kind in ("recording", "motif"):
        done = cantaor("nearest", work, table, paths[0], "--kind", kind, "--count", 3, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)["nearest"]
        assert len(found) == 3
        assert Path(found[0]["path"]).name.startswith("V1")


def test_a_mirdata_corpus_goes_through_the_chain(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    takes = {
        f"{index:02}-D_{entry.recording}": (
            f"Singer {entry.singer}",
            read_audio(small_corpus.manifest.file(entry)),
        )
        for index, entry in enumerate(small_corpus.manifest.entries, 1)
    }
    manifest = read_mirdata(open_tonas(tmp_path, takes))
    assert len(manifest) == 12
    workspace = mine(manifest, tmp_path / "work")
    prepared = prepare_clips(workspace, "recording")
    result = evaluate_model(train_workspace(workspace, prepared, recipe_settings("robust")))
    assert result.classes == ("Singer V1", "Singer V2", "Singer V3")
    assert len(result.by_recording) == 3
    assert result.recording_accuracy == 1
