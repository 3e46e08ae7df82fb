"""Whatever is given to mining is mined or refused by an error that names the argument."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from cantaor import find_occurrences, mine_closed
from cantaor.errors import ArgumentError, TooManyPatternsError

BAD = [
    ({"min_support": 0}, "min_support"),
    ({"min_support": -1}, "min_support"),
    ({"min_support": float("nan")}, "min_support"),
    ({"min_support": 0.0}, "min_support"),
    ({"min_support": 1.5}, "min_support"),
    ({"min_support": True}, "min_support"),
    ({"min_support": "2"}, "min_support"),
    ({"gap": (2, 1)}, "gap"),
    ({"gap": (-1, 1)}, "gap"),
    ({"gap": (0, 1, 2)}, "gap"),
    ({"gap": (0.0, 1)}, "gap"),
    ({"gap": 3}, "gap"),
    ({"min_length": 0}, "min_length"),
    ({"max_length": 0}, "max_length"),
    ({"min_length": 3, "max_length": 2}, "max_length"),
    ({"top_k": 0}, "top_k"),
    ({"max_patterns": 0}, "max_patterns"),
    ({"threads": 0}, "threads"),
    ({"threads": 10**6}, "threads"),
    ({"progress": 3}, "progress"),
    ({"sequences": (np.array([1, 2, 3]), np.array([0, 2]))}, "offsets"),
    ({"sequences": (np.array([1, 2, 3]), np.array([0, 5]))}, "offsets"),
    ({"sequences": (np.array([1, 2, 3]), np.array([1, 3]))}, "offsets"),
    ({"sequences": (np.array([1, 2, 3]), np.array([0, 2, 1, 3]))}, "offsets"),
    ({"sequences": (np.array([1, 2, 3]), np.array([], dtype=int))}, "offsets"),
    ({"sequences": (np.array([1, 2, 3]), np.array([0.0, 3.0]))}, "offsets"),
    ({"sequences": (np.array([1.0, 2.0]), np.array([0, 2]))}, "sequences"),
    ({"sequences": (np.array([[1], [2]]), np.array([0, 2]))}, "sequences"),
    ({"sequences": (np.broadcast_to(np.int32(1), 2**31), np.array([0, 2**31]))}, "sequences"),
    ({"sequences": [[1, 2.5]]}, "sequences"),
    ({"sequences": [[2**31]]}, "sequences"),
    ({"sequences": [[2**70]]}, "sequences"),
    ({"sequences": [["a", 1]]}, r"sequences\[0\]\[1\] must be a string"),
    ({"sequences": [[], [1, "a"]]}, r"sequences\[1\]\[1\] must be an int"),
    ({"sequences": [["a", None]]}, r"sequences\[0\]\[1\]"),
    ({"sequences": [[{"a", "b"}, {"c"}]]}, r"sequences\[0\]\[0\] is an itemset"),
    ({"sequences": [["a", ("b", "c")]]}, r"sequences\[0\]\[1\] is an itemset"),
    ({"sequences": [{"a", "b"}]}, "order matters"),
    ({"max_seconds": 0}, "max_seconds"),
    ({"max_seconds": "1"}, "max_seconds"),
    ({"max_nodes": 0}, "max_nodes"),
    ({"max_nodes": 1.5}, "max_nodes"),
    ({"sequences": [[1, [2]]]}, "sequences"),
    ({"sequences": [1, 2]}, "sequences"),
    ({"sequences": "12"}, "sequences"),
    ({"sequences": 5}, "sequences"),
    ({"sequences": [np.array([1.5])]}, "sequences"),
    ({"sequences": [np.array([[1]])]}, "sequences"),
]


@pytest.mark.parametrize(("bad", "name"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_named(bad, name):
    arguments = {"sequences": [[1, 2], [1, 2]], "min_support": 2} | bad
    with pytest.raises(ArgumentError, match=name):
        mine_closed(**arguments)
    with pytest.raises(ValueError, match=name):
        mine_closed(**arguments)


ODD_SCALARS = [
    None, True, 0, 1, 2, -1, 2**31, 2**70, 0.5, 1.0, math.nan, math.inf, "a", b"x", [], (), {},
    1j, np.int64(2), np.float16("nan"), np.array(2), Fraction(1, 2), (0, 1), (2, 1), (0, 2**70),
    (0, None), [0, 1], np.array([0, 1]), range(3), print,
]  # fmt: skip
ODD_ARRAYS = [
    np.array([1, 2, 3]), np.array([1, 2, 3], dtype=">i2"), np.array([1, 2**40]), np.array([1.0,
    2.0]), np.array(["a"]), np.array([None, 1]), np.zeros((2, 2), int), np.array(5),
    np.array([], dtype=int), np.arange(10)[::-2], np.broadcast_to(np.int32(1), 2**31),
    np.broadcast_to(np.int64(0), 2**33), np.array([0, 3], dtype=np.uint64), np.array([0, 2**63 +
    5, 3], dtype=np.uint64), np.array([0, -1, 3]), np.array([0, 3]), np.array([0, 4]),
    np.array([1, 3]), np.array([0, 2, 1, 3]), np.array([0, 3.0]), np.array([True, False]),
    np.array([1], dtype="m8[s]"),
]  # fmt: skip
ODD_ROWS = [
    [1, 2, 3], (1, 2), range(3), range(2**40), [], "12", b"12", [1.5], [None], [[1]], {1: 2}, 5,
    None, [2**31], [True], [np.int8(1)], iter([1]), *ODD_ARRAYS,
]  # fmt: skip
NAMED = re.compile(
    "sequences|motifs|offsets|values|min_support|gap|min_length|max_length|top_k|max_patterns"
    "|threads|progress"
)


def odd_sequences(random: Random) -> object:
    if random.random() < 0.1:
        return random.choice([*ODD_SCALARS, *ODD_ARRAYS])
    if random.random() < 0.5:
        return random.choice(ODD_ARRAYS), random.choice(ODD_ARRAYS)
    return [random.choice(ODD_ROWS) for _ in range(random.randrange(4))]


@pytest.mark.parametrize("seed", range(8))
def test_odd_arguments_are_mined_or_named(seed):
    random = Random(seed)
    messages: list[str] = []
    for _ in range(250):
        names = ["gap", "min_length", "max_length", "top_k", "max_patterns", "threads", "progress"]
        odd = {name: random.choice(ODD_SCALARS) for name in names if random.random() < 0.1}
        rows = odd_sequences(random) if random.random() < 0.6 else [[1, 2], [1, 2]]
        least = random.choice(ODD_SCALARS) if random.random() < 0.3 else 2
        try:
            mine_closed(rows, least, **odd)
            find_occurrences([[1, 2]], rows)
            find_occurrences(odd_sequences(random), [[1, 2]])
        except ValueError as error:
            messages.append(str(error))
        except TooManyPatternsError:
            continue
    assert len(messages) > 50
    assert [message for message in messages if not NAMED.search(message)] == []


def test_occurrences_of_bad_motifs():
    with pytest.raises(ArgumentError, match="motif 1 has none"):
        find_occurrences([[1], []], [[1]])
    with pytest.raises(ArgumentError, match="gap"):
        find_occurrences([[1]], [[1]], gap=(2, 1))
    with pytest.raises(ArgumentError, match="motifs"):
        find_occurrences([[1.5]], [[1]])
