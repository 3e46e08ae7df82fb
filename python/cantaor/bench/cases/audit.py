"""The audit of a set of clips that overlap and repeat."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cantaor.bench.cases.checks import require
from cantaor.bench.cases.singing import singing
from cantaor.bench.records import Case
from cantaor.corpus.audit.audit import audit
from cantaor.corpus.audit.summary import AuditReport
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.io.audio import write_audio

_SINGERS = 3


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips in a temporary folder that goes when this does; every other is a copy."""

    manifest: Manifest
    folder: TemporaryDirectory[str]


@cache
def _clips(count: int) -> Clips:
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="cantaor-bench-")
    rng = np.random.default_rng(7)
    sound = singing(30).audio
    part = sound.samples.size // _SINGERS
    entries = []
    for index in range(count):
        if index % 2 == 0:  # else the same samples again
            start = index % _SINGERS * part + int(rng.integers(part - 20_000))
            clip = sound.samples[start : start + int(rng.integers(4_000, 20_000))]
        singer = f"S{(index - index % 2) % _SINGERS}"
        path = f"{singer}-{index:05d}.flac"
        write_audio(Path(folder.name) / path, clip, sound.sample_rate)
        entries.append(ManifestEntry(path, singer, recording=path))
    return Clips(Manifest(tuple(entries), Path(folder.name)), folder)


def _ours(data: Clips) -> AuditReport:
    return audit(data.manifest)


def _check(data: Clips, report: AuditReport) -> str:
    copies = len(data.manifest) // 2
    require(len(report.duplicates) == copies, f"{len(report.duplicates)} of {copies} copies found")
    require(not report.two_labels, "a clip has two singers")
    return f"all {copies} copies found"


CASES = (
    Case(
        "audit",
        "copies and shared audio among clips",
        "clips",
        (40, 126, 400),
        _clips,
        _ours,
        _check,
        alone="no installable peer looks for shared samples",
    ),
)
