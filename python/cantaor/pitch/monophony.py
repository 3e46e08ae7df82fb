"""Whether one voice sings alone: how often one harmonic series explains what sounds.

A recording of one voice has, at every moment it is voiced, peaks in its spectrum at multiples of
its f0 and nowhere else. A guitar, a second singer or a choir put peaks between them. Some moments
of a recording are looked at; the share of them that the tracked f0 explains is the measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cantaor.pitch.tracker import extract_pitch
from cantaor.types import REFERENCE_RATE, Audio, Float32Array, Float64Array, PitchTrack

#: Below this share of explained moments a recording is said to be accompanied. Chosen on synthetic
#: voices with and without a plucked guitar or a second voice; error rates stand in
#: docs/laboratory/recordings.md.
MIN_EXPLAINED = 0.75
#: Fewer moments say nothing.
MIN_MOMENTS = 24

# Moments that are kept at most; frames of 5.8 ms between them at first, doubled when they are full.
_MOMENTS, _STEP = 256, 10
# A moment spans about 93 ms; its pitch must move by less than so many cents over so many frames
# on either side, or its own harmonics smear.
_WINDOW_S, _STEADY_CENTS, _STEADY_FRAMES = 0.093, 80.0, 8
# Peaks in this band count, Hz, down to so far below the strongest, dB, and if they stand so far
# above the median around them, dB and Hz: noise has peaks too.
_BAND_HZ, _DEPTH_DB, _ABOVE_DB, _AROUND_HZ = (70.0, 2500.0), 30.0, 15.0, 300.0
# A peak is explained if it is so near a multiple of f0, cents: less where multiples are dense.
_NEAR_CENTS, _NEAR_HARMONIC, _NEAREST_CENTS = 50.0, 240.0, 25.0
# Excerpts of a recording in memory, seconds each, and the hop of their pitch.
_EXCERPTS, _EXCERPT_S, _HOP = 4, 8.0, 256
# A moment is explained if so much of its peaks' amplitude is.
_EXPLAINED = 0.8


@dataclass(eq=False, slots=True)
class MonophonyProbe:
    """Collects moments of a recording as it is decoded; :meth:`explained` judges them.

    Attributes
    ----------
    sample_rate
        Hz.
    hop
        Of the pitch track, samples at 44,100 Hz.
    """

    sample_rate: int
    hop: int
    _step: int = _STEP
    _kept: dict[int, Float32Array] = field(default_factory=dict)
    _tail: Float32Array = field(default_factory=lambda: np.empty(0, np.float32))
    _start: int = 0
    _next: int = 0

    @property
    def _size(self) -> int:
        return int(scipy.fft.next_fast_len(int(_WINDOW_S * self.sample_rate), real=True))

    def watch(self, blocks: Iterable[Float32Array]) -> Iterator[Float32Array]:
        """Pass blocks on unchanged, and keep some moments of them."""
        for block in blocks:
            self._feed(block)
            yield block

    def explained(self, track: PitchTrack) -> tuple[float, int]:
        """Share of the moments that one harmonic series explains, and their number.

        Parameters
        ----------
        track
            Pitch of the same recording.

        Returns
        -------
        Share 0..1 (1 where there are none), number of moments with a steady voice.
        """
        steady = [
            frame for frame in sorted(self._kept) if frame < track.hz.size and _steady(track, frame)
        ]
        if not steady:
            return 1.0, 0
        windows = np.stack([self._kept[frame] for frame in steady])
        shares = explained_amplitude(windows, track.hz[steady], self.sample_rate)
        return float(np.mean(shares >= _EXPLAINED)), len(steady)

    def _feed(self, block: Float32Array) -> None:
        size = self._size
        held = np.concatenate([self._tail, block])
        while True:
            first = self._first(self._next)
            if first + size > self._start + held.size:
                break
            if first >= 0:
                at = first - self._start
                self._kept[self._next] = held[at : at + size].copy()
            self._next += self._step
            self._thin()
        drop = min(held.size, max(0, self._first(self._next) - self._start))
        self._tail, self._start = held[drop:].copy(), self._start + drop

    def _first(self, frame: int) -> int:
        """First sample of the moment around a frame."""
        return round(frame * self.hop * self.sample_rate / REFERENCE_RATE) - self._size // 2

    def _thin(self) -> None:
        if len(self._kept) >= _MOMENTS:
            self._step *= 2
            self._kept = {f: w for f, w in self._kept.items() if f % self._step == 0}
            self._next += -self._next % self._step


def explained_share(audio: Audio) -> tuple[float, int]:
    """:meth:`MonophonyProbe.explained` of a few excerpts of a recording in memory.

    Parameters
    ----------
    audio
        The recording; what is shorter than a few seconds says nothing.

    Returns
    -------
    Share 0..1, number of moments.
    """
    excerpts = [
        Audio(audio.samples[start : start + length], audio.sample_rate)
        for start, length in excerpt_spans(audio.samples.size, audio.sample_rate)
    ]
    return joined_share([explained_in_excerpt(excerpt) for excerpt in excerpts])


def excerpt_spans(samples: int, sample_rate: int) -> list[tuple[int, int]]:
    """First sample and length of the excerpts of a recording of so many samples.

    Examples
    --------
    >>> excerpt_spans(20 * 8_000, 8_000), excerpt_spans(8_000, 8_000)
    ([(0, 64000), (96000, 64000)], [])
    """
    length = int(_EXCERPT_S * sample_rate)
    if samples < length // 2:
        return []
    spare = max(0, samples - length)
    number = min(_EXCERPTS, 1 + spare // length)
    return [(start, length) for start in np.linspace(0, spare, number).astype(int).tolist()]


def explained_in_excerpt(excerpt: Audio) -> tuple[float, int]:
    """Share of the moments of one excerpt that one harmonic series explains, and their number."""
    probe = MonophonyProbe(excerpt.sample_rate, _HOP)
    for _ in probe.watch([excerpt.samples]):
        pass
    return probe.explained(extract_pitch(excerpt, hop=_HOP))


def joined_share(excerpts: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Share and number of moments of a recording, from those of its excerpts."""
    total, explained = 0, 0.0
    for share, moments in excerpts:
        total, explained = total + moments, explained + share * moments
    return (explained / total if total else 1.0), total


