"""What identifies the entries of one file: the same held, while it passes, and by definition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.audit import measuring
from cantaor.corpus.audit.landmarks import landmarks
from cantaor.corpus.audit.measuring import FilePass, Measured, exact_hash, measure_entries
from cantaor.corpus.audit.winnowing import clip_anchors
from cantaor.corpus.identity import samples_hash
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.errors import AudioError
from cantaor.io.encoding import write_audio
from cantaor.pitch.monophony import accompaniment_warning, explained_share
from cantaor.types import Audio, Float32Array

RATE = 8000
SECONDS = 30
SPANS = (
    (None, None),
    (0.0, 1.5),
    (1.5, 9.25),
    (9.25, 20.0),
    (4.0, 26.5),
    (20.0, None),
    (29.9, 30.0),
    (1.5, 9.25),
    (0.0005, 0.0025),
)


def noise(seconds: float = SECONDS, seed: int = 0) -> Float32Array:
    t = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    tones = np.sin(2 * np.pi * 400 * t + 30 * np.sin(2 * np.pi * 2 * t))
    return np.asarray(0.4 * tones * np.sin(0.1 * t) + rng.normal(0, 0.05, t.size), np.float32)


def blocks(samples: Float32Array, size: int) -> Iterator[Float32Array]:
    for first in range(0, samples.size, size):
        yield samples[first : first + size]


def entries(spans: Sequence[tuple[float | None, float | None]]) -> list[ManifestEntry]:
    return [ManifestEntry("a.wav", "ana", "a", start_s=a, end_s=b) for a, b in spans]


def measured(
    samples: Float32Array,
    spans: Sequence[tuple[float | None, float | None]],
    *,
    size: int = 7000,
    near: bool = True,
    known: Sequence[str] = (),
    stated: int | None = None,
) -> list[Measured | AudioError]:
    frames = samples.size if stated is None else stated
    job = FilePass(entries(spans), RATE, frames, 64, near, known)
    return job.measure(blocks(samples, size))


@pytest.mark.parametrize("held", [1, 30_000, 1 << 19])
@pytest.mark.parametrize("size", [7000, 100_000, 1_000_000])
def test_every_entry_is_measured_as_its_samples_alone(
    held: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_HELD", held)
    samples = noise()
    found = measured(samples, SPANS, size=size)
    assert len(found) == len(SPANS)
    for one, (start, end) in zip(found, SPANS, strict=True):
        assert isinstance(one, Measured)
        first = round((start or 0.0) * RATE)
        own = samples[first : None if end is None else round(end * RATE)]
        anchors, prints = clip_anchors(own, 64), landmarks(Audio(own, RATE))
        assert one.exact == exact_hash(own)
        assert one.content == samples_hash(own)
        assert one.sample_rate == RATE
        assert one.peak == float(np.abs(own).max())
        assert one.anchors.samples == own.size
        np.testing.assert_array_equal(one.anchors.hashes, anchors.hashes)
        np.testing.assert_array_equal(one.anchors.positions, anchors.positions)
        np.testing.assert_array_equal(one.prints.hashes, prints.hashes)
        np.testing.assert_array_equal(one.prints.frames, prints.frames)
        assert one.warnings == ()


def test_a_long_entry_is_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("held")

    monkeypatch.setattr(measuring, "_HELD", 12_000)
    monkeypatch.setattr(measuring, "clip_anchors", fail)
    found = measured(noise(), [(0.0, 1.500125), (2.0, None)])
    assert [isinstance(one, Measured) for one in found] == [True, True]
    with pytest.raises(AssertionError, match="held"):
        measured(noise(), [(0.0, 1.5)])


@pytest.mark.parametrize("held", [1, 1 << 19])
def test_the_largest_sample_may_be_negative_and_in_any_block(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_HELD", held)
    for place, value in ((10, -0.9), (50_000, 0.9), (79_999, -0.9)):
        samples = noise(10) * np.float32(0.1)
        samples[place] = value
        (one,) = measured(samples, [(None, None)])
        assert isinstance(one, Measured)
        assert one.peak == pytest.approx(0.9)


@pytest.mark.parametrize("held", [1, 1 << 19])
@pytest.mark.parametrize(("more", "fits"), [(-80, True), (0, True), (80, True), (81, False)])
def test_an_end_may_lie_a_hundredth_of_a_second_behind(
    more: int, fits: bool, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_HELD", held)
    samples = noise(5)
    (one,) = measured(samples, [(1.0, (samples.size + more) / RATE)])
    assert isinstance(one, Measured) is fits
    if isinstance(one, Measured):
        assert one.exact == exact_hash(samples[RATE : samples.size + min(more, 0)])
    else:
        assert str(one) == "a.wav: span 1.0 to 5.010125 s lies outside the file of 5.000 s"


@pytest.mark.parametrize(("first", "fits"), [(39_999, True), (40_000, False), (48_000, False)])
def test_an_entry_begins_within_its_file(first: int, fits: bool) -> None:
    (one,) = measured(noise(5), [(first / RATE, None)])
    assert isinstance(one, Measured) is fits
    if isinstance(one, AudioError):
        assert str(one).endswith("to inf s lies outside the file of 5.000 s")


def test_the_others_are_measured_though_one_lies_outside() -> None:
    samples = noise(5)
    wrong, right = measured(samples, [(6.0, 7.0), (1.0, 2.0)])
    assert isinstance(wrong, AudioError)
    assert isinstance(right, Measured)
    assert right.exact == exact_hash(samples[RATE : 2 * RATE])


@pytest.mark.parametrize("held", [1, 1 << 19])
def test_digital_silence_has_a_hash_and_nothing_else(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_HELD", held)
    silence = np.zeros(3 * RATE, np.float32)
    (one,) = measured(silence, [(None, None)])
    assert isinstance(one, Measured)
    assert (one.exact, one.content, one.peak) == (exact_hash(silence), samples_hash(silence), 0.0)
    assert one.anchors.samples == silence.size
    assert one.anchors.hashes.size == one.prints.hashes.size == 0
    assert one.accompanied == ""


def test_an_entry_of_less_than_a_sample_has_no_key() -> None:
    (one,) = measured(noise(5), [(2.0, 2.00004)])
    assert isinstance(one, Measured)
    assert (one.content, one.peak, one.anchors.samples) == ("", 0.0, 0)
    assert one.exact == exact_hash(np.zeros(0, np.float32))


def test_samples_that_are_known_are_not_searched_again() -> None:
    samples = noise(5)
    (one,) = measured(samples, [(0.0, 5.0)], known=[exact_hash(samples)])
    assert isinstance(one, Measured)
    assert one.exact == exact_hash(samples)
    assert one.anchors.samples == samples.size
    assert one.anchors.hashes.size == one.prints.hashes.size == 0


@pytest.mark.parametrize("held", [1, 1 << 19])
def test_fingerprints_are_taken_where_they_are_asked_for(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_HELD", held)
    (without,) = measured(noise(5), [(None, None)], near=False)
    assert isinstance(without, Measured)
    assert without.prints.hashes.size == 0
    assert without.anchors.hashes.size > 0


def chord(seconds: float, hz: Sequence[float]) -> Float32Array:
    t = np.arange(round(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * k * f * t) / k for f in hz for k in range(1, 6)]
    return np.asarray(0.1 * np.sum(tones, axis=0), np.float32)


@pytest.mark.parametrize("wrong_header", [False, True])
def test_a_long_entry_is_listened_to_as_a_short_one(
    wrong_header: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether one voice sings, of two entries of one file: a voice, and then three."""
    samples = np.concatenate([chord(20, [200]), chord(20, [200, 283, 377])])
    write_audio(tmp_path / "a.wav", samples, RATE)
    spans = [(0.0, 20.0), (20.0, 40.0)]
    parts = [samples[: 20 * RATE], samples[20 * RATE :]]
    expected = [accompaniment_warning(*explained_share(Audio(own, RATE))) for own in parts]
    assert expected[0] == ""
    assert expected[1] != ""
    told = []
    for held in (1, 1 << 19):
        monkeypatch.setattr(measuring, "_HELD", held)
        manifest = Manifest(tuple(entries(spans)), tmp_path)
        found = measure_entries(manifest, [0, 1], 64, True, ())
        told.append([one.accompanied for one in found if isinstance(one, Measured)])
    assert told == [expected, expected]
    if wrong_header:
        # The header promised more: the excerpts lie elsewhere and are cut in a second pass.
        monkeypatch.setattr(measuring, "_HELD", 1)
        job = FilePass(entries([(20.0, None)]), RATE, 60 * RATE, 64, True, ())
        found = job.measure(blocks(samples, 7000))
        said = job.accompaniment(found, str(tmp_path / "a.wav"), "mean")
        assert said == {0: expected[1]}


