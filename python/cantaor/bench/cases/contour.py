"""Contour segmentation beside the same in whole-array numpy: no installable peer does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cantaor.bench.cases.checks import require, require_close
from cantaor.bench.records import Case, Peer
from cantaor.contour import segment_contour
from cantaor.types import Clusters, Contour, PitchTrack
from cantaor.units import cents_to_hz, hz_to_cents

_MIN_FRAMES, _MAX_GAP = 3, 17


@dataclass(frozen=True, slots=True)
class Melody:
    """A pitch track and clusters a semitone wide."""

    track: PitchTrack
    clusters: Clusters


def _melody(frames: int) -> Melody:
    """Notes with vibrato and pauses."""
    rng = np.random.default_rng(5)
    notes = np.repeat(rng.integers(1, 24, frames // 40 + 1) * 100.0, 40)[:frames]
    cents = notes + 60 * np.sin(np.arange(frames) * 0.2)
    cents[np.repeat(rng.random(frames // 40 + 1) < 0.1, 40)[:frames]] = np.nan
    hz = cents_to_hz(cents).astype(np.float32)
    edges = np.arange(100.0, 2400.0, 100.0)
    clusters = Clusters(np.append(edges - 50, 2350.0), edges, 0.0, np.ones(edges.size + 1))
    return Melody(PitchTrack(hz, hz, 256 / 44_100), clusters)


def _ours(data: Melody) -> Contour:
    return segment_contour(data.track, data.clusters, min_frames=_MIN_FRAMES)


def _check(_data: Melody, contour: Contour) -> str:
    steps = np.delete(
        np.diff(contour.cluster), contour.symbol_offsets[1:-1] + np.arange(contour.phrases - 1)
    )
    require(np.array_equal(steps, contour.symbols), "symbols are not steps between clusters")
    require(bool((contour.symbols != 0).all()), "a step of 0 was found")
    return f"{contour.cluster.size:,} segments"


def numpy_segments(data: Melody) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cluster, phrase and mean cents of every segment, by whole-array operations.

    Returns
    -------
    int64, int64 and float64 (segments,).
    """
    cents = hz_to_cents(data.track.hz)
    voiced = np.flatnonzero(~np.isnan(cents))
    cents = cents[voiced]
    cluster = np.searchsorted(data.clusters.edges, cents, side="right")
    phrase = np.cumsum(np.diff(voiced, prepend=voiced[0]) > _MAX_GAP + 1)
    cluster, phrase, total, count = _join(cluster, phrase, cents, np.ones(cents.size))
    long = count >= _MIN_FRAMES
    cluster, phrase, total, count = _join(cluster[long], phrase[long], total[long], count[long])
    return cluster, phrase, total / count


def _join(
    cluster: np.ndarray, phrase: np.ndarray, total: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours of one cluster and phrase become one."""
    changes = (np.diff(cluster) != 0) | (np.diff(phrase) != 0)
    first = np.concatenate([[0], np.flatnonzero(changes) + 1])
    sums = np.add.reduceat(total, first), np.add.reduceat(count, first)
    return cluster[first], phrase[first], *sums


def _agree(_data: Melody, ours: Contour, theirs: tuple[np.ndarray, ...]) -> str:
    cluster, phrase, cents = theirs
    require_close("clusters", ours.cluster, cluster, 0)
    phrases = np.repeat(np.arange(ours.phrases), np.diff(ours.segment_offsets))
    require_close("phrases", phrases, np.unique(phrase, return_inverse=True)[1], 0)
    return "same segments, " + require_close("cents", ours.cents, cents, 1e-6)


CASES = (
    Case(
        "contour",
        "f0 to segments and steps",
        "frames",
        (100_000, 320_000, 1_000_000),
        _melody,
        _ours,
        _check,
        (Peer("whole-array numpy", (), "", "", numpy_segments, _agree),),
    ),
)
