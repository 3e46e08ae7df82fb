"""One pass over the audio of a corpus: faults, hashes, anchors and fingerprints of every entry.

Files pass in blocks and only hashes, anchors and fingerprints are kept, so memory hardly grows with
the length of the recordings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from cantaor.corpus.audit.landmarks import Landmarks
from cantaor.corpus.audit.measurement_files import measure_or_load
from cantaor.corpus.audit.measuring import NO_PRINTS, Measured, measure_entries, no_anchors
from cantaor.corpus.audit.measuring import exact_hash as exact_hash
from cantaor.corpus.audit.near_copies import LandmarkTable
from cantaor.corpus.audit.winnowing import MIN_SHARED, ClipAnchors
from cantaor.corpus.identity import SILENT_PEAK, match_keys
from cantaor.corpus.manifest import Manifest
from cantaor.errors import AudioError, CantaorError, WorkspaceError, blame
from cantaor.io.audio import probe
from cantaor.parallel.workers import WorkerPool, map_recordings

#: Shorter audio is called too short, in seconds: it holds no motif.
MIN_DURATION_S = 0.05

KINDS = ("unreadable", "silent", "too short", "warned", "label")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one entry.

    Attributes
    ----------
    entry
        Index in the manifest.
    path
        Its file.
    kind
        One of :data:`KINDS`.
    detail
        What exactly.
    """

    entry: int
    path: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class AudioInspection:
    """What identifies the audio of one entry.

    Attributes
    ----------
    exact
        Hash of the samples to the last bit; empty where unreadable.
    content
        Key of the samples, see :mod:`cantaor.corpus.identity`; ``exact`` where they are silent,
        empty where unreadable.
    duration_s
        Length in seconds, 0 where unreadable.
    sample_rate
        Hz, 0 where unreadable.
    is_first
        Whether no entry with exactly the same samples was read before.
    anchors
        For shared samples; empty where not the first.
    prints
        For near copies; empty likewise, and where not asked for or kept in a table.
    fault
        Kind of fault, empty where there is none.
    detail
        What exactly.
    warnings
        What is wrong with the file and does not keep it from being used.
    """

    exact: str
    content: str
    duration_s: float
    sample_rate: int
    is_first: bool
    anchors: ClipAnchors
    prints: Landmarks
    fault: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()


#: What does the work of :func:`inspect_entries`: workers, or None for this process.
Pool: TypeAlias = WorkerPool | Executor | None


def inspect_entries(
    manifest: Manifest,
    *,
    min_shared: int = MIN_SHARED,
    near: bool = True,
    progress: Callable[[int], object] | None = None,
    pool: Pool = None,
    cache: Path | None = None,
    table: LandmarkTable | None = None,
) -> list[AudioInspection]:
    """Read every entry once and compute its hashes, anchors and fingerprint.

    Parameters
    ----------
    manifest
        The corpus.
    min_shared
        Shortest shared run to be found for sure, samples.
    near
        Whether to take fingerprints for near copies.
    progress
        Called with the number of entries done.
    pool
        Who reads the files; None: this process. The result does not depend on it.
    cache
        Folder of measurements by content; what is there is not measured again.
    table
        Where fingerprints go, by the index of their entry; None: they stay with the inspections.

    Raises
    ------
    WorkspaceError
        The cache cannot be written, or the pool broke.
    """
    seen: set[str] = set()
    sounds: dict[int, AudioInspection] = {}
    # Clips of one file may stand anywhere in the table; the file is decoded once all the same.
    by_file: dict[str, list[int]] = {}
    for index in sorted(range(len(manifest)), key=lambda index: manifest.entries[index].path):
        by_file.setdefault(manifest.entries[index].path, []).append(index)
    files = list(by_file.values())
    in_process = pool is None or (isinstance(pool, WorkerPool) and pool.executor is None)
    measured: Iterator[Sequence[Measured | CantaorError]]
    if in_process and cache is None:
        # Samples that were met before need no second search.
        measured = (measure_entries(manifest, one, min_shared, near, seen) for one in files)
    else:
        measured = _measured_elsewhere(manifest, files, min_shared, near, pool, cache)
    for indices, found in zip(files, measured, strict=True):
        for index, one in zip(indices, found, strict=True):
            sound = _sound(one, seen)
            if table is not None:
                table.add(index, sound.prints)
                sound = replace(sound, prints=NO_PRINTS)
            sounds[index] = sound
        if progress is not None:
            progress(len(sounds))
    inspected = [sounds[index] for index in range(len(manifest))]
    contents = match_keys([sound.content for sound in inspected])
    return [replace(one, content=key) for one, key in zip(inspected, contents, strict=True)]


@dataclass(frozen=True, slots=True)
class _FileJob:
    """The entries of one file, for a worker."""

    manifest: Manifest
    min_shared: int
    near: bool
    cache: Path | None

    @property
    def name(self) -> str:
        return self.manifest.entries[0].path


def _measure(job: _FileJob) -> list[Measured | AudioError]:
    return measure_or_load(job.manifest, job.min_shared, job.near, job.cache)


