"""Files of answers line by line and part by part: what is written when, and what stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.inference.embeddings import EMBEDDINGS
from cantaor.inference.prediction_files import PredictionWriter, open_predictions
from cantaor.io.files import read_table, table_facts, write_table

SCHEMA = pa.schema(
    [("path", pa.string()), ("x", pa.int64()), ("error", pa.string()), ("content", pa.string())]
)
ORIGIN = {"model": "m", "cantaor": version("cantaor"), "answers": "answers"}
KINDS = pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])


def add(writer: PredictionWriter, name: str, x: int, **more: Any) -> None:
    row = {"path": name, "x": x, **more}
    writer.add(row, [row])


def line(name: str, **more: Any) -> str:
    return json.dumps({"path": name, **more, **ORIGIN})


def write_lines(out: Path, *lines: str, end: str = "\n") -> None:
    out.write_text("\n".join(lines) + end)


def answers_in(out: Path) -> list[tuple[str, int]]:
    """Path and figure of every answer, in the order of the file."""
    if out.suffix == ".parquet":
        rows = read_table(out).to_pylist()
    else:
        rows = [json.loads(text) for text in out.read_text().splitlines()]
    return [(row["path"], row["x"]) for row in rows]


def parts_of(out: Path) -> list[str]:
    return sorted(part.name for part in (out.parent / f".{out.name}.parts").iterdir())


def killed(out: Path, answers: Sequence[tuple[str, int]], model: str = "m") -> None:
    """A run that wrote its answers as one part and died before it closed the file."""
    writer = open_predictions(out, model, SCHEMA)
    rows = [{"path": name, "x": x, "content": f"h{x}"} for name, x in answers]
    # The same rows until a part is full: only the last answer for each recording counts.
    writer.add(rows[0], rows * (4096 // len(rows) + 1))
    del writer


def test_a_line_is_in_the_file_before_the_next_is_added(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    writer = open_predictions(out, "m", SCHEMA)
    assert out.read_bytes() == b""
    writer.add({"x": 1, "path": "a"}, [])
    # The path comes first, whatever the order was; a piece of a line is known by it.
    assert out.read_text() == line("a", x=1) + "\n"
    add(writer, "b", 2)
    assert out.read_text() == line("a", x=1) + "\n" + line("b", x=2) + "\n"
    writer.close()


def test_lines_are_only_appended_where_nothing_was_answered_twice(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    write_lines(out, line("a", x=1))
    before = out.stat().st_ino
    for number, force in enumerate((False, True)):
        writer = open_predictions(out, "m", SCHEMA, force)
        # Nobody answered it: there is nothing to take away.
        writer.drop("nobody")
        add(writer, f"b{number}", 2)
        writer.close()
        assert out.stat().st_ino == before
    assert answers_in(out) == [("b1", 2)]


def test_a_new_beginning_forgets_that_answers_were_double(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    write_lines(out, line("a", x=1), line("a", x=2))
    before = out.stat().st_ino
    writer = open_predictions(out, "m", SCHEMA, force=True)
    assert (writer.done, writer.contents) == (frozenset(), {})
    add(writer, "a", 3)
    writer.close()
    assert out.stat().st_ino == before
    assert answers_in(out) == [("a", 3)]


def test_double_lines_are_tidied_though_nothing_is_added(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    write_lines(out, line("a", x=1), line("b", x=2), line("a", x=3), line("c", x=4))
    open_predictions(out, "m", SCHEMA).close()
    assert answers_in(out) == [("b", 2), ("a", 3), ("c", 4)]


def test_the_last_line_of_a_recording_says_whether_it_is_answered(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    lines = [line("a", content="h"), line("b", error="no"), line("a", error="no")]
    write_lines(out, *lines, line("b", content="k"), line("c"), line("d", content=None))
    writer = open_predictions(out, "m", SCHEMA)
    assert writer.contents == {"b": "k", "c": "", "d": ""}
    assert writer.done == {"b", "c", "d"}
    writer.close()


@pytest.mark.parametrize("piece", ["{", '{"pat', '{"path": ', '{"path": "b", "x": 1'])
def test_a_piece_of_a_line_is_cut_off(tmp_path: Path, piece: str) -> None:
    out = tmp_path / "x.jsonl"
    write_lines(out, line("a", x=1), piece, end="")
    writer = open_predictions(out, "m", SCHEMA)
    assert out.read_text() == line("a", x=1) + "\n"
    assert writer.done == {"a"}
    writer.close()


def test_a_whole_line_without_its_end_gets_one(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    write_lines(out, line("a", x=1), line("b", x=2), end="")
    writer = open_predictions(out, "m", SCHEMA)
    add(writer, "c", 3)
    writer.close()
    assert out.read_text().count("\n") == 3
    assert answers_in(out) == [("a", 1), ("b", 2), ("c", 3)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "second",
    [
        "",
        "[1]",
        '{"path": "a"}',
        '{"model": "m"}',
        '{"path": 3, "model": "m"}',
        '"model"',
        # A piece of an answer is only forgiven at the end.
        '{"path": "a", "x',
        "[" * 100_000,
    ],
)
def test_the_line_that_is_no_answer_is_named(tmp_path: Path, second: str, force: bool) -> None:
    out = tmp_path / "x.jsonl"
    write_lines(out, line("a", x=1), second, line("b", x=2))
    before = out.read_bytes()
    with pytest.raises(ArgumentError, match="line 2: not an answer; name another file"):
        open_predictions(out, "m", SCHEMA, force)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [(out.name, before)]


@KINDS
def test_an_answer_after_one_was_taken_away_counts(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    for x in (1, 2):
        writer = open_predictions(out, "m", SCHEMA)
        writer.drop("a")
        add(writer, "a", x)
        writer.close()
        assert answers_in(out) == [("a", x)]


@KINDS
def test_answers_of_another_version_are_refused(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    old = {**ORIGIN, "cantaor": "0.0.1"}
    if suffix == ".jsonl":
        write_lines(out, json.dumps({"path": "a", **old}))
    else:
        facts = {f"cantaor.{name}": value for name, value in old.items()}
        write_table(out, SCHEMA.empty_table().replace_schema_metadata(facts))
    before = out.read_bytes()
    with pytest.raises(ArgumentError, match=r"another model: m under cantaor 0\.0\.1, but this is"):
        open_predictions(out, "m", SCHEMA)
    assert out.read_bytes() == before


@KINDS
def test_what_the_answers_are_of_is_kept(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    writer = open_predictions(out, "m", EMBEDDINGS.with_metadata({"own": "fact"}))
    writer.add({"path": "a"}, [{"path": "a"}])
    writer.close()
    if suffix == ".jsonl":
        assert json.loads(out.read_text()) == {"path": "a", **ORIGIN}
    else:
        expected = {"own": "fact", **{f"cantaor.{name}": value for name, value in ORIGIN.items()}}
        assert table_facts(out) == expected


@KINDS
def test_folders_are_made_and_long_names_taken(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "one" / "two" / f"{'x' * 240}{suffix}"
    for x in (1, 2):
        writer = open_predictions(out, "m", SCHEMA)
        add(writer, f"a{x}", x)
        writer.close()
    assert answers_in(out) == [("a1", 1), ("a2", 2)]
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@KINDS
def test_a_folder_is_no_file_of_answers(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").mkdir()
    with pytest.raises(ArgumentError, match="is a folder; name a file"):
        open_predictions(tmp_path / f"x{suffix}", "m", SCHEMA)
    (tmp_path / "text").write_text("thesis")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        open_predictions(tmp_path / "text" / f"x{suffix}", "m", SCHEMA)


@KINDS
def test_an_empty_file_is_taken(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    out.touch()
    writer = open_predictions(out, "m", SCHEMA)
    assert writer.done == frozenset()
    writer.close()
    assert answers_in(out) == []


@KINDS
def test_a_file_of_one_byte_is_already_somebodys(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x{suffix}"
    out.write_bytes(b"x")
    with pytest.raises(ArgumentError, match="name another file"):
        open_predictions(out, "m", SCHEMA)
    assert out.read_bytes() == b"x"


@KINDS
def test_a_link_stays_and_what_it_names_is_written(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / f"x{suffix}", tmp_path / f"link{suffix}"
    link.symlink_to(target)
    for x in (1, 2):
        writer = open_predictions(link, "m", SCHEMA)
        add(writer, "a", x)
        writer.close()
    assert link.is_symlink()
    assert answers_in(target) == [("a", 2)]


def test_rows_wait_until_there_are_4096_of_them(tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    writer = open_predictions(out, "m", SCHEMA)
    rows = [{"path": f"{i}", "x": i} for i in range(4096)]
    writer.add({}, rows[:4095])
    assert not (tmp_path / ".x.parquet.parts").exists()
    writer.add({}, rows[4095:])
    assert parts_of(out) == ["000001.parquet"]
    assert not out.exists()
    # Not written a second time.
    add(writer, "last", 7)
    assert parts_of(out) == ["000001.parquet"]
    assert answers_in(tmp_path / ".x.parquet.parts" / "000001.parquet")[-1] == ("4095", 4095)
    writer.close()
    assert answers_in(out) == [*((row["path"], row["x"]) for row in rows), ("last", 7)]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_the_parts_of_several_killed_runs_count_in_their_order(tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    for number in range(3):
        killed(out, [("a", number), (f"b{number}", number)])
    assert parts_of(out) == ["000001.parquet", "000002.parquet", "000003.parquet"]
    writer = open_predictions(out, "m", SCHEMA)
    assert writer.contents == {"b0": "h0", "b1": "h1", "a": "h2", "b2": "h2"}
    add(writer, "b1", 9)
    writer.close()
    assert set(answers_in(out)) == {("b0", 0), ("a", 2), ("b2", 2), ("b1", 9)}
    assert answers_in(out).count(("b1", 9)) == 1


def test_the_last_row_of_a_recording_says_whether_it_is_answered(tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    rows = [("a", None, "h"), ("b", "no", None), ("a", "no", None), ("b", None, "k")]
    writer = open_predictions(out, "m", SCHEMA)
    writer.add(
        {}, [{"path": path, "error": error, "content": hashed} for path, error, hashed in rows]
    )
    add(writer, "c", 1)
    writer.close()
    again = open_predictions(out, "m", SCHEMA)
    assert again.contents == {"b": "k", "c": ""}
    again.close()


def test_a_table_that_gained_nothing_is_not_written_again(tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    writer = open_predictions(out, "m", SCHEMA)
    add(writer, "a", 1)
    writer.close()
    before = out.stat()
    open_predictions(out, "m", SCHEMA).close()
    assert (out.stat().st_ino, out.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    writer = open_predictions(out, "m", SCHEMA)
    writer.drop("a")
    writer.close()
    assert answers_in(out) == []


def test_a_new_beginning_takes_the_parts_of_another_model_away(tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    killed(out, [("a", 1)], model="other")
    note = tmp_path / ".x.parquet.parts" / "note.txt"
    note.write_text("mine")
    writer = open_predictions(out, "m", SCHEMA, force=True)
    assert writer.done == frozenset()
    assert parts_of(out) == ["note.txt"]
    add(writer, "b", 2)
    writer.close()
    assert answers_in(out) == [("b", 2)]
    # The folder is left because of what somebody else put into it.
    assert note.read_text() == "mine"


def test_columns_that_an_older_table_lacks_are_null_and_others_get_their_type(
    tmp_path: Path,
) -> None:
    out = tmp_path / "x.parquet"
    facts = {f"cantaor.{name}": value for name, value in ORIGIN.items()}
    old = pa.table({"x": pa.array([1, 2], pa.int32()), "path": ["a", "b"], "extra": [True, False]})
    write_table(out, old.replace_schema_metadata(facts))
    writer = open_predictions(out, "m", SCHEMA)
    assert writer.contents == {"a": "", "b": ""}
    add(writer, "b", 3, content="h")
    writer.close()
    found = read_table(out)
    assert found.schema.equals(SCHEMA)
    assert found.to_pylist() == [
        {"path": "a", "x": 1, "error": None, "content": None},
        {"path": "b", "x": 3, "error": None, "content": "h"},
    ]


@KINDS
def test_a_file_is_free_again_however_a_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    out = tmp_path / f"x{suffix}"
    writer = open_predictions(out, "m", SCHEMA)
    add(writer, "a", 1)
    writer.close()
    writer = open_predictions(out, "m", SCHEMA)
    writer.drop("a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(WorkspaceError, match="No space left"):
        writer.close()
    monkeypatch.undo()
    again = open_predictions(out, "m", SCHEMA)
    assert again.done == {"a"}
    again.close()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@KINDS
def test_a_writer_that_is_closed_holds_no_lock(tmp_path: Path, suffix: str) -> None:
    writer = open_predictions(tmp_path / f"a{suffix}", "m", SCHEMA)
    hold = vars(writer)["_hold"]
    assert hold.is_locked
    writer.close()
    assert not hold.is_locked
