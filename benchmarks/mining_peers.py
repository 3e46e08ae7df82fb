"""Other programs that mine sequences, each behind a function of a database.

Every peer returns patterns with supports. A peer that is not installed raises MissingPeerError with
what to install: a benchmark asked for must run or say why it cannot.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.mining_data import Database
from cantaor.types import Motifs
from tests.reference import motifs as reference

Supports = dict[tuple[int, ...], int]


class MissingPeerError(RuntimeError):
    """A peer is not installed; the message says how to get it."""


def as_supports(motifs: Motifs) -> Supports:
    """Patterns of cantaor in the form of the peers."""
    return {tuple(m.tolist()): int(n) for m, n in zip(motifs, motifs.support, strict=True)}


def twin(database: Database, gap: tuple[int, int] | None) -> Supports:
    """The plain-Python twin of the engine that ``gap`` chooses."""
    if gap is None:
        return reference.grow_any_gap(database.rows(), database.min_support)
    return reference.grow_gapped(database.rows(), database.min_support, *gap)


def prefixspan_closed(database: Database) -> Supports:
    """prefixspan's closed mode. Some of what it returns is not closed."""
    return {tuple(pattern): n for n, pattern in _prefixspan(database, closed=True)}


def prefixspan_open(database: Database) -> Supports:
    """All frequent patterns by prefixspan."""
    return {tuple(pattern): n for n, pattern in _prefixspan(database, closed=False)}


def _prefixspan(database: Database, closed: bool) -> list[tuple[int, list[int]]]:
    try:
        from prefixspan import PrefixSpan
    except ImportError as error:
        raise MissingPeerError("prefixspan: pip install 'cantaor[bench]'") from error
    found: list[tuple[int, list[int]]] = PrefixSpan(database.rows()).frequent(
        database.min_support, closed=closed
    )
    return found


def seq2pat_contiguous(database: Database) -> Supports:
    """All contiguous frequent patterns of two symbols and more by seq2pat."""
    try:
        from sequential.seq2pat import Attribute, Seq2Pat
    except ImportError as error:
        raise MissingPeerError("seq2pat: pip install 'cantaor[bench]'") from error
    rows = [row for row in database.rows() if row]
    low = int(database.values.min())
    shifted = [[symbol - low + 1 for symbol in row] for row in rows]  # it takes positive items
    miner = Seq2Pat(sequences=shifted)
    places = Attribute([list(range(len(row))) for row in rows])
    miner.add_constraint(places.gap() <= 1)
    found = miner.get_patterns(min_frequency=database.min_support)
    return {tuple(symbol + low - 1 for symbol in pattern): n for *pattern, n in found}


def spmf_bide(database: Database, jar: Path) -> tuple[Supports, float]:
    """SPMF's BIDE+, and the seconds it reports itself: without the start of Java."""
    java = shutil.which("java")
    if java is None or not jar.is_file():
        raise MissingPeerError(f"SPMF needs Java (found: {java}) and its jar (given: {jar})")
    low = int(database.values.min())
    rows = [row for row in database.rows() if row]
    # Half a sequence less: SPMF rounds the share up.
    share = f"{100 * (database.min_support - 0.5) / len(rows):.10f}%"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.txt"), Path(folder, "out.txt")
        lines = (" -1 ".join(str(symbol - low + 1) for symbol in row) for row in rows)
        source.write_text("".join(f"{line} -1 -2\n" for line in lines))
        command = [java, "-jar", str(jar), "run", "BIDE+", str(source), str(target), share]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = dict(_spmf_line(line, low) for line in target.read_text().splitlines())
    milliseconds = re.search(r"Total time ~ *(\d+)", report)
    if milliseconds is None:
        raise MissingPeerError(f"SPMF reports no time: {report!r}")
    return found, int(milliseconds[1]) / 1000


def _spmf_line(line: str, low: int) -> tuple[tuple[int, ...], int]:
    pattern, support = line.split("#SUP:")
    items = tuple(int(item) + low - 1 for item in pattern.split() if item != "-1")
    return items, int(support.split()[0])


def spmf_jar() -> Path | None:
    """The jar that the user named in ``CANTAOR_SPMF_JAR``."""
    named = os.environ.get("CANTAOR_SPMF_JAR")
    return Path(named) if named else None


def has_equal_superset(pattern: tuple[int, ...], support: int, closed: Supports) -> bool:
    """Whether a proper super-sequence in ``closed`` has the same support."""
    return any(
        n == support and len(other) > len(pattern) and reference.is_subsequence(pattern, other)
        for other, n in closed.items()
    )
