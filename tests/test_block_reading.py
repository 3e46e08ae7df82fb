"""Recordings that pass in blocks: the same clips and findings, in the memory of what is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.clips.spans import clip_bounds
from cantaor.corpus.audit import measuring, winnowing
from cantaor.corpus.audit.inspection import inspect_entries
from cantaor.corpus.audit.landmarks import LandmarkStream, landmarks
from cantaor.corpus.audit.winnowing import AnchorStream, clip_anchors
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, CorpusError
from cantaor.experiments.clip_loading import load_clipset
from cantaor.io.audio import read_audio, write_audio
from cantaor.types import Audio, Float32Array


def sung(seconds: float, rate: int, seed: int = 0) -> Float32Array:
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * f * times + rng.uniform(0, 6)) for f in (220, 660, 1320))
    wave = tones * (1 + np.sin(2 * np.pi * 3 * times)) + rng.standard_normal(times.size) * 0.2
    return (wave * 0.05).astype(np.float32)


def pieces(samples: Float32Array, rng: np.random.Generator) -> list[Float32Array]:
    return np.split(samples, np.sort(rng.integers(0, samples.size, 5)))


@pytest.mark.parametrize("size", [10, 40, 100, 5_000, 60_000])
@pytest.mark.parametrize("min_shared", [64, 1_000])
def test_anchors_of_blocks_are_those_of_the_whole(
    size: int, min_shared: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winnowing, "_PIECE", 700)
    samples = sung(2, 30_000)[:size]
    samples[size // 3 : size // 2] = 0
    stream = AnchorStream(min_shared)
    for block in pieces(samples, rng):
        stream.add(block)
    whole, found = clip_anchors(samples, min_shared), stream.finish()
    np.testing.assert_array_equal(found.hashes, whole.hashes)
    np.testing.assert_array_equal(found.positions, whole.positions)
    assert found.samples == whole.samples == size


@pytest.mark.parametrize(
    ("seconds", "rate"), [(0.5, 8_000), (1.0, 8_000), (3, 44_100), (80, 8_000)]
)
def test_landmarks_of_blocks_are_those_of_the_whole(
    seconds: float, rate: int, rng: np.random.Generator
) -> None:
    samples = sung(seconds, rate)
    stream = LandmarkStream(rate)
    for block in pieces(samples, rng):
        stream.add(block)
    whole, found = landmarks(Audio(samples, rate)), stream.finish()
    np.testing.assert_array_equal(found.hashes, whole.hashes)
    np.testing.assert_array_equal(found.frames, whole.frames)
    assert (whole.hashes.size > 0) == (seconds >= 1)


def entries_of(file: str) -> tuple[ManifestEntry, ...]:
    spans = [(None, None), (0.0, 2.0), (1.0, 3.5), (0.0, 2.0), (3.9, 9.0), (8.0, 9.0), (3.0, 4.004)]
    return tuple(
        ManifestEntry(file, "A", f"{i}", start_s=start, end_s=end)
        for i, (start, end) in enumerate(spans)
    )


def test_passing_and_held_entries_are_measured_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(tmp_path / "a.wav", sung(4, 16_000), 16_000)
    manifest = Manifest(entries_of("a.wav"), tmp_path)
    held = inspect_entries(manifest)
    monkeypatch.setattr(measuring, "_HELD", 100)
    passed = inspect_entries(manifest)
    for one, other in zip(held, passed, strict=True):
        assert (one.content, one.is_first, one.fault) == (
            other.content,
            other.is_first,
            other.fault,
        )
        assert one.detail == other.detail
        np.testing.assert_array_equal(one.anchors.hashes, other.anchors.hashes)
        np.testing.assert_array_equal(one.prints.hashes, other.prints.hashes)
    assert [one.is_first for one in held[:4]] == [True, True, True, False]
    assert [one.fault for one in held[4:]] == ["unreadable", "unreadable", ""]
    assert held[0].anchors.hashes.size > 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_clips_are_the_samples_of_the_whole_recording(tmp_path: Path, rate: int) -> None:
    write_audio(tmp_path / "a.flac", sung(20, 16_000), 16_000)
    spans = [(0.0, 0.5), (18.2, 99.0), (3.0, 7.0), (3.5, 3.6), (None, None), (19.99999, 1e300)]
    entries = tuple(
        ManifestEntry("a.flac", "A", "a", start_s=start, end_s=end) for start, end in spans
    )
    clips = load_clipset(Manifest(entries, tmp_path), ("A",), sample_rate=rate)
    whole = read_audio(tmp_path / "a.flac", rate)
    for index, entry in enumerate(entries):
        start, end = entry.span
        first, last = clip_bounds(whole, [start], [min(end, whole.duration_s + 1)])
        np.testing.assert_array_equal(clips[index], whole.samples[first[0] : last[0]])


def test_clips_outside_and_damage_behind_them_are_named(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac", sung(2, 16_000), 16_000)
    late = Manifest((ManifestEntry("a.flac", "A", "a", start_s=2.5, end_s=3.0),), tmp_path)
    with pytest.raises(CorpusError, match=r"a\.flac: clip from 2.5 s .* must start before"):
        load_clipset(late, ("A",), sample_rate=16_000)
    samples = sung(2, 16_000)
    samples[-5] = np.nan
    soundfile.write(tmp_path / "b.wav", samples, 16_000, subtype="FLOAT")
    early = Manifest((ManifestEntry("b.wav", "A", "b", start_s=0.0, end_s=0.5),), tmp_path)
    with pytest.raises(AudioError, match="NaN"):
        load_clipset(early, ("A",), sample_rate=16_000)


CHILD = """
import sys
from pathlib import Path
from cantaor.bench.timing import status_bytes
from cantaor.corpus.audit.audit import audit
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.experiments.clip_loading import load_clipset
folder, kind = Path(sys.argv[1]), sys.argv[2]
spans = [(10.0 + i, 10.5 + i) for i in range(20)] if kind == "clips" else [(None, None)]
entries = [
    ManifestEntry(f"{i}.flac", "AB"[i % 2], str(i), start_s=a, end_s=b) for i, (a, b) in
    enumerate(spans)
]
manifest = Manifest(tuple(entries), folder)
before = status_bytes("VmRSS")
if kind == "clips":
    found = load_clipset(manifest, ("A", "B"), sample_rate=16_000)
else:
    found = audit(manifest)
print((status_bytes("VmHWM") - before) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "minutes", "most"), [("clips", 5, 60), ("audit", 10, 150)])
def test_memory_of_long_recordings(tmp_path: Path, kind: str, minutes: int, most: int) -> None:
    part = sung(30, 44_100)
    with soundfile.SoundFile(tmp_path / "0.flac", "w", 44_100, 1, "PCM_16") as file:
        for number in range(minutes * 2):
            file.write(np.roll(part, 997 * number) * (0.3 + 0.03 * number))
    for number in range(1, 20):
        (tmp_path / f"{number}.flac").symlink_to(tmp_path / "0.flac")
    command = [sys.executable, "-c", CHILD, str(tmp_path), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert float(done.stdout) < most
