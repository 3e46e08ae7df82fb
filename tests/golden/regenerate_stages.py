"""What every stage of ``mine`` makes of one small recording, beside the version of the stage.

Run ``python -m tests.golden.regenerate_stages`` after a change that is meant to change results, and
raise the version of the stage first: cached results of older code are then made anew. The pitch is
stored and compared within the rounding of floats; the later stages get the stored pitch, so they
are the same on every machine and only their digests are kept.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.clustering.histogram import ClusterHistogram
from cantaor.corpus.manifest import ManifestEntry
from cantaor.io.audio import read_audio, write_audio
from cantaor.io.files import read_table, write_table
from cantaor.io.locations import stamp_of
from cantaor.pipeline.clip_files import ClipJob, cut_recording
from cantaor.pipeline.instances import InstanceJob, locate_recording
from cantaor.pipeline.publishing import stage_versions
from cantaor.pipeline.recordings import ContourJob, PitchJob, reduce_recording, track_recording
from cantaor.pipeline.singers import SingerJob, mine_singer
from cantaor.settings import Settings
from cantaor.types import PitchTrack
from cantaor.units import hz_to_cents
from cantaor.workspace.records import track_from_table, track_to_table
from cantaor.workspace.rooms import made, table_path
from cantaor.workspace.workspace import begin, create_workspace

GOLDEN = Path(__file__).with_name("stages.json")
SETTINGS = Settings(k=8, min_support=2, min_length=2)
RATE, SECONDS = 16_000, 6.0


def song() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A sung line: notes with glides and vibrato, one phrase three times with rests between."""
    t = np.arange(int(RATE * SECONDS)) / RATE
    notes = np.array([0, 2, 4, 2, 5, 4, 7, 0] * 3, dtype=np.float64)
    place = t / SECONDS * notes.size
    step = np.interp(place, np.arange(notes.size) + 0.35, notes)
    hz = 220.0 * 2 ** ((step + 0.2 * np.sin(2 * np.pi * 5.5 * t)) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    sound = sum(np.sin(n * phase) / n for n in range(1, 9))
    loud = 0.2 * (np.abs(t - 2.0) > 0.15) * (np.abs(t - 4.0) > 0.15) * (t < 5.9)
    hiss = np.random.default_rng(1).standard_normal(t.size) * 1e-4
    return (sound * loud + hiss).astype(np.float32)


def ramps() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Samples that every machine writes alike, for clips to be cut from."""
    whole = np.arange(int(RATE * SECONDS)) * 7919 % 20_001 - 10_000
    return (whole / 32_768).astype(np.float32)


def track_song(folder: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Stage pitch: f0 in Hz of the song, rounded to what is stored."""
    entry, workspace = _begin(folder, song())
    job = PitchJob(str(folder / "song.wav"), entry, workspace, SETTINGS)
    done = track_recording(job)
    track, _ = track_from_table(read_table(table_path(workspace, "pitch", done.pitch_key)))
    return np.round(track.hz, 3)


def digests(folder: Path, hz: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, str]:
    """Digests of what the later stages make of a stored pitch."""
    entry, workspace = _begin(folder, ramps())
    location = str(folder / "song.wav")
    track = PitchTrack(hz, (hz > 0).astype(np.float32), 256 / 44100, "salience")
    key = "0" * 32
    write_table(made(table_path(workspace, "pitch", key)), track_to_table(track, SECONDS))
    histogram = ClusterHistogram()
    histogram.update(hz_to_cents(hz))
    clusters = histogram.solve(SETTINGS.k)
    contour, _ = reduce_recording(ContourJob("song", workspace, key, clusters, "", SETTINGS))
    motifs, _ = mine_singer(SingerJob(workspace, "V", (contour,), SETTINGS))
    job = InstanceJob(workspace, contour, motifs, "song.wav", "V", "song", 0.0, SETTINGS)
    instances, _ = locate_recording(job)
    stamp = stamp_of(location)
    cut_recording(ClipJob(location, entry, stamp, "", workspace, instances, None))
    clips = sorted((workspace / ".staging" / "clips").rglob("*.wav"))
    audio = [read_audio(path).samples for path in clips]
    return {
        "contour": _digest_table(table_path(workspace, "contours", contour)),
        "motifs": _digest_table(table_path(workspace, "singers", motifs)),
        "instances": _digest_table(table_path(workspace, "instances", instances)),
        "clips": _digest([[path.name for path in clips], [list(map(float, a)) for a in audio]]),
    }


def agree(stored: Any, made: Any) -> bool:
    """Whether two pitches in Hz are the same but for the rounding of floats: 0.05 cents."""
    stored, made = np.asarray(stored, np.float32), np.asarray(made, np.float32)
    if stored.shape != made.shape or not np.array_equal(stored > 0, made > 0):
        return False
    voiced = stored > 0
    return bool(np.abs(1200 * np.log2(made[voiced] / stored[voiced])).max(initial=0) < 0.05)


def _begin(
    folder: Path, samples: np.ndarray[Any, np.dtype[np.float32]]
) -> tuple[ManifestEntry, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    write_audio(folder / "song.wav", samples, RATE)
    workspace = create_workspace(folder / "w")
    begin(workspace, SETTINGS)
    return ManifestEntry("song.wav", "V", "song"), workspace.path


def _digest_table(path: Path) -> str:
    return _digest({name: _plain(values) for name, values in read_table(path).to_pydict().items()})


def _plain(values: list[Any]) -> list[Any]:
    return [round(value, 6) if isinstance(value, float) else value for value in values]


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def main(folder: Path) -> None:
    """Write the golden file anew."""
    hz = track_song(folder / "pitch")
    found = {"pitch": [round(float(value), 3) for value in hz], **digests(folder / "later", hz)}
    versions = stage_versions()
    record = {name: {"version": versions[name], "result": found[name]} for name in versions}
    GOLDEN.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as place:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else place))
