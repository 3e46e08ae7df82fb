"""Plain twins of the learning part: features by the definition, one clip at a time, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def frames_of(clip: Array, hop: int = 160) -> int:
    """Frames centred on every ``hop``-th sample of a clip."""
    return len(range(0, len(clip) + 1, hop))


def power_spectrum(clip: Array, n_fft: int = 512, hop: int = 160, window: int = 400) -> Array:
    """Power of each bin in each frame, (n_fft // 2 + 1, frames)."""
    padded = np.concatenate([np.zeros(n_fft // 2), clip, np.zeros(n_fft)])
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    before = (n_fft - window) // 2
    columns = []
    for frame in range(frames_of(clip, hop)):
        part = padded[frame * hop : frame * hop + n_fft].copy()
        part[:before] = 0
        part[before + window :] = 0
        part[before : before + window] *= taper
        columns.append(np.abs(np.fft.rfft(part)) ** 2)
    return np.stack(columns, axis=1)


def decibels(power: Array, top_db: float = 80.0, amin: float = 1e-10) -> Array:
    """Decibels under the loudest value, down to -top_db."""
    if power.max() <= amin:
        return np.full(power.shape, -top_db)
    level = 10 * np.log10(np.maximum(power, amin) / power.max())
    return np.maximum(level, -top_db)


def pairs_of_bins(power: Array) -> Array:
    """Means of two neighbouring bins above the constant one, (128, frames) from 257 bins."""
    return (power[1::2] + power[2::2]) / 2


def macro_auc(probabilities: Array, labels: NDArray[np.int32]) -> float:
    """Mean over singers of the share of (its, another's) pairs that are in the right order."""
    areas = []
    for singer in range(probabilities.shape[1]):
        mine = probabilities[labels == singer, singer]
        others = probabilities[labels != singer, singer]
        if mine.size and others.size:
            wins = (mine[:, None] > others) + 0.5 * (mine[:, None] == others)
            areas.append(wins.mean())
    return float(np.mean(areas))
