"""Cached results name the version of what made them: a change of results must raise it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cantaor.pipeline import publishing, recordings
from cantaor.pipeline.publishing import stage_versions
from tests.golden.regenerate_stages import GOLDEN, agree, digests, track_song

HINT = "raise its version, then run: python -m tests.golden.regenerate_stages"


def complain(stage: str, same: bool) -> str:
    """What is wrong with a stage beside its stored result; empty where nothing is."""
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))[stage]["version"]
    now = stage_versions()[stage]
    if not same and now == stored:
        return f"results of stage {stage} changed and its version is still {now}: {HINT}"
    if now != stored:
        return f"stage {stage} has version {now}, its stored result {stored}: {HINT}"
    return ""


def test_results_of_pitch_change_only_with_its_version(tmp_path: Path) -> None:
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))["pitch"]["result"]
    assert not complain("pitch", agree(stored, track_song(tmp_path)))


def test_results_of_later_stages_change_only_with_their_versions(tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = digests(tmp_path, np.asarray(golden["pitch"]["result"], np.float32))
    assert {"pitch", *found} == set(stage_versions()) == set(golden)
    faults = [complain(stage, result == golden[stage]["result"]) for stage, result in found.items()]
    assert not [fault for fault in faults if fault]


def test_a_change_without_a_version_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))["pitch"]["result"]
    shifted = np.asarray(stored) * 2 ** (1 / 1200)
    assert not agree(stored, shifted)
    assert "still" in complain("pitch", same=False)
    monkeypatch.setattr(publishing, "PITCH_VERSION", recordings.PITCH_VERSION + 1)
    assert "regenerate_stages" in complain("pitch", same=True)
