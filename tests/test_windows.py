"""Windows side by side in place of motif clips that overlap."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cantaor.chain import FoundClips, select_windows
from cantaor.cli import app
from cantaor.errors import ArgumentError
from cantaor.inference.batch import find_inputs, infer_recordings
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.identification.evidence import ClipPredictions
from cantaor.learn.identification.identification import predict_clips
from tests.test_listening import bundle, files, model

__all__ = ["bundle", "files", "model"]

spans = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), min_size=1, max_size=30).map(
    lambda rows: [(start / 20, (start + length) / 20) for start, length in rows]
)


def clips_of(rows: list[tuple[float, float]]) -> FoundClips:
    starts, ends = np.array(rows).T
    return FoundClips("a", tuple((i,) for i in range(len(rows))), starts, ends)


def test_a_stretch_is_cut_into_equal_windows_about_as_long_as_a_clip() -> None:
    # Clips of 1 s from 0 to 2.2 s: two windows of 1.1 s; another stretch of 0.3 s is one window.
    found = select_windows(clips_of([(0.0, 1.0), (0.4, 1.4), (1.2, 2.2), (5.0, 5.3)]), "fixed")
    np.testing.assert_allclose(found.start_s, [0.0, 1.1, 5.0])
    np.testing.assert_allclose(found.end_s, [1.1, 2.2, 5.3])
    # The first window shares 1.0 s with the first clip, the second 1.0 s with the third.
    assert found.motifs == ((0,), (2,), (3,))


@given(spans)
def test_windows_cover_what_the_clips_cover_once(rows: list[tuple[float, float]]) -> None:
    clips = clips_of(rows)
    found = select_windows(clips, "fixed")
    moments = (np.arange(0, 480) + 0.5) / 20
    inside = (clips.start_s[:, None] <= moments) & (moments < clips.end_s[:, None])
    covered = (found.start_s[:, None] <= moments) & (moments < found.end_s[:, None])
    np.testing.assert_array_equal(covered.sum(axis=0), inside.any(axis=0))
    length = np.median(clips.end_s - clips.start_s)
    assert (found.end_s - found.start_s).max() <= 1.5 * length + 1e-9
    assert set(found.motifs) <= set(clips.motifs)


def test_all_motif_clips_stay_as_they_are() -> None:
    clips = clips_of([(0.0, 1.0), (0.5, 2.0)])
    assert select_windows(clips, "motifs") is clips
    with pytest.raises(ArgumentError, match="one of motifs, fixed; got 'all'"):
        select_windows(clips, "all")


def test_windows_of_a_file_are_those_of_many(bundle: Bundle, files: list[Path]) -> None:
    together = dict(infer_recordings(bundle, find_inputs(files[:2]), windows="fixed"))
    for one, predictions in together.items():
        assert isinstance(predictions, ClipPredictions)
        alone = predict_clips(bundle, one.location, windows="fixed")
        np.testing.assert_array_equal(predictions.start_s, alone.start_s)
        np.testing.assert_allclose(predictions.probabilities, alone.probabilities, atol=1e-6)
        assert (predictions.start_s[1:] >= predictions.end_s[:-1] - 1e-9).all()
        every = predict_clips(bundle, one.location)
        assert len(predictions.motifs) < len(every.motifs)


def test_answers_about_other_windows_are_not_mixed(
    model: Path, files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    run = CliRunner()
    done = run.invoke(app, ["identify", str(model), str(files[0]), "--out", str(out)])
    assert done.exit_code == 0, done.output
    arguments = ["identify", str(model), str(files[0]), "--out", str(out), "--window", "fixed"]
    done = run.invoke(app, arguments)
    assert "holds answers of another model" in str(done.exception)
    done = run.invoke(app, [*arguments, "--force", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["recordings"] == 1
    done = run.invoke(app, ["identify", str(model), str(files[0]), "--window", "wide"])
    assert "--window must be one of motifs, fixed, not 'wide'" in str(done.exception)
