"""Mining: published answers, examples, order, limits, errors, interrupts, threads."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cantaor import find_occurrences, mine_closed
from cantaor.errors import TooManyPatternsError
from cantaor.motifs.mining import mine_right_closed
from cantaor.types import Motifs
from tests.reference import motifs as reference

GOLDEN = Path(__file__).parent / "golden" / "mining.json"
GAPS = [None, (0, 0), (0, 2), (1, 3)]


def read_spmf(path: Path) -> list[list[int]]:
    rows, row = [], []
    for token in gzip.decompress(path.read_bytes()).split():
        if token == b"-2":
            rows.append(row)
            row = []
        elif token != b"-1":
            row.append(int(token))
    return rows


def as_dict(motifs: Motifs) -> reference.Supports:
    return {tuple(m.tolist()): int(n) for m, n in zip(motifs, motifs.support, strict=True)}


def as_bytes(motifs: Motifs) -> bytes:
    return motifs.values.tobytes() + motifs.offsets.tobytes() + motifs.support.tobytes()


def phrases(rng: np.random.Generator, n: int, alphabet: int = 6, mean: int = 20) -> list[list[int]]:
    lengths = rng.poisson(mean, n)
    return [rng.integers(-alphabet // 2, alphabet // 2, length).tolist() for length in lengths]


SHARED_CASES = [
    ("classic_contour50_minsup20", "contour50", 20, None),
    ("classic_contour500_minsup300", "contour500", 300, None),
    ("classic_cents500_minsup50", "cents500", 50, None),
    ("contig_contour50_minsup3", "contour50", 3, (0, 0)),
    ("contig_contour500_minsup3", "contour500", 3, (0, 0)),
    ("gap01_contour50_minsup10", "contour50", 10, (0, 1)),
    ("gap02_contour50_minsup10", "contour50", 10, (0, 2)),
    ("gap12_contour50_minsup10", "contour50", 10, (1, 2)),
]


@pytest.mark.parametrize(("case", "database", "min_support", "gap"), SHARED_CASES)
def test_published_answers(shared_data, case, database, min_support, gap):
    folder = shared_data / "mining"
    lines = gzip.decompress((folder / f"{case}.closed.gz").read_bytes()).decode().splitlines()
    pairs = (line.split(" #SUP: ") for line in lines)
    expected = {tuple(map(int, left.split())): int(right) for left, right in pairs}
    motifs = mine_closed(read_spmf(folder / f"{database}.spmf.txt.gz"), min_support, gap=gap)
    assert len(lines) == len(expected) == len(motifs)
    assert list(as_dict(motifs).items()) == reference.ordered(expected)


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text()), ids=lambda case: case["name"])
def test_golden_answers(case):
    gap = None if case["gap"] is None else tuple(case["gap"])
    motifs = mine_closed(case["sequences"], case["min_support"], gap=gap)
    assert [[m.tolist(), int(n)] for m, n in zip(motifs, motifs.support, strict=True)] == case[
        "closed"
    ]


def test_dtypes_and_offsets():
    motifs = mine_closed([[1, 2], [1, 2]], 2)
    assert (motifs.values.dtype, motifs.offsets.dtype, motifs.support.dtype) == (
        np.int32,
        np.int64,
        np.int32,
    )
    assert motifs.offsets.tolist() == [0, 2]


def test_extreme_symbols_keep_signed_order():
    low, high = -(2**31), 2**31 - 1
    for gap in GAPS:
        motifs = mine_closed([[low], [high], [0], [low], [high], [0], [low]], 1, gap=gap)
        assert as_dict(motifs) == {(low,): 3, (0,): 2, (high,): 2}
        assert motifs.values.tolist() == [low, 0, high]


@pytest.mark.parametrize("gap", GAPS)
def test_same_bytes_for_every_input_form_and_thread_count(rng, gap):
    rows = phrases(rng, 120)
    values = np.array([s for row in rows for s in row])
    offsets = np.r_[0, np.cumsum([len(row) for row in rows])]
    expected = as_bytes(mine_closed(rows, 0.4 if gap is None else 8, gap=gap))
    for threads in (1, 2, 3, 8):
        for form in ((values, offsets), (values.astype(np.int16), offsets.astype(np.uint32))):
            again = mine_closed(form, 0.4 if gap is None else 8, gap=gap, threads=threads)
            assert as_bytes(again) == expected


def test_a_tuple_of_two_lists_is_two_sequences():
    assert as_dict(mine_closed(([1, 2], [0, 1, 2]), 2)) == {(1, 2): 2}
    pair = (np.array([1, 2, 1, 2]), np.array([0, 2, 4]))
    assert as_dict(mine_closed(pair, 2)) == {(1, 2): 2}
    assert as_dict(mine_closed(list(pair), 2)) == {(2,): 2}


def test_relative_support_counts_empty_sequences():
    rows = [[1], [1], [], [], [], [], [], [], [], []]
    assert as_dict(mine_closed(rows, 0.2)) == {(1,): 2}
    assert len(mine_closed(rows, 0.3)) == 0
    assert as_dict(mine_closed(rows, 1e-12)) == {(1,): 2}
    assert as_dict(mine_closed([[1]] * 10, 1.0)) == {(1,): 10}
    # 0.1 * 30 is a little more than 3 in binary.
    assert as_dict(mine_closed([[7]] * 3 + [[]] * 27, 0.1)) == {(7,): 3}


@pytest.mark.parametrize("gap", GAPS)
def test_support_above_the_number_of_sequences_gives_nothing(gap):
    for rows in ([], [[]], [[1, 2], [1]]):
        motifs = mine_closed(rows, 3, gap=gap)
        assert len(motifs) == 0
        assert motifs.offsets.tolist() == [0]
    assert len(mine_closed([[1]], 2**70, gap=gap)) == 0
    assert len(mine_closed([], 0.5, gap=gap)) == 0


@pytest.mark.parametrize("gap", GAPS)
def test_lengths_filter_and_never_change_closedness(rng, gap):
    rows = phrases(rng, 60, mean=12)
    least = 20 if gap is None else 4
    everything = as_dict(mine_closed(rows, least, gap=gap))
    some = as_dict(mine_closed(rows, least, gap=gap, min_length=2, max_length=3))
    assert some == {p: n for p, n in everything.items() if 2 <= len(p) <= 3}
    assert some


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("k", [1, 2, 7, 50, 100_000])
def test_top_k_are_the_best_after_the_length_filters(rng, gap, k):
    rows = phrases(rng, 60, mean=12)
    least = 15 if gap is None else 3
    filtered = as_dict(mine_closed(rows, least, gap=gap, min_length=2, max_length=4))
    for threads in (1, 3):
        top = mine_closed(
            rows, least, gap=gap, min_length=2, max_length=4, top_k=k, threads=threads
        )
        expected = reference.best(filtered, k)
        assert list(as_dict(top).items()) == reference.ordered(expected)


def test_top_k_needs_no_threshold_where_everything_would_explode(rng):
    rows = phrases(rng, 200, mean=40)
    started = time.perf_counter()
    motifs = mine_closed(rows, 1, top_k=20, min_length=2)
    assert len(motifs) == 20
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("gap", GAPS)
def test_max_patterns_guards_and_says_how_to_narrow(rng, gap):
    rows = phrases(rng, 60, mean=12)
    least = 15 if gap is None else 3
    count = len(mine_closed(rows, least, gap=gap))
    assert len(mine_closed(rows, least, gap=gap, max_patterns=count)) == count
    for threads in (1, 2):
        with pytest.raises(TooManyPatternsError, match="raise min_support"):
            mine_closed(rows, least, gap=gap, max_patterns=count - 1, threads=threads)
    assert len(mine_closed(rows, least, gap=gap, max_patterns=5, top_k=5)) == 5
    with pytest.raises(TooManyPatternsError, match="max_patterns"):
        mine_closed(rows, least, gap=gap, max_patterns=4, top_k=5)


def test_right_closed_is_a_superset_that_lacks_left_closure(rng):
    rows = phrases(rng, 50, alphabet=4, mean=15)
    wider = as_dict(mine_right_closed(rows, 3, min_length=1))
    assert wider == reference.define_right_closed(rows, 3)
    closed = as_dict(mine_closed(rows, 3, gap=(0, 0)))
    assert closed.items() < wider.items()
    published = as_dict(mine_right_closed(rows))
    assert published == {p: n for p, n in wider.items() if len(p) >= 5}


@pytest.mark.parametrize("gap", [None, (0, 0), (1, 1)])
def test_one_long_pattern_twice(rng, gap):
    row = rng.integers(0, 50, 400 if gap is None else 1500).tolist()
    motifs = as_dict(mine_closed([row, row], 2, gap=gap, max_patterns=10**6, max_length=5000))
    assert motifs[tuple(row[::2] if gap == (1, 1) else row)] == 2


def test_contiguous_on_repetitive_text(rng):
    flat = (np.full(50_000, 7), np.array([0, 30_000, 50_000]))
    motifs = mine_closed(flat, 1, gap=(0, 0))
    assert (motifs.lengths.tolist(), motifs.support.tolist()) == ([20_000, 30_000], [2, 1])
    row = np.tile(rng.integers(0, 40, 50), 500)
    motifs = mine_closed([row, row[:-1], row], 2, gap=(0, 0))
    assert (motifs.lengths.tolist(), motifs.support.tolist()) == ([24_999, 25_000], [3, 2])


def test_progress_is_told_and_may_end_the_call(rng):
    rows = phrases(rng, 50, mean=40)
    told: list[int] = []
    mine_closed(rows, 24, progress=told.append)
    assert told
    assert told == sorted(told)

    def refuse(done: int) -> None:
        raise KeyError("enough")

    for threads in (1, 3):
        with pytest.raises(KeyError, match="enough"):
            mine_closed(rows, 24, progress=refuse, threads=threads)


def native_threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 1


def interrupt_after(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("gap", [None, (0, 8)])
def test_ctrl_c_ends_growth_and_leaves_no_thread(rng, gap, threads):
    rows = phrases(rng, 400, mean=60)
    before = native_threads()
    timer = interrupt_after(0.2)
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        mine_closed(rows, 2, gap=gap, min_length=500, threads=threads)
    assert time.perf_counter() - started < 1.0
    timer.join()
    # The kernel may still be told that threads of earlier tests have gone: never of new ones.
    assert native_threads() <= before
    assert len(mine_closed(rows, 390, gap=gap)) > 0


def test_ctrl_c_ends_a_suffix_sort(rng):
    row = np.tile(rng.integers(0, 6, 1000), 4000).astype(np.int32)
    timer = interrupt_after(0.3)
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        mine_closed((row, np.array([0, row.size])), 1, gap=(0, 0))
    assert time.perf_counter() - started < 1.5
    timer.join()


@pytest.mark.parametrize("gap", GAPS)
def test_occurrences_agree_with_supports(rng, gap):
    rows = phrases(rng, 80, mean=15)
    motifs = mine_closed(rows, 30 if gap is None else 5, gap=gap)
    found = find_occurrences(motifs, rows, gap=gap)
    support = [
        np.unique(found.sequence[a:b]).size
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    assert support == motifs.support.tolist()


def test_contiguous_occurrences_overlap_and_repeat_for_equal_motifs():
    found = find_occurrences([[1, 1], [2], [1, 1], [9]], [[1, 1, 1], [2, 1, 1]])
    assert found.offsets.tolist() == [0, 3, 4, 7, 7]
    assert found.sequence.tolist() == [0, 0, 1, 1, 0, 0, 1]
    assert found.start.tolist() == [0, 1, 1, 0, 0, 1, 1]
    assert found.end.tolist() == [2, 3, 3, 1, 2, 3, 3]
    assert found.motif.tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_occurrences_of_nothing():
    assert len(find_occurrences([], [[1]])) == 0
    assert find_occurrences([[1]], []).offsets.tolist() == [0, 0]
    assert find_occurrences([[1, 2]], [[]], gap=None).offsets.tolist() == [0, 0]


def test_mining_in_many_python_threads_equals_serial_runs(rng):
    rows = phrases(rng, 100)
    expected = as_bytes(mine_closed(rows, 45))
    results: list[bytes] = []
    workers = [
        threading.Thread(target=lambda: results.append(as_bytes(mine_closed(rows, 45, threads=2))))
        for _ in range(10)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [expected] * 10
