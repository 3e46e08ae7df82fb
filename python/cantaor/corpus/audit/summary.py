"""Result of an audit: summary, tables, JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cantaor.corpus.audit.inspection import KINDS, Fault
from cantaor.corpus.audit.near_copies import NearCopy
from cantaor.types import Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class LeakFigures:
    """Leakage of a split. All figures are fractions (0..1) of the test entries.

    Attributes
    ----------
    split
        Name of the split.
    test
        Number of test entries (mean over draws).
    copies
        Share with an exact copy in training.
    shared
        Fraction that shares samples with training, exact copies included.
    near
        Share with a near copy (level, rate, codec) in training.
    group
        Share whose source group is in training.
    """

    split: str
    test: int
    copies: float
    shared: float
    near: float
    group: float


@dataclass(frozen=True, eq=False)
class AuditReport:
    """Result of an audit; one value per entry unless stated otherwise.

    Attributes
    ----------
    paths, singers, recordings
        The entries, as in the manifest.
    durations_s, contents
        Length, and key of the samples (empty where unreadable); one for all that hold the same.
    faults
        Unreadable, silent, too short or doubtfully labelled entries.
    timelines
        int64 (entries,), which connected piece of source audio an entry is part of.
    starts, ends
        float64 (entries,), where on its timeline it lies, samples; -inf to inf where it fits at
        several places. Entries that overlap on a timeline share samples.
    groups
        Source group: what is joined by shared audio, recording or given group.
    conflicts
        Entries that share audio with another singer's and whose label is not that of their group,
        the singer with most distinct contents there.
    near
        Pairs of entries that are copies but for level, rate or codec.
    min_shared
        Shared runs of this many samples were found for sure.
    near_sample
        Share of the landmarks that near copies were told by, 1 but for corpora of some ten
        thousand recordings and more: the smaller it is, the more two must have in common.
    leaks
        Leak figures of each split.
    left_out
        Splits without figures: name, and the reason.
    ignored
        Names in the folder that are no recordings, with the reason.
    """

    paths: tuple[str, ...]
    singers: tuple[str, ...]
    recordings: tuple[str, ...]
    durations_s: tuple[float, ...]
    contents: tuple[str, ...]
    faults: tuple[Fault, ...]
    timelines: Int64Array
    starts: Float64Array
    ends: Float64Array
    groups: tuple[str, ...]
    conflicts: tuple[int, ...]
    near: tuple[NearCopy, ...]
    min_shared: int
    leaks: tuple[LeakFigures, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    near_sample: float = 1.0

    @cached_property
    def duplicates(self) -> tuple[tuple[int, ...], ...]:
        """Sets of entries with the very same samples, each in order, by first entry."""
        silent = {fault.entry for fault in self.faults if fault.kind == "silent"}
        sets: dict[str, list[int]] = {}
        for index, content in enumerate(self.contents):
            if content and index not in silent:
                sets.setdefault(content, []).append(index)
        return tuple(tuple(members) for members in sets.values() if len(members) > 1)

    @cached_property
    def overlapping(self) -> tuple[tuple[int, ...], ...]:
        """Sets of entries joined by shared samples, exact copies included, by first entry."""
        order = np.argsort(self.timelines, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(self.timelines[order])) + 1)
        return tuple(sorted(tuple(part.tolist()) for part in parts if part.size > 1))

    @cached_property
    def two_labels(self) -> tuple[tuple[int, ...], ...]:
        """Those of :attr:`duplicates` that carry more than one singer."""
        return tuple(
            members for members in self.duplicates if len({self.singers[i] for i in members}) > 1
        )

    def summary(self) -> dict[str, Any]:
        """The main figures."""
        distinct = len({content for content in self.contents if content})
        members = {index for part in self.overlapping for index in part}
        return {
            "entries": len(self.paths),
            "singers": len(set(self.singers)),
            "recordings": len(set(zip(self.singers, self.recordings, strict=True))),
            "hours": sum(self.durations_s) / 3600,
            "distinct": distinct,
            "copies": len([content for content in self.contents if content]) - distinct,
            "sharing_samples": len(members),
            "two_labels": len(self.two_labels),
            "conflicts": len(self.conflicts),
            "near_copies": len(self.near),
            "groups": dict(sorted(self._groups_per_singer().items())),
            "faults": {kind: sum(f.kind == kind for f in self.faults) for kind in KINDS},
            "ignored": len(self.ignored),
            "min_shared_samples": self.min_shared,
            "near_sample": self.near_sample,
        }

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Rows for display: ``leaks``, ``left_out``, ``groups``, ``faults``, ``duplicates``,
        ``conflicts``, ``near``."""
        return {
            "leaks": [asdict(one) for one in self.leaks],
            "left_out": [{"split": name, "reason": why} for name, why in self.left_out],
            "groups": self._group_rows(),
            "faults": [asdict(one) for one in self.faults],
            "ignored": [{"path": path, "reason": reason} for path, reason in self.ignored],
            "duplicates": [
                {
                    "content": self.contents[members[0]],
                    "count": len(members),
                    "singers": sorted({self.singers[i] for i in members}),
                    "paths": [self.paths[i] for i in members],
                }
                for members in self.duplicates
            ],
            "conflicts": [
                {"path": self.paths[i], "singer": self.singers[i], "group": self.groups[i]}
                for i in self.conflicts
            ],
            "near": [
                {**asdict(one), "one": self.paths[one.one], "other": self.paths[one.other]}
                for one in self.near
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """Summary, tables and one row per entry, as plain values."""
        entries = [
            {
                "path": self.paths[i],
                "singer": self.singers[i],
                "recording": self.recordings[i],
                "group": self.groups[i],
                "content": self.contents[i],
                "duration_s": self.durations_s[i],
                "strand": int(self.timelines[i]),
                # JSON has no infinity: an entry that takes its whole timeline has no place.
                "start": float(self.starts[i]) if np.isfinite(self.starts[i]) else None,
                "end": float(self.ends[i]) if np.isfinite(self.ends[i]) else None,
            }
            for i in range(len(self.paths))
        ]
        return {"summary": self.summary(), **self.tables(), "entries": entries}

    def _groups_per_singer(self) -> dict[str, int]:
        names = {name.rpartition("-")[0]: 0 for name in self.groups}
        for name in set(self.groups):
            names[name.rpartition("-")[0]] += 1
        return names

    def _group_rows(self) -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for index, name in enumerate(self.groups):
            row = rows.setdefault(
                name, {"group": name, "entries": 0, "singers": set(), "recordings": set()}
            )
            row["entries"] += 1
            row["singers"].add(self.singers[index])
            row["recordings"].add(self.recordings[index])
        return [
            {**row, "singers": sorted(row["singers"]), "recordings": sorted(row["recordings"])}
            for row in rows.values()
        ]
