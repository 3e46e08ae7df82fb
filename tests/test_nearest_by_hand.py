"""Nearest embeddings by cosines worked out by hand, exact and by the index."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cantaor.errors import ArgumentError
from cantaor.learn.identification import nearest as module
from cantaor.learn.identification.nearest import INDEX_EXPANSION, nearest

# Cosines with (4, 3), of length 5: 4/5, 3/5, (12 + 12) / 25, -4/5.
BASE = [[1.0, 0.0], [0.0, 2.0], [3.0, 4.0], [-0.5, 0.0]]


def test_the_most_similar_come_first_whatever_their_length() -> None:
    index, cosine = nearest(BASE, [[4.0, 3.0], [0.0, -1.0]], 4)
    assert index.dtype == np.int64
    assert cosine.dtype == np.float32
    # With (0, -1): 0, -1, -4/5, 0; of equals the first comes first.
    assert index.tolist() == [[2, 0, 1, 3], [0, 3, 2, 1]]
    np.testing.assert_allclose(cosine, [[0.96, 0.8, 0.6, -0.8], [0, 0, -0.8, -1]], atol=1e-6)


def test_one_may_be_asked_for_and_none_may_not() -> None:
    index, cosine = nearest(BASE, [[4.0, 3.0]], 1)
    assert index.tolist() == [[2]]
    assert cosine.tolist() == [[pytest.approx(0.96)]]
    with pytest.raises(ArgumentError, match=r"^count must be at least 1; got 0$"):
        nearest(BASE, [[4.0, 3.0]], 0)


def test_ten_are_found_unless_told_and_never_more_than_there_are() -> None:
    angles = np.arange(12) / 10
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert nearest(circle, [[1.0, 0.0]])[0].tolist() == [list(range(10))]
    assert nearest(circle, [[1.0, 0.0]], 12)[0].tolist() == [list(range(12))]
    assert nearest(circle, [[1.0, 0.0]], 13)[0].tolist() == [list(range(12))]


def test_dimensions_methods_and_shapes_are_checked() -> None:
    with pytest.raises(ArgumentError) as caught:
        nearest(BASE, [[1.0, 0.0, 0.0]])
    assert str(caught.value) == "dimension of queries (3) must match embeddings (2)"
    with pytest.raises(ArgumentError) as caught:
        nearest(BASE, [[1.0, 0.0]], method="guess")
    assert str(caught.value) == "method must be exact or index; got 'guess'"
    for name, base, asked in (
        ("embeddings", [1.0, 2.0], [[1.0, 2.0]]),
        ("embeddings", np.empty((0, 2)), [[1.0, 2.0]]),
        ("queries", [[1.0, 2.0]], [1.0, 2.0]),
        ("queries", [[1.0, 2.0]], np.empty((0, 2))),
    ):
        shape = np.shape(base if name == "embeddings" else asked)
        with pytest.raises(ArgumentError) as caught:
            nearest(base, asked)
        assert str(caught.value) == f"{name} must be (n, dim) and not empty; got {shape}"


def test_an_embedding_of_nothing_is_like_nobody() -> None:
    index, cosine = nearest([[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0]], 2)
    assert index.tolist() == [[1, 0], [0, 1]]
    assert cosine.tolist() == [[1.0, 0.0], [0.0, -1.0]]
    # Short is not nothing: a length of a millionth of a millionth counts like any other.
    assert nearest([[1.1e-12, 0.0]], [[1.1e-12, 0.0]], 1)[1].tolist() == [[pytest.approx(1.0)]]


class Index:
    """Remembers how it was made and asked, and answers with what comes last."""

    made: dict[str, Any]
    added: tuple[list[int], list[list[float]], dict[str, Any]]
    asked: tuple[list[list[float]], int]

    def __init__(self, **options: Any) -> None:
        Index.made = options

    def add(self, keys: Any, rows: Any, **options: Any) -> None:
        Index.added = keys.tolist(), rows.tolist(), options

    def search(self, rows: Any, count: int) -> SimpleNamespace:
        Index.asked = rows.tolist(), count
        # As the library answers for a single query: without a dimension for it.
        keys = np.arange(count, dtype=np.uint64)
        return SimpleNamespace(keys=keys, distances=np.linspace(0.0, 2.0, count))


def test_the_index_is_built_by_one_thread_and_searched_wide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted: list[tuple[str, str]] = []

    def library(name: str, extra: str) -> SimpleNamespace:
        wanted.append((name, extra))
        return SimpleNamespace(Index=Index)

    monkeypatch.setattr(module, "require_extra", library)
    index, cosine = nearest(BASE, [[0.0, 5.0]], 3, "index")
    assert wanted == [("usearch.index", "search")]
    assert INDEX_EXPANSION == 256
    assert Index.made == {
        **{"ndim": 2, "metric": "cos", "dtype": "f32"},
        **{"expansion_add": 256, "expansion_search": 256},
    }
    # Several threads would give other neighbours on every run.
    assert (Index.added[0], Index.added[2]) == ([0, 1, 2, 3], {"threads": 1})
    expected = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]])
    np.testing.assert_allclose(np.array(Index.added[1]), expected, rtol=1e-6)
    assert Index.asked == ([[0.0, 1.0]], 3)
    assert index.tolist() == [[0, 1, 2]]
    assert index.dtype == np.int64
    assert cosine.tolist() == [[1.0, 0.0, -1.0]]
    # Four times as many as are wanted, where that is more; never more than there are.
    nearest(np.eye(65), [np.ones(65)], 66, "index")
    assert (Index.asked[1], Index.made["expansion_search"]) == (65, 260)
    nearest(np.eye(65), [np.ones(65)], 64, "index")
    assert (Index.asked[1], Index.made["expansion_search"]) == (64, 256)
