"""Tables of embeddings made elsewhere: which rows belong to a clip, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cantaor.errors import ArgumentError, ModelError, WorkspaceError
from cantaor.learn.encoders.sources import require_source, source_facts
from cantaor.learn.encoders.tables import Span, find_embeddings, read_embeddings


def table(path: Path, /, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_clip_gets_the_mean_of_the_rows_that_overlap_it(tmp_path: Path) -> None:
    path = table(
        tmp_path / "e.parquet",
        path=["a.wav", "a.wav", "a.wav", "b.wav"],
        start_s=[0.0, 1.0, 2.0, None],
        end_s=[1.0, 2.0, 3.0, None],
        embedding=[[1.0, 0.0], [3.0, 2.0], [5.0, 8.0], [7.0, 7.0]],
    )
    found = read_embeddings(path)
    assert (found.size, len(found.values)) == (2, 4)
    a, b = str(tmp_path / "a.wav"), str(tmp_path / "b.wav")
    spans = [
        Span(a, 0.2, 0.9),
        Span(a, 0.5, 1.5),
        # Rows that only touch a clip do not overlap it.
        Span(a, 1.0, 2.0),
        Span(a, 0.0, math.inf),
        # A row without times is of the whole recording.
        Span(b, 4.0, 5.0),
    ]
    expected = [[1, 0], [2, 1], [3, 2], [3, 10 / 3], [7, 7]]
    np.testing.assert_allclose(find_embeddings(found, spans), expected, rtol=1e-6)


def test_paths_are_of_the_tables_folder_or_of_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(tmp_path)
    url = "https://example.org/a.wav"
    path = table(
        inside / "e.parquet",
        path=["a.wav", url, str(tmp_path / "c.wav")],
        embedding=[[1], [2], [3]],
    )
    found = read_embeddings(path)
    for location, value in (
        (str(inside / "a.wav"), 1),
        ("a.wav", 1),
        (str(tmp_path / "a.wav"), 1),
        (url, 2),
        ("inside/../c.wav", 3),
    ):
        assert find_embeddings(found, [Span(location)]).tolist() == [[value]]


def test_the_rows_that_embed_writes_are_read(tmp_path: Path) -> None:
    path = table(
        tmp_path / "e.parquet",
        path=["a.wav", "a.wav"],
        kind=["recording", "motif"],
        start_s=[0.0, 1.0],
        end_s=[9.0, 1.5],
        embedding=[[1.0], [2.0]],
    )
    found = read_embeddings(path)
    location = str(tmp_path / "a.wav")
    spans = [Span(location, 1.2, 1.4), Span(location, 3.0, 4.0)]
    assert find_embeddings(found, spans).tolist() == [[2.0], [1.0]]


def test_recordings_without_embeddings_are_named_and_counted(tmp_path: Path) -> None:
    path = table(
        tmp_path / "e.parquet", path=["a.wav"], start_s=[0.0], end_s=[1.0], embedding=[[1.0]]
    )
    found = read_embeddings(path)
    a = str(tmp_path / "a.wav")
    others = [Span(f"/x/{n}.wav") for n in range(4)]
    message = (
        r"no embedding for 6 of 7 clips, of 6 of 6 recordings: .*a.wav \(1\), /x/0.wav \(1\), "
        r"/x/1.wav \(1\) and 3 more"
    )
    with pytest.raises(ArgumentError, match=message):
        find_embeddings(found, [Span(a), Span(a, 2.0, 3.0), *others, Span("")])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a"]}, "has a column embedding"),
        ({"embedding": [[1.0]]}, "has a column path"),
        ({"path": ["a"], "embedding": [1.0]}, "lists of numbers, not double"),
        ({"path": ["a"], "embedding": [["x"]]}, "hold numbers, not string"),
        (
            {"path": ["a", "b"], "embedding": [[1.0], [1.0, 2.0]]},
            r"one length above 0, not \[1, 2\]",
        ),
        ({"path": ["a", "b"], "embedding": [[1.0], None]}, "1 of 2 rows have no embedding"),
        ({"path": ["a", "b"], "embedding": [[1.0], [math.nan]]}, "row 1 is not finite"),
        ({"path": ["a", ""], "embedding": [[1.0], [1.0]]}, "path of row 1 is empty"),
        ({"path": ["a"], "start_s": ["x"], "embedding": [[1.0]]}, "start_s must hold seconds"),
        ({"path": pa.array([], pa.string()), "embedding": []}, "holds no embedding"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    path = table(tmp_path / "e.parquet", **columns)
    with pytest.raises(ArgumentError, match=message) as caught:
        read_embeddings(path)
    assert str(caught.value).startswith(str(path))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    with pytest.raises(WorkspaceError, match=r"e.parquet"):
        read_embeddings(path)
    path.write_bytes(b"no table")
    with pytest.raises(WorkspaceError, match=r"e.parquet"):
        read_embeddings(path)


def test_a_model_takes_tables_of_its_size(tmp_path: Path) -> None:
    small, large = (
        read_embeddings(table(tmp_path / f"{n}.parquet", path=["a"], embedding=[[1.0] * n]))
        for n in (2, 3)
    )
    facts = source_facts(small)
    require_source(small, facts, "model")
    with pytest.raises(
        ModelError, match=r"3.parquet: embeddings have size 3, but model takes size 2"
    ):
        require_source(large, facts, "model")
    with pytest.raises(ModelError, match=r"model takes embeddings of size 2 .*--embeddings FILE"):
        require_source(None, facts, "model")
