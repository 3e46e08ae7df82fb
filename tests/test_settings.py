"""Settings: the file reads back to the same record, bad values are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.errors import ArgumentError
from cantaor.settings import Settings, make_settings, read_settings, settings_to_toml

RANGES = st.fixed_dictionaries(
    {
        "hop": st.integers(1, 4096),
        "k": st.one_of(st.integers(1, 500), st.just("auto")),
        "max_gap_s": st.floats(0, 10),
        "gap": st.one_of(st.just([0, 0]), st.just([1, 4])),
        "min_support": st.one_of(st.integers(1, 99), st.floats(0.001, 1.0)),
        "min_length": st.integers(1, 9),
        "max_length": st.one_of(st.just(0), st.integers(9, 30)),
        "max_patterns": st.integers(0, 10**6),
    }
)


@given(RANGES)
def test_the_file_reads_back(tmp_path_factory: pytest.TempPathFactory, values: Any) -> None:
    settings = make_settings(values)
    path = tmp_path_factory.mktemp("settings") / "cantaor.toml"
    path.write_text(settings_to_toml(settings), encoding="utf-8")
    assert read_settings(path) == settings


def test_named_values_replace_those_of_the_base() -> None:
    base = make_settings({"k": 12, "hop": 128})
    assert make_settings({"k": 13}, base) == Settings(k=13, hop=128)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_support": 0}, "min_support .* not 0"),
        ({"min_support": 1.5}, "min_support .* not 1.5"),
        ({"min_support": True}, "min_support"),
        ({"min_support": float("nan")}, "min_support"),
        ({"k": 0}, "k must be"),
        ({"k": "many"}, "k must be"),
        ({"hop": 0}, "hop"),
        ({"gap": [2, 1]}, "gap"),
        ({"gap": "some"}, "gap"),
        ({"gap": "any"}, "max_patterns"),
        ({"max_gap_s": float("inf")}, "max_gap_s"),
        ({"min_length": 6, "max_length": 5}, r"max_length \(5\) must reach min_length \(6\)"),
        ({"colour": 1}, "unknown setting 'colour'"),
    ],
)
def test_bad_values_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make_settings(values)


@pytest.mark.parametrize("text", ["k = 24", "[mine]\nk = ", "[other]\nk = 2", "\xff"])
def test_bad_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cantaor.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ArgumentError, match=r"cantaor\.toml"):
        read_settings(path)
