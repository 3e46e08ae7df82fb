"""Melody beside sound through the whole chain: fitted, kept, used, and not where it must not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import ModelError
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_model, evaluate_workspace
from cantaor.experiments.learnt_audio import own_clips
from cantaor.experiments.leave_one_out import _ask
from cantaor.experiments.train_evaluate import clips_manifest, train_workspace
from cantaor.learn.data.subsets import select_split
from cantaor.learn.export.bundle import load_bundle
from cantaor.learn.identification.enrolment import backend_from_bundle
from cantaor.learn.identification.identification import aggregate_clips, predict_clips
from cantaor.learn.training.recipes import recipe_settings
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import Workspace, open_workspace
from tests.test_cli import cantaor


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Eight voices in unlike rooms, which sound alone does not tell apart, and a model of them."""
    folder = tmp_path_factory.mktemp("melody")
    make_corpus(folder / "corpus", voices=8, recordings=5, seconds=12.0, seed=6)
    mine(folder / "corpus", folder / "work", clips=False)
    workspace = open_workspace(folder / "work")
    train_workspace(workspace, prepare_clips(workspace, "recording"), recipe_settings("robust"))
    return workspace


def test_melody_names_recordings_that_sound_does_not(work: Workspace) -> None:
    model = work.path / "model"
    facts = json.loads((model / "model.json").read_text())["extra"]
    assert facts["melody"]["weight"] > 0
    assert facts["melody"]["calibration"]["votes"] == facts["calibration"]["votes"]
    both = evaluate_model(model)
    # Clips that a table names are asked by their sound alone.
    sound = evaluate_model(model, clips_manifest(model / "clips.csv"))
    assert both.recording_accuracy is not None
    assert sound.recording_accuracy is not None
    assert both.recording_accuracy > sound.recording_accuracy
    assert both.accuracy == sound.accuracy
    assert evaluate_workspace(work).by_recording == both.by_recording


def test_identify_says_whom_the_motifs_speak_for(work: Workspace) -> None:
    model = work.path / "model"
    held = select_split(own_clips(model), "test")
    path = held.location(held.entries[0])
    done = cantaor("identify", model, path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["singer"] == answer["melody"] == held.entries[0].singer
    bundle = load_bundle(model)
    predicted = predict_clips(bundle, path, windows="fixed")
    assert predicted.sung is not None
    # Fewer clips are asked, and all motifs count.
    assert predicted.sung.size == answer["clips"] > len(predicted.motifs)
    assert aggregate_clips(predicted, bundle.trained.classes).melody == answer["melody"]
    without = replace(predicted, backend=replace(predicted.backend, melody=None))
    assert aggregate_clips(without, bundle.trained.classes).melody is None


def test_what_is_left_out_is_read_as_identify_reads_it(work: Workspace) -> None:
    model = work.path / "model"
    held = select_split(own_clips(model), "test")
    first = held.entries[0]
    own = replace(held, entries=tuple(e for e in held.entries if e.path == first.path))
    asked = _ask(model, own, first.singer, None)
    bundle = load_bundle(model)
    whole = aggregate_clips(predict_clips(bundle, held.location(first)), bundle.trained.classes)
    assert asked.answer == whole.ranked[0].singer == first.singer
    assert asked.decision == whole.decision
    assert asked.windows == whole.clips
    assert asked.probability == pytest.approx(whole.ranked[0].probability, abs=0.02)


def test_melody_is_not_learnt_where_test_clips_are_of_the_same_recordings(work: Workspace) -> None:
    clips = prepare_clips(work, "audio").clips
    assert {entry.motif for entry in clips.entries} == {""}


def test_a_model_gives_back_the_melody_that_it_was_given(work: Workspace) -> None:
    melody = backend_from_bundle(load_bundle(work.path / "model")).melody
    assert melody is not None
    assert melody.shares.groups.tolist() == [4] * 8
    # A group's shares add up to 1.
    np.testing.assert_allclose(melody.shares.sums.sum(axis=1), 4)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("melody_sums", lambda a: a.astype(np.float32), "melody_sums must be float64"),
        ("melody_sums", lambda a: -a, "which must be 0 or more"),
        ("melody_sums", lambda a: a[1:], "must rise from 0"),
        ("melody_singers", lambda a: a + 1, "one of 8 melody_singers"),
        ("melody_offsets", lambda a: a[:-1], "must be 8 and [0-9]+ long"),
        ("melody_offsets", lambda a: a[::-1].copy(), "must rise from 0"),
        ("melody_groups", lambda a: a[1:], "not 7 and"),
        ("melody_groups", lambda a: 0 * a, "some above 0"),
        ("melody_groups", lambda _a: np.zeros((8, 1), np.int64), "of one dimension"),
    ],
)
def test_damaged_melodies_are_named(work: Workspace, name: str, change: Any, message: str) -> None:
    bundle = load_bundle(work.path / "model")
    arrays = {**bundle.arrays, name: change(bundle.arrays[name])}
    with pytest.raises(ModelError, match=message) as caught:
        backend_from_bundle(replace(bundle, arrays=arrays))
    assert str(work.path) in str(caught.value)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"weight": 0.0}, "'weight' of 'melody' must be above 0, not 0.0"),
        ([], "'weight' of 'melody' must be above 0, not None"),
        ({"weight": 1.0}, "'calibration' must hold numbers"),
    ],
)
def test_wrong_facts_of_melodies_are_named(work: Workspace, facts: Any, message: str) -> None:
    bundle = load_bundle(work.path / "model")
    with pytest.raises(ModelError, match=message):
        backend_from_bundle(replace(bundle, extra={**bundle.extra, "melody": facts}))


def test_motifs_of_clips_stand_in_their_table(work: Workspace, tmp_path: Path) -> None:
    clips = own_clips(work.path / "model")
    assert clips is not None
    symbols = [int(one) for one in clips.entries[0].motif.split()]
    assert len(symbols) >= work.settings.min_length
    assert 0 not in symbols
    corpus = read_corpus(work.path.parent / "corpus")
    assert {entry.motif for entry in corpus.entries} == {""}
