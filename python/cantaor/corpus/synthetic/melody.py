"""Melodies of synthetic singers: phrases of notes with planted motifs, and their f0.

A melody is a table of notes on a time line. Planted motifs keep their notes; their tempo, the
length of each note, the intonation and everything around them vary from one occurrence to the
next. Vibrato sits on long notes, ornaments lead into notes outside motifs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cantaor.corpus.synthetic.singers import SyntheticSinger
from cantaor.types import REFERENCE_RATE, Float64Array, Int64Array

#: Samples at 44.1 kHz between two points of a pitch curve: a quarter of a pitch frame.
CONTROL_HOP = 64
CONTROL_S = CONTROL_HOP / REFERENCE_RATE

_MOTIFS_A_PHRASE = 2
_VIBRATO_FROM_S = 0.3
_GLIDE_S = 0.026
_EDGE_S = 0.03


@dataclass(frozen=True, slots=True)
class PlantedSpan:
    """One occurrence of a planted motif.

    Attributes
    ----------
    motif
        Name of the motif.
    start_s, end_s
        Onset of its first note, end of its last, in seconds.
    """

    motif: str
    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False, slots=True)
class Melody:
    """Notes in time.

    Attributes
    ----------
    cents
        float64 (notes,), pitch above 55 Hz, intonation included.
    start_s, end_s
        float64 (notes,), bounds in seconds; notes of one phrase touch.
    phrase
        int64 (notes,), phrase of each note.
    vibrato
        float64 (notes,), depth in cents, 0 on short notes.
    spans
        Planted motifs, in order of time.
    """

    cents: Float64Array
    start_s: Float64Array
    end_s: Float64Array
    phrase: Int64Array
    vibrato: Float64Array
    spans: tuple[PlantedSpan, ...]


@dataclass(frozen=True, slots=True)
class _Note:
    degree: int
    length_s: float
    motif: int = -1  # index of the planted motif, -1 outside


def compose_melody(voice: SyntheticSinger, seconds: float, rng: np.random.Generator) -> Melody:
    """Compose one recording: phrases with silence between, every motif dealt out evenly.

    Parameters
    ----------
    voice
        Who sings.
    seconds
        Length to fill; the last phrase ends before it.
    rng
        Source of all draws.
    """
    notes: list[tuple[_Note, int, float]] = []
    spans: list[PlantedSpan] = []
    deck: list[int] = []
    time, phrase = float(rng.uniform(0.3, 0.6)), 0
    while True:
        while len(deck) < _MOTIFS_A_PHRASE:
            deck = [*deck, *(int(i) for i in rng.permutation(len(voice.motifs)))]
        bars = _compose_phrase(voice, deck[:_MOTIFS_A_PHRASE], rng)
        length = sum(note.length_s for bar in bars for note in bar)
        if time + length > seconds - 0.3:
            break
        deck = deck[_MOTIFS_A_PHRASE:]
        for bar in bars:
            start = time
            for note in bar:
                notes.append((note, phrase, time))
                time += note.length_s
            if bar[0].motif >= 0:
                spans.append(PlantedSpan(motif_name(voice, bar[0].motif), start, time))
        time, phrase = time + float(rng.uniform(0.45, 0.9)), phrase + 1
    return _lay_out(voice, notes, tuple(spans), rng)


def motif_name(voice: SyntheticSinger, index: int) -> str:
    """Name of a voice's planted motif, counted from 0: ``"V1-m1"`` is the first."""
    return f"{voice.singer}-m{index + 1}"


def pitch_curve(
    melody: Melody, voice: SyntheticSinger, seconds: float, rng: np.random.Generator
) -> Float64Array:
    """f0 of a melody, with glides and vibrato.

    Returns
    -------
    float64 (points,), Hz on a grid of :data:`CONTROL_S` seconds, 0 between phrases.
    """
    points = int(np.floor(seconds / CONTROL_S + 1e-9)) + 1
    times = np.arange(points) * CONTROL_S
    if melody.cents.size == 0:
        return np.zeros(points)
    note = np.maximum(np.searchsorted(melody.start_s, times, side="right") - 1, 0)
    sung = (times >= melody.start_s[note]) & (times < melody.end_s[note])
    cents = _glide(melody.cents[note], melody.phrase[note])
    since = times - melody.start_s[note]
    swell = np.clip((since - 0.08) / 0.12, 0.0, 1.0)
    phase = rng.uniform(0, 2 * np.pi, melody.cents.size)[note]
    rate = (voice.vibrato_hz * rng.uniform(0.93, 1.07, melody.cents.size))[note]
    cents += melody.vibrato[note] * swell * np.sin(2 * np.pi * rate * since + phase)
    return np.where(sung, 55.0 * 2.0 ** (cents / 1200.0), 0.0)


