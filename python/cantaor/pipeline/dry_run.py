"""What a run of ``mine`` will meet, from headers alone: before hours are spent."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError
from cantaor.io.audio import AudioInfo, probe
from cantaor.io.locations import is_url
from cantaor.parallel.workers import checked_workers, workers_for
from cantaor.workspace.journal import Failure

# Estimates, not calibrated on this machine: seconds of audio that all stages together get through
# in a second on one core (earlier runs of mine gave 400 to 700), and what a recording costs beside
# its length.
_TIMES_REAL_TIME = 400.0
_SECONDS_EACH = 0.02
# Bytes of tables for a second of audio, and of clips where three of each motif are written.
_TABLE_BYTES, _CLIP_BYTES = 1_500, 12_000


@dataclass(frozen=True, slots=True)
class DryRun:
    """What lies ahead of a run.

    Attributes
    ----------
    recordings, singers
        How many there are, those that will fail included.
    hours
        Of audio, by the headers.
    formats
        Recordings by container and coding, such as ``{"FLAC PCM_16": 12}``.
    unknown
        Recordings whose header was not looked at, because they lie behind URLs.
    failures
        What cannot be read, with the reason.
    warnings
        What will be read with a warning.
    expected_s, expected_bytes
        Estimates of the time with all workers and of the room on disk.
    free_bytes
        Room on the disk of the workspace.
    workers
        Processes that the estimate is for.
    """

    recordings: int
    singers: int
    hours: float
    formats: dict[str, int]
    unknown: int
    failures: tuple[Failure, ...]
    warnings: tuple[Failure, ...]
    expected_s: float
    expected_bytes: int
    free_bytes: int
    workers: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rows = {
            name: [one.to_json() for one in getattr(self, name)]
            for name in ("failures", "warnings")
        }
        figures = {"hours": round(self.hours, 3), "expected_s": round(self.expected_s, 1)}
        return {**asdict(self), **rows, **figures}


def dry_run(
    manifest: Manifest,
    out: Path,
    *,
    workers: int | None = None,
    clips: bool = True,
    progress: Callable[[int], object] | None = None,
) -> DryRun:
    """Read the headers of a corpus.

    Parameters
    ----------
    manifest
        The recordings.
    out
        Where the workspace is to be; need not exist.
    workers
        Processes; None as many as ``mine`` would take.
    clips
        Whether audio of the motifs is to be written.
    progress
        Called with the number of recordings looked at.

    Raises
    ------
    ArgumentError
        ``workers`` is below 1.
    """
    number = workers_for(len(manifest)) if workers is None else checked_workers(workers)
    seen: dict[str, AudioInfo | AudioError | None] = {}
    failures = [Failure(path, "", "", "corpus", reason) for path, reason in manifest.skipped]
    warnings: list[Failure] = []
    formats: Counter[str] = Counter()
    seconds = 0.0
    for done, entry in enumerate(manifest.entries, start=1):
        location = manifest.location(entry)
        if location not in seen:
            seen[location] = _look(location)
        found = seen[location]
        if isinstance(found, AudioError):
            failures.append(_row(location, entry, str(found), "failed"))
        elif found is not None:
            formats[f"{found.format} {found.codec}".strip()] += 1
            seconds += _length(entry, found)
            if found.warnings:
                warnings.append(_row(location, entry, "; ".join(found.warnings), "warned"))
        if progress is not None:
            progress(done)
    return DryRun(
        recordings=len(manifest) + len(manifest.skipped),
        singers=len(manifest.singers),
        hours=seconds / 3600,
        formats=dict(formats.most_common()),
        unknown=sum(found is None for found in seen.values()),
        failures=tuple(failures),
        warnings=tuple(warnings),
        expected_s=seconds / _TIMES_REAL_TIME / number + _SECONDS_EACH * len(manifest) / number,
        expected_bytes=int(seconds * (_TABLE_BYTES + (_CLIP_BYTES if clips else 0))),
        free_bytes=_free(out),
        workers=number,
    )


def _look(location: str) -> AudioInfo | AudioError | None:
    if is_url(location):
        return None
    try:
        return probe(location)
    except AudioError as error:
        return error


def _row(location: str, entry: ManifestEntry, reason: str, kind: str) -> Failure:
    return Failure(location, entry.singer, entry.recording, "header", reason, kind)


def _length(entry: ManifestEntry, found: AudioInfo) -> float:
    start, end = entry.span
    return max(0.0, min(end, found.duration_s) - start)


def _free(out: Path) -> int:
    place = out.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free
