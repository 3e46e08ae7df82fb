"""`cantaor patterns`: what it reads, what it writes, and how it refuses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cantaor import mine_closed
from cantaor.cli import app
from cantaor.errors import ArgumentError
from cantaor.io.sequence_files import read_sequences

EXAMPLE = ["CAABC", "ABCB", "CABC", "ABBCA"]
CLOSED = {"A A": 2, "A B B": 2, "A B C": 4, "C A": 3, "C A B C": 2, "C B": 3}


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["patterns", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def answer(*arguments: object) -> dict[str, int]:
    found = json.loads(run(*arguments, "--min-support", 2, "--json"))
    assert not found["partial"]
    return {" ".join(map(str, row["symbols"])): row["support"] for row in found["patterns"]}


def spmf(rows: list[list[int]]) -> str:
    return "".join("".join(f"{item} -1 " for item in row) + "-2\n" for row in rows)


def test_tokens_spmf_and_parquet_agree(tmp_path):
    tokens, text, table = (tmp_path / name for name in ("a.txt", "a.spmf", "a.parquet"))
    tokens.write_text("\n".join(" ".join(row) for row in EXAMPLE))
    names = "".join(f"@ITEM={ord(c) - 64}={c}\n" for c in "ABC")
    text.write_text(names + "# a comment\n\n" + spmf([[ord(c) - 64 for c in r] for r in EXAMPLE]))
    pq.write_table(pa.table({"n": [1] * 4, "visit": [list(row) for row in EXAMPLE]}), table)
    assert answer(tokens) == answer(text) == answer(table) == CLOSED
    assert answer(table, "--column", "visit") == CLOSED


def test_what_is_written(tmp_path):
    tokens = tmp_path / "a.txt"
    tokens.write_text("\n".join(" ".join(row) for row in EXAMPLE))
    for ending in ("csv", "spmf", "parquet"):
        run(tokens, "--min-support", 2, "--out", tmp_path / f"out.{ending}")
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[0] == "symbols,support"
    assert {k: int(v) for k, v in (row.split(",") for row in rows[1:])} == CLOSED
    assert "C -1 A -1 #SUP: 3\n" in (tmp_path / "out.spmf").read_text()
    table = pq.read_table(tmp_path / "out.parquet")
    assert {" ".join(r["symbols"]): r["support"] for r in table.to_pylist()} == CLOSED
    assert table.schema.metadata[b"partial"] == b"false"


@pytest.mark.parametrize("name", ["contour50", "contour500"])
def test_equals_the_answer_of_spmf(shared_data: Path, tmp_path, name):
    folder = shared_data / "mining"
    least = {"contour50": 20, "contour500": 300}[name]
    out = tmp_path / "out.spmf"
    run(folder / f"{name}.spmf.txt.gz", "--min-support", least, "--out", out)
    expected = gzip.decompress((folder / f"classic_{name}_minsup{least}.closed.gz").read_bytes())
    assert sorted(out.read_text().replace(" -1", "").splitlines()) == sorted(
        expected.decode().splitlines()
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 -1 -2\n1 -1 2 -2\n", "line 2: must have one -1"),
        ("1 -1 -2\n# note\n1 2 -1 -2\n", "line 3: holds an itemset"),
        ("1 -1 -2\n1 -1\n", "line 2: does not end with -2"),
        ("1 -1 -2 3 -1 -2\n1 -1 -2\n", "line 1: goes on behind -2"),
        ("1 -1 -2\n1 -1 x -1 -2\n", "line 2: item 'x'"),
        ("1 -1 -2\n" + "1 -1 2 -2\n" * 9, "line 6.*and 4 more"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    file = tmp_path / "a.txt"
    file.write_text(text)
    with pytest.raises(ArgumentError, match=message):
        read_sequences(file, "spmf")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"nothing\.txt"):
        read_sequences(tmp_path / "nothing.txt")
    (tmp_path / "x.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="text"):
        read_sequences(tmp_path / "x.bin")
    pq.write_table(pa.table({"a": [[1]], "b": [[1]]}), tmp_path / "two.parquet")
    with pytest.raises(ArgumentError, match="list columns"):
        read_sequences(tmp_path / "two.parquet")
    with pytest.raises(ArgumentError, match=r"no list column 'c'"):
        read_sequences(tmp_path / "two.parquet", column="c")


def test_numbers_and_compression(tmp_path):
    rows = [[3, -1, 2], [3, 2], [-1]]
    file = tmp_path / "steps.txt.gz"
    file.write_bytes(gzip.compress(b"3 -1 2\n3 2\n-1\n"))
    read = read_sequences(file)
    assert (read.format, read.rows) == ("tokens", 3)
    assert mine_closed(read.sequences, 1).to_arrow() == mine_closed(rows, 1).to_arrow()


def test_a_partial_answer_is_named(tmp_path):
    random = np.random.default_rng(0)
    file = tmp_path / "a.spmf"
    file.write_text(spmf(random.integers(1, 5, (40, 24)).tolist()))
    found = json.loads(
        run(file, "--min-support", 0.3, "--max-nodes", 100, "--json", code=3).splitlines()[-1]
    )
    assert found["partial"]
    assert 0 < len(found["patterns"]) <= 100
    assert found["memory_bytes"] > 0
