"""Invented singers for the synthetic corpus: vocal tract, vibrato, ornaments and own motifs.

All voices sing on one grid of semitones, in the Phrygian mode on different tonics, so that pitch
clusters fitted on the whole corpus can sit on notes that every voice shares. The formant tables
are round figures in the range that phonetics reports for adult Spanish vowels; a voice scales
them as a longer or shorter vocal tract would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cantaor.types import Float64Array

#: Lowest note of the grid, cents above 55 Hz (about 117 Hz); neighbours are 100 cents apart.
MIN_CENTS = 1300.0
SEMITONE = 100.0

# Two octaves of the Phrygian mode, in semitones above the tonic; a voice uses the first nine.
_PHRYGIAN = np.array([0, 1, 3, 5, 7, 8, 10, 12, 13, 15])
_MAX_TONIC = 9

# Formant centres in Hz of the vowels a, e, i, o.
_VOWELS = np.array(
    [
        [730.0, 1300.0, 2550.0, 3550.0],
        [480.0, 1950.0, 2600.0, 3600.0],
        [310.0, 2250.0, 2950.0, 3700.0],
        [500.0, 950.0, 2450.0, 3400.0],
    ]
)

#: Ornaments, as scale degrees relative to the note that they lead to.
_ORNAMENTS: tuple[tuple[int, ...], ...] = (
    (1,),
    (-1,),
    (1, 0),
    (-1, 0),
    (1, -1),
    (2, 1),
    (-2, -1),
    (1, 0, -1),
)


@dataclass(frozen=True, eq=False, slots=True)
class SyntheticSinger:
    """One invented singer.

    Attributes
    ----------
    singer
        Label.
    scale
        float64 (degrees,), the notes it sings, cents above 55 Hz, ascending.
    motifs
        Its own motifs, each a sequence of indices into ``scale``.
    ornaments
        Its own stock: degrees relative to the note that an ornament leads to.
    formants
        float64 (vowels, 4), Hz.
    bandwidth
        Bandwidth of a formant relative to its centre.
    tilt
        Exponent by which harmonics of the source fall off, amplitude ``h ** -tilt``.
    vibrato_hz, vibrato_cents
        Rate, and depth (from the centre to the crest).
    breath
        Breath noise relative to the harmonic source, amplitude.
    """

    singer: str
    scale: Float64Array
    motifs: tuple[tuple[int, ...], ...]
    ornaments: tuple[tuple[int, ...], ...]
    formants: Float64Array
    bandwidth: float
    tilt: float
    vibrato_hz: float
    vibrato_cents: float
    breath: float


def draw_singers(count: int, motifs: int, rng: np.random.Generator) -> tuple[SyntheticSinger, ...]:
    """Invent singers that differ in every respect a listener could use.

    Parameters
    ----------
    count
        Number of voices.
    motifs
        Number of motifs of each; no two motifs of the corpus hold each other's steps.
    rng
        Source of all draws.
    """
    taken: list[tuple[int, ...]] = []
    tonics = np.round(np.linspace(0, _MAX_TONIC, count)).astype(int)
    # Traits are dealt out, not drawn: voices that happen to be twins would test nothing.
    return tuple(
        _draw_singer(index, int(tonics[index]), motifs, taken, traits, rng)
        for index, traits in enumerate(_deal_traits(count, rng))
    )


def _deal_traits(count: int, rng: np.random.Generator) -> Float64Array:
    """float64 (count, 6) in 0..1: each trait takes evenly spread values, in its own order."""
    levels = (np.arange(count) + 0.5) / count
    return np.stack([rng.permutation(levels) for _ in range(6)], axis=1)


def _draw_singer(
    index: int,
    tonic: int,
    motifs: int,
    taken: list[tuple[int, ...]],
    traits: Float64Array,
    rng: np.random.Generator,
) -> SyntheticSinger:
    scale = MIN_CENTS + SEMITONE * (tonic + _PHRYGIAN).astype(np.float64)
    tract, bandwidth, tilt, rate, depth, breath = traits
    own = rng.choice(len(_ORNAMENTS), size=3, replace=False)
    tilts = rng.uniform(0.94, 1.06, _VOWELS.shape)
    return SyntheticSinger(
        singer=f"V{index + 1}",
        scale=scale,
        motifs=tuple(_draw_motif(scale, taken, rng) for _ in range(motifs)),
        ornaments=tuple(_ORNAMENTS[i] for i in sorted(own)),
        formants=_VOWELS * (0.86 + 0.3 * tract) * tilts,
        bandwidth=0.07 + 0.08 * bandwidth,
        tilt=0.7 + 0.8 * tilt,
        vibrato_hz=4.4 + 2.4 * rate,
        vibrato_cents=52.0 + 40.0 * depth,
        breath=0.01 + 0.06 * breath,
    )


def _draw_motif(
    scale: Float64Array, taken: list[tuple[int, ...]], rng: np.random.Generator
) -> tuple[int, ...]:
    # A step below two semitones could be taken for vibrato.
    while True:
        degrees = _draw_walk(scale.size, int(rng.integers(6, 9)), rng)
        steps = np.diff(scale[list(degrees)]) / SEMITONE
        symbols = tuple(int(step) for step in steps)
        turns = int(np.sum(np.sign(steps[1:]) != np.sign(steps[:-1])))
        if np.abs(steps).min() >= 2 and turns >= 2 and not _collides(symbols, taken):
            taken.append(symbols)
            return degrees


def _draw_walk(degrees: int, notes: int, rng: np.random.Generator) -> tuple[int, ...]:
    walk = [int(rng.integers(2, degrees - 2))]
    while len(walk) < notes:
        target = walk[-1] + int(rng.choice([-3, -2, -1, 1, 2, 3]))
        if 0 <= target < degrees:
            walk.append(target)
    return tuple(walk)


def _collides(symbols: tuple[int, ...], taken: list[tuple[int, ...]], shared: int = 4) -> bool:
    """Whether ``shared`` consecutive steps occur in a motif already given out."""
    mine = {symbols[i : i + shared] for i in range(len(symbols) - shared + 1)}
    return any(
        other[i : i + shared] in mine for other in taken for i in range(len(other) - shared + 1)
    )
