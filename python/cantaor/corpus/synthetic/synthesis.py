"""Source-filter synthesis of a pitch curve, then room, microphone and noise.

The source is one band-limited period read at the speed of the pitch curve; a vowel filters each
syllable; one impulse response stands for room and microphone of a recording.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import oaconvolve

from cantaor.corpus.synthetic.melody import CONTROL_S, Melody
from cantaor.corpus.synthetic.singers import SyntheticSinger
from cantaor.types import Float32Array, Float64Array

_TABLE = 4096
_FADE_S = 0.02


def render(
    melody: Melody,
    hz: Float64Array,
    loudness: Float64Array,
    voice: SyntheticSinger,
    *,
    sample_rate: int,
    samples: int,
    noise_db: float,
    rng: np.random.Generator,
) -> Float32Array:
    """Sing a melody in a room and record it.

    Parameters
    ----------
    melody
        Notes; vowels change between them.
    hz, loudness
        float64 (points,), f0 (0 = silence) and amplitude on the grid of the pitch curve.
    voice
        Who sings.
    sample_rate, samples
        Rate in Hz and number of samples.
    noise_db
        How far the noise lies below the sung parts, dB of mean power.
    rng
        Source of all draws.

    Returns
    -------
    float32 (samples,), peak 0.9 at most.
    """
    source = _source(hz, loudness, voice, sample_rate, samples, rng)
    dry = _pronounce(source, melody, voice, sample_rate, rng)
    wet: Float32Array = oaconvolve(dry, _room(sample_rate, rng))[:samples].astype(np.float32)
    sung = np.repeat(hz > 0, int(np.ceil(samples / hz.size)))[:samples]
    power = float(np.mean(np.square(wet[: sung.size][sung]))) if sung.any() else 1e-4
    wet += _coloured_noise(samples, rng) * np.float32(np.sqrt(power) * 10 ** (-noise_db / 20))
    peak = float(np.abs(wet).max())
    return wet * np.float32(rng.uniform(0.4, 0.9) / peak) if peak > 0 else wet


def _source(
    hz: Float64Array,
    loudness: Float64Array,
    voice: SyntheticSinger,
    sample_rate: int,
    samples: int,
    rng: np.random.Generator,
) -> Float32Array:
    times = np.arange(samples, dtype=np.float64) / sample_rate
    grid = np.arange(hz.size) * CONTROL_S
    # Between phrases the source only has to keep running: its loudness is 0 there.
    steady = np.where(hz > 0, hz, 200.0)
    phase = np.cumsum(np.interp(times, grid, steady)) / sample_rate
    period = _period(voice, float(hz.max(initial=200.0)), sample_rate)
    phase *= _TABLE
    index = phase.astype(np.int64) & (_TABLE - 1)
    breath = np.float32(voice.breath) * _white_noise(samples, rng)
    gain = np.interp(times, grid, loudness).astype(np.float32)
    breath += period[index]
    breath *= gain
    return breath


def _period(voice: SyntheticSinger, max_hz: float, sample_rate: int) -> Float32Array:
    # No harmonic may pass half the sample rate, or it would come back as a wrong pitch.
    count = int(np.clip(0.5 * sample_rate / max_hz, 1, 64))
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    harmonic = np.arange(1, count + 1)
    spectrum[1 : count + 1] = harmonic**-voice.tilt * np.exp(1j * np.pi * harmonic**2 / count)
    period = irfft(spectrum)
    return np.asarray(period / np.sqrt(np.mean(period**2)), dtype=np.float32)


def _pronounce(
    source: Float32Array,
    melody: Melody,
    voice: SyntheticSinger,
    sample_rate: int,
    rng: np.random.Generator,
) -> Float32Array:
    """Filter each syllable with its vowel; syllables overlap by a short fade."""
    fade = int(_FADE_S * sample_rate)
    out = np.zeros(source.size + fade, dtype=np.float32)
    for first, last in _syllables(melody, rng):
        begin = max(int(melody.start_s[first] * sample_rate) - fade // 2, 0)
        end = min(int(melody.end_s[last] * sample_rate) + fade // 2, source.size)
        sound = source[begin:end].copy()
        ramp = np.linspace(0, 1, min(fade, sound.size), dtype=np.float32)
        sound[: ramp.size] *= ramp
        sound[sound.size - ramp.size :] *= ramp[::-1]
        formants = voice.formants[int(rng.integers(len(voice.formants)))]
        size = next_fast_len(sound.size + fade, real=True)
        response = _vowel(size, formants, voice.bandwidth, sample_rate)
        filtered = irfft(rfft(sound, size) * response, size)
        stop = min(end + fade, out.size)
        out[begin:stop] += filtered[: stop - begin]
    return out[: source.size]


def _syllables(melody: Melody, rng: np.random.Generator) -> list[tuple[int, int]]:
    """First and last note of runs that share a vowel: two to eight notes of one phrase."""
    spans = []
    first = 0
    while first < melody.cents.size:
        phrase_end = int(np.searchsorted(melody.phrase, melody.phrase[first], side="right"))
        last = min(first + int(rng.integers(2, 9)), phrase_end) - 1
        spans.append((first, last))
        first = last + 1
    return spans


def _vowel(
    size: int, formants: Float64Array, bandwidth: float, sample_rate: int
) -> np.ndarray[tuple[int], np.dtype[np.complex64]]:
    """Frequency response of parallel resonances, complex64 (size // 2 + 1,)."""
    hz = np.arange(size // 2 + 1, dtype=np.float32) * np.float32(sample_rate / size)
    total = np.full(hz.size, 0.02, dtype=np.complex64)
    for order, centre in enumerate(formants):
        width = np.float32(bandwidth * centre + 40.0)
        offset = (hz - np.float32(centre)) / width
        gain = np.complex64(0.75**order * (-1) ** order)
        total += gain / (np.complex64(1) + np.complex64(1j) * offset)
    return total


def _room(sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """Impulse response of a room and a microphone: direct sound, then decaying coloured noise."""
    decay_s = rng.uniform(0.08, 0.3)
    size = int(1.2 * decay_s * sample_rate)
    times = np.arange(size) / sample_rate
    response = rng.standard_normal(size) * 10 ** (-3 * times / decay_s)
    response *= rng.uniform(0.05, 0.3) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    full = next_fast_len(size + 1024, real=True)
    coloured = irfft(rfft(response, full) * _microphone(full, sample_rate, rng), full)
    return np.asarray(coloured[:size], dtype=np.float32)


def _microphone(size: int, sample_rate: int, rng: np.random.Generator) -> Float64Array:
    """Smooth gain over frequency, within about 6 dB, and a low cut."""
    hz = np.arange(size // 2 + 1) * sample_rate / size
    octave = np.log2(np.maximum(hz, 20.0) / 1000.0)
    waves = rng.normal(0.0, 2.0, 3)[:, None] * np.cos(
        2 * np.pi * octave / rng.uniform(2.5, 9.0, 3)[:, None] + rng.uniform(0, 6, 3)[:, None]
    )
    low_cut = hz**2 / (hz**2 + rng.uniform(30.0, 90.0) ** 2)
    return np.asarray(10 ** (waves.sum(axis=0) / 20) * low_cut)


def _coloured_noise(samples: int, rng: np.random.Generator) -> Float32Array:
    """Noise of unit power whose spectrum leans a little, differently in each recording."""
    white = _white_noise(samples + 1, rng)
    lean = rng.uniform(-0.2, 0.6)
    white *= np.float32(1 / np.sqrt(1 + lean**2))
    return white[1:] + np.float32(lean) * white[:-1]


def _white_noise(samples: int, rng: np.random.Generator) -> Float32Array:
    """White noise of unit power; evenly spread values are drawn faster than normal ones."""
    noise = rng.random(samples, dtype=np.float32)
    noise -= np.float32(0.5)
    noise *= np.float32(np.sqrt(12.0))
    return noise
