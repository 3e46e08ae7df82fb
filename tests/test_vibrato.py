"""Vibrato in the contour: kept as the paper does, or flattened to its centre."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cantaor.contour import segment_contour
from cantaor.errors import ArgumentError
from cantaor.io.files import read_table, write_table
from cantaor.pipeline.recordings import ContourJob, reduce_recording
from cantaor.settings import Settings, deciding_settings, make_settings
from cantaor.types import Clusters, Contour, Float64Array, PitchTrack
from cantaor.units import cents_to_hz
from cantaor.workspace.provenance import maker_of
from cantaor.workspace.records import contour_from_table, join_contours, track_to_table
from cantaor.workspace.rooms import made, table_path

HOP_S = 256 / 44_100
PITCH_KEY = "5" * 32
CENTERS = np.arange(600.0, 3000.0, 100.0)
NOTES = Clusters(CENTERS, (CENTERS[1:] + CENTERS[:-1]) / 2, 0.0, np.ones(CENTERS.size))


def melody(notes: Sequence[float], seconds: Sequence[float]) -> Float64Array:
    """Level notes in cents, one after the other."""
    frames = np.round(np.asarray(seconds) / HOP_S).astype(int)
    return np.repeat(np.asarray(notes, dtype=np.float64), frames)


def with_vibrato(cents: Float64Array, extent: float, rate_hz: float, phase: float) -> Float64Array:
    times = np.arange(cents.size) * HOP_S
    return np.asarray(cents + extent * np.sin(2 * np.pi * rate_hz * times + phase))


def track_of(cents: Float64Array) -> PitchTrack:
    hz = cents_to_hz(cents).astype(np.float32)
    return PitchTrack(hz, np.ones_like(hz), HOP_S)


def random_melody(random: np.random.Generator) -> tuple[list[float], list[float]]:
    steps = random.choice([-4, -3, -2, -1, 1, 2, 3, 4], 11)
    notes = [1800.0]
    for step in steps:
        notes.append(notes[-1] + 100 * (step if 1000 < notes[-1] + 100 * step < 2800 else -step))
    return notes, random.uniform(0.4, 0.9, len(notes)).tolist()


@pytest.mark.parametrize("extent", [20, 50, 75, 100, 150])
def test_planted_melodies_keep_their_steps(extent: int) -> None:
    random = np.random.default_rng(extent)
    kept = segments = extra = 0
    for _ in range(40):
        notes, seconds = random_melody(random)
        sung = with_vibrato(
            melody(notes, seconds), extent, random.uniform(4.5, 8.5), random.uniform(0, 6.3)
        )
        planted = segment_contour(track_of(melody(notes, seconds)), NOTES)
        found = segment_contour(track_of(sung), NOTES, vibrato="flatten")
        middles = (planted.start_s + planted.end_s) / 2
        there = np.searchsorted(found.start_s, middles, side="right") - 1
        kept += int(np.count_nonzero(found.cluster[there] == planted.cluster))
        segments += planted.cluster.size
        extra += found.cluster.size - planted.cluster.size
    assert kept >= 0.98 * segments
    assert extra <= 0.05 * segments


def test_kept_vibrato_falls_to_pieces() -> None:
    sung = with_vibrato(melody([1850.0], [2.0]), 60, 5.5, 0)
    assert segment_contour(track_of(sung), NOTES).symbols.size > 15
    assert segment_contour(track_of(sung), NOTES, vibrato="flatten").symbols.size == 0


@pytest.mark.parametrize("pattern", [[0, 2] * 8, [0, 1, 2] * 5, [0, 2, 1, 3, 2, 4, 3, 5, 4, 6]])
@pytest.mark.parametrize("seconds", [0.06, 0.08, 0.1, 0.12])
def test_melisma_of_the_same_speed_stays(pattern: list[int], seconds: float) -> None:
    track = track_of(melody([1800.0 + 100 * step for step in pattern], [seconds] * len(pattern)))
    kept = segment_contour(track, NOTES)
    flat = segment_contour(track, NOTES, vibrato="flatten")
    assert flat.symbols.tolist() == kept.symbols.tolist()
    assert np.isnan(flat.vibrato_hz).all()  # type: ignore[arg-type]


def test_rate_and_extent_are_attributes_of_the_segment() -> None:
    cents = np.concatenate(
        [
            with_vibrato(melody([1800.0], [1.2]), 80, 5.0, 0),
            melody([2100.0], [0.5]),
            with_vibrato(melody([2400.0], [1.2]), 40, 7.0, 0),
        ]
    )
    contour = segment_contour(track_of(cents), NOTES, vibrato="flatten")
    assert contour.cluster.tolist() == [12, 15, 18]
    assert contour.vibrato_hz is not None
    assert contour.vibrato_cents is not None
    np.testing.assert_allclose(contour.vibrato_hz, [5.0, np.nan, 7.0], atol=0.3)
    np.testing.assert_allclose(contour.vibrato_cents, [80, np.nan, 40], atol=4)


def test_vibrato_ends_with_the_voice() -> None:
    cents = with_vibrato(melody([1800.0], [3.0]), 80, 6.0, 0)
    cents[::10] = np.nan
    assert segment_contour(track_of(cents), NOTES, vibrato="flatten").vibrato_hz is not None
    assert np.isnan(segment_contour(track_of(cents), NOTES, vibrato="flatten").vibrato_hz).all()  # type: ignore[arg-type]


def test_a_contour_that_keeps_vibrato_has_no_such_attributes() -> None:
    contour = segment_contour(track_of(melody([1800.0], [1.0])), NOTES)
    assert contour.vibrato_hz is None
    assert contour.vibrato_cents is None


def reduced(folder: Path, **settings: str) -> tuple[str, Contour]:
    sung = with_vibrato(melody([1850.0, 2150.0], [1.0, 1.0]), 60, 5.5, 0)
    table = track_to_table(track_of(sung), 2.0, "hash", ())
    (folder / "pitch").mkdir(exist_ok=True)
    (folder / "contours").mkdir(exist_ok=True)
    write_table(made(table_path(folder, "pitch", PITCH_KEY)), table)
    job = ContourJob("song", folder, PITCH_KEY, NOTES, "clusters", make_settings(settings))
    key, _ = reduce_recording(job)
    return key, contour_from_table(read_table(table_path(folder, "contours", key)))


def test_tables_hold_rate_and_extent_only_where_vibrato_is_flattened(tmp_path: Path) -> None:
    kept_key, kept = reduced(tmp_path)
    flat_key, flat = reduced(tmp_path, vibrato="flatten")
    assert kept_key != flat_key
    assert kept.vibrato_hz is None
    assert flat.vibrato_hz is not None
    assert flat.symbols.size < kept.symbols.size
    both = join_contours([flat, flat])
    assert both.vibrato_hz is not None
    assert both.vibrato_hz.size == both.cluster.size
    assert join_contours([flat, kept]).vibrato_hz is None


def test_tables_made_before_the_setting_existed_are_named_alike(tmp_path: Path) -> None:
    key, _ = reduced(tmp_path)
    made = maker_of(read_table(table_path(tmp_path, "contours", key)).schema)
    assert made is not None
    assert "vibrato" not in made.settings
    assert deciding_settings(Settings(vibrato="flatten"))["vibrato"] == "flatten"


def test_unknown_choice() -> None:
    with pytest.raises(ArgumentError, match="vibrato must be one of keep, flatten, not 'remove'"):
        segment_contour(track_of(melody([1800.0], [1.0])), NOTES, vibrato="remove")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="vibrato must be keep or flatten, not 'remove'"):
        Settings(vibrato="remove")
