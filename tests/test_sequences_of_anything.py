"""Mining takes strings, numpy strings and list columns as it takes ints, and says what it found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor import find_occurrences, mine_closed
from cantaor.errors import ArgumentError
from cantaor.motifs.encoding import encode_sequences
from cantaor.types import Motifs

#: Wang, J. and Han, J. (2004), table 1: the example database and its closed patterns at support 2.
EXAMPLE = ["CAABC", "ABCB", "CABC", "ABBCA"]
CLOSED = {"AA": 2, "ABB": 2, "ABC": 4, "CA": 3, "CABC": 2, "CB": 3}
WORDS = st.lists(st.lists(st.sampled_from(["la", "si", "do#", "", "é"]), max_size=6), max_size=8)


def decoded(motifs: Motifs) -> list[tuple[tuple[str | int, ...], int]]:
    return [(tuple(motifs.decoded(i)), int(motifs.support[i])) for i in range(len(motifs))]


def numbered(rows: list[list[str]]) -> list[list[int]]:
    place = {word: code for code, word in enumerate(sorted({w for row in rows for w in row}))}
    return [[place[word] for word in row] for row in rows]


def test_the_example_of_the_bide_paper():
    motifs = mine_closed([list(row) for row in EXAMPLE], 2)
    assert {"".join(motifs.decoded(i)): int(n) for i, n in enumerate(motifs.support)} == CLOSED


@pytest.mark.parametrize("gap", [None, (0, 0), (0, 2)])
@given(rows=WORDS, least=st.integers(1, 3))
def test_strings_are_mined_as_their_numbers(gap, rows, least):
    words = sorted({word for row in rows for word in row})
    found = decoded(mine_closed(rows, least, gap=gap))
    expected = decoded(mine_closed(numbered(rows), least, gap=gap))
    assert found == [(tuple(words[code] for code in codes), n) for codes, n in expected]


FORMS = {
    "lists": lambda rows: rows,
    "tuple": lambda rows: tuple(map(tuple, rows)),
    "numpy rows": lambda rows: [np.array(row, dtype=str) for row in rows],
    "numpy flat": lambda rows: (
        np.array([w for row in rows for w in row], dtype=str),
        np.cumsum([0, *map(len, rows)]),
    ),
    "numpy objects": lambda rows: (
        np.array([w for row in rows for w in row], dtype=object),
        np.cumsum([0, *map(len, rows)]),
    ),
    "arrow": lambda rows: pa.array(rows, pa.list_(pa.string())),
    "large arrow": lambda rows: pa.array(rows, pa.large_list(pa.large_string())),
    "sliced arrow": lambda rows: pa.array([["x"], *rows, ["y"]])[1:-1],
    "chunked arrow": lambda rows: pa.chunked_array(
        [pa.array(rows[:2], pa.list_(pa.string())), pa.array(rows[2:], pa.list_(pa.string()))]
    ),
    "arrow dictionary": lambda rows: pa.array(rows, pa.list_(pa.string())).cast(
        pa.list_(pa.dictionary(pa.int32(), pa.string()))
    ),
    "pandas": lambda rows: pd.Series(rows),
    "pandas arrow": lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.list_(pa.string()))),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_strings(form):
    rows = [list(row) for row in [*EXAMPLE, "", "CA"]]
    found = encode_sequences(form(rows))
    assert found.vocabulary == ("A", "B", "C")
    assert np.split(found.values, found.offsets[1:-1])[1].tolist() == [0, 1, 2, 1]
    assert decoded(mine_closed(form(rows), 2)) == decoded(mine_closed(rows, 2))


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.int64(), pa.uint16()])
def test_every_form_of_ints(kind):
    rows = [[1, 2, 3], [], [1, 3], [5]]
    for column in (pa.array(rows, pa.list_(kind)), pa.array(rows, pa.large_list(kind))):
        assert decoded(mine_closed(column, 2)) == [((1, 3), 2)]
        assert decoded(mine_closed(column[2:], 1)) == [((5,), 1), ((1, 3), 1)]
    assert decoded(mine_closed(pa.array([[1, 2], [1, 2]], pa.list_(kind, 2)), 2)) == [((1, 2), 2)]


def test_polars_columns():
    polars = pytest.importorskip("polars")
    rows = [list(row) for row in EXAMPLE]
    assert decoded(mine_closed(polars.Series(rows), 2)) == decoded(mine_closed(rows, 2))
    ints = polars.Series([[1, 2], [1, 2]])
    assert decoded(mine_closed(ints, 2)) == [((1, 2), 2)]
    with pytest.raises(ArgumentError, match="one list column"):
        mine_closed(polars.DataFrame({"a": rows}), 2)


def test_int32_columns_are_not_copied():
    column = pa.array([[1, 2], [3]], pa.large_list(pa.int32()))
    found = encode_sequences(column)
    assert found.values.ctypes.data == column.values.buffers()[1].address
    assert found.offsets.ctypes.data == column.buffers()[1].address


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[1], None]), r"sequences\[1\] is null"),
        (pa.chunked_array([pa.array([["a"]]), pa.array([["a", None]])]), r"\[1\]\[1\] is null"),
        (pa.array([[[1, 2]]]), "itemset"),
        (pa.array([1, 2]), "column of lists"),
        (pa.array([[1.5]]), "ints or strings"),
        (pa.array([[2**40]]), "int32"),
        (pa.table({"a": [[1]]}), "one list column"),
        (pd.DataFrame({"a": [[1]]}), "one list column"),
    ],
)
def test_other_columns_are_refused(column, message):
    with pytest.raises(ArgumentError, match=message):
        mine_closed(column, 1)


def test_occurrences_of_strings():
    rows = [list(row) for row in EXAMPLE]
    motifs = mine_closed(rows, 2)
    found = find_occurrences(motifs, [["Z"], list("CABCA")], gap=None)
    named = {"".join(motifs.decoded(int(i))) for i in found.motif}
    assert named == {"AA", "ABC", "CA", "CABC", "CB"}
    assert find_occurrences([["C", "A"]], rows).sequence.tolist() == [0, 2, 3]
    assert len(find_occurrences([["C", "Q"]], rows)) == 0
    with pytest.raises(ArgumentError, match="motifs are of strings, sequences of ints"):
        find_occurrences([["C"]], [[1]])


def test_tables_hold_strings():
    motifs = mine_closed([list(row) for row in EXAMPLE], 2)
    table = motifs.to_arrow()
    assert table["symbols"].to_pylist() == [motifs.decoded(i) for i in range(len(motifs))]
    assert mine_closed([[1, 2]], 1).to_arrow().schema.field("symbols").type.value_type == pa.int32()


@pytest.mark.parametrize("gap", [None, (0, 3)])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_bounded_search_returns_a_part_and_says_so(gap, threads):
    random = np.random.default_rng(0)
    rows = [random.integers(0, 4, 24).tolist() for _ in range(40)]
    whole = dict(decoded(mine_closed(rows, 12, gap=gap)))
    part = mine_closed(rows, 12, gap=gap, max_nodes=100, threads=threads)
    assert part.partial
    assert 0 < len(part) < len(whole)
    assert set(decoded(part)) <= set(whole.items())
    assert not mine_closed(rows, 12, gap=gap, max_nodes=10**9, max_seconds=1e9).partial


def test_an_explosion_ends_in_time():
    row = np.random.default_rng(0).integers(0, 4, 400)
    rows = [np.delete(row, [i, 2 * i + 7]) for i in range(1, 21)]
    assert mine_closed(rows, 10, max_seconds=0.2).partial
    assert mine_closed(rows, 10, max_seconds=0.2, top_k=5).partial
