"""Rows and tables of embeddings, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import ArgumentError
from cantaor.inference.embeddings import EMBEDDINGS, embedding_rows, held_out_table, nearest_clips
from cantaor.inference.prediction_files import open_predictions
from cantaor.learn.identification.evidence import ClipPredictions


def heard(path: str, embeddings: list[list[float]], content: str = "") -> ClipPredictions:
    """Clips that overlap; the longest is neither first nor last."""
    count = len(embeddings)
    starts = np.array([2.0, 0.5, 4.0][:count])
    ends = np.array([3.0, 9.0, 5.0][:count])
    return ClipPredictions(
        path,
        ((1, -1), (2,), (3, 1, 1))[:count],
        starts,
        ends,
        np.full((count, 2), 0.5, np.float32),
        np.array(embeddings, np.float32),
        content=content,
        model="m",
    )


def test_a_row_for_the_recording_and_one_for_each_clip() -> None:
    rows = embedding_rows(heard("a.wav", [[1.0, 0.0], [0.0, 1.0], [2.0, 5.0]], "hash"))
    assert [row["kind"] for row in rows] == ["recording", "motif", "motif", "motif"]
    assert [row["motif"] for row in rows] == [[], [1, -1], [2], [3, 1, 1]]
    assert [(row["start_s"], row["end_s"]) for row in rows] == [
        *((0.5, 9.0), (2.0, 3.0)),
        *((0.5, 9.0), (4.0, 5.0)),
    ]
    assert [row["embedding"] for row in rows] == [[1.0, 2.0], [1.0, 0.0], [0.0, 1.0], [2.0, 5.0]]
    assert {(row["path"], row["content"]) for row in rows} == {("a.wav", "hash")}


def test_what_is_nearest_by_kind(tmp_path: Path) -> None:
    table = tmp_path / "e.parquet"
    writer = open_predictions(table, "m", EMBEDDINGS)
    for path, embeddings in (("a", [[1.0, 0.0], [0.0, 1.0]]), ("b", [[1.0, 0.2], [1.0, 0.0]])):
        rows = embedding_rows(heard(path, embeddings))
        writer.add(rows[0], rows)
    writer.close()
    asked = heard("c", [[1.0, 0.0]])
    found = nearest_clips(table, asked)
    assert [row["path"] for row in found] == ["b", "a"]
    assert found[0]["cosine"] == pytest.approx(1 / np.hypot(1, 0.1))
    assert found[1]["cosine"] == pytest.approx(np.sqrt(0.5))
    clips = nearest_clips(table, asked, "motif", 3)
    assert [row["cosine"] for row in clips[:2]] == pytest.approx([1.0, 1.0])
    assert [row["motif"] for row in clips] == [[1, -1], [2], [1, -1]]
    assert (clips[2]["path"], clips[2]["start_s"], clips[2]["end_s"]) == ("b", 2.0, 3.0)
    with pytest.raises(ArgumentError, match="no embedding of kind 'phrase'"):
        nearest_clips(table, asked, "phrase")
    assert nearest_clips(table, replace(asked, model=""), count=1)[0]["path"] == "b"


def test_held_out_clips_with_the_answer_and_its_probability() -> None:
    entries = (
        ManifestEntry("a.wav", "AM", "a", start_s=1.0, end_s=2.0),
        ManifestEntry("b.wav", "EC", "b"),
    )
    shares = np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]], np.float32)
    embeddings = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    table = held_out_table(Manifest(entries, Path()), ["AM", "EC", "JT"], shares, embeddings)
    assert table["singer"].to_pylist() == ["AM", "EC"]
    assert table["answer"].to_pylist() == ["EC", "AM"]
    assert table["probability"].to_pylist() == pytest.approx([0.7, 0.5])
    assert table["start_s"].to_pylist() == [1.0, None]
    assert table["end_s"].to_pylist() == [2.0, None]
    assert table["embedding"].to_pylist() == embeddings.tolist()
