"""Leak figures of an audit: given where a split can be made, else the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit.audit import audit
from cantaor.corpus.manifest import Manifest, ManifestEntry


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (["train", "", "test", "train"], "split of clip 1 must be train, test or validation, not"),
        (["train", "dev", "test", "train"], "not 'dev'"),
        (["train"] * 4, "the split column marks no clip as test"),
    ],
)
def test_a_split_column_that_cannot_be_used_is_left_out_with_the_reason(
    tmp_path: Path, rng: np.random.Generator, column: list[str], reason: str
) -> None:
    entries = []
    for number, side in enumerate(column):
        soundfile.write(tmp_path / f"{number}.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
        entries.append(ManifestEntry(f"{number}.wav", "AE"[number % 2], f"r{number}", split=side))
    report = audit(Manifest(tuple(entries), tmp_path))
    assert [figures.split for figures in report.leaks] == ["random 80/20, 5 draws"]
    ((name, why),) = report.left_out
    assert name == "split column"
    assert reason in why
    assert report.tables()["left_out"] == [{"split": name, "reason": why}]
    assert json.loads(json.dumps(report.to_json()))
