"""Landmarks, said slowly: every frame alone, every neighbourhood looked through anew."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.fft import rfft

from cantaor.types import Float32Array

WINDOW, HOP, BINS = 512, 128, 257
_MASK = 2**64 - 1


def powers(samples: Float32Array, skipped: int) -> Float32Array:
    """Powers of all frames of 64 ms at 8,000 Hz, 16 ms apart, float32 (frames, 257)."""
    rest = samples[skipped:]
    taper = np.hanning(WINDOW).astype(np.float32)
    rows = []
    for first in range(0, rest.size - WINDOW + 1, HOP):
        spectrum = rfft(rest[first : first + WINDOW] * taper)
        rows.append(spectrum.real**2 + spectrum.imag**2)
    return np.array(rows)


def peaks(power: Float32Array) -> list[tuple[int, int]]:
    """(frame, bin) of what is largest within 6 frames and 5 bins, and loud enough."""
    least = max(float(power.max()) * 1e-5, 1e-10)
    found = []
    for frame in range(len(power)):
        for place in range(5, BINS):
            value = power[frame, place]
            if value <= least:
                continue
            around = power[max(frame - 6, 0) : frame + 7, max(place - 5, 0) : place + 6]
            if value >= around.max():
                found.append((frame, place))
    return found


def partners(found: list[tuple[int, int]], index: int) -> list[tuple[int, int]]:
    """The first four later peaks that are near in time and frequency, of the next 23."""
    frame, place = found[index]
    near = [
        (other, elsewhere)
        for other, elsewhere in found[index + 1 : index + 24]
        if 0 < other - frame <= 63 and abs(elsewhere - place) <= 63
    ]
    return near[:4]


def scatter(value: int) -> int:
    for _ in range(2):
        value = value * 0x9E3779B97F4A7C15 & _MASK
        value ^= value >> 32
    return value


def landmarks_of(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(hash, frame) of each peak with every two partners that follow each other."""
    marks = []
    for index, (frame, place) in enumerate(found):
        near = partners(found, index)
        for pair in pairwise(near):
            value = place
            for other, elsewhere in pair:
                value = (value << 13) + ((elsewhere - place + 63) << 6) + (other - frame)
            marks.append((scatter(value), frame))
    return marks


def landmarks(samples: Float32Array) -> list[tuple[int, int]]:
    """(hash, frame), smallest hashes first, of samples at 8,000 Hz."""
    if samples.size < 8000:
        return []
    both = [landmarks_of(peaks(powers(samples, skipped))) for skipped in (0, 64)]
    return sorted(both[0] + both[1])[:4000]
