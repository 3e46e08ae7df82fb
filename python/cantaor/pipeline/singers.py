"""The motifs of every singer as a map and a reduce: no process holds more than one singer.

Map: a singer's contours are joined and mined. Reduce: the union of all motifs. Map: how often each
singer sings each of them. Reduce: what marks whom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from cantaor.io.files import is_table, read_table, write_table
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.motifs.mining import mine_closed
from cantaor.motifs.usage import MotifIndex, Usage, union_of
from cantaor.settings import Settings, settings_to_plain
from cantaor.types import Contour
from cantaor.workspace.provenance import made_by_stage, stage_key
from cantaor.workspace.records import contour_from_table, join_contours, motifs_from_table
from cantaor.workspace.rooms import made, table_path

# Raise it when mining or counting changes its results.
MOTIF_VERSION = 1
# The same where only the form of the table of counts changes: no result of it is published.
_USAGE_VERSION = 2

_MINING = ("gap", "min_support", "min_length", "max_length", "max_patterns")


@dataclass(frozen=True, slots=True)
class SingerJob:
    """One singer to mine, or to count the motifs of all singers in.

    Attributes
    ----------
    folder
        The workspace.
    singer
        The name.
    contours
        Names of the tables of that singer's contours.
    settings
        Settings of the run.
    union
        For counting: name of the table of all motifs.
    fresh
        Do it also where a result is there.
    """

    folder: Path
    singer: str
    contours: tuple[str, ...]
    settings: Settings
    union: str = ""
    fresh: bool = False


def mine_singer(job: SingerJob) -> tuple[str, bool]:
    """Closed motifs over the phrases of one singer's recordings.

    Returns
    -------
    Name of the table of motifs, and whether it was there from an earlier run.

    Raises
    ------
    TooManyPatternsError
        There are more than ``max_patterns``.
    """
    key = stage_key("motifs", MOTIF_VERSION, {"contours": job.contours, **_facts(job)})
    path = table_path(job.folder, "singers", key)
    if not job.fresh and is_table(path):
        return key, True
    sung, settings = read_joined_contour(job.folder, job.contours), job.settings
    motifs = mine_closed(
        (sung.symbols, sung.symbol_offsets),
        settings.min_support,
        gap=settings.gap,
        min_length=settings.min_length,
        max_length=settings.max_length,
        max_patterns=settings.max_patterns,
    )
    write_table(made(path), _label(motifs.to_arrow(), settings))
    return key, False


def count_singer(job: SingerJob) -> tuple[str, bool]:
    """Which motifs of the union one singer sings, how often, and how long they last.

    Returns
    -------
    Name of the table of counts, and whether it was there from an earlier run.
    """
    parts = {"contours": job.contours, "union": job.union, **_facts(job)}
    key = stage_key("usage", _USAGE_VERSION, parts)
    path = table_path(job.folder, "singers", key)
    if not job.fresh and is_table(path):
        return key, True
    sung, index = (
        read_joined_contour(job.folder, job.contours),
        _union_index(table_path(job.folder, "singers", job.union)),
    )
    usage = index.usage_in((sung.symbols, sung.symbol_offsets), sung.span_s, job.settings.gap)
    columns = {"motif": usage.motif, "count": usage.counts, "duration_s": usage.duration_s}
    write_table(made(path), _label(pa.table(columns), job.settings))
    return key, False


@lru_cache(maxsize=1)  # a table of this name never changes, and every singer is asked for it
def _union_index(path: Path) -> MotifIndex:
    return MotifIndex(motifs_from_table(read_table(path)))


def write_union(folder: Path, motif_keys: Sequence[str]) -> str:
    """Write the distinct motifs of all singers as one table; returns its name."""
    key = stage_key("union", MOTIF_VERSION, {"motifs": sorted(motif_keys)})
    path = table_path(folder, "singers", key)
    if not is_table(path):
        parts = [
            motifs_from_table(read_table(table_path(folder, "singers", name)))
            for name in sorted(motif_keys)
        ]
        write_table(made(path), _label(union_of(parts).to_arrow()))
    return key


def build_dictionary(
    folder: Path, motif_keys: dict[str, str], usage_keys: dict[str, str], settings: Settings
) -> MotifDictionary:
    """The dictionary of all singers from their tables, each read once."""

    def table_of(keys: dict[str, str]) -> Callable[[str], pa.Table]:
        return lambda singer: read_table(table_path(folder, "singers", keys[singer]))

    motifs, usages = table_of(motif_keys), table_of(usage_keys)

    def usage(singer: str) -> Usage:
        table = usages(singer)
        return Usage(*(table[name].to_numpy() for name in ("motif", "count", "duration_s")))

    mined = {singer: motifs_from_table(motifs(singer)) for singer in sorted(motif_keys)}
    return MotifDictionary.assemble(mined, usage, settings.gap)


def _label(table: pa.Table, settings: Settings | None = None) -> pa.Table:
    return made_by_stage("motifs", MOTIF_VERSION, settings).label(table)


def _facts(job: SingerJob) -> dict[str, object]:
    plain = settings_to_plain(job.settings)
    return {name: plain[name] for name in _MINING}


def read_joined_contour(folder: Path, keys: Sequence[str]) -> Contour:
    """The contours of one singer's recordings as one, from their tables in a workspace."""
    tables = [read_table(table_path(folder, "contours", key)) for key in keys]
    return join_contours([contour_from_table(table) for table in tables])
