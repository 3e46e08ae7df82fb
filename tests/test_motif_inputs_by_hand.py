"""Sequences and thresholds as people give them, at their borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cantaor.errors import ArgumentError
from cantaor.motifs import mine_closed
from cantaor.motifs.arguments import absolute_support, checked_offsets, seconds_or_none, whole
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.types import Motifs


def test_a_share_is_rounded_up_and_never_nothing() -> None:
    shares = (0.01, 0.1, 0.11, 0.3, 1.0)
    assert [absolute_support(share, 10) for share in shares] == [1, 1, 2, 3, 10]
    assert [absolute_support(share, 0) for share in shares] == [1] * 5
    assert absolute_support(1, 10) == 1
    assert absolute_support(np.float64(0.5), 10) == 5
    for wrong in (0.0, -0.1, 1.01, float("nan")):
        with pytest.raises(ArgumentError, match="is a share in"):
            absolute_support(wrong, 10)
    with pytest.raises(ArgumentError, match="at least 1, not 0"):
        absolute_support(0, 10)


def test_the_row_that_descends_is_named() -> None:
    same = np.array([0, 2, 2, 3])
    assert checked_offsets(same, 3, "x").tolist() == same.tolist()
    with pytest.raises(ArgumentError, match="row 2 goes from 2 to 1"):
        checked_offsets(np.array([0, 2, 2, 1, 3]), 3, "x")


def test_numbers_at_their_bounds() -> None:
    assert [whole("n", value, 1, 3) for value in (1, np.int8(3))] == [1, 3]
    for wrong in (0, 4):
        with pytest.raises(ArgumentError, match=rf"n must be in 1\.\.3, not {wrong}"):
            whole("n", wrong, 1, 3)
    for odd in (True, 1.0, "1"):
        with pytest.raises(ArgumentError, match="n must be an int"):
            whole("n", odd, 1)
    assert seconds_or_none("t", 0.5) == 0.5
    assert seconds_or_none("t", None) is None
    for value in (0, -1, float("inf"), float("nan"), True, "1"):
        with pytest.raises(ArgumentError, match="t must be a positive number of seconds"):
            seconds_or_none("t", value)


def test_symbols_fit_into_32_bits() -> None:
    for fits in (-(2**31), 2**31 - 1):
        values = np.array([fits, fits], np.int64)
        assert mine_closed([values, values], 2, gap=(0, 0))[-1].tolist() == [fits, fits]
    for wrong in (-(2**31) - 1, 2**31):
        with pytest.raises(ArgumentError, match=f"hold symbols {wrong}"):
            mine_closed([np.array([wrong], np.int64)], 1, gap=(0, 0))


def motifs_of(sequences: Any) -> list[list[object]]:
    found = mine_closed(sequences, min_support=2, gap=(0, 0))
    return sorted([list(found.decoded(index)) for index in range(len(found))], key=str)


def test_a_column_in_three_chunks_is_one_column() -> None:
    rows = [["a", "b"], ["c"], ["a", "b", "c"], ["b", "c"]]
    chunked = pa.chunked_array([rows[:1], rows[1:3], rows[3:]])
    assert chunked.num_chunks == 3
    plain = motifs_of(rows)
    assert motifs_of(chunked) == plain
    assert motifs_of(chunked.slice(1)) == motifs_of(rows[1:])
    numbers = pa.chunked_array([[[1, 2], [3]], [[1, 2, 3]], [[2, 3]]])
    assert motifs_of(numbers) == motifs_of([[1, 2], [3], [1, 2, 3], [2, 3]])


def test_flat_strings_have_one_dimension() -> None:
    offsets = np.array([0, 2, 4])
    assert motifs_of((np.array(["a", "b", "a", "b"]), offsets)) == [["a", "b"]]
    with pytest.raises(ArgumentError, match="must have 1 dimension, not 2"):
        motifs_of((np.array([["a", "b"], ["a", "b"]]), offsets))


def test_the_most_distinctive_come_first_and_of_equal_ones_the_commonest() -> None:
    motifs = Motifs(
        np.arange(1, 5, dtype=np.int32), np.arange(5), np.array([2, 5, 3, 9], np.int32), (0, 0)
    )
    dictionary = MotifDictionary(
        ("ana", "luz"),
        np.array([0, 0, 0, 1], np.int32),
        motifs,
        np.ones(4, np.int64),
        np.full(4, np.nan),
        np.array([1.0, 1.0, 2.0, 3.0]),
    )
    assert [motif.tolist() for motif in dictionary.distinctive("ana", 3)] == [[3], [2], [1]]
    assert [motif.tolist() for motif in dictionary.distinctive("ana", 1)] == [[3]]
    with pytest.raises(ArgumentError, match="n must not be negative, is -1"):
        dictionary.distinctive("ana", -1)


def test_a_missing_symbol_is_named_by_its_row_and_place() -> None:
    rows = [["a"], [], ["b", "c"], ["a", None]]
    column = pa.chunked_array([rows[:1], rows[1:2], rows[2:]])
    with pytest.raises(ArgumentError, match=r"\[3\]\[1\] is null"):
        motifs_of(column)
    with pytest.raises(ArgumentError, match=r"\[1\]\[1\] is null"):
        motifs_of(column.slice(2))
    assert motifs_of(column.slice(0, 3)) == []


def test_words_of_a_dictionary_that_are_alike_are_one_and_others_are_none() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1]), pa.array(["a", "b", "a", "z"]))
    column = pa.ListArray.from_arrays(pa.array([0, 2, 4]), words)
    assert motifs_of(column) == [["a", "b"]]


def test_at_most_1024_threads_are_taken() -> None:
    rows = [[1, 2], [1, 2]]
    assert len(mine_closed(rows, 2, threads=1024)) == 1
    for wrong in (0, 1025):
        with pytest.raises(ArgumentError, match=rf"threads must be .*, not {wrong}"):
            mine_closed(rows, 2, threads=wrong)
