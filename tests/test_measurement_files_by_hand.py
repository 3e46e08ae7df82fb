"""Measurements kept by content: what is read back, what is made anew, what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit import measurement_files
from cantaor.corpus.audit.measurement_files import SharedPass, measure_or_load
from cantaor.corpus.audit.measuring import Measured, measure_entries
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError, WorkspaceError
from cantaor.io.audio import open_audio

RATE = 8000


def corpus(folder: Path, seed: int = 0, channel: str | int = "mean") -> Manifest:
    """Two entries of one file of two channels."""
    samples = np.random.default_rng(seed).normal(0, 0.1, (3 * RATE, 2)).astype(np.float32)
    soundfile.write(folder / "a.wav", samples, RATE, subtype="FLOAT")
    spans = ((0.0, 1.5), (1.5, None))
    entries = tuple(ManifestEntry("a.wav", "ana", "a", start_s=a, end_s=b) for a, b in spans)
    return Manifest(entries, folder, channel=channel)


def same(one: Measured | AudioError, other: Measured | AudioError) -> bool:
    assert isinstance(one, Measured)
    assert isinstance(other, Measured)
    plain = ("exact", "content", "sample_rate", "peak", "accompanied", "warnings")
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and np.array_equal(one.anchors.hashes, other.anchors.hashes)
        and np.array_equal(one.anchors.positions, other.anchors.positions)
        and one.anchors.samples == other.anchors.samples
        and np.array_equal(one.prints.hashes, other.prints.hashes)
        and np.array_equal(one.prints.frames, other.prints.frames)
    )


class Counted:
    """How often audio was measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        monkeypatch.setattr(measurement_files, "measure_entries", self._measure)

    def _measure(self, *arguments: object) -> list[Measured | AudioError]:
        self.times += 1
        return measure_entries(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_what_is_kept_is_what_was_measured(tmp_path: Path, counted: Counted) -> None:
    manifest = corpus(tmp_path)
    fresh = measure_entries(manifest, [0, 1], 64, True, ())
    for _ in range(2):
        found = measure_or_load(manifest, 64, True, tmp_path / "kept")
        assert all(same(one, other) for one, other in zip(found, fresh, strict=True))
    assert counted.times == 1
    (kept,) = (tmp_path / "kept").rglob("*.npz")
    assert kept.parent == tmp_path / "kept" / kept.name[:2]
    assert len(kept.stem) == 32


def test_without_a_folder_nothing_is_kept(tmp_path: Path, counted: Counted) -> None:
    manifest = corpus(tmp_path)
    for _ in range(2):
        assert len(measure_or_load(manifest, 64, True, None)) == 2
    assert counted.times == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_every_choice_and_every_content_has_its_own_file(tmp_path: Path, counted: Counted) -> None:
    kept = tmp_path / "kept"
    manifest = corpus(tmp_path)
    other_spans = Manifest(manifest.entries[:1], tmp_path)
    left = corpus(tmp_path, channel="left")
    for run, (one, shared, near) in enumerate(
        [
            (manifest, 64, True),
            (manifest, 65, True),
            (manifest, 64, False),
            (left, 64, True),
            (other_spans, 64, True),
        ]
    ):
        found = measure_or_load(one, shared, near, kept)
        fresh = measure_entries(one, range(len(one)), shared, near, ())
        assert all(same(a, b) for a, b in zip(found, fresh, strict=True))
        assert counted.times == run + 1
    measure_or_load(corpus(tmp_path, seed=1), 64, True, kept)
    assert len(list(kept.rglob("*.npz"))) == 6


def test_the_place_of_a_file_does_not_count(tmp_path: Path, counted: Counted) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        measure_or_load(corpus(tmp_path / name), 64, True, tmp_path / "kept")
    assert counted.times == 1


def test_what_failed_is_tried_again(tmp_path: Path, counted: Counted) -> None:
    manifest = corpus(tmp_path)
    outside = ManifestEntry("a.wav", "ana", "a", start_s=9.0, end_s=10.0)
    manifest = Manifest((*manifest.entries, outside), tmp_path)
    for _ in range(2):
        found = measure_or_load(manifest, 64, True, tmp_path / "kept")
        assert [isinstance(one, Measured) for one in found] == [True, True, False]
    assert counted.times == 2
    assert not list(tmp_path.rglob("*.npz"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    manifest = Manifest((ManifestEntry("gone.wav", "ana", "a"),), tmp_path)
    (found,) = measure_or_load(manifest, 64, True, tmp_path / "kept")
    assert isinstance(found, AudioError)
    assert "gone.wav" in str(found)


def rewritten(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with np.load(path) as arrays:
            held = dict(arrays)
        change(held)
        with path.open("wb") as sink:
            np.savez(sink, **held)

    return damage


def told(change: Callable[[list[object]], object]) -> Callable[[Path], None]:
    def damage(held: dict[str, np.ndarray]) -> None:
        facts = json.loads(held["facts"].tobytes())
        change(facts)
        held["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)

    return rewritten(damage)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "text": lambda path: path.write_text("no archive"),
    "of another file": told(lambda facts: facts.__setitem__(0, "other.npz")),
    "one entry less": told(lambda facts: facts[1].pop()),  # type: ignore[attr-defined]
    "one length less": told(lambda facts: facts[2].pop()),  # type: ignore[attr-defined]
    "one fact less": told(lambda facts: facts[1][0].pop()),  # type: ignore[index]
    "an array less": rewritten(lambda held: held.pop("print_frames_1")),
    "another type": rewritten(
        lambda held: held.update(anchor_positions_0=held["anchor_positions_0"].astype(np.int32))
    ),
    "fewer positions": rewritten(
        lambda held: held.update(anchor_positions_0=held["anchor_positions_0"][1:])
    ),
    "fewer frames": rewritten(lambda held: held.update(print_frames_0=held["print_frames_0"][1:])),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_what_is_damaged_or_foreign_is_made_anew(
    damage: str, tmp_path: Path, counted: Counted
) -> None:
    manifest = corpus(tmp_path)
    fresh = measure_or_load(manifest, 64, True, tmp_path / "kept")
    (kept,) = tmp_path.rglob("*.npz")
    DAMAGE[damage](kept)
    for _ in range(2):
        found = measure_or_load(manifest, 64, True, tmp_path / "kept")
        assert all(same(one, other) for one, other in zip(found, fresh, strict=True))
    assert counted.times == 2


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(WorkspaceError, match=r"kept.*: cannot be written"):
        measure_or_load(corpus(tmp_path), 64, True, tmp_path / "kept")


def test_nothing_that_is_kept_needs_pickles(tmp_path: Path) -> None:
    measure_or_load(corpus(tmp_path), 64, True, tmp_path / "kept")
    (kept,) = tmp_path.rglob("*.npz")
    with np.load(io.BytesIO(kept.read_bytes()), allow_pickle=False) as arrays:
        assert {array.dtype.kind for array in arrays.values()} == {"u", "i"}


def test_a_file_watched_by_others_is_kept_for_the_audit(tmp_path: Path, counted: Counted) -> None:
    corpus(tmp_path)
    path = tmp_path / "a.wav"
    with open_audio(str(path), "left") as stream:
        blocks, keep = SharedPass(tmp_path / "kept", 64).watch(stream, str(path), "left")
        passed = np.concatenate(list(blocks))
        assert not list(tmp_path.rglob("*.npz"))
        keep()
    np.testing.assert_array_equal(passed, soundfile.read(path, dtype="float32")[0][:, 0])
    whole = Manifest((ManifestEntry("a.wav", "ana", "a"),), tmp_path, channel="left")
    (found,) = measure_or_load(whole, 64, True, tmp_path / "kept")
    assert counted.times == 0
    assert same(found, measure_entries(whole, [0], 64, True, ())[0])