def loudness_curve(melody: Melody, points: int, rng: np.random.Generator) -> Float64Array:
    """Amplitude that follows the phrases: soft edges, some notes louder than others.

    Returns
    -------
    float64 (points,), 0..1 on the grid of :func:`pitch_curve`, 0 between phrases.
    """
    times = np.arange(points) * CONTROL_S
    if melody.cents.size == 0:
        return np.zeros(points)
    note = np.maximum(np.searchsorted(melody.start_s, times, side="right") - 1, 0)
    level = _glide(rng.uniform(0.55, 1.0, melody.cents.size)[note], melody.phrase[note])
    first = np.searchsorted(melody.phrase, np.arange(melody.phrase[-1] + 1))
    last = np.append(first[1:], melody.phrase.size) - 1
    begin, end = melody.start_s[first], melody.end_s[last]
    inside = np.minimum(times - begin[melody.phrase[note]], end[melody.phrase[note]] - times)
    return np.asarray(level * np.clip(inside / _EDGE_S, 0.0, 1.0))


def _compose_phrase(
    voice: SyntheticSinger, planted: list[int], rng: np.random.Generator
) -> list[list[_Note]]:
    bars = [_free_bar(voice, int(rng.integers(1, 4)), rng)]
    for index in planted:
        bars.append(_motif_bar(voice, index, rng))
        bars.append(_free_bar(voice, int(rng.integers(1, 4)), rng))
    held = _Note(int(rng.integers(1, voice.scale.size - 1)), float(rng.uniform(0.5, 1.0)))
    bars.append(_ornamented(voice, held, rng))
    return bars


def _motif_bar(voice: SyntheticSinger, index: int, rng: np.random.Generator) -> list[_Note]:
    tempo = rng.uniform(0.8, 1.35)
    lengths = tempo * rng.uniform(0.09, 0.15, len(voice.motifs[index]))
    return [
        _Note(degree, float(length), index)
        for degree, length in zip(voice.motifs[index], lengths, strict=True)
    ]


def _free_bar(voice: SyntheticSinger, notes: int, rng: np.random.Generator) -> list[_Note]:
    bar: list[_Note] = []
    degree = int(rng.integers(1, voice.scale.size - 1))
    for _ in range(notes):
        step = int(rng.choice([-3, -2, -1, 1, 2, 3]))
        degree = int(np.clip(degree + step, 0, voice.scale.size - 1))
        long = rng.random() < 0.35
        length = rng.uniform(0.35, 0.7) if long else rng.uniform(0.1, 0.26)
        note = _Note(degree, float(length))
        bar.extend(_ornamented(voice, note, rng) if rng.random() < 0.4 else [note])
    return bar


def _ornamented(voice: SyntheticSinger, note: _Note, rng: np.random.Generator) -> list[_Note]:
    shape = voice.ornaments[int(rng.integers(len(voice.ornaments)))]
    tempo = rng.uniform(0.7, 1.4)
    degrees = np.clip(note.degree + np.array(shape), 0, voice.scale.size - 1)
    return [*(_Note(int(degree), float(0.055 * tempo)) for degree in degrees), note]


def _lay_out(
    voice: SyntheticSinger,
    notes: list[tuple[_Note, int, float]],
    spans: tuple[PlantedSpan, ...],
    rng: np.random.Generator,
) -> Melody:
    degree = np.array([note.degree for note, _, _ in notes], dtype=np.int64)
    length = np.array([note.length_s for note, _, _ in notes])
    planted = np.array([note.motif >= 0 for note, _, _ in notes], dtype=bool)
    short = length < 0.09
    # Ornaments vary in depth as well as in tempo: their notes are the least exactly sung.
    intonation = rng.normal(0.0, np.where(short & ~planted, 25.0, 8.0))
    depth = voice.vibrato_cents * rng.uniform(1.0, 1.25, degree.size)
    start = np.array([time for _, _, time in notes])
    return Melody(
        cents=voice.scale[degree] + intonation,
        start_s=start,
        end_s=start + length,
        phrase=np.array([phrase for _, phrase, _ in notes], dtype=np.int64),
        vibrato=np.where((length >= _VIBRATO_FROM_S) & ~planted, depth, 0.0),
        spans=spans,
    )


def _glide(values: Float64Array, phrase: Int64Array) -> Float64Array:
    """Smooth the jumps between notes, but not those between phrases."""
    width = round(_GLIDE_S / CONTROL_S) | 1
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    smooth = np.convolve(padded, window / window.sum(), mode="valid")
    border = np.flatnonzero(np.diff(phrase))
    near = np.zeros(values.size, dtype=bool)
    for point in border:
        near[max(point - width, 0) : point + width] = True
    return np.where(near, values, smooth)
