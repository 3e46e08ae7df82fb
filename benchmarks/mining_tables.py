"""The tables of ``docs/laboratory/mining.md``.

``python -m benchmarks.mining_tables [TABLE...]`` prints the tables named, or all; the classic one
needs SPMF's jar, named in CANTAOR_SPMF_JAR.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks import mining_data, mining_peers
from benchmarks.bench_mining import GAPS, mine, peak_bytes
from cantaor import find_occurrences, mine_closed


def median_seconds(call: Callable[[], object], rounds: int = 5) -> float:
    """Median wall time of a call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def classic() -> None:
    """Any gap beside SPMF, whose answer must be ours."""
    jar = mining_peers.spmf_jar()
    if jar is None:
        raise mining_peers.MissingPeerError("name SPMF's jar in CANTAOR_SPMF_JAR")
    ratios = []
    for database in mining_data.classic():
        closed = mining_peers.as_supports(mine(database))
        theirs, seconds = mining_peers.spmf_bide(database, jar)
        assert closed == theirs
        ours = median_seconds(lambda database=database: mine(database))
        ratios.append(seconds / ours)
        print(
            f"| {database.name} @ {database.min_support} | {len(closed):,} | {seconds:.2f} s "
            f"| {1000 * ours:.1f} ms | {seconds / ours:.0f}x |"
        )
    print(f"geometric mean {np.exp(np.mean(np.log(ratios))):.0f}x")


def prefixspan() -> None:
    """Any gap beside prefixspan's closed mode."""
    database = mining_data.phrases(5_000, 6, 2_500, mean=31)
    theirs = median_seconds(lambda: mining_peers.prefixspan_closed(database), rounds=1)
    ours = median_seconds(lambda: mine(database))
    print(f"prefixspan {theirs:.1f} s, ours {1000 * ours:.1f} ms, {theirs / ours:.0f}x")


def _processor_seconds(database: mining_data.Database) -> float:
    started = time.process_time()
    mine(database, (0, 0))
    return time.process_time() - started


def growth(largest: int = 10_000_000) -> None:
    """Contiguous mining with least support 3 at sizes ten times apart."""
    points = []
    for size in (10**k for k in range(4, 9) if 10**k <= largest):
        database = mining_data.phrases(size * 10 // 278, 6, 3)
        symbols = database.values.size
        used = peak_bytes(database, (0, 0)) / symbols
        seconds = min(_processor_seconds(database) for _ in range(max(5, 400_000 // size)))
        points.append((symbols, seconds))
        print(f"| {symbols:,} | {1e9 * seconds / symbols:.0f} ns | {used:.1f} bytes |")
    logs = np.log(points)
    print(f"exponent {np.polyfit(logs[:, 0], logs[:, 1], 1)[0]:.3f}")


def gaps() -> None:
    """Bounded gaps beside the plain-Python twin."""
    database = mining_data.phrases(500, 6, 200)
    for gap in GAPS:
        theirs = median_seconds(lambda gap=gap: mining_peers.twin(database, gap), rounds=3)
        ours = median_seconds(lambda gap=gap: mine(database, gap), rounds=9)
        print(f"| {gap} | {1000 * theirs:.0f} ms | {1000 * ours:.2f} ms | {theirs / ours:.0f}x |")


def contiguous() -> None:
    """1.4 million symbols beside the plain-Python twin, whose answer must be ours."""
    database = mining_data.phrases(50_000, 6, 3)
    started = time.perf_counter()
    expected = mining_peers.twin(database, (0, 0))
    theirs = time.perf_counter() - started
    assert mining_peers.as_supports(mine(database, (0, 0))) == expected
    ours = median_seconds(lambda: mine(database, (0, 0)))
    print(f"{database.values.size:,} symbols: twin {theirs:.1f} s, ours {ours:.3f} s, ", end="")
    print(f"{theirs / ours:.0f}x")


def twins() -> None:
    """Symbols a second of the twins beside prefixspan's open mode on the same database."""
    for database in (mining_data.phrases(500, 6, 300), mining_data.phrases(1_000, 6, 700)):
        symbols = database.values.size
        seconds = median_seconds(lambda d=database: mining_peers.prefixspan_open(d), rounds=1)
        print(f"{database.name} @ {database.min_support}: prefixspan {symbols / seconds:,.0f}")
        for gap in (None, (0, 0), *GAPS):
            seconds = median_seconds(
                lambda d=database, gap=gap: mining_peers.twin(d, gap), rounds=1
            )
            print(f"  twin {gap}: {symbols / seconds:,.0f} symbols a second")


def threads() -> None:
    """Two threads beside one on cases of half a second and more."""
    for database in (
        mining_data.phrases(5_000, 6, 900),
        mining_data.phrases(500, 6, 60),
        mining_data.zipf("gesture-like", 730, 267, 52, 0.9, 60),
    ):
        one = median_seconds(lambda d=database: mine(d), rounds=3)
        two = median_seconds(lambda d=database: mine(d, threads=2), rounds=3)
        closed = len(mine(database))
        print(f"| {database.name} @ {database.min_support} | {closed:,} | {one:.2f} s ", end="")
        print(f"| {two:.2f} s | {one / two:.2f}x |")


def occurrences() -> None:
    """30,000 motifs in 1.4 million symbols beside mining them."""
    database = mining_data.phrases(50_000, 6, 3)
    sequences = (database.values, database.offsets)
    motifs = mine_closed(sequences, 3, gap=(0, 0), top_k=30_000)
    mining = median_seconds(lambda: mine_closed(sequences, 3, gap=(0, 0), top_k=30_000))
    finding = median_seconds(lambda: find_occurrences(motifs, sequences))
    print(f"mining {mining:.3f} s, finding {finding:.3f} s, {finding / mining:.2f}x")


TABLES = (classic, prefixspan, growth, gaps, contiguous, twins, threads, occurrences)


def main() -> None:
    wanted = sys.argv[1:] or [table.__name__ for table in TABLES]
    for table in TABLES:
        if table.__name__ in wanted:
            table()


if __name__ == "__main__":
    main()
