"""The recordings of a workspace as splits take them, and what is fitted on some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cantaor.chain import MotifFinder, reduce_contour
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.corpus.identity import place_clips
from cantaor.pipeline.mine import mine_singers
from cantaor.units import hz_to_cents
from cantaor.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class MinedRecording:
    """One row of the workspace's table of recordings, and where it lies on its audio.

    Attributes
    ----------
    path, singer, recording, group, duration_s, pitch_key, contour_key
        As in the table.
    offset_s
        Where the recording begins in its file, seconds.
    source_hash
        Key of the whole file's samples.
    samples_hash
        Key of the recording's samples, one for all recordings that hold the same.
    track
        Key of the audio that this and other files may hold.
    shift_s
        What to add to a time in the file for its time on the track.
    """

    path: str
    singer: str
    recording: str
    group: str
    duration_s: float
    offset_s: float
    source_hash: str
    samples_hash: str
    track: str
    shift_s: float
    pitch_key: str
    contour_key: str


def mined_recordings(workspace: Workspace) -> list[MinedRecording]:
    """The recordings of a workspace, in the order of its table."""
    rows = workspace.table("recordings").to_pylist()
    sources = [row.get("source_hash") or f"file {row['content_hash']}" for row in rows]
    own = [
        row.get("samples_hash") or f"{source} {row['start_s']} {row['end_s']}"
        for row, source in zip(rows, sources, strict=True)
    ]
    places = place_clips(sources, own, [row["start_s"] or 0.0 for row in rows])
    return [
        MinedRecording(
            row["path"],
            row["singer"],
            row["recording"],
            row["group"],
            row["duration_s"],
            row["start_s"] or 0.0,
            source,
            places.contents[index],
            places.tracks[index],
            float(places.shifts_s[index]),
            row["pitch_key"],
            row["contour_key"],
        )
        for index, (row, source) in enumerate(zip(rows, sources, strict=True))
    ]


def fit_finder(workspace: Workspace, recordings: Sequence[MinedRecording]) -> MotifFinder:
    """Clusters and dictionaries fitted on some recordings of a workspace, from its pitch tables."""
    settings = workspace.settings
    histogram = ClusterHistogram()
    for one in recordings:
        histogram.update(hz_to_cents(workspace.track(one.pitch_key).hz))
    clusters = histogram.solve(settings.k)
    contours = [
        reduce_contour(workspace.track(one.pitch_key), clusters, settings) for one in recordings
    ]
    dictionary = mine_singers([one.singer for one in recordings], contours, settings)
    return MotifFinder(clusters, dictionary.union(), settings)


def recording_columns(recordings: Sequence[MinedRecording]) -> dict[str, Any]:
    """Columns of whole recordings, as splits take them."""
    return {
        "labels": [one.singer for one in recordings],
        "recordings": [one.recording for one in recordings],
        "groups": [one.group for one in recordings],
        "starts_s": [one.offset_s + one.shift_s for one in recordings],
        "ends_s": [one.offset_s + one.shift_s + one.duration_s for one in recordings],
        "content": [one.samples_hash for one in recordings],
        "sources": [one.track for one in recordings],
    }
