"""Mining against its peers: the answers are compared first, then both sides are timed.

Run ``pytest benchmarks/bench_mining.py``; name SPMF's jar in CANTAOR_SPMF_JAR to include it.
``python -m benchmarks.mining_tables`` prints the tables of ``docs/laboratory/mining.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import mining_data, mining_peers
from benchmarks.mining_data import Database
from cantaor import find_occurrences, mine_closed
from cantaor.types import Motifs

CLASSIC = mining_data.classic()
SMALL = [mining_data.phrases(50, 6, 25), mining_data.phrases(500, 6, 380)]
GAPS = [(0, 1), (0, 2), (0, 3), (0, 4)]


def mine(database: Database, gap: tuple[int, int] | None = None, threads: int = 1) -> Motifs:
    return mine_closed(
        (database.values, database.offsets), database.min_support, gap=gap, threads=threads
    )


def names(databases: list[Database]) -> list[str]:
    return [database.name for database in databases]


@pytest.mark.parametrize("database", CLASSIC, ids=names(CLASSIC))
def test_any_gap(benchmark, database):
    motifs = mine(database)
    again = mine(database, threads=2)
    assert np.array_equal(motifs.values, again.values)
    benchmark.extra_info["closed"] = len(motifs)
    benchmark(mine, database)


@pytest.mark.parametrize("database", SMALL, ids=names(SMALL))
def test_any_gap_against_prefixspan(benchmark, database):
    ours = mining_peers.as_supports(mine(database))
    theirs = mining_peers.prefixspan_closed(database)
    assert ours.items() <= theirs.items()
    for pattern, support in theirs.items() - ours.items():
        assert mining_peers.has_equal_superset(pattern, support, ours)
    benchmark.pedantic(mining_peers.prefixspan_closed, (database,), rounds=1)


@pytest.mark.parametrize("database", SMALL, ids=names(SMALL))
def test_any_gap_against_the_twin(benchmark, database):
    assert mining_peers.as_supports(mine(database)) == mining_peers.twin(database, None)
    benchmark.pedantic(mining_peers.twin, (database, None), rounds=1)


@pytest.mark.parametrize("database", CLASSIC, ids=names(CLASSIC))
def test_any_gap_against_spmf(benchmark, database):
    jar = mining_peers.spmf_jar()
    if jar is None:
        pytest.skip("name SPMF's jar in CANTAOR_SPMF_JAR")
    theirs, seconds = benchmark.pedantic(mining_peers.spmf_bide, (database, jar), rounds=1)
    assert mining_peers.as_supports(mine(database)) == theirs
    benchmark.extra_info["without the start of Java"] = seconds


@pytest.mark.parametrize(("phrases", "max_mib"), [(5_000, 64), (50_000, 128)])
@pytest.mark.parametrize("alphabet", [6, 40])
def test_memory_over_the_input(benchmark, phrases, max_mib, alphabet):
    share = 2 if alphabet == 6 else 10
    database = mining_data.phrases(phrases, alphabet, phrases // share)
    used = benchmark.pedantic(peak_bytes, (database, None), rounds=1)
    assert used <= max_mib * 2**20
    benchmark.extra_info["MiB"] = round(used / 2**20, 1)


def test_memory_of_contiguous_mining(benchmark):
    database = mining_data.phrases(50_000, 6, 3)
    used = benchmark.pedantic(peak_bytes, (database, (0, 0)), rounds=1)
    assert used <= 60 * database.values.size


@pytest.mark.parametrize("gap", GAPS, ids=str)
@pytest.mark.parametrize("side", ["cantaor", "twin"])
def test_bounded_gap(benchmark, gap, side):
    database = mining_data.phrases(500, 6, 200)
    assert mining_peers.as_supports(mine(database, gap)) == mining_peers.twin(database, gap)
    if side == "cantaor":
        benchmark(mine, database, gap)
    else:
        benchmark.pedantic(mining_peers.twin, (database, gap), rounds=1)


@pytest.mark.parametrize("side", ["cantaor", "twin", "seq2pat"])
def test_contiguous(benchmark, side):
    database = mining_data.phrases(1_000, 6, 3)
    ours = mining_peers.as_supports(mine(database, (0, 0)))
    if side == "cantaor":
        benchmark(mine, database, (0, 0))
    elif side == "twin":
        assert ours == mining_peers.twin(database, (0, 0))
        benchmark.pedantic(mining_peers.twin, (database, (0, 0)), rounds=1)
    else:
        theirs = mining_peers.seq2pat_contiguous(database)
        assert {p: n for p, n in ours.items() if len(p) > 1}.items() <= theirs.items()
        benchmark.pedantic(mining_peers.seq2pat_contiguous, (database,), rounds=1)


def test_occurrences(benchmark):
    database = mining_data.phrases(20_000, 6, 3)
    sequences = (database.values, database.offsets)
    motifs = mine_closed(sequences, 3, gap=(0, 0), top_k=30_000)
    found = find_occurrences(motifs, sequences)
    assert (np.diff(found.offsets) >= motifs.support).all()
    benchmark(find_occurrences, motifs, sequences)


def peak_bytes(database: Database, gap: tuple[int, int] | None) -> int:
    """Most memory held while mining, the answer included, over what was held before."""
    before = _status_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    mine(database, gap)
    return (_status_kib("VmHWM") - before) * 1024


def _status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])
