"""What a shard says of itself, and what is no shard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cantaor.io.files import write_table
from cantaor.workspace.shard_facts import ShardFacts, facts_of, forget_shard, read_facts

FACTS = ShardFacts(2, 8, 20, "digest", "/music", True, (("models", "a model"), ("w", "clips")))
PLAIN: dict[str, Any] = {
    "number": 2,
    "of": 8,
    "recordings": 20,
    "corpus": "digest",
    "root": "/music",
    "strict": True,
    "passed_over": [["models", "a model"], ["w", "clips"]],
}


def schema_of(facts: object) -> pa.Schema:
    return pa.schema([("a", pa.int64())], {b"cantaor.shard": json.dumps(facts).encode()})


def test_a_shard_is_named_by_its_number_and_their_number() -> None:
    assert FACTS.name == "2/8"


def test_the_facts_stand_in_the_metadata_of_a_table() -> None:
    assert json.loads(FACTS.metadata()[b"cantaor.shard"]) == PLAIN
    assert len(FACTS.metadata()) == 1
    assert facts_of(schema_of(PLAIN)) == FACTS
    lenient = ShardFacts(1, 2, 3, "c", "s3://bucket")
    assert (lenient.strict, lenient.passed_over) == (False, ())
    assert facts_of(pa.schema([], lenient.metadata())) == lenient


@pytest.mark.parametrize("name", list(PLAIN))
def test_facts_that_lack_one_are_none(name: str) -> None:
    assert facts_of(schema_of({key: one for key, one in PLAIN.items() if key != name})) is None


@pytest.mark.parametrize(
    "facts",
    [[], None, {**PLAIN, "of": "x"}, {**PLAIN, "passed_over": [["a"]]}, {**PLAIN, "of": []}],
)
def test_what_is_no_facts_is_none(facts: object) -> None:
    assert facts_of(schema_of(facts)) is None


def test_other_tables_are_no_shards() -> None:
    assert facts_of(pa.schema([])) is None
    assert facts_of(pa.schema([], {b"other": b"{}"})) is None
    assert facts_of(pa.schema([], {b"cantaor.shard": b"{"})) is None


def test_a_folder_is_a_shard_until_that_is_forgotten(tmp_path: Path) -> None:
    assert read_facts(tmp_path) is None
    for name in ("shard", "histogram", "recordings"):
        table = pa.table({"a": [1]}).replace_schema_metadata(FACTS.metadata())
        write_table(tmp_path / f"{name}.parquet", table)
    assert read_facts(tmp_path) == FACTS
    forget_shard(tmp_path)
    assert read_facts(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["recordings.parquet"]
    forget_shard(tmp_path)
    (tmp_path / "shard.parquet").write_bytes(b"PAR1")
    assert read_facts(tmp_path) is None
