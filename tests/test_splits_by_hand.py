"""What validation takes from each singer, and paths of entries: worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry, side_of
from cantaor.corpus.splits.columns import clip_columns
from cantaor.corpus.splits.overlap import audio_components, encode_columns, shared_fraction
from cantaor.corpus.splits.protocols import Split, split_clips
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import SplitError


def watched(sizes: list[int], fraction: float, seed: int = 0, protocol: str = "recording") -> Split:
    """Validation of one singer with recordings of so many clips, all of them learned from."""
    recordings = [f"r{number}" for number, size in enumerate(sizes) for _ in range(size)]
    count = len(recordings)
    starts = np.concatenate([np.arange(size, dtype=np.float64) for size in sizes])
    whole = Split(np.arange(count), np.zeros(0, np.int64), protocol, False, (), {})
    return validation_split(
        whole,
        ["AM"] * count,
        recordings,
        fraction=fraction,
        seed=seed,
        starts_s=starts,
        ends_s=starts + 0.5,
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("sizes", "fraction", "taken"),
    [
        # The draw whose size is nearest to the fraction: 3 of 30, 5 of 30, 14 of 30.
        ([1, 2, 5, 22], 0.1, {1, 2}),
        ([1, 2, 5, 22], 0.17, {5}),
        ([4, 3, 7, 16], 0.46, {4, 3, 7}),
        # Exactly half may be taken.
        ([5, 5], 0.5, {5}),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 0.3, {1}),
    ],
)
def test_whole_recordings_nearest_to_the_fraction(
    seed: int, sizes: list[int], fraction: float, taken: set[int]
) -> None:
    split = watched(sizes, fraction, seed)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    held = np.unique(owner[split.test])
    assert {sizes[number] for number in held} == taken
    assert not np.isin(owner[split.train], held).any()
    assert split.train.size + split.test.size == sum(sizes)
    if set(sizes) == {1}:
        assert held.size == 3
    assert not any("last part" in note for note in split.notes)


@pytest.mark.parametrize(
    ("sizes", "fraction", "why"),
    [
        ([1, 9], 0.9, "training recordings too unlike in length, its last part is watched"),
        ([10], 0.3, "a single training recording, its last part is watched"),
        ([10], 0.01, "a single training recording, its last part is watched"),
        ([10], 0.99, "a single training recording, its last part is watched"),
    ],
)
def test_the_last_part_of_what_cannot_be_divided(
    sizes: list[int], fraction: float, why: str
) -> None:
    split = watched(sizes, fraction)
    assert any(why in note for note in split.notes)
    size = min(max(round(fraction * 10), 1), 9)
    assert split.test.tolist() == list(range(10 - size, 10))
    assert split.train.tolist() == list(range(10 - size))


def test_one_clip_is_not_watched() -> None:
    with pytest.raises(SplitError, match="a single training clip, not watched"):
        watched([1], 0.5)


@pytest.mark.parametrize(
    ("clips", "fraction", "tested"),
    [(2, 0.01, 1), (2, 0.99, 1), (10, 0.2, 2), (10, 0.25, 2), (9, 0.5, 4)],
)
def test_the_papers_split_leaves_a_clip_on_both_sides(
    clips: int, fraction: float, tested: int
) -> None:
    labels = ["AM"] * clips + ["EC"] * clips
    recordings = [f"r{number}" for number in range(2 * clips)]
    split = split_clips(labels, recordings, protocol="paper", test_fraction=fraction)
    for first in (0, clips):
        assert ((split.test >= first) & (split.test < first + clips)).sum() == tested
    inner = (
        validation_split(split, labels, recordings, fraction=0.01) if tested < clips - 1 else None
    )
    if inner is not None:
        assert inner.test.size == 2


@pytest.mark.parametrize(
    ("fraction", "held"), [(0.01, 1), (0.3, 3), (0.34, 3), (0.36, 4), (0.99, 9)]
)
def test_a_recording_split_holds_out_the_nearest_number_of_recordings(
    fraction: float, held: int
) -> None:
    labels = ["AM"] * 20 + ["EC"] * 20
    recordings = [f"{singer}{number}" for singer in "ae" for number in range(10) for _ in range(2)]
    split = split_clips(labels, recordings, protocol="recording", test_fraction=fraction)
    for singer in "ae":
        tested = [recordings[i] for i in split.test if recordings[i][0] == singer]
        assert len(set(tested)) == held
        assert len(tested) == 2 * held


def test_where_an_entry_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside = ManifestEntry("a/one.wav", "AM", "one")
    outside = ManifestEntry(str(tmp_path / "else.wav"), "AM", "else")
    far = ManifestEntry("https://host/three.wav", "AM", "three")
    manifest = Manifest((inside, outside, far), Path("corpus"))
    assert [manifest.location(entry) for entry in manifest.entries] == [
        str(tmp_path / "corpus" / "a" / "one.wav"),
        str(tmp_path / "else.wav"),
        "https://host/three.wav",
    ]
    assert inside.is_whole_file
    assert [ManifestEntry("a", "AM", "x", group=g).source for g in ("album", "")] == ["album", "x"]
    assert not ManifestEntry("a.wav", "AM", "x", start_s=0.0).is_whole_file
    assert not ManifestEntry("a.wav", "AM", "x", end_s=2.0).is_whole_file
    assert ManifestEntry("a.wav", "AM", "x", start_s=1.0).span == (1.0, float("inf"))


def test_names_of_sides() -> None:
    assert [side_of(text, "here") for text in (" Test", "TRAIN ", "", "  ")] == [
        "test",
        "train",
        "",
        "",
    ]
    with pytest.raises(SplitError, match=r"here: split must be .* not 'dev'"):
        side_of("dev", "here")


def test_columns_of_entries_are_in_the_time_of_their_common_audio() -> None:
    entries = (
        ManifestEntry("a.wav", "AM", "a", "g", start_s=1.0, end_s=3.5, source_hash="long"),
        ManifestEntry("b.wav", "EC", "b", source_hash="other"),
    )
    columns = clip_columns(Manifest(entries, Path("corpus")))
    assert columns["labels"] == ["AM", "EC"]
    assert columns["recordings"] == ["a", "b"]
    assert columns["groups"] == ["g", ""]
    assert columns["starts_s"].tolist() == [1.0, 0.0]
    assert columns["ends_s"].tolist() == [3.5, np.inf]
    assert columns["sources"] == ["long", "other"]


def test_without_times_all_clips_of_one_source_share_audio() -> None:
    sources = ["x", "x", "y"]
    timed = encode_columns(["A"] * 3, ["r"] * 3, [""] * 3, [0, 2, 0], [1, 3, 1], sources=sources)
    assert audio_components(timed).tolist() == [0, 1, 2]
    untimed = encode_columns(["A"] * 3, ["r"] * 3, [""] * 3, sources=sources)
    assert audio_components(untimed).tolist() == [0, 0, 1]
    assert audio_components(untimed, np.array([2, 1])).tolist() == [0, 1]


def test_nothing_shares_nothing() -> None:
    clips = encode_columns(["A", "A"], ["r", "r"], ["", ""], sources=["x", "x"])
    nobody = np.zeros(0, np.int64)
    assert shared_fraction(clips, nobody, np.array([0, 1])) == 0.0
    assert shared_fraction(clips, np.array([0]), np.array([1])) == 1.0


def test_a_watched_side_that_shares_audio_leaks_and_says_so() -> None:
    """Ten clips of one recording that overlap in pairs; the paper's split asks for no more."""
    labels, names = ["A"] * 10 + ["B"] * 10, ["a"] * 10 + ["b"] * 10
    for overlap in (0.0, 0.5):
        starts = np.tile(np.arange(10.0), 2)
        columns = {"starts_s": starts, "ends_s": starts + 1 + overlap}
        split = Split(np.arange(20), np.zeros(0, np.int64), "audio", False)
        found = validation_split(split, labels, names, **columns, fraction=0.2, seed=1)
        assert found.leaks is (found.shared_audio > 0)
    paper = Split(np.arange(20), np.zeros(0, np.int64), "paper", True)
    starts = np.tile(np.arange(10.0), 2)
    apart = validation_split(
        paper, labels, names, starts_s=starts, ends_s=starts + 1, fraction=0.2, seed=1
    )
    assert apart.shared_audio == 0
    assert apart.leaks
    assert "training and validation may share audio" in apart.notes
    joined = validation_split(
        paper, labels, names, starts_s=starts, ends_s=starts + 1.5, fraction=0.2, seed=1
    )
    assert joined.shared_audio > 0
    assert "training and validation may share audio" not in joined.notes
