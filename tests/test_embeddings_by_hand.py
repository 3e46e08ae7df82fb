"""Rows and tables of embeddings, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import ArgumentError
from cantaor.inference.embeddings import EMBEDDINGS, embedding_rows, held_out_table, nearest_clips
from cantaor.inference.prediction_files import open_predictions
from cantaor.io.files import write_table
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
    assert table["path"].to_pylist() == ["a.wav", "b.wav"]
    assert table["recording"].to_pylist() == ["a", "b"]
    assert table["singer"].to_pylist() == ["AM", "EC"]
    assert table["answer"].to_pylist() == ["EC", "AM"]
    assert table["probability"].to_pylist() == pytest.approx([0.7, 0.5])
    assert table["start_s"].to_pylist() == [1.0, None]
    assert table["end_s"].to_pylist() == [2.0, None]
    assert table["embedding"].to_pylist() == embeddings.tolist()


def table_of(path: Path, facts: dict[str, str], without: str = "") -> Path:
    """A table of one recording's embeddings that states some facts of its origin."""
    rows = embedding_rows(heard("a", [[1.0, 0.0], [0.0, 1.0]]))
    table = pa.Table.from_pylist(rows, EMBEDDINGS.with_metadata(facts))
    write_table(path, table.drop_columns([without]) if without else table)
    return path


def test_tables_of_another_model_or_version_are_refused(tmp_path: Path) -> None:
    asked = heard("c", [[1.0, 0.0]])
    here = {"cantaor.model": "m", "cantaor.cantaor": version("cantaor")}
    assert nearest_clips(table_of(tmp_path / "t.parquet", here), asked)[0]["path"] == "a"
    # A table that does not say what made it is taken.
    assert nearest_clips(table_of(tmp_path / "t.parquet", {}), asked)[0]["path"] == "a"
    table = table_of(tmp_path / "t.parquet", {"cantaor.cantaor": "0.0.1"})
    assert nearest_clips(table, asked)[0]["path"] == "a"
    with pytest.raises(ArgumentError, match="was made with model n under cantaor , but"):
        nearest_clips(table_of(tmp_path / "t.parquet", {"cantaor.model": "n"}), asked)
    for facts in ({**here, "cantaor.model": "n"}, {**here, "cantaor.cantaor": "0.0.1"}):
        table = table_of(tmp_path / "t.parquet", facts)
        with pytest.raises(ArgumentError, match="embed again with this model") as caught:
            nearest_clips(table, asked)
        made = f"model {facts['cantaor.model']} under cantaor {facts['cantaor.cantaor']}, but"
        assert made in str(caught.value)
        # What came from no folder is compared with anything.
        assert nearest_clips(table, replace(asked, model=""))[0]["path"] == "a"


def test_an_older_table_without_hashes_is_read_and_one_without_kinds_is_not(tmp_path: Path) -> None:
    asked = heard("c", [[1.0, 0.0]])
    table = table_of(tmp_path / "t.parquet", {}, without="content")
    assert nearest_clips(table, asked, "motif")[0]["motif"] == [1, -1]
    table = table_of(tmp_path / "t.parquet", {}, without="kind")
    with pytest.raises(ArgumentError, match=r"it lacks kind$"):
        nearest_clips(table, asked)


def test_a_recording_is_sought_by_the_mean_of_its_clips_and_ten_are_found(tmp_path: Path) -> None:
    rows = [
        row
        for i in range(12)
        for row in embedding_rows(heard(f"{i}", [[np.cos(i / 10), np.sin(i / 10)]]))
    ]
    write_table(tmp_path / "t.parquet", pa.Table.from_pylist(rows, EMBEDDINGS))
    # The mean points to an angle of 0.5, though no clip does.
    asked = heard("c", [[np.cos(0.2), np.sin(0.2)], [np.cos(0.8), np.sin(0.8)]])
    found = nearest_clips(tmp_path / "t.parquet", asked)
    assert len(found) == 10
    assert [row["path"] for row in found[:1]] == ["5"]
    assert found[0]["cosine"] == pytest.approx(1.0)
    assert found[-1]["cosine"] == pytest.approx(np.cos(0.5), abs=1e-6)
    assert {name for row in found for name in row} == {
        *("path", "motif", "start_s", "end_s", "cosine")
    }


def test_clips_and_their_motifs_must_be_as_many() -> None:
    made = heard("a", [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="zip"):
        embedding_rows(replace(made, motifs=((1,),)))