def test_samples_known_before_are_not_listened_to_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_HELD", 1)
    samples = chord(10, [200, 283, 377])
    path = tmp_path / "a.wav"
    write_audio(path, samples, RATE)
    for known, listened in (((), True), ((exact_hash(samples),), False)):
        job = FilePass(entries([(None, None)]), RATE, samples.size, 64, True, known)
        found = job.measure(blocks(samples, 7000))
        assert bool(job.accompaniment(found, str(path), "mean")) is listened


def test_a_file_that_cannot_be_had_is_named_for_each_entry(tmp_path: Path) -> None:
    manifest = Manifest(tuple(entries([(0.0, 1.0), (1.0, 2.0)])), tmp_path)
    found = measure_entries(manifest, [0, 1], 64, True, ())
    assert len(found) == 2
    for one in found:
        assert isinstance(one, AudioError)
        assert "a.wav" in str(one)


def test_a_watched_file_is_passed_on_as_it_is() -> None:
    samples = noise(5)
    job = FilePass(entries([(None, None)]), RATE, samples.size, 64, True, ())
    passed = np.concatenate(list(job.watch(blocks(samples, 7000))))
    np.testing.assert_array_equal(passed, samples)
    (one,) = job.finish("a.wav", "mean", ("odd end",))
    assert isinstance(one, Measured)
    assert one.exact == exact_hash(samples)
    assert one.warnings == ("odd end",)
    np.testing.assert_array_equal(one.anchors.hashes, clip_anchors(samples, 64).hashes)
