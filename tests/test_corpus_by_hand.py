"""Keys of audio, anchors and near copies: figures worked out by hand or told by the definition."""

from __future__ import annotations

import numpy as np
import pytest

from cantaor.corpus.audit import winnowing
from cantaor.corpus.audit.landmarks import Landmarks
from cantaor.corpus.audit.near_copies import near_copies
from cantaor.corpus.audit.winnowing import AnchorStream, clip_anchors, place_on_timelines
from cantaor.corpus.identity import (
    _PERIOD,
    SamplesHash,
    match_keys,
    place_clips,
    samples_hash,
)


def whole_numbers(size: int, seed: int = 0) -> np.ndarray:
    """Samples that are whole numbers of 16 bits."""
    return (np.random.default_rng(seed).integers(-20_000, 20_000, size) / 32768).astype(np.float32)


def test_a_key_is_the_same_on_every_machine() -> None:
    ramp = (np.arange(40_000) * 7_919 % 20_011 - 10_005).astype(np.float32) / np.float32(32_768)
    assert samples_hash(ramp) == "9c40-0c7fff1100240055ff25ffb2010bfeefffe1002afe2e009eff8e"


def test_a_key_by_its_definition() -> None:
    samples = whole_numbers(40_000)
    whole = np.rint(samples.astype(np.float64) * 32_768)
    key = samples_hash(samples)
    size, digits = key.split("-")
    assert int(size, 16) == 40_000
    steps = np.frombuffer(bytes.fromhex(digits), ">i2") / 256
    assert steps[0] == pytest.approx(np.log2(np.mean(whole**2)) / 2, abs=1 / 256)
    # Projections onto signs have a variance of one; no two of them are alike.
    assert np.abs(steps[1:]).max() < 5
    assert np.unique(steps[1:]).size == 12


@pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 20 * 16_384 + 5])
def test_a_key_does_not_depend_on_the_blocks(size: int) -> None:
    samples = whole_numbers(size)
    rng = np.random.default_rng(size)
    for _ in range(4):
        one = SamplesHash()
        cuts = np.sort(rng.integers(0, size + 1, 7)).tolist()
        for block in np.split(samples, cuts):
            one.update(block)
        assert one.samples == size
        assert one.key() == samples_hash(samples)


def test_signs_turn_from_period_to_period() -> None:
    """Were they the same in each, two periods that change places would go unnoticed."""
    first, second = whole_numbers(16_384, 1), whole_numbers(16_384, 2)
    one, other = (samples_hash(np.concatenate(p)) for p in ((first, second), (second, first)))
    assert match_keys([one, other]) == [one, other]


def test_silence_has_no_key_and_one_loud_sample_of_either_sign_ends_it() -> None:
    quiet = np.full(100, 0.0009, np.float32)
    assert samples_hash(quiet) == samples_hash(-quiet) == samples_hash(quiet[:0]) == ""
    for loud in (0.0011, -0.0011):
        samples = np.zeros(100, np.float32)
        samples[40] = loud
        assert samples_hash(samples)


def test_keys_that_are_alike_are_one_and_others_are_not() -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 5_000).astype(np.float32)
    rounded = (np.rint(samples * 32_768) / 32_768).astype(np.float32)
    key, near, louder, shorter = map(
        samples_hash, (samples, rounded, samples * np.float32(1.02), samples[:-1])
    )
    assert match_keys([key, near, louder, shorter, "own 3", ""]) == [
        *(key, key, louder, shorter),
        *("own 3", ""),
    ]
    # What looks like a key, but is none, equals itself alone.
    text = "1" * 17 + "-" + key.partition("-")[2]
    other = "1" * 17 + "-" + near.partition("-")[2]
    assert match_keys([text, other]) == [text, other]


def test_what_lacks_a_length_is_no_key() -> None:
    digits = samples_hash(np.sin(np.arange(1000, dtype=np.float32))).partition("-")[2]
    # One step apart, which keys of the same audio may be.
    near = f"{int(digits[:4], 16) + 1:04x}{digits[4:]}"
    assert match_keys([f"3e8-{digits}", f"3e8-{near}"]) == [f"3e8-{digits}"] * 2
    for size in ("", "1" * 17):
        keys = [f"{size}-{digits}", f"{size}-{near}"]
        assert match_keys(keys) == keys


def test_clips_of_a_period_place_their_sources_and_shorter_ones_do_not() -> None:
    rest = "-" + "0" * 52
    assert _PERIOD == 16384
    long, short = f"{_PERIOD:x}{rest}", f"{_PERIOD - 1:x}{rest}"
    assert place_clips(["a", "b"], [long, long], [7.0, 4.0]).tracks == ("a", "a")
    assert place_clips(["a", "b"], [short, short], [7.0, 4.0]).tracks == ("a", "b")


def test_a_shift_leads_from_source_to_source() -> None:
    clip = [f"{2 * _PERIOD:x}-" + digit * 52 for digit in "123"]
    places = place_clips(
        ["a", "b", "b", "c"], [clip[0], clip[0], clip[1], clip[1]], [7.0, 4.0, 10.0, 1.0]
    )
    # What is at 7 s in a is at 4 s in b; what is at 10 s in b is at 1 s in c.
    assert places.tracks == ("a",) * 4
    assert places.shifts_s.tolist() == [0.0, 3.0, 3.0, 12.0]
    back = place_clips(["c", "b", "b", "a"], [clip[1], clip[1], clip[0], clip[0]], [1, 10, 4, 7])
    assert back.shifts_s.tolist() == [0.0, -9.0, -9.0, -12.0]