def _measured_elsewhere(
    manifest: Manifest,
    files: Sequence[Sequence[int]],
    min_shared: int,
    near: bool,
    pool: Pool,
    cache: Path | None,
) -> Iterator[Sequence[Measured | CantaorError]]:
    """Measurements file by file in their order, whoever is done first."""
    jobs = (
        _FileJob(
            Manifest(
                tuple(manifest.entries[index] for index in indices),
                manifest.root,
                channel=manifest.channel,
            ),
            min_shared,
            near,
            cache,
        )
        for indices in files
    )
    waiting: dict[int, Sequence[Measured | CantaorError]] = {}
    number = 0
    for done, outcome in map_recordings(_measure, jobs, pool, lambda job: job.name):
        if isinstance(outcome, WorkspaceError):
            raise outcome
        if isinstance(outcome, CantaorError):
            waiting[done] = [outcome] * len(files[done])
        else:
            waiting[done] = outcome
        while number in waiting:
            yield waiting.pop(number)
            number += 1


def validate(manifest: Manifest) -> tuple[Fault, ...]:
    """List the entries that are unreadable, silent, too short or wrongly labelled.

    Parameters
    ----------
    manifest
        The corpus.

    Returns
    -------
    Faults in the order of the entries. A label is in doubt if it differs from another only in
    case, accents or spaces, if the file's name says another singer of the corpus, or if the same
    audio is there under another singer.
    """
    return faults_of(manifest, inspect_entries(manifest, min_shared=1 << 20, near=False))


def faults_of(
    manifest: Manifest, sounds: list[AudioInspection], strict: bool = False
) -> tuple[Fault, ...]:
    """Faults of entries already examined; see :func:`validate`.

    Parameters
    ----------
    manifest, sounds
        The corpus, and what was found in its audio.
    strict
        Whether an entry with a warning is unreadable.
    """
    faults = [
        Fault(index, entry.path, sound.fault, sound.detail)
        for index, (entry, sound) in enumerate(zip(manifest.entries, sounds, strict=True))
        if sound.fault
    ]
    faults += [
        Fault(index, entry.path, "unreadable" if strict else "warned", warning)
        for index, (entry, sound) in enumerate(zip(manifest.entries, sounds, strict=True))
        for warning in sound.warnings
    ]
    faults += _label_faults(manifest, sounds)
    return tuple(sorted(faults, key=lambda fault: (fault.entry, KINDS.index(fault.kind))))


def total_samples(manifest: Manifest) -> int:
    """Samples of all readable files of a corpus, from their headers."""
    total = 0
    for entry in {entry.path: entry for entry in manifest.entries}.values():
        try:
            with blame(entry.path):
                total += probe(manifest.location(entry)).frames
        except AudioError:
            continue
    return total


def _sound(measured: Measured | CantaorError, seen: set[str]) -> AudioInspection:
    """What is kept of an entry; anchors and fingerprints only of the first with its samples."""
    if isinstance(measured, CantaorError):
        return AudioInspection(
            "", "", 0.0, 0, True, no_anchors(0), NO_PRINTS, "unreadable", str(measured)
        )
    peak, duration_s = measured.peak, measured.anchors.samples / measured.sample_rate
    fault, detail = "", ""
    if peak < SILENT_PEAK:
        fault, detail = "silent", f"largest sample {peak:.2g} of full scale"
    elif duration_s < MIN_DURATION_S:
        fault, detail = "too short", f"{duration_s:.4f} s, at least {MIN_DURATION_S} s are needed"
    is_first = measured.exact not in seen
    seen.add(measured.exact)
    alone = measured.accompanied if is_first and fault != "silent" else ""
    return AudioInspection(
        measured.exact,
        measured.content or measured.exact,
        duration_s,
        measured.sample_rate,
        is_first,
        measured.anchors if is_first else no_anchors(measured.anchors.samples),
        measured.prints if is_first else NO_PRINTS,
        fault,
        detail,
        (*measured.warnings, alone) if alone else measured.warnings,
    )


def _label_faults(manifest: Manifest, sounds: list[AudioInspection]) -> Iterator[Fault]:
    spellings: dict[str, set[str]] = {}
    labels: dict[str, set[str]] = {}
    for entry, sound in zip(manifest.entries, sounds, strict=True):
        spellings.setdefault(_plain(entry.singer), set()).add(entry.singer)
        if sound.content and sound.fault != "silent":
            labels.setdefault(sound.content, set()).add(entry.singer)
    for index, (entry, sound) in enumerate(zip(manifest.entries, sounds, strict=True)):
        others = spellings[_plain(entry.singer)] - {entry.singer}
        named = {_plain(name) for name in _names_in(entry.path)} & set(spellings)
        doubled = labels.get(sound.content, set()) - {entry.singer}
        for found, what in (
            (others, "is also spelt"),
            (named - {_plain(entry.singer)} if len(named) == 1 else set(), "but the name says"),
            (doubled, "but the same audio is there as"),
        ):
            if found:
                detail = f"singer {entry.singer!r} {what} {', '.join(sorted(found))}"
                yield Fault(index, entry.path, "label", detail)


def _names_in(path: str) -> list[str]:
    """What a path says of the singer: its first folder, and its name up to the first hyphen."""
    place = PurePosixPath(path)
    prefix, hyphen, _ = place.name.partition("-")
    return [*place.parts[:1][: len(place.parts) - 1], *([prefix] if hyphen else [])]


def _plain(name: str) -> str:
    """A name without case, accents and spaces."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    return "".join(sign for sign in bare if sign.isalnum())
