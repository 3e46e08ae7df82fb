"""What is done to one recording: the two map steps of ``mine``, each with its result on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.chain import reduce_contour, track_blocks
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.corpus.audit.measurement_files import SharedPass
from cantaor.corpus.identity import SamplesHash
from cantaor.corpus.manifest import ManifestEntry
from cantaor.errors import AudioError, WorkspaceError, blame
from cantaor.io.audio import open_audio
from cantaor.io.files import is_table, read_table, write_table, write_text
from cantaor.io.locations import Stamp, file_hash, printable, stamp_of
from cantaor.pipeline.source_audio import hashed, source_hash
from cantaor.pitch.monophony import MonophonyProbe, accompaniment_warning
from cantaor.settings import Settings
from cantaor.types import Clusters, PitchTrack
from cantaor.units import hz_to_cents
from cantaor.workspace.provenance import made_by_stage, stage_key
from cantaor.workspace.records import (
    contour_to_table,
    samples_hash_of,
    track_from_table,
    track_to_table,
    track_warnings,
)
from cantaor.workspace.rooms import made, note_path, table_path

# Raise these when a stage's results change: cached tables of older versions are then made anew.
PITCH_VERSION = 3
CONTOUR_VERSION = 1

# A file changed less than so long ago may change again within one tick of its clock.
_SETTLED_S = 2.0
# Frames that are turned into cents at a time.
_FRAMES = 1 << 20


@dataclass(frozen=True, slots=True)
class PitchJob:
    """One recording to track.

    Attributes
    ----------
    location
        The audio file, a path or a URL.
    entry
        Its row of the manifest.
    folder
        The workspace.
    settings
        Settings of the run.
    fresh
        Track it also where a table is there.
    strict
        Whether what would be a warning is an error.
    audit
        How to measure for an audit in the same pass, None: not at all.
    """

    location: str
    entry: ManifestEntry
    folder: Path
    settings: Settings
    fresh: bool = False
    strict: bool = False
    audit: SharedPass | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Tracked:
    """What tracking one recording left behind.

    Attributes
    ----------
    pitch_key
        Name of its table in the folder ``pitch``.
    content_hash
        Hash of the file's bytes.
    samples_hash, source_hash
        Keys of the recording's samples and of the whole file's; see
        :mod:`cantaor.corpus.identity`.
    stamp
        Size and version of the file as it was read.
    duration_s, voiced_s
        Seconds of the recording, and of voice in it.
    histogram
        Arrays of the recording's :class:`~cantaor.clustering.histogram.ClusterHistogram`.
    reused
        Whether the table was there from an earlier run.
    warnings
        What is wrong with the recording, in words.
    """

    pitch_key: str
    content_hash: str
    samples_hash: str
    source_hash: str
    stamp: Stamp
    duration_s: float
    voiced_s: float
    histogram: Mapping[str, np.ndarray[Any, Any]]
    reused: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContourJob:
    """One tracked recording to reduce to its contour; ``name`` is how errors call it."""

    name: str
    folder: Path
    pitch_key: str
    clusters: Clusters
    cluster_digest: str
    settings: Settings
    fresh: bool = False


def track_recording(job: PitchJob) -> Tracked:
    """Track the pitch of one recording, or find its table from an earlier run.

    Raises
    ------
    AudioError
        The recording cannot be read, is silent, holds no voice, or changed while it was read; or
        whatever else it does to the code that reads it; or there is something to warn of and the
        job is strict.
    WorkspaceError
        The table cannot be written.
    """
    name = printable(job.location)
    with blame(name):
        return _track_recording(job, name)


def _track_recording(job: PitchJob, name: str) -> Tracked:
    stamp = _stamp(job.location, name)
    digest = _content_hash(job, stamp, name)
    parts = {
        "content": digest,
        "span": [job.entry.start_s, job.entry.end_s],
        "method": job.settings.pitch_method,
        "hop": job.settings.hop,
        "min_hz": float(job.settings.min_hz),
        "max_hz": float(job.settings.max_hz),
        "channel": job.settings.channel,
    }
    key = stage_key("pitch", PITCH_VERSION, parts)
    path = table_path(job.folder, "pitch", key)
    kept = None if job.fresh else _kept_track(path)
    track, duration_s, samples, warnings = kept or _decode_and_track(job, name)
    channel = job.settings.channel
    source = source_hash(job.location, job.entry, digest, samples, job.folder, channel)
    if _stamp(job.location, name) != stamp:
        raise AudioError(f"{name}: changed while it was read; run again when it is complete")
    if kept is None:
        maker = made_by_stage("pitch", PITCH_VERSION, job.settings)
        write_table(made(path), maker.label(track_to_table(track, duration_s, samples, warnings)))
    if warnings and job.strict:
        raise AudioError(f"{name}: {'; '.join(warnings)}")
    voiced_s = float(np.count_nonzero(track.hz)) * track.hop_s
    histogram = _histogram(track).to_arrays()
    return Tracked(
        key,
        digest,
        samples,
        source,
        stamp,
        duration_s,
        voiced_s,
        histogram,
        kept is not None,
        warnings,
    )


def reduce_recording(job: ContourJob) -> tuple[str, bool]:
    """Reduce a tracked recording to its contour.

    Returns
    -------
    The name of the contour's table, and whether it was there from an earlier run.

    Raises
    ------
    AudioError
        The track cannot be reduced.
    WorkspaceError
        The table cannot be written.
    """
    with blame(job.name):
        return _reduce_recording(job)


def _reduce_recording(job: ContourJob) -> tuple[str, bool]:
    parts = {
        "pitch": job.pitch_key,
        "clusters": job.cluster_digest,
        "min_frames": job.settings.min_frames,
        "max_gap_s": job.settings.max_gap_s,
    }
    if job.settings.vibrato != "keep":
        parts["vibrato"] = job.settings.vibrato
    key = stage_key("contour", CONTOUR_VERSION, parts)
    path = table_path(job.folder, "contours", key)
    if not job.fresh and is_table(path):
        return key, True
    track, _ = track_from_table(read_table(table_path(job.folder, "pitch", job.pitch_key)))
    contour = reduce_contour(track, job.clusters, job.settings)
    maker = made_by_stage("contour", CONTOUR_VERSION, job.settings)
    write_table(made(path), maker.label(contour_to_table(contour)))
    return key, False


def _decode_and_track(job: PitchJob, name: str) -> tuple[PitchTrack, float, str, tuple[str, ...]]:
    key = SamplesHash()
    with open_audio(job.location, job.settings.channel) as stream:
        probe = MonophonyProbe(stream.sample_rate, job.settings.hop)
        if job.audit is None:
            read, keep = stream.blocks(*job.entry.span), None
        else:
            read, keep = job.audit.watch(stream, job.location, job.settings.channel)
        blocks = probe.watch(hashed(read, key))
        track, samples = track_blocks(blocks, stream.sample_rate, job.settings, name)
        alone = accompaniment_warning(*probe.explained(track))
        warnings = (*stream.warnings, alone) if alone else stream.warnings
        if keep is not None:
            keep()
        return track, samples / stream.sample_rate, key.key(), warnings


def _kept_track(path: Path) -> tuple[PitchTrack, float, str, tuple[str, ...]] | None:
    """The track of an earlier run, if its table is there and whole."""
    if not path.exists():
        return None
    try:
        table = read_table(path)
        return *track_from_table(table), samples_hash_of(table), track_warnings(table)
    except (WorkspaceError, KeyError, TypeError, ValueError):
        return None  # damaged by the disk: it is made again


def _histogram(track: PitchTrack) -> ClusterHistogram:
    histogram = ClusterHistogram()
    for first in range(0, track.hz.size, _FRAMES):
        histogram.update(hz_to_cents(track.hz[first : first + _FRAMES]))
    return histogram


def _stamp(location: str, name: str) -> Stamp:
    try:
        return stamp_of(location)
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be read: {_reason(error)}") from error


def _content_hash(job: PitchJob, stamp: Stamp, name: str) -> str:
    """The hash of a file's bytes; one whose stamp is known from an earlier run is not read."""
    note = seen_note(job.folder, job.location)
    if not job.fresh and (known := _read_note(note)) and known["stamp"] == asdict(stamp):
        return str(known["content_hash"])
    try:
        digest = file_hash(job.location)
    except OSError as error:
        raise AudioError(f"{name}: cannot be read: {_reason(error)}") from error
    if _is_settled(stamp):
        write_text(made(note), json.dumps({"stamp": asdict(stamp), "content_hash": digest}))
    return digest


def seen_note(folder: Path, location: str) -> Path:
    """Where a workspace notes the hash of a file's bytes, with the stamp it had."""
    return note_path(folder, "seen", f"{stage_key('seen', 1, {'location': location})}.json")


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {name: note[name] for name in ("stamp", "content_hash")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_settled(stamp: Stamp) -> bool:
    """Whether the next change of the file is sure to give it another stamp."""
    return not stamp.version.isdigit() or time.time() - int(stamp.version) / 1e9 > _SETTLED_S


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
