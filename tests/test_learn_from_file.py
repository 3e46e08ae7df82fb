"""Models from a list of clips: what lies beside them; training goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cantaor.corpus.manifest_files import read_manifest
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.train_evaluate import clip_subsets, train_clips, write_card
from cantaor.learn.export.bundle import load_bundle
from cantaor.learn.training.train import train
from tests.test_learn_grid import listed_clips
from tests.test_learn_training import SMALL, KilledError, same


def test_what_lies_beside_a_model(tmp_path):
    clips = read_manifest(listed_clips(tmp_path))
    model = train_clips(clips, SMALL, tmp_path / "model")
    names = sorted(file.name for file in model.iterdir())
    assert names == [
        "arrays.safetensors",
        "clips.csv",
        "learning.png",
        "model.json",
        "model.safetensors",
    ]
    assert (model / "learning.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / ".model.training").exists()
    assert "None were measured" in write_card(model, tmp_path / "card.md").read_text()
    result = evaluate_model(model)
    assert json.loads((model / "evaluation.json").read_text())["n"] == result.n == 3
    card = write_card(model, tmp_path / "card.md").read_text()
    assert f"| {result.accuracy:.4f} |" in card
    assert "12 clips of 3 singers (clips), split by the protocol file" in card


def test_a_wide_model_hears_its_clips_at_its_own_rate(tmp_path):
    clips = read_manifest(listed_clips(tmp_path))
    settings = replace(SMALL, features="wide-log-mel")
    narrow, wide = (clip_subsets(clips, rate)[0] for rate in (16_000, settings.sample_rate))
    assert wide.samples.size / narrow.samples.size == pytest.approx(22_050 / 16_000, rel=1e-3)
    model = train_clips(clips, settings, tmp_path / "model")
    bundle = load_bundle(model)
    assert bundle.trained.module.sample_rate == 22_050
    expected = train(wide, clip_subsets(clips, 22_050)[1], settings)
    assert same(expected, bundle.trained)
    assert evaluate_model(model).n == 3
    assert "read at 22050 Hz" in write_card(model, tmp_path / "card.md").read_text()


def test_a_card_counts_what_was_learned_from(tmp_path):
    clips = read_manifest(listed_clips(tmp_path))
    model = train_clips(clips, replace(SMALL, early_stopping=False), tmp_path / "model")
    subsets = [entry.split for entry in read_manifest(model / "clips.csv").entries]
    assert subsets.count("validation") > 0
    learned = subsets.count("train") + subsets.count("validation")
    assert f"{learned} clips of 3" in write_card(model, tmp_path / "card.md").read_text()


def test_the_same_command_goes_on_where_it_stopped(tmp_path):
    clips = read_manifest(listed_clips(tmp_path))
    whole = load_bundle(train_clips(clips, SMALL, tmp_path / "whole")).trained

    def kill(stage, done, total):
        if (stage, done) == ("training", 2):
            raise KilledError

    with pytest.raises(KilledError):
        train_clips(clips, SMALL, tmp_path / "model", progress=kill)
    epochs = []
    folder = train_clips(
        clips,
        SMALL,
        tmp_path / "model",
        progress=lambda stage, done, _: epochs.append(done) if stage == "training" else None,
    )
    assert epochs == [2, 3]
    assert same(whole, load_bundle(folder).trained)
