"""What is done to one recording: the two map steps of ``mine``, each with its result on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.audio import read_audio
from cantaor.cents import hz_to_cents
from cantaor.chain import reduce_contour, track_pitch
from cantaor.clusters import ClusterHistogram
from cantaor.corpus.manifest import Recording
from cantaor.errors import AudioError
from cantaor.run.tables import contour_to_table
from cantaor.run.workspace import (
    content_hash,
    read_table,
    stage_key,
    track_from_table,
    track_to_table,
    write_table,
)
from cantaor.settings import Settings
from cantaor.types import Audio, Clusters

# Raise these when a stage's results change: cached tables of older versions are then made anew.
PITCH_VERSION = 1
CONTOUR_VERSION = 1


@dataclass(frozen=True, slots=True)
class PitchJob:
    """One recording to track.

    Attributes
    ----------
    file
        The audio file.
    entry
        Its row of the manifest.
    folder
        The workspace.
    settings
        Settings of the run.
    """

    file: Path
    entry: Recording
    folder: Path
    settings: Settings


@dataclass(frozen=True, slots=True)
class Tracked:
    """What tracking one recording left behind.

    Attributes
    ----------
    pitch_key
        Name of its table in the folder ``pitch``.
    content_hash
        Hash of the file's bytes.
    duration_s, voiced_s
        Seconds of the recording, and of voice in it.
    histogram
        Arrays of the recording's :class:`~cantaor.clusters.ClusterHistogram`.
    was_cached
        Whether the table was there from an earlier run.
    """

    pitch_key: str
    content_hash: str
    duration_s: float
    voiced_s: float
    histogram: Mapping[str, np.ndarray[Any, Any]]
    was_cached: bool


@dataclass(frozen=True, slots=True)
class ContourJob:
    """One tracked recording to reduce to its contour."""

    folder: Path
    pitch_key: str
    clusters: Clusters
    cluster_digest: str
    settings: Settings


def read_entry(file: Path, entry: Recording) -> Audio:
    """The audio of a manifest row: a file, or the span of it that the row names.

    Raises
    ------
    AudioError
        The file cannot be read or the span lies outside it.
    """
    audio = read_audio(file)
    start_s, end_s = entry.span
    first = round(start_s * audio.sample_rate)
    last = min(round(min(end_s, audio.duration_s) * audio.sample_rate), audio.samples.size)
    if first >= last:
        raise AudioError(f"{file}: span from {start_s} s lies past its end at {audio.duration_s} s")
    return Audio(audio.samples[first:last], audio.sample_rate)


def track_recording(job: PitchJob) -> Tracked:
    """Track the pitch of one recording, or find its table from an earlier run.

    Raises
    ------
    AudioError
        The recording cannot be read, is silent or holds no voice.
    """
    try:
        digest = content_hash(job.file)
    except OSError as error:
        raise AudioError(f"{job.file}: cannot be read: {os.strerror(error.errno or 0)}") from error
    parts = {
        "content": digest,
        "span": [job.entry.start_s, job.entry.end_s],
        "method": job.settings.pitch_method,
        "hop": job.settings.hop,
    }
    key = stage_key("pitch", PITCH_VERSION, parts)
    path = job.folder / "pitch" / f"{key}.parquet"
    was_cached = path.exists()
    if not was_cached:
        audio = read_entry(job.file, job.entry)
        track = track_pitch(audio, job.settings, str(job.file))
        write_table(path, track_to_table(track, audio.duration_s))
    track, duration_s = track_from_table(read_table(path))
    histogram = ClusterHistogram()
    histogram.update(hz_to_cents(track.hz))
    voiced_s = float(np.count_nonzero(track.hz)) * track.hop_s
    return Tracked(key, digest, duration_s, voiced_s, histogram.to_arrays(), was_cached)


def reduce_recording(job: ContourJob) -> str:
    """Reduce a tracked recording to its contour; returns the name of the contour's table."""
    parts = {
        "pitch": job.pitch_key,
        "clusters": job.cluster_digest,
        "min_frames": job.settings.min_frames,
        "max_gap_s": job.settings.max_gap_s,
    }
    key = stage_key("contour", CONTOUR_VERSION, parts)
    path = job.folder / "contours" / f"{key}.parquet"
    if not path.exists():
        track, _ = track_from_table(read_table(job.folder / "pitch" / f"{job.pitch_key}.parquet"))
        write_table(path, contour_to_table(reduce_contour(track, job.clusters, job.settings)))
    return key
