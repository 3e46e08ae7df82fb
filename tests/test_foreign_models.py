"""Models from elsewhere: wrong ones are named, none is dangerous, no file of the user is lost."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import numpy as safe_numpy
from typer.testing import CliRunner

from cantaor.chain import MotifFinder
from cantaor.cli import app
from cantaor.errors import ArgumentError, ModelError
from cantaor.experiments.train_evaluate import train_clips
from cantaor.learn.export import bundle as bundles
from cantaor.learn.export.bundle import Bundle, load_bundle, save_bundle
from cantaor.learn.export.formats import export_model
from cantaor.learn.export.model_card import model_card, write_model_card
from cantaor.learn.identification.enrolment import backend_from_bundle
from cantaor.learn.identification.saved_finder import (
    finder_arrays,
    finder_facts,
    finder_from_bundle,
)
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.train import train
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from cantaor.settings import Settings
from cantaor.types import Clusters, Motifs
from tests.test_learn_training import SMALL, singers


def trained_of(seed: int = 0, classes: tuple[str, ...] = ("A", "B")) -> TrainedModel:
    torch.manual_seed(seed)
    settings = TrainingSettings(width=2, device="cpu")
    return TrainedModel(build_classifier(settings, len(classes)).eval(), classes, settings, ())


def finder() -> MotifFinder:
    clusters = Clusters(np.array([0.0, 100, 200]), np.array([50.0, 150]), 1.0, np.ones(3))
    motifs = Motifs(np.array([1, -1], np.int32), np.array([0, 2]), np.ones(1, np.int32))
    return MotifFinder(clusters, motifs, Settings())


def model_with_finder(path: Path) -> Bundle:
    facts = {"finder": finder_facts(finder()), "data": "motifs", "protocol": "paper", "notes": []}
    return load_bundle(save_bundle(path, trained_of(), finder_arrays(finder()), facts))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_another_model_replaces_only_the_model(tmp_path: Path) -> None:
    path = save_bundle(tmp_path / "m", trained_of(0))
    (path / "thesis.txt").write_text("mine")
    (path / "sub").mkdir()
    (path / "sub" / "deep.txt").write_text("mine too")
    save_bundle(path, trained_of(1))
    assert torch.equal(
        load_bundle(path).trained.module.network.head.classify.weight,
        trained_of(1).module.network.head.classify.weight,
    )
    assert set(contents(path)) == {
        "arrays.safetensors",
        "model.json",
        "model.safetensors",
        "thesis.txt",
        "sub/deep.txt",
    }


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_writer_that_is_killed_leaves_one_whole_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    path = save_bundle(tmp_path / "m", trained_of(0), {"a": np.zeros(1)})
    left = [moved]
    real = Path.replace

    def dying(self: Path, target: Path) -> Path:
        if self.parent.name == ".next":
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
        return real(self, target)

    monkeypatch.setattr(bundles.Path, "replace", dying)
    if moved < 3:
        with pytest.raises(KeyboardInterrupt):
            save_bundle(path, trained_of(1), {"a": np.ones(1)})
    else:
        save_bundle(path, trained_of(1), {"a": np.ones(1)})
    monkeypatch.undo()
    found = load_bundle(path)
    assert found.arrays["a"].tolist() == [1.0]
    save_bundle(path, trained_of(2), {"a": np.full(1, 2.0)})
    assert load_bundle(path).arrays["a"].tolist() == [2.0]
    assert not (path / ".next").exists()


@pytest.mark.parametrize("text", ["{}", "not json", '{"format": "other"}', "[" * 100_000])
def test_a_folder_with_another_model_json_is_not_a_model(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelError, match="exists and is not a model"):
        save_bundle(tmp_path, trained_of())
    assert contents(tmp_path) == {"model.json": text.encode()}


def test_a_folder_that_is_no_model_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(ModelError, match="notes exists and is not a model"):
        # Nothing else is looked at: there is no manifest at all.
        train_clips(None, SMALL, tmp_path / "notes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": "AB"}, "'classes' in model.json must be a list"),
        ({"classes": ["A", "A"]}, "must be different names"),
        ({"classes": [1, 2]}, "must be different names"),
        ({"history": [{"loss": "<script>"}]}, "'history' in model.json must hold numbers"),
        ({"history": {"loss": 1}}, "'history' in model.json must be a list"),
        ({"extra": []}, "'extra' in model.json must be an object"),
        ({"sha256": 3}, "'sha256' in model.json must be an object"),
        ({"settings": {"width": 1_000_000}}, r"names the width 1000000, model.safetensors holds"),
        ({"settings": {"width": "wide"}}, "does not fit together"),
        ({"settings": [1]}, "'settings' in model.json must be an object"),
    ],
)
def test_wrong_records_are_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = save_bundle(tmp_path / "m", trained_of())
    record = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps({**record, **change}))
    with pytest.raises(ModelError, match=message) as caught:
        load_bundle(path)
    assert str(path) in str(caught.value)


def test_a_pipe_and_broken_weights_are_refused(tmp_path: Path) -> None:
    path = save_bundle(tmp_path / "m", trained_of())
    (path / "arrays.safetensors").unlink()
    os.mkfifo(path / "arrays.safetensors")
    with pytest.raises(ModelError, match="no regular file"):
        load_bundle(path)
    sick = trained_of()
    with torch.no_grad():
        sick.module.network.head.classify.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        save_bundle(tmp_path / "n", sick)
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("cluster_centers", np.array([0.0, np.nan, 1]), "ascending numbers"),
        ("cluster_edges", np.zeros(7), r"cluster_edges must be float64 \(2,\) beside 3"),
        ("motif_values", np.array([1, -1], np.int64), "motif_values must be int32"),
        ("motif_values", np.array([1, 99], np.int32), "steps between 3 clusters"),
        ("motif_offsets", np.array([0, 5]), r"length of motif_values \(2\), not from 0 to 5"),
        ("motif_offsets", np.array([0, 1, 2]), r"motif_offsets \(3\) must be that of"),
    ],
)
def test_wrong_dictionaries_are_named(
    tmp_path: Path, name: str, array: np.ndarray, message: str
) -> None:
    found = model_with_finder(tmp_path / "m")
    assert len(finder_from_bundle(found).motifs) == 1
    with pytest.raises(ModelError, match=message) as caught:
        finder_from_bundle(replace(found, arrays={**found.arrays, name: array}))
    assert str(tmp_path / "m") in str(caught.value)


def test_wrong_facts_are_named(tmp_path: Path) -> None:
    found = model_with_finder(tmp_path / "m")
    for facts, message in (
        ({"data": "../../etc"}, "'data' must be one of motifs"),
        ({"finder": {"settings": {"hop": "x"}, "inertia": 1}}, "motif dictionary is damaged"),
        ({"finder": []}, "motif dictionary is damaged"),
    ):
        with pytest.raises(ModelError, match=message):
            finder_from_bundle(replace(found, extra={**found.extra, **facts}))
    good = dict.fromkeys(("unknown_below", "unknown_error", "error_before", "error_after"), 0.5)
    good |= {"temperature": 1.0, "votes": 3}
    for facts, message in (
        ({"calibration": {"temperature": "hot"}}, "'calibration' must hold numbers"),
        ({"calibration": {**good, "temperature": 0.0}}, "temperature above 0"),
        ({"calibration": good}, "calibrated for votes by arithmetic mean, but .* geometric mean"),
        ({"gallery": {"names": ["A"], "temperature": 1.0}}, "names a singer twice"),
        ({"gallery": {"names": ["C"], "temperature": 1.0}}, "must be finite and 2 x"),
    ):
        with pytest.raises(ModelError, match=message):
            backend_from_bundle(replace(found, extra=facts))


def test_arrays_of_any_bytes_are_a_model_error(tmp_path: Path) -> None:
    path = save_bundle(tmp_path / "m", trained_of())
    record = json.loads((path / "model.json").read_text())
    for name in ("arrays.safetensors", "model.safetensors"):
        for content in (b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0{}", safe_numpy.save({})):
            (path / name).write_bytes(content)
            sha = {**record["sha256"], name: bundles._digest(content)}
            (path / "model.json").write_text(json.dumps({**record, "sha256": sha}))
            if name == "model.safetensors" or content[:8] in (b"", b"\xff" * 8):
                with pytest.raises(ModelError, match="m "):
                    load_bundle(path)


def test_cards_and_exports_replace_their_own_only(tmp_path: Path) -> None:
    (tmp_path / "song.md").write_text("# Singers: my list\n")
    with pytest.raises(ModelError, match=r"song\.md is there and no model card"):
        write_model_card(tmp_path / "song.md", trained_of())
    assert (tmp_path / "song.md").read_text() == "# Singers: my list\n"
    card = write_model_card(tmp_path / "own.md", trained_of())
    write_model_card(card, trained_of(1))
    text = model_card(trained_of(classes=("<script>", "a\nb|c")))
    assert r"\<script\>" in text.splitlines()[0]
    assert "b\\|c" in text.splitlines()[0]
    (tmp_path / "song.ts").write_text("export const cantaor = 'cantaor.json';\n")
    with pytest.raises(ModelError, match=r"song\.ts is there and no export"):
        export_model(trained_of(), tmp_path / "song.ts")
    assert "const" in (tmp_path / "song.ts").read_text()


def test_export_leaves_a_file_with_the_name_of_the_card(tmp_path: Path) -> None:
    save_bundle(tmp_path / "m", trained_of())
    (tmp_path / "song.md").write_text("my song")
    done = CliRunner().invoke(app, ["export", str(tmp_path / "m"), "--out", f"{tmp_path}/song.ts"])
    assert isinstance(done.exception, ModelError)
    assert (tmp_path / "song.md").read_text() == "my song"
    assert not (tmp_path / "song.ts").exists()


def test_a_diverged_training_is_an_error(tmp_path: Path) -> None:
    settings = replace(SMALL, lr=1e30)
    with pytest.raises(ModelError, match=r"diverged in epoch \d+: .*loss is (nan|inf)"):
        train(singers(24, 1), singers(9, 2), settings, checkpoint_dir=tmp_path)
    assert not list(tmp_path.iterdir())
    for wrong in ({"seed": -1}, {"seed": 2**40}, {"lr": float("inf")}):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            TrainingSettings(**wrong)  # type: ignore[arg-type]


def test_no_file_of_another_folder_is_moved_here(tmp_path: Path) -> None:
    other = save_bundle(tmp_path / "other", trained_of(1))
    path = save_bundle(tmp_path / "m", trained_of(0))
    (path / ".next").symlink_to(other)
    before = contents(other)
    for act in (load_bundle, lambda folder: save_bundle(folder, trained_of(2))):
        with pytest.raises(ModelError, match=r"\.next is a link"):
            act(path)
    assert contents(other) == before
