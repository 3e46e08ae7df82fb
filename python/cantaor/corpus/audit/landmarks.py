"""Landmark fingerprints: copies of a recording after gain, resampling or lossy coding.

A landmark is a constellation of three spectral peaks: their frequencies and the times between
them. Copies of a recording have many landmarks in common at one time shift; other recordings have
hardly any. Level does not enter, and peaks survive a codec. The paper pairs two peaks; with three
a landmark is so specific that landmarks of different recordings rarely meet, and matching stays
linear in the size of the corpus.

References
----------
Wang, A. (2003). An industrial-strength audio search algorithm. ISMIR, sections 2.1 and 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import rfft

from cantaor.io.audio import Recording, as_audio
from cantaor.types import Float32Array, Int32Array, Int64Array

UInt64Array: TypeAlias = NDArray[np.uint64]

#: Shortest audio that gets a fingerprint, in seconds: less holds too few landmarks to tell.
MIN_DURATION_S = 1.0

#: Most landmarks of a recording.
MAX_LANDMARKS = 4000
_RATE = 8000
_WINDOW = 512
_HOP = 128
#: Seconds from frame to frame.
FRAME_S = _HOP / _RATE
_PEAK_BINS = 11  # a peak is the largest value within 5 bins (78 Hz) and 6 frames (96 ms)
_PEAK_FRAMES = 13
_RANGE = 1e-5  # of powers: 50 dB
_MIN_POWER = 1e-10  # -100 dB
_BLOCK = 256  # frames at once, few enough for a core's cache
_PARTNERS = 4
_MAX_FRAME_DISTANCE = 63
_MAX_BIN_DISTANCE = 63
_MIN_BIN = 5
_TAPER = np.hanning(_WINDOW).astype(np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class Landmarks:
    """Fingerprint of one recording.

    Attributes
    ----------
    hashes
        uint64 (n,), ascending; each stands for the frequency of the first peak and the steps in
        frequency and time to the other two.
    frames
        int32 (n,), frame of the first peak, 16 ms each.
    """

    hashes: UInt64Array
    frames: Int32Array


def landmarks(audio: Recording) -> Landmarks:
    """Fingerprint of a recording.

    Parameters
    ----------
    audio
        A recording or the path of one, at any rate and level; above 4 kHz nothing is looked at.

    Returns
    -------
    Landmarks; none in silence and in audio shorter than :data:`MIN_DURATION_S`; of more than 4,000
    those with the smallest hashes, which a copy keeps as well.
    """
    audio = as_audio(audio)
    stream = LandmarkStream(audio.sample_rate)
    stream.add(audio.samples)
    return stream.finish()


class LandmarkStream:
    """:func:`landmarks` of a recording that arrives in blocks; the landmarks are the same.

    Parameters
    ----------
    sample_rate
        Hz, of the blocks.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._samples = sample_rate, 0
        self._resampler = (
            None
            if sample_rate == _RATE
            else soxr.ResampleStream(sample_rate, _RATE, 1, dtype="float32")
        )
        # A copy that starts between two frames has other peaks: of two sets of frames, half a hop
        # apart, one lies within a quarter of a hop of one of the copy's.
        self._phases = (_Peaks(0), _Peaks(_HOP // 2))

    def add(self, block: Float32Array) -> None:
        """Take the next samples, float32 (n,)."""
        self._samples += block.size
        self._pass_on(block if self._resampler is None else self._resampler.resample_chunk(block))

    def finish(self) -> Landmarks:
        """The landmarks of all that was taken."""
        if self._samples / self._rate < MIN_DURATION_S:
            return Landmarks(np.zeros(0, np.uint64), np.zeros(0, np.int32))
        if self._resampler is not None:
            self._pass_on(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))
        both = [_constellations(*peaks.finish()) for peaks in self._phases]
        mixed = scatter(np.concatenate([hashes for hashes, _ in both]).astype(np.uint64))
        frames = np.concatenate([frames for _, frames in both]).astype(np.int32)
        kept = np.argsort(mixed, kind="stable")[:MAX_LANDMARKS]
        return Landmarks(mixed[kept], frames[kept])

    def _pass_on(self, samples: Float32Array) -> None:
        for peaks in self._phases:
            peaks.add(samples)


def _constellations(frames: Int64Array, bins: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Hash and first frame of each three peaks."""
    first, second, third = _triples(frames, bins)
    # 8 bits of frequency, then twice 7 bits of frequency step and 6 of time step.
    hashes = bins[first]
    for other in (second, third):
        step, wait = bins[other] - bins[first] + _MAX_BIN_DISTANCE, frames[other] - frames[first]
        hashes = hashes << 13 | step << 6 | wait
    return hashes, frames[first]


class _Peaks:
    """Spectral peaks of samples that arrive in blocks; frames begin after ``skipped`` samples."""

    def __init__(self, skipped: int) -> None:
        self._skipped = skipped
        self._samples = np.zeros(0, np.float32)
        # Powers of the frames from ``_first`` on; those before ``_next`` are searched.
        self._power = np.zeros((0, _WINDOW // 2 + 1), np.float32)
        self._first = self._next = 0
        self._max_power = np.float32(0)
        self._found: list[tuple[Int64Array, Int64Array, Float32Array]] = []

    def add(self, samples: Float32Array) -> None:
        cut = min(self._skipped, samples.size)
        self._skipped -= cut
        self._samples = np.concatenate([self._samples, samples[cut:]])
        while self._samples.size >= _WINDOW + (_BLOCK - 1) * _HOP:
            self._take(_BLOCK)

    def finish(self) -> tuple[Int64Array, Int64Array]:
        """Frames and bins of the peaks, ordered by time."""
        if self._samples.size >= _WINDOW:
            self._take((self._samples.size - _WINDOW) // _HOP + 1)
        self._search(self._first + len(self._power))
        frames, bins, powers = (np.concatenate(part) for part in zip(*self._found, strict=True))
        loud = powers > max(self._max_power * np.float32(_RANGE), np.float32(_MIN_POWER))
        return frames[loud], bins[loud]

    def _take(self, count: int) -> None:
        """Frames from the samples, then peaks of those that have all their neighbours."""
        pieces = np.lib.stride_tricks.sliding_window_view(self._samples, _WINDOW)[::_HOP][:count]
        # Two numbers for each complex one: their squares need no root.
        spectrum = rfft(pieces * _TAPER, axis=1).view(np.float32)
        np.square(spectrum, out=spectrum)
        power = spectrum[:, 0::2] + spectrum[:, 1::2]
        self._max_power = max(self._max_power, power.max())
        self._power = np.concatenate([self._power, power])
        self._samples = self._samples[count * _HOP :].copy()
        self._search(self._first + len(self._power) - _PEAK_FRAMES // 2)

    def _search(self, end: int) -> None:
        """Candidates among the frames up to ``end``; how loud they must be is known last."""
        if end <= self._next:
            return
        around = _sliding_maximum(self._power)
        rows = slice(self._next - self._first, end - self._first)
        power = self._power[rows]
        candidates = (power == around[rows]) & (power > np.float32(_MIN_POWER))
        candidates[:, :_MIN_BIN] = False
        frames, bins = np.nonzero(candidates)
        self._found.append((frames + self._next, bins, power[candidates]))
        first = max(end - _PEAK_FRAMES // 2, 0)
        self._power, self._first = self._power[first - self._first :].copy(), first
        self._next = end


def _sliding_maximum(power: Float32Array) -> Float32Array:
    """Largest value around each place, less at the borders; powers are not negative."""
    frames, bins = power.shape
    above, left = _PEAK_FRAMES // 2, _PEAK_BINS // 2
    wide = np.zeros((frames + 2 * above, bins + 2 * left), np.float32)
    wide[above : above + frames, left : left + bins] = power
    return _windows_maximum(_windows_maximum(wide, _PEAK_FRAMES).T, _PEAK_BINS).T


def _windows_maximum(values: Float32Array, size: int) -> Float32Array:
    """Largest of every ``size`` rows that follow each other, by doubling windows."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        values = np.maximum(values[: len(values) - step], values[step:])
        reach += step
    return values


def _triples(frames: Int64Array, bins: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Each peak with every two neighbours among the next few later ones near in frequency."""
    index = np.arange(frames.size)
    partners = np.full((frames.size, _PARTNERS), -1, dtype=np.int64)
    found = np.zeros(frames.size, dtype=np.int64)
    for ahead in range(1, min(6 * _PARTNERS, frames.size)):
        one, other = index[:-ahead], index[ahead:]
        wait = frames[other] - frames[one]
        fits = (wait > 0) & (wait <= _MAX_FRAME_DISTANCE) & (found[one] < _PARTNERS)
        fits &= np.abs(bins[other] - bins[one]) <= _MAX_BIN_DISTANCE
        partners[one[fits], found[one[fits]]] = other[fits]
        found[one[fits]] += 1
    second, third = partners[:, :-1], partners[:, 1:]
    complete = third >= 0
    first = np.broadcast_to(index[:, None], complete.shape)
    return first[complete], second[complete], third[complete]


def scatter(hashes: UInt64Array) -> UInt64Array:
    """Spread hashes over all 64 bits, one to one, so that the smallest are a fair sample."""
    for _ in range(2):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15)
        hashes = hashes ^ (hashes >> np.uint64(32))
    return hashes
