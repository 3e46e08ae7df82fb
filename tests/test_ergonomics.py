"""What a user tries first works: records compare, motifs slice, paths go where recordings go."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest

import cantaor
from cantaor import Audio, Motifs, find_occurrences, mine_closed
from cantaor.workspace.records import motifs_from_table


def records() -> Iterator[type]:
    """Every dataclass of the package that holds arrays."""
    for module in pkgutil.walk_packages(cantaor.__path__, "cantaor."):
        if "__main__" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and value.__module__ == module.name:
                fields = getattr(value, "__dataclass_fields__", {})
                if any("Array" in str(f.type) or "ndarray" in str(f.type) for f in fields.values()):
                    yield value


def test_records_that_hold_arrays_compare_by_identity() -> None:
    found = list(records())
    assert Motifs in found
    assert len(found) > 20
    wrong = [one for one in found if one.__eq__ is not object.__eq__]
    assert not wrong


def test_equal_records_compare_and_hash() -> None:
    one, other = (Audio(np.zeros(3, np.float32), 16_000) for _ in range(2))
    assert one == one
    assert one != other
    assert len({one, other, dataclasses.replace(one)}) == 3


def test_motifs_slice_iterate_and_become_a_data_frame() -> None:
    motifs = mine_closed([[1, 2, 3], [1, 4, 2, 3], [2, 3]], 2)
    assert [part.tolist() for part in motifs] == [[2, 3], [1, 2, 3]]
    last = motifs[1:]
    assert isinstance(last, Motifs)
    assert (last[0].tolist(), last.support.tolist(), last.gap) == ([1, 2, 3], [2], None)
    assert [part.tolist() for part in motifs[::-1]] == [[1, 2, 3], [2, 3]]
    assert motifs[np.int64(-1)].tolist() == [1, 2, 3]
    assert len(motifs[5:]) == 0
    frame = motifs.to_pandas()
    assert frame["support"].tolist() == [3, 2]
    assert [symbols.tolist() for symbols in frame["symbols"]] == [[2, 3], [1, 2, 3]]


@pytest.mark.parametrize("gap", [None, (0, 0), (1, 2)])
def test_motifs_remember_their_gap(gap: tuple[int, int] | None) -> None:
    rows = [[1, 9, 2, 9, 9, 3], [1, 8, 2, 8, 3, 3], [2, 7, 1, 7, 2, 3]]
    motifs = mine_closed(rows, 2, gap=gap)
    assert motifs.gap == gap
    assert motifs_from_table(motifs.to_arrow()).gap == gap
    found, told = find_occurrences(motifs, rows), find_occurrences(motifs, rows, gap)
    assert found.start.tolist() == told.start.tolist()
    held = [
        np.unique(found.sequence[a:b]).size
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    assert held == motifs.support.tolist()
