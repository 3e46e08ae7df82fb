"""Profiles of training windows are computed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cantaor.learn.encoders.cache import EmbeddingCache
from cantaor.learn.networks.ensemble import MeanSpectralFeatures
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.train import train
from cantaor.learn.training.window_features import extract_window_features, profile_cache
from tests.test_encoders import sung


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANTAOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows every call of the extractor was given."""
    found: list[int] = []
    forward = MeanSpectralFeatures.forward

    def counted(self: MeanSpectralFeatures, waveforms: object, lengths: object) -> object:
        found.append(len(lengths))  # type: ignore[arg-type]
        return forward(self, waveforms, lengths)  # type: ignore[arg-type]

    monkeypatch.setattr(MeanSpectralFeatures, "forward", counted)
    return found


def test_what_is_kept_is_what_is_computed(computed: list[int]) -> None:
    clips = sung(each=4)
    plain = extract_window_features(clips)
    cache = profile_cache()
    computed.clear()
    first = extract_window_features(clips.select(np.arange(10)), cache=cache)
    assert sum(computed) == 10
    whole = extract_window_features(clips, cache=profile_cache())
    # Ten windows are known; to find its file the cache asks about two of noise.
    assert sum(computed) == 10 + 2 + len(clips) - 10
    for found, expected in ((first.values, plain.values[:10]), (whole.values, plain.values)):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(whole.labels, plain.labels)
    np.testing.assert_array_equal(whole.groups, plain.groups)


def test_a_second_training_computes_no_profile(computed: list[int]) -> None:
    clips = sung(each=4)
    settings = recipe_settings("robust")
    train(clips, clips.select([]), settings)
    computed.clear()
    train(clips, clips.select([]), replace(settings, seed=1))
    assert sum(computed) == 2


def test_other_values_have_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = profile_cache().path
    assert profile_cache().path == before
    forward = MeanSpectralFeatures.forward
    monkeypatch.setattr(
        MeanSpectralFeatures,
        "forward",
        lambda self, waveforms, lengths: 2 * forward(self, waveforms, lengths),
    )
    assert profile_cache().path != before


def test_many_are_found_at_once(folder: Path) -> None:
    cache = EmbeddingCache("many", 3, folder)
    rows = {index.to_bytes(16, "big"): np.full(3, index, np.float32) for index in range(2_000)}
    cache.put(rows)
    found = EmbeddingCache("many", 3, folder).get([*rows, b"unknown"])
    assert found.keys() == rows.keys()
    for key, value in found.items():
        np.testing.assert_array_equal(value, rows[key])
