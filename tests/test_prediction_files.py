"""Files of answers: nothing of anybody else's is touched, nothing is lost, nothing is mixed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.errors import ArgumentError, CorpusError, WorkspaceError
from cantaor.inference.batch import Input, find_inputs
from cantaor.inference.embeddings import EMBEDDINGS, embedding_rows, nearest_clips
from cantaor.inference.prediction_files import open_predictions
from cantaor.io.files import read_table, write_table
from cantaor.learn.identification.evidence import ClipPredictions

SCHEMA = pa.schema(
    [("path", pa.string()), ("x", pa.int64()), ("error", pa.string()), ("content", pa.string())]
)
KINDS = pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])


def answer(out: Path, model: str = "m", **values: int) -> None:
    """One run that answers some recordings."""
    writer = open_predictions(out, model, SCHEMA)
    for name, x in values.items():
        row = {"path": name, "x": x, "content": f"h{x}"}
        writer.add(row, [row])
    writer.close()


def rows_in(out: Path) -> dict[str, int]:
    if out.suffix == ".parquet":
        rows = read_table(out).to_pylist()
    else:
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({row["path"] for row in rows}) == len(rows)
    return {row["path"]: row["x"] for row in rows}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@KINDS
@pytest.mark.parametrize(
    "content",
    [
        b"my thesis",
        b"my thesis\n",
        b'{"path": 3}\n',
        b'{"a": 1}',
        b"\xff\xfe\x00",
        b"PAR1 but not really PAR1",
        b'{"path": "a", "model": "m"}\nthesis\n',
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_files_of_others_stay(tmp_path: Path, suffix: str, content: bytes, force: bool) -> None:
    out = tmp_path / f"x{suffix}"
    out.write_bytes(content)
    with pytest.raises(ArgumentError, match="name another file"):
        open_predictions(out, "m", SCHEMA, force)
    assert snapshot(tmp_path) == {out.name: content}


@pytest.mark.parametrize("force", [False, True])
def test_tables_of_others_stay(tmp_path: Path, force: bool) -> None:
    out = tmp_path / "x.parquet"
    write_table(out, pa.table({"path": ["a"], "x": [1]}))
    before = snapshot(tmp_path)
    with pytest.raises(ArgumentError, match="not a table of answers"):
        open_predictions(out, "m", SCHEMA, force)
    assert snapshot(tmp_path) == before


@KINDS
def test_a_second_writer_is_refused(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    first = open_predictions(out, "m", SCHEMA)
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    for name in (out, tmp_path / "link" / out.name):
        with pytest.raises(WorkspaceError, match="another run writes it"):
            open_predictions(name, "m", SCHEMA)
    first.add({"path": "a", "x": 1}, [{"path": "a", "x": 1}])
    first.close()
    answer(out, b=2)
    assert rows_in(out) == {"a": 1, "b": 2}


@KINDS
def test_the_later_answer_counts(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    answer(out, a=1, b=2)
    again = open_predictions(out, "m", SCHEMA)
    assert again.contents == {"a": "h1", "b": "h2"}
    again.add({"path": "a", "x": 5}, [{"path": "a", "x": 5}])
    again.close()
    assert rows_in(out) == {"a": 5, "b": 2}
    dropping = open_predictions(out, "m", SCHEMA)
    dropping.drop("b")
    dropping.close()
    assert rows_in(out) == {"a": 5}
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


@KINDS
def test_an_error_is_asked_again_and_gives_way(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    first = open_predictions(out, "m", SCHEMA)
    first.add({"path": "c", "error": "no"}, [{"path": "c", "error": "no"}])
    first.close()
    assert open_predictions(out, "m", SCHEMA).done == frozenset()
    answer(out, c=3)
    assert rows_in(out) == {"c": 3}


@KINDS
@pytest.mark.parametrize("asked", ["model", "answers"])
def test_another_origin_is_refused_and_parts_stay(tmp_path: Path, suffix: str, asked: str) -> None:
    out = tmp_path / f"x{suffix}"
    answer(out, a=1)
    killed = open_predictions(out, "m", SCHEMA)
    rows = [{"path": f"{i}", "x": i} for i in range(5000)]
    for row in rows:
        killed.add(row, [row])
    del killed
    before = snapshot(tmp_path)
    before.pop(f".{out.name}.lock", None)
    schema = SCHEMA if asked == "model" else EMBEDDINGS
    with pytest.raises(ArgumentError) as caught:
        open_predictions(out, "other" if asked == "model" else "m", schema)
    sides = ("m under", "other under") if asked == "model" else ("answers", "embeddings")
    assert all(side in str(caught.value) for side in sides)
    assert snapshot(tmp_path) == before
    answer(out)
    assert len(rows_in(out)) > 4000


def test_a_run_killed_after_joining_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.parquet"
    answer(out, a=1)
    writer = open_predictions(out, "m", SCHEMA)
    writer.add({"path": "b", "x": 2}, [{"path": "b", "x": 2}])
    real = Path.unlink

    def dying(self: Path, missing_ok: bool = False) -> None:
        if self.name.startswith("0"):
            raise KeyboardInterrupt
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", dying)
    with pytest.raises(KeyboardInterrupt):
        writer.close()
    monkeypatch.undo()
    answer(out)
    assert rows_in(out) == {"a": 1, "b": 2}


@given(cut=st.integers(0, 400))
def test_a_line_cut_anywhere_is_cut_off(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    out = tmp_path_factory.mktemp("cut") / "x.jsonl"
    answer(out, a=1, b=2)
    whole = out.read_bytes()
    out.write_bytes(whole[: min(cut, len(whole))])
    kept = out.read_bytes().count(b"\n")
    answer(out, c=3)
    found = rows_in(out)
    assert found.pop("c") == 3
    assert len(found) in (kept, kept + 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.wav,0,1\na.wav,nan,1\n", "line 3: start_s must be seconds"),
        ("a.wav,abc,1\n", "line 2: start_s must be seconds, 0 or more, not 'abc'"),
        ("a.wav,0,inf\n", "line 2: end_s must be"),
        ("a.wav,0,1e308\n", "line 2: end_s must be"),
        ("a.wav,-1,3\n", "line 2: start_s must be"),
        ("a.wav,5,5\n", r"line 2: start_s \(5.0\) must be below end_s \(5.0\)"),
        (",0,1\n", "line 2: path is empty"),
    ],
)
def test_wrong_rows_of_a_table_are_named(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(f"path,start_s,end_s\n{rows}")
    with pytest.raises(CorpusError, match=message):
        find_inputs([tmp_path / "t.csv"])


def test_wrong_times_in_parquet_are_named(tmp_path: Path) -> None:
    for value in (float("nan"), float("inf"), -0.5):
        write_table(tmp_path / "t.parquet", pa.table({"path": ["a"], "end_s": [value]}))
        with pytest.raises(CorpusError, match="row 0: end_s must be"):
            find_inputs([tmp_path / "t.parquet"])


@given(one=st.floats(0, 1e6), other=st.floats(0, 1e6), start=st.floats(0, 10))
def test_different_spans_have_different_names(one: float, other: float, start: float) -> None:
    names = {Input("a.wav", start, start + 1 + end).name for end in (one, other)}
    assert len(names) == len({start + 1 + one, start + 1 + other})


def test_names_that_print_alike_differ() -> None:
    assert Input("a\n.wav").name != Input("a\\n.wav").name
    assert Input("a.wav", 1.0, 4.5).name == "a.wav#t=1,4.5"
    assert Input("a.wav", 0.1234567).name == "a.wav#t=0.1234567"


def heard(model: str) -> ClipPredictions:
    times = np.array([0.0]), np.array([1.0])
    shares = np.ones((1, 2), np.float32) / 2
    return ClipPredictions("a", ((1, 2),), *times, shares, np.ones((1, 4), np.float32), model=model)


def test_embeddings_of_another_model_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "e.parquet"
    writer = open_predictions(out, "m1", EMBEDDINGS)
    rows = embedding_rows(heard("m1"))
    writer.add(rows[0], rows)
    writer.close()
    assert nearest_clips(out, heard("m1"))[0]["path"] == "a"
    with pytest.raises(ArgumentError, match=r"made with model m1 under .* heard with model m2"):
        nearest_clips(out, heard("m2"))
    write_table(out, pa.table({"path": ["a"]}))
    with pytest.raises(ArgumentError, match="not a table of embeddings, it lacks kind"):
        nearest_clips(out, heard("m1"))


def test_a_pipe_is_no_file_of_answers(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jsonl")
    with pytest.raises(ArgumentError, match="not a file"):
        open_predictions(tmp_path / "x.jsonl", "m", SCHEMA)