def explained_amplitude(windows: Float32Array, hz: Float32Array, sample_rate: int) -> Float64Array:
    """Share of the amplitude of spectral peaks that lies at multiples of an f0.

    Parameters
    ----------
    windows
        float32 (n, samples), moments of a recording.
    hz
        float32 (n,), their f0, > 0.
    sample_rate
        Hz.

    Returns
    -------
    float64 (n,), 0..1; 1 where there is no peak.

    Examples
    --------
    >>> t = np.arange(4096) / 44100
    >>> one, two = np.sin(2 * np.pi * 220 * t), np.sin(2 * np.pi * 300 * t)
    >>> windows = np.stack([one, one + two]).astype(np.float32)
    >>> explained_amplitude(windows, np.full(2, 220, np.float32), 44100).round(1).tolist()
    [1.0, 0.5]
    """
    size = windows.shape[1]
    taper = np.hanning(size).astype(np.float32)
    magnitude = np.abs(scipy.fft.rfft(windows * taper, axis=1))
    low, high = (int(edge * size / sample_rate) for edge in _BAND_HZ)
    high = min(high, magnitude.shape[1] - 2)
    around = max(3, int(_AROUND_HZ * size / sample_rate))
    shares = [
        _share(row, low, high, around, float(f0) * size / sample_rate)
        for row, f0 in zip(magnitude, hz, strict=True)
    ]
    return np.array(shares)


def _share(row: NDArray[np.float32], low: int, high: int, around: int, f0: float) -> float:
    """The same for one spectrum; ``f0`` in bins."""
    at = np.arange(low, high)
    middle, left, right = row[at], row[at - 1], row[at + 1]
    floor = 10 ** (-_DEPTH_DB / 20) * float(middle.max(initial=0.0))
    peaks = at[(middle > left) & (middle >= right) & (middle > floor) & (middle > 0)]
    blocks = row[low : low + (high - low) // around * around].reshape(-1, around)
    medians = np.median(blocks, axis=1) if blocks.size else np.zeros(1)
    local = medians[np.minimum((peaks - low) // around, medians.size - 1)]
    peaks = peaks[row[peaks] > 10 ** (_ABOVE_DB / 20) * local]
    if peaks.size == 0:
        return 1.0
    logs = np.log(np.maximum(row[peaks[:, None] + np.arange(-1, 2)], 1e-20))
    bend = logs[:, 0] - 2 * logs[:, 1] + logs[:, 2]
    place = peaks + 0.5 * (logs[:, 0] - logs[:, 2]) / np.where(bend == 0, 1, bend)
    multiple = np.maximum(1, np.rint(place / f0))
    cents = np.abs(1200 * np.log2(place / (multiple * f0)))
    near = np.clip(_NEAR_HARMONIC / multiple, _NEAREST_CENTS, _NEAR_CENTS)
    amplitude = row[peaks]
    return float(amplitude[cents <= near].sum() / amplitude.sum())


def _steady(track: PitchTrack, frame: int) -> bool:
    around = track.hz[max(0, frame - _STEADY_FRAMES) : frame + _STEADY_FRAMES + 1]
    low, high = float(around.min()), float(around.max())
    return low > 0 and high < low * 2 ** (_STEADY_CENTS / 1200)


def accompaniment_warning(share: float, moments: int) -> str:
    """What to say of a share; empty where one voice sings alone or too little is known.

    Examples
    --------
    >>> accompaniment_warning(0.97, 100)
    ''
    >>> accompaniment_warning(0.31, 100)
    'not one voice alone: one harmonic series explains 31 % of 100 moments (at least 75 %)'
    """
    if moments < MIN_MOMENTS or share >= MIN_EXPLAINED:
        return ""
    return (
        f"not one voice alone: one harmonic series explains {share:.0%} of {moments} moments "
        f"(at least {MIN_EXPLAINED:.0%})"
    ).replace("%", " %")
