"""So many recordings without audio through ``mine``: what the coordinator costs, and taking it up.

What workers do is done once for each song of a singer, and its tables are linked for every other
recording of it: every recording has its own files, at next to no cost. All else is what ``mine``
does, in one process: journal, histograms, clusters, motifs, families, the join of all instances.
The first run is stopped half way through the pitch, the second goes on from there to the end, the
third finds everything.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.processes import call_apart
from cantaor.bench.timing import status_bytes
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.io.files import write_table
from cantaor.io.locations import Stamp
from cantaor.pipeline import stages
from cantaor.pipeline.instances import InstanceJob, locate_recording
from cantaor.pipeline.mine import mine
from cantaor.pipeline.recordings import ContourJob, PitchJob, Tracked, reduce_recording
from cantaor.types import PitchTrack
from cantaor.units import cents_to_hz, hz_to_cents
from cantaor.workspace.journal import StageCount, read_status
from cantaor.workspace.records import track_to_table
from cantaor.workspace.rooms import made, table_path
from cantaor.workspace.workspace import Workspace

#: Recordings of a singer, and songs that they sing in turn.
EACH, SONGS = 100, 10
_FIGURES, _NOTES, _FRAMES, _SUNG, _HOP_S = 8, 8, 5, 6, 256 / 44_100


def corpus_of(recordings: int) -> Manifest:
    """A manifest of files that do not exist."""
    entries = (
        ManifestEntry(f"{n:08d}.flac", f"S{n // EACH:06d}", f"{n:08d}") for n in range(recordings)
    )
    return Manifest(tuple(entries), Path("/nowhere"))


@lru_cache(maxsize=4 * SONGS)
def song_of(singer: int, song: int) -> tuple[PitchTrack, dict[str, Any]]:
    """One of the songs of a singer, made of that singer's figures, and its histogram."""
    steps = np.random.default_rng(singer).choice([-3, -2, -1, 1, 2, 3], (_FIGURES, _NOTES))
    figures = 1200.0 + 100.0 * np.cumsum(steps, axis=1)
    sung = figures[np.random.default_rng([song, singer]).integers(0, _FIGURES, _SUNG)]
    cents = np.repeat(np.concatenate([sung, np.full((_SUNG, 1), np.nan)], axis=1), _FRAMES, axis=1)
    hz = np.nan_to_num(cents_to_hz(cents.ravel())).astype(np.float32)
    histogram = ClusterHistogram()
    histogram.update(hz_to_cents(hz))
    track = PitchTrack(hz, (hz > 0).astype(np.float32), _HOP_S, "salience")
    return track, dict(histogram.to_arrays())


def key_of(number: int) -> str:
    """A key that tells the number of its recording and is spread like any other."""
    spread = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=8).hexdigest()
    return f"{spread}{number:016x}"


@dataclass(slots=True)
class Workers:
    """Stands for the map steps of ``mine``; ``made`` holds the tables of the singer at hand."""

    tables: dict[str, Path] = field(default_factory=dict)

    def track(self, job: PitchJob) -> Tracked:
        """A pitch table, as of tracking."""
        number = int(job.entry.recording)
        track, arrays = song_of(number // EACH, number % SONGS)
        key, seconds = key_of(number), track.hz.size * _HOP_S

        def write() -> Path:
            path = made(table_path(job.folder, "pitch", f"{number:032x}"))
            write_table(path, track_to_table(track, seconds))
            return path

        reused = self._link(table_path(job.folder, "pitch", key), number, write)
        name = job.entry.recording
        return Tracked(key, name, name, name, Stamp(1, "1"), seconds, seconds, arrays, reused)

    def reduce(self, job: ContourJob) -> tuple[str, bool]:
        """A contour."""
        number = int(job.pitch_key[16:], 16)
        path = table_path(job.folder, "contours", job.pitch_key)

        def write() -> Path:
            return table_path(job.folder, "contours", reduce_recording(job)[0])

        return job.pitch_key, self._link(path, number, write)

    def locate(self, job: InstanceJob) -> tuple[str, bool]:
        """Instances; they name the first recording of the song, which the join does not look at."""
        number = int(job.contour_key[16:], 16)
        path = table_path(job.folder, "instances", job.contour_key)

        def write() -> Path:
            return table_path(job.folder, "instances", locate_recording(job)[0])

        return job.contour_key, self._link(path, number, write)

    def _link(self, path: Path, number: int, write: Any) -> bool:
        if path.exists():
            return True
        name = f"{path.parent.parent.name} {number // EACH} {number % SONGS}"
        if name not in self.tables:
            if len(self.tables) >= SONGS:
                self.tables.clear()
            self.tables[name] = write()
        os.link(self.tables[name], made(path))
        return False


def measure(recordings: int) -> dict[str, Any]:
    """Seconds of three runs and their stages, peak memory, files and bytes."""
    workers = Workers()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "w"
        for name, fake in (
            ("track_recording", workers.track),
            ("reduce_recording", workers.reduce),
            ("locate_recording", workers.locate),
        ):
            stack.enter_context(mock.patch.object(stages, name, fake))
        manifest, start_mb = corpus_of(recordings), status_bytes("VmHWM") / 2**20
        runs = []
        for half in (True, False, False):
            wall, busy = perf_counter(), process_time()
            with suppress(KeyboardInterrupt):
                mine(manifest, folder, clips=False, watch=_stop_at(recordings // 2 if half else 0))
            status = read_status(folder)
            seconds = {one["stage"]: one["seconds"] for one in status["stages"]}
            new = {one["stage"]: one["computed"] for one in status["stages"]}
            spent = {
                "seconds": round(perf_counter() - wall, 1),
                "cpu_s": round(process_time() - busy, 1),
            }
            runs.append({**spent, "state": status["state"], "computed": new, "stages": seconds})
            print(runs[-1], f"{status_bytes('VmHWM') / 2**20:.0f} MB", file=sys.stderr, flush=True)
        before = perf_counter()
        read_status(folder)
        status_s = perf_counter() - before
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        return {
            "recordings": recordings,
            "singers": len(manifest.singers),
            "runs": runs,
            "status_s": round(status_s, 3),
            "peak_mb": round(status_bytes("VmHWM") / 2**20),
            "before_mb": round(start_mb),
            "files": len(sizes),
            "recordings_mb": round((folder / "recordings.parquet").stat().st_size / 2**20, 1),
            "instances": Workspace(folder).table("instances", ["phrase"]).num_rows,
        }


def _stop_at(done: int) -> Any:
    def watch(count: StageCount) -> None:
        if done and count.stage == "pitch" and count.done == done:
            raise KeyboardInterrupt

    return watch


def many_recordings(numbers: list[int]) -> list[dict[str, Any]]:
    """:func:`measure` for each number, in a process of its own."""
    return [call_apart("benchmarks.many_recordings", "measure", number) for number in numbers]
