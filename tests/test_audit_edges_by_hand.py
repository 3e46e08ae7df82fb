"""Borders of keys, names, anchors and near copies, each with a figure worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit import near_copies as meeting
from cantaor.corpus.audit import winnowing
from cantaor.corpus.audit.landmarks import Landmarks
from cantaor.corpus.audit.near_copies import LandmarkTable
from cantaor.corpus.audit.winnowing import AnchorStream, clip_anchors
from cantaor.corpus.identity import (
    _random_signs,
    _signs,
    hash_entries,
    match_keys,
    place_clips,
    samples_hash,
    unique_recordings,
)
from cantaor.corpus.manifest import Manifest, ManifestEntry

DIGITS = "0c7fff1100240055ff25ffb2010bfeefffe1002afe2e009eff8e"
#: As DIGITS but for one step of the second projection.
NEAR = "0c7fff1100250055ff25ffb2010bfeefffe1002afe2e009eff8e"


def test_a_projection_too_large_to_be_written_is_cut() -> None:
    """Two periods along the signs project to the root of 32768, which is 181: above 128."""
    turned = [_random_signs(np.arange(12) - turn * 12)[0] for turn in (1, 2)]
    along = np.concatenate([_signs()[0] * sign for sign in turned]).astype(np.float32) / 2
    assert samples_hash(along)[5:13] == "0e007fff"
    assert samples_hash(-along)[5:13] == "0e008000"


def test_only_what_has_the_form_of_a_key_is_compared_as_one() -> None:
    assert match_keys([f"9c40-{DIGITS}", f"9c40-{NEAR}"]) == [f"9c40-{DIGITS}"] * 2
    # Without a size, of digits that are none, too short, or with a size too long.
    for size, one, other in (
        ("", DIGITS, NEAR),
        ("9c4g", DIGITS, NEAR),
        ("9c40", "0c7fff11", "0c7fff12"),
        ("9c40", DIGITS[:-1] + "g", NEAR[:-1] + "g"),
        ("1" * 17, DIGITS, NEAR),
    ):
        texts = [f"{size}-{one}", f"{size}-{other}"]
        assert match_keys(texts) == texts
    longest = [f"{'1' * 16}-{DIGITS}", f"{'1' * 16}-{NEAR}"]
    assert match_keys(longest) == [longest[0]] * 2


def test_keys_are_alike_through_others_and_take_the_first() -> None:
    """A projection may differ by 12.8 steps: 12 from one to the next is alike, 24 is not."""
    keys = [f"9c40-0c7f{step:04x}{DIGITS[8:]}" for step in (0, 24, 12)]
    assert match_keys(keys[:2]) == keys[:2]
    assert match_keys(keys) == [keys[0]] * 3
    # The level may differ by 2.56 steps.
    levels = [f"9c40-{level:04x}{DIGITS[4:]}" for level in (100, 102, 105)]
    assert match_keys(levels) == [levels[0], levels[0], levels[2]]


def test_a_span_of_less_than_a_sample_is_one(tmp_path: Path) -> None:
    samples = (np.arange(1, 101) / 128).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 100, subtype="FLOAT")
    spans = [(0.3, 0.301), (0.3, 0.32), (0.9, None), (None, 0.02), (0.1, 0.9)]
    entries = tuple(ManifestEntry("a.wav", "AM", "a", start_s=a, end_s=b) for a, b in spans)
    hashed = hash_entries(Manifest(entries, tmp_path)).entries
    cuts = (samples[30:31], samples[30:32], samples[90:], samples[:2], samples[10:90])
    assert [e.content_hash for e in hashed] == [samples_hash(cut) for cut in cuts]
    assert {e.source_hash for e in hashed} == {samples_hash(samples)}


def test_times_on_tracks_are_whole_nanoseconds() -> None:
    places = place_clips(["a"], [""], [0.0])
    assert places.times([1.0000000004]).tolist() == [1.0]
    assert places.times([1.000000001]).tolist() == [1.000000001]


def test_a_name_that_is_taken_gets_a_number_from_two() -> None:
    pairs = [("V1", "take"), ("V2", "take"), ("V3", "V1/take"), ("V4", "V1/take (2)")]
    entries = tuple(ManifestEntry("a.wav", singer, name) for singer, name in pairs)
    named = [e.recording for e in unique_recordings(Manifest(entries, Path())).entries]
    assert named == ["V1/take (3)", "V2/take", "V1/take", "V1/take (2)"]
    named = [e.recording for e in unique_recordings(Manifest(entries[:3], Path())).entries]
    assert named == ["V1/take (2)", "V2/take", "V1/take"]


def test_a_piece_may_end_with_the_anchor_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last piece of one comparison holds one anchor, often that of the piece before."""
    monkeypatch.setattr(winnowing, "_PIECE", 10)
    samples = np.random.default_rng(0).standard_normal(400).astype(np.float32)
    # A piece is taken at 73 samples, of which 63 are kept: 64 make one comparison.
    for size in range(73, 90):
        stream = AnchorStream(64)
        stream.add(samples[:73])
        stream.add(samples[73:size])
        np.testing.assert_array_equal(
            stream.finish().positions, clip_anchors(samples[:size], 64).positions
        )


def test_meetings_may_be_as_many_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One landmark of each of the 64 parts is in both recordings: 64 meetings, one a part."""
    one = Landmarks(np.arange(64, dtype=np.uint64), np.zeros(64, np.int32))
    for most, parts in ((64, 64), (63, 63), (20, 20)):
        monkeypatch.setattr(meeting, "_MAX_MEETINGS", most)
        with LandmarkTable() as table:
            table.add(0, one)
            table.add(1, one)
            (pair,) = table.near_copies()
            assert table.share == parts / 64
        assert (pair.common, pair.share) == (parts, 1.0)


def test_the_commonest_landmarks_are_left_out() -> None:
    """Two twos, one three and one four have 2, 3 and 6 meetings: 2, 5 and 11 together."""
    counts = np.array([1, 2, 4, 2, 3, 1])
    for most, sizes in ((1, []), (2, [2]), (4, [2]), (5, [2, 3]), (10, [2, 3]), (11, [2, 3, 4])):
        assert meeting._rare_enough(counts, most) == sizes


def test_a_table_holds_as_many_landmarks_as_it_may(tmp_path: Path) -> None:
    one = Landmarks(np.arange(20, dtype=np.uint64), np.zeros(20, np.int32))
    with LandmarkTable(40, tmp_path) as table:
        table.add(0, one)
        table.add(1, one)
        assert not any(tmp_path.iterdir())
        table.add(2, one)
        assert any(tmp_path.iterdir())
        # What was written counts no more: there is room for 40 again.
        written = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
        assert written == 60 * 16
        table.add(3, one)
        table.add(4, one)
        assert sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) == written
        found = [(pair.one, pair.other) for pair in table.near_copies()]
    assert found == [(a, b) for a in range(5) for b in range(a + 1, 5)]
