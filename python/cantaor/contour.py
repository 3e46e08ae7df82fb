"""Melodic contour: a pitch track reduced to segments and signed steps between them.

The paper [1]_ quantises pitch into clusters found over the whole corpus; a segment is a run of
frames inside one cluster, the contour the signed distance between consecutive segments. The
authors' program differs in three ways, all available here: its segments are greedy runs within 60
cents (``method="margin"``), its symbols are classes of the interval in cents with limits at 70 and
112 (``symbols="interval"``), and its sign is positive where the pitch falls
(``sign="descending"``).

References
----------
.. [1] Arronte Alvarez, A. and Gómez-Martín, F. (2020). Singer Identification Using Convolutional
   Acoustic Motif Embeddings, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from cantaor import _core
from cantaor.errors import ArgumentError
from cantaor.settings import VIBRATO
from cantaor.types import Clusters, Contour, Float64Array, Int32Array, Int64Array, PitchTrack
from cantaor.units import hz_to_cents

#: Limits between the interval classes of the authors' program, cents.
AUTHORS_THRESHOLDS = (70.0, 112.0)
#: How many times the last segment of a phrase counts for :func:`estimate_tonic`.
TONIC_END = 4.0
_TONIC_WIDTH = 33.0


def segment_contour(
    track: PitchTrack,
    clusters: Clusters | None,
    *,
    min_frames: int = 3,
    max_gap_s: float = 0.1,
    method: Literal["cluster", "margin"] = "cluster",
    hysteresis: float = 0.0,
    margin: float = 60.0,
    symbols: Literal["cluster", "interval"] = "cluster",
    thresholds: Sequence[float] | Clusters = AUTHORS_THRESHOLDS,
    sign: Literal["ascending", "descending"] = "ascending",
    vibrato: Literal["keep", "flatten"] = "keep",
) -> Contour:
    """Reduce a pitch track to segments and the signed steps between them.

    A run of voiced frames goes on over unvoiced gaps of up to ``max_gap_s``; a longer gap ends
    the phrase. Runs of fewer than ``min_frames`` voiced frames are dropped, then neighbouring
    runs of one cluster within a phrase become one segment. Phrases without a segment are not
    returned.

    Parameters
    ----------
    track
        Pitch of one recording.
    clusters
        Clusters in cents re 55 Hz. None is enough for ``method="margin"`` with
        ``symbols="interval"``; the segments then have cluster -1.
    min_frames
        Least number of voiced frames of a segment, >= 1.
    max_gap_s
        Longest unvoiced gap inside a phrase, seconds, >= 0.
    method
        ``"cluster"``: runs of frames in one cluster (the paper). ``"margin"``: greedy runs whose
        frames stay within ``margin`` of the mean of the run so far (the authors' program); such a
        segment gets the cluster of its mean, and neighbours in one cluster merge only if
        ``symbols`` is ``"cluster"``.
    hysteresis
        Cents by which a frame must pass the edge of its run's cluster to leave it, >= 0: keeps
        vibrato around an edge from falling to pieces. Only for ``method="cluster"``.
    margin
        Cents, above 0. Only for ``method="margin"``.
    symbols
        ``"cluster"``: difference of the two clusters. ``"interval"``: class of the interval
        between the two segments' means, 1 for the smallest, with its sign.
    thresholds
        Ascending limits between interval classes, cents; an interval on a limit belongs to the
        upper class. Or the clusters of :func:`step_sizes`, whose edges are taken.
    sign
        ``"ascending"``: positive where the pitch rises. ``"descending"``: as in the authors'
        program.
    vibrato
        ``"keep"``: pitch as it is (the paper). ``"flatten"``: oscillation of 4 to 9 Hz within a
        note is replaced by its centre before segments are sought; its rate and extent become
        attributes of the segments.

    Returns
    -------
    Contour. Times are within the track: a segment starts half a hop before its first frame's
    centre and ends half a hop after its last's, cut to 0 and to the last frame's centre.

    Raises
    ------
    ArgumentError
        A setting out of its range or of unknown name, clusters missing or not ascending.

    Examples
    --------
    >>> hz = np.repeat(np.float32([110, 165, 110]), 10)
    >>> track = PitchTrack(hz, np.ones_like(hz), 0.01)
    >>> clusters = Clusters(np.array([1200.0, 1900.0]), np.array([1550.0]), 0.0, np.ones(2))
    >>> segment_contour(track, clusters).symbols.tolist()
    [1, -1]
    """
    _check_choice("method", method, ("cluster", "margin"))
    _check_choice("symbols", symbols, ("cluster", "interval"))
    _check_choice("sign", sign, ("ascending", "descending"))
    _check_choice("vibrato", vibrato, VIBRATO)
    _check_ranges(min_frames, max_gap_s, hysteresis, margin)
    if clusters is None and (method, symbols) != ("margin", "interval"):
        raise ArgumentError(
            "clusters must be given unless method is 'margin' and symbols is 'interval'"
        )
    limits = _limits(thresholds)
    # A gap of n frames lasts n hops; the tiny share forgives rounding of max_gap_s / hop_s.
    max_gap = int(min(max_gap_s / track.hop_s + 1e-6, 2.0**62))
    cents = hz_to_cents(track.hz)
    regions: tuple[Int64Array, Int64Array, Float64Array, Float64Array] | None = None
    if vibrato == "flatten":
        regions = _core.flatten_vibrato(cents, track.hop_s)  # in place
    if method == "cluster":
        assert clusters is not None
        found = _core.segments_in_clusters(
            cents, _edges(clusters), float(hysteresis), int(min_frames), max_gap
        )
    else:
        found = _core.segments_within_margin(cents, float(margin), int(min_frames), max_gap)
        if clusters is not None:
            found = _assign(found, clusters, merge=symbols == "cluster")
    contour = _contour(track, found, symbols, limits, 1 if sign == "ascending" else -1)
    if regions is None:
        return contour
    rate_hz, extent_cents = _vibrato_of_segments(found[2], found[3], *regions)
    return replace(contour, vibrato_hz=rate_hz, vibrato_cents=extent_cents)


def step_sizes(contour: Contour) -> Float64Array:
    """Absolute intervals between neighbouring segments of a phrase.

    Cluster them (over a corpus) and hand the clusters to :func:`segment_contour` as
    ``thresholds`` to get interval classes that fit the corpus.

    Parameters
    ----------
    contour
        Any contour.

    Returns
    -------
    float64 (symbols,), cents, >= 0, in the order of ``contour.symbols``.

    Examples
    --------
    >>> hz = np.repeat(np.float32([110, 165]), 10)
    >>> track = PitchTrack(hz, np.ones_like(hz), 0.01)
    >>> clusters = Clusters(np.array([1200.0, 1900.0]), np.array([1550.0]), 0.0, np.ones(2))
    >>> step_sizes(segment_contour(track, clusters)).round().tolist()
    [702.0]
    """
    return np.abs(_steps(contour.cents, contour.segment_offsets))


def estimate_tonic(contour: Contour) -> float | None:
    """The pitch a recording comes to rest on, from how its phrases end and where it dwells.

    The pitch class with most singing time, the last segment of every phrase counting
    :data:`TONIC_END` times, smoothed by a third of a semitone; in the octave in which it is sung
    most. An estimate: where a singer cadences on another degree it names that one.

    Parameters
    ----------
    contour
        Contour of one recording.

    Returns
    -------
    Cents above 55 Hz, or None for a contour without segments.

    Examples
    --------
    >>> hz = np.repeat(np.float32([110, 165, 110]), [10, 10, 20])
    >>> track = PitchTrack(hz, np.ones_like(hz), 0.01)
    >>> clusters = Clusters(np.array([1200.0, 1900.0]), np.array([1550.0]), 0.0, np.ones(2))
    >>> round(estimate_tonic(segment_contour(track, clusters)))
    1200
    """
    if contour.cents.size == 0:
        return None
    weight = contour.end_s - contour.start_s
    last = contour.segment_offsets[1:] - 1
    weight[last] *= TONIC_END
    fold = np.arange(0.0, 1200.0, 5.0)
    apart = np.abs((contour.cents[:, None] - fold + 600.0) % 1200.0 - 600.0)
    strength = weight @ np.exp(-0.5 * (apart / _TONIC_WIDTH) ** 2)
    peak = fold[np.argmax(strength)]
    near = np.abs((contour.cents - peak + 600.0) % 1200.0 - 600.0) <= 2 * _TONIC_WIDTH
    octave = np.round((contour.cents[near] - peak) / 1200.0)
    best = max(set(octave.tolist()), key=lambda o: float(weight[near][octave == o].sum()))
    chosen = near.copy()
    chosen[near] = octave == best
    return float(np.average(contour.cents[chosen], weights=weight[chosen]))


def _vibrato_of_segments(
    first: Int64Array,
    last: Int64Array,
    begin: Int64Array,
    end: Int64Array,
    rate_hz: Float64Array,
    extent_cents: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Rate and extent of each segment: means over its frames of vibrato, NaN without any.

    ``begin`` and ``end`` are first and last frames of stretches of vibrato, ascending and apart.
    """
    low = np.searchsorted(end, first)
    counts = np.maximum(np.searchsorted(begin, last, side="right") - low, 0)
    segment = np.repeat(np.arange(first.size), counts)
    ahead = np.cumsum(counts) - counts
    stretch = np.arange(segment.size) - ahead[segment] + low[segment]
    shared = np.minimum(last[segment], end[stretch]) - np.maximum(first[segment], begin[stretch])
    frames = shared + 1.0
    total = np.bincount(segment, frames, first.size)
    means = [
        np.bincount(segment, frames * values[stretch], first.size)
        for values in (rate_hz, extent_cents)
    ]
    with np.errstate(invalid="ignore"):
        return means[0] / total, means[1] / total


_Found = tuple[Int32Array, Float64Array, Int64Array, Int64Array, Int64Array]


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ArgumentError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _check_ranges(min_frames: int, max_gap_s: float, hysteresis: float, margin: float) -> None:
    if min_frames < 1:
        raise ArgumentError(f"min_frames must be at least 1, not {min_frames}")
    if not max_gap_s >= 0:
        raise ArgumentError(f"max_gap_s must be at least 0 s, not {max_gap_s}")
    if not 0 <= hysteresis < np.inf:
        raise ArgumentError(f"hysteresis must be at least 0 cents, not {hysteresis}")
    if not 0 < margin < np.inf:
        raise ArgumentError(f"margin must be above 0 cents, not {margin}")


def _limits(thresholds: Sequence[float] | Clusters) -> Float64Array:
    given = thresholds.edges if isinstance(thresholds, Clusters) else thresholds
    limits = np.asarray(given, dtype=np.float64).reshape(-1)
    if not (np.isfinite(limits).all() and (limits > 0).all() and (np.diff(limits) > 0).all()):
        raise ArgumentError(f"thresholds must be positive and ascending, not {limits.tolist()}")
    return limits


def _edges(clusters: Clusters) -> Float64Array:
    edges = np.ascontiguousarray(clusters.edges, dtype=np.float64)
    if edges.size != clusters.centers.size - 1:
        raise ArgumentError(
            f"number of edges ({edges.size}) must be one less than centers "
            f"({clusters.centers.size})"
        )
    if not (np.diff(edges) >= 0).all():
        raise ArgumentError("edges of clusters must ascend and hold no NaN")
    return edges


def _assign(found: _Found, clusters: Clusters, merge: bool) -> _Found:
    """Segments with the cluster of their mean; neighbours in one cluster joined if ``merge``."""
    _, cents, first, last, offsets = found
    cluster = clusters.assign(cents)
    if not merge or cents.size == 0:
        return cluster, cents, first, last, offsets
    begins = np.append(True, cluster[1:] != cluster[:-1])
    begins[offsets[:-1]] = True
    starts = np.flatnonzero(begins)
    # Weighted by duration, gaps included: the kernel's frame counts are not kept.
    frames = (last - first + 1).astype(np.float64)
    means = np.add.reduceat(cents * frames, starts) / np.add.reduceat(frames, starts)
    ends = np.append(starts[1:], cents.size) - 1
    return cluster[starts], means, first[starts], last[ends], np.searchsorted(starts, offsets)


def _steps(cents: Float64Array, offsets: Int64Array) -> Float64Array:
    """Signed intervals between neighbouring segments of one phrase."""
    return np.delete(np.diff(cents), offsets[1:-1] - 1)


def _contour(
    track: PitchTrack, found: _Found, symbols: str, limits: Float64Array, up: int
) -> Contour:
    cluster, cents, first, last, offsets = found
    jumps = np.delete(np.diff(cluster), offsets[1:-1] - 1)
    if symbols == "interval":
        steps = _steps(cents, offsets)
        # Means may tie (or cross, with hysteresis); the clusters then tell the direction.
        rising = np.where(steps != 0, steps, jumps) > 0
        classes = np.searchsorted(limits, np.abs(steps), side="right") + 1
        jumps = np.where(rising, classes, -classes)
    end = (track.hz.size - 1) * track.hop_s
    return Contour(
        cluster=cluster,
        cents=cents,
        start_s=np.maximum((first - 0.5) * track.hop_s, 0.0),
        end_s=np.minimum((last + 0.5) * track.hop_s, end),
        segment_offsets=offsets,
        symbols=(jumps * up).astype(np.int32),
        symbol_offsets=offsets - np.arange(offsets.size),
    )