def test_sources_lie_where_what_they_share_does() -> None:
    """c shares something with b at other places, and b with a; a begins 5 s into b."""
    long = [samples_hash(whole_numbers(20_000, seed)) for seed in range(3)]
    places = place_clips(
        ["a", "b", "b", "c", "d"],
        [long[0], long[0], long[1], long[1], long[2]],
        [0.0, 5.0, 30.0, 2.0, 1.0],
    )
    assert places.tracks == ("a", "a", "a", "a", "d")
    assert places.shifts_s.tolist() == [0.0, -5.0, -5.0, 23.0, 0.0]
    # The last source joins the two before it.
    late = place_clips(["a", "b", "c", "c"], [*long[:2], *long[:2]], [0.0, 0.0, 5.0, 30.0])
    assert late.tracks == ("a",) * 4
    assert late.shifts_s.tolist() == [0.0, 25.0, -5.0, -5.0]
    # What is short may stand in two sources by chance.
    short = samples_hash(whole_numbers(16_383))
    assert place_clips(["a", "b"], [short, short], [0.0, 5.0]).tracks == ("a", "b")


@pytest.mark.parametrize("min_shared", [32, 64, 200])
def test_clips_that_share_a_run_share_an_anchor(min_shared: int) -> None:
    rng = np.random.default_rng(min_shared)
    for _ in range(40):
        shared = rng.standard_normal(min_shared).astype(np.float32)
        clips = [
            np.concatenate([rng.standard_normal(n).astype(np.float32), shared]) for n in (50, 171)
        ]
        found = [clip_anchors(clip, min_shared) for clip in clips]
        assert np.isin(found[0].hashes, found[1].hashes).any()
        timelines = place_on_timelines(found)
        assert timelines.timeline.tolist() == [0, 0]
        assert timelines.start[1] - timelines.start[0] == 50 - 171


def test_anchors_are_as_dense_as_the_shared_run_asks() -> None:
    samples = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    for min_shared in (64, 300):
        spread = min_shared - 32 + 1
        anchors = clip_anchors(samples, min_shared)
        assert anchors.hashes.size == pytest.approx(2 * 100_000 / (spread + 1), rel=0.05)
        assert np.diff(anchors.positions).max() <= spread


def test_anchors_of_pieces_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winnowing, "_PIECE", 300)
    rng = np.random.default_rng(0)
    for size in (0, 10, 31, 32, 64, 299, 300, 301, 5_000):
        samples = rng.standard_normal(size).astype(np.float32)
        for step in (7, 100, 1_000):
            stream = AnchorStream(64)
            for start in range(0, size, step):
                stream.add(samples[start : start + step])
            one, other = stream.finish(), clip_anchors(samples, 64)
            assert one.samples == size
            np.testing.assert_array_equal(one.hashes, other.hashes)
            np.testing.assert_array_equal(one.positions, other.positions)


def test_of_more_shifts_the_best_supported_one_counts() -> None:
    """A clip that stands twice in a recording is placed where more of it agrees."""
    rng = np.random.default_rng(3)
    clip = rng.standard_normal(2_000).astype(np.float32)
    noise = [rng.standard_normal(300).astype(np.float32) for _ in range(2)]
    recording = np.concatenate([noise[0], clip[:400], noise[1], clip])
    timelines = place_on_timelines([clip_anchors(recording), clip_anchors(clip)])
    assert timelines.timeline.tolist() == [0, 0]


def shared_landmarks(total: int, common: int) -> list[Landmarks]:
    """Two recordings of so many landmarks, so many of them in common, 50 frames later."""
    hashes = [np.arange(total) + 10_000 * n for n in range(2)]
    hashes[1][:common] = np.arange(common)
    return [
        Landmarks(hashes[n].astype(np.uint64), (np.arange(total) + 50 * n).astype(np.int32))
        for n in range(2)
    ]


@pytest.mark.parametrize(
    ("total", "common", "found"),
    [(100, 12, True), (100, 11, False), (240, 12, True), (241, 12, False), (260, 13, True)],
)
def test_a_pair_needs_twelve_landmarks_and_a_twentieth(
    total: int, common: int, found: bool
) -> None:
    pairs = near_copies(shared_landmarks(total, common))
    assert len(pairs) == found
    for pair in pairs:
        assert (pair.one, pair.other, pair.common) == (0, 1, common)
        assert pair.share == common / total
        assert pair.offset_s == -50 * 0.016


def test_neighbouring_shifts_count_together_and_others_do_not() -> None:
    for apart, common in ((1, 14), (2, 0)):
        one, other = shared_landmarks(100, 14)
        other.frames[7:14] += apart
        pairs = near_copies([one, other])
        assert [pair.common for pair in pairs] == ([common] if common else [])


def test_landmarks_of_other_pairs_do_not_add_up() -> None:
    """Eleven in common with each of two recordings, a frame apart, are not twenty-two."""
    first = Landmarks(np.arange(100, dtype=np.uint64), np.arange(100, dtype=np.int32))
    others = []
    for number, shared in ((1, slice(0, 11)), (2, slice(20, 31))):
        hashes = np.concatenate([first.hashes[shared], np.arange(50) + 1_000 * number])
        frames = np.concatenate([first.frames[shared] - 5 - number, np.arange(50)])
        others.append(Landmarks(hashes.astype(np.uint64), frames.astype(np.int32)))
    assert near_copies([first, *others]) == ()
    assert near_copies([others[0], first, others[1]]) == ()
