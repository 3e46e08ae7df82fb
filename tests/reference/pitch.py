"""Slow twins of the pitch kernels: candidates of one spectrum, the period at the centre of a
window, the best path through all candidates, and its glides.

Salamon, Gómez & Bonada (DAFx 2011), sections 2 and 3.1; Medan, Yair & Chazan (IEEE TSP 1991);
Boersma (1993), section 2.8.
"""

from __future__ import annotations

import numpy as np

from cantaor import _core
from cantaor.types import Float32Array, Float64Array

BIN_CENTS, NOISE, VOICE, SMOOTH_S, BLOCK_S = 10.0, 0.47, 0.55, 0.06, 0.25
HIGH_CENTS = 1200 * np.log2(330 / 55)


def salience(
    spectrum: np.ndarray, rate: float, fft_size: int, settings: _core.SalienceSettings
) -> Float64Array:
    """Harmonic strength, before any peak is picked, of fundamentals 10 cents apart."""
    spacing = rate / fft_size
    first = max(2, int(settings.min_hz / 2 / spacing) + 2)
    last = int(min(settings.band_hz, rate / 2 - 2 * spacing) / spacing)
    power = np.abs(spectrum.astype(np.complex128)) ** 2
    least = power[first : last + 1].max() * 10 ** (-settings.peak_range_db / 10)
    cents, weights = [], []
    for k in range(first, last + 1):
        if not (power[k] > least and power[k] > power[k - 1] and power[k] >= power[k + 1]):
            continue
        left, middle, right = power[k - 1 : k + 2] ** 0.125
        shift = 0.5 * (left - right) / (left - 2 * middle + right)
        near, beside = (k * spacing, (k + np.sign(shift)) * spacing)
        part = abs(1200 * np.log2(beside / near)) if shift else 0.0
        cents.append(1200 * np.log2(near / settings.min_hz) + shift * part)
        weights.append((middle - 0.25 * (left - right) * shift) ** 2)
    size = int(np.ceil(1200 / BIN_CENTS * np.log2(settings.max_hz / settings.min_hz))) + 1
    return _summed(np.array(cents), np.array(weights), size, settings)


def _summed(
    cents: Float64Array, weights: Float64Array, size: int, settings: _core.SalienceSettings
) -> Float64Array:
    total = np.zeros(size)
    fundamentals = np.arange(size) * BIN_CENTS
    norm = 0.0
    for harmonic in range(1, settings.harmonics + 1):
        weight = settings.decay ** (harmonic - 1)
        norm += weight**2
        for multiple, sign in ((harmonic, 1.0), (harmonic - 0.5, -settings.between)):
            # As in the kernel, harmonics lie on whole bins.
            at = fundamentals + BIN_CENTS * np.rint(1200 / BIN_CENTS * np.log2(multiple))
            distance = (at[:, None] - cents) / settings.half_width_cents
            bumps = np.maximum(0, 1 - distance**2) ** 2
            total += sign * weight * (bumps * weights).sum(axis=1)
    return total / np.sqrt(norm * (weights**2).sum())


def drift(window: np.ndarray, rate: float, hz: float) -> float:
    """Cents from ``hz`` to the pitch whose period fits best about the centre; 0 if none fits."""
    periods = max(1, int(0.005 * hz + 0.5))
    lag = periods * rate / hz
    size = int(max(lag, 0.003 * rate) + 0.5)
    lags = np.arange(int(np.floor(lag / 1.0595)) - 1, int(np.ceil(lag * 1.0595)) + 2)
    aside = (window.size - lags[-1] - size) // 2
    if lags[0] < 1 or aside < 0:
        return 0.0
    inner = window[aside : window.size - aside].astype(np.float64)
    x = inner - inner.mean()
    found = np.zeros(lags.size)
    for i, shift in enumerate(lags):
        start = (x.size - shift - size) // 2
        early, late = x[start : start + size], x[start + shift : start + shift + size]
        energy = (early @ early) * (late @ late)
        found[i] = early @ late / np.sqrt(energy) if energy > 0 else 0.0
    middle = found[1:-1]
    peaks = np.flatnonzero((middle >= found[:-2]) & (middle >= found[2:])) + 1
    if not peaks.size or found[peaks].max() < 0.6:
        return 0.0
    best = int(peaks[np.argmax(found[peaks])])
    left, right = found[best - 1], found[best + 1]
    bend = left - 2 * found[best] + right
    top = lags[best] + (0.5 * (left - right) / bend if bend < 0 else 0.0)
    return float(1200 * np.log2(rate * periods / top / hz))


def sharpened(
    cents: Float64Array, drifts: Float64Array, settings: _core.TrackerSettings, hop_s: float
) -> Float64Array:
    """A path whose glides are moved by a share of their drift, at most 40 cents."""
    reach, beside = (max(1, int(span / hop_s + 0.5)) for span in (0.0116, 0.0058))
    around = np.pad(cents, reach, constant_values=np.nan)
    near = np.pad(drifts, beside)
    change = np.abs(around[2 * reach :] - around[: -2 * reach])
    same = (drifts * near[: -2 * beside] > 0) | (drifts * near[2 * beside :] > 0)
    moves = (change >= settings.glide_cents) & same
    return cents + np.where(moves, np.clip(settings.sharpening * drifts, -40, 40), 0.0)


def path(
    cents: Float32Array,
    strength: Float32Array,
    level: Float32Array,
    drifts: Float32Array,
    settings: _core.TrackerSettings,
    hop_s: float,
) -> Float64Array:
    """Cents of the best path, NaN where unvoiced, found from the whole recording at once."""
    frames, candidates = cents.shape
    voicing, noisy = voicing_of(cents, strength, level, settings, hop_s)
    jump, change = settings.octave_jump_cost / 120_000 / hop_s, settings.voicing_cost / 100 / hop_s
    high = settings.high_noise * noisy[:, None] * np.maximum(cents - HIGH_CENTS, 0) / 1200
    local = np.where(strength > 0, voicing[:, None] - strength - high, 1e30)
    cost, trace = np.zeros(candidates + 1), []
    for i in range(frames):
        before = cents[i - 1] if i else np.zeros(candidates)
        moves = np.full((candidates + 1, candidates + 1), change)
        moves[:-1, :-1] = jump * np.abs(cents[i][:, None] - before)
        moves[-1, -1] = 0
        ways = moves + cost
        # Where ways cost the same, the one from unvoiced is kept.
        order = [candidates, *range(candidates)]
        best = np.array(order)[np.argmin(ways[:, order], axis=1)]
        cost = ways[np.arange(candidates + 1), best] + np.append(local[i], 0)
        cost = np.minimum(cost - cost.min(), 1e30)
        trace.append(best)
    state, found = int(np.argmin(cost)), np.full(frames, np.nan)
    of_strongest = np.zeros(frames)
    for i in range(frames - 1, -1, -1):
        if state < candidates:
            found[i] = cents[i, state]
        if state == 0:
            of_strongest[i] = drifts[i]
        state = trace[i][state]
    return sharpened(found, of_strongest, settings, hop_s)


def voicing_of(
    cents: Float32Array,
    strength: Float32Array,
    level: Float32Array,
    settings: _core.TrackerSettings,
    hop_s: float,
) -> tuple[Float64Array, Float64Array]:
    """Strength at which each frame is as likely voiced as not; how noisy it is around it."""
    block = max(1, int(BLOCK_S / hop_s + 0.5))
    look = max(1, int(settings.look_s / BLOCK_S + 0.5))
    smooth = np.zeros(level.size)
    last = 0.0
    for i, value in enumerate(strength[:, 0]):
        last += (1 - np.exp(-hop_s / SMOOTH_S)) * (value - last)
        smooth[i] = last
    before_frames = int(settings.before_s / hop_s + 0.5)
    below = np.array(
        [
            min(level[max(0, i - before_frames) : i + 1].max() - level[i], 60)
            for i in range(level.size)
        ]
    )
    fading, tails = fading_of(cents, strength, level, below, hop_s)
    result, noise = np.zeros(level.size), np.zeros(level.size)
    for i in range(level.size):
        around = slice(max(0, i // block - look) * block, (i // block + look + 1) * block)
        sounding = level[around][level[around] > -190]
        high, low = level[around].max(), sounding.min(initial=np.inf)
        noisy = noise[i] = np.clip((35 - (high - low)) / 15, 0, 1)
        at_floor = 0.0 if sounding.size < level[around].size else noisy
        reverberant = np.clip((tails[around].mean() - 0.01) / 0.02, 0, 1)
        after = level[i : i + int(settings.after_s / hop_s + 0.5) + 1].max()
        result[i] = (
            settings.voicing
            + settings.noisy_voicing * noisy
            + settings.voiceless * np.clip((VOICE - smooth[around].max()) / (VOICE - NOISE), 0, 1)
            + settings.level_slope * (1 - noisy) * min(high - level[i], 60)
            + settings.before_slope * below[i]
            + settings.after_slope * min(after - level[i], 60)
            + settings.floor_voicing * at_floor * np.clip((low + 5 - level[i]) / 3, 0, 1)
            + settings.reverberant_slope * reverberant * fading[i] * max(below[i] - 6, 0)
        )
    return result, noise


def fading_of(
    cents: Float32Array,
    strength: Float32Array,
    level: Float32Array,
    below: Float64Array,
    hop_s: float,
) -> tuple[Float64Array, Float64Array]:
    """1 where a note fades; 1 where the tail of a note became known, so many frames after it."""
    beside = max(1, int(0.0174 / hop_s + 0.5))
    fading, known = np.zeros(level.size), np.zeros(level.size)
    for i in range(beside, level.size - beside):
        fall = (level[i - beside] - level[i + beside]) / (2 * beside * hop_s)
        holds = all(
            ((strength[j] > 0.25) & (np.abs(cents[j] - cents[i, 0]) < 60)).any()
            for j in (i - beside, i + beside)
        )
        fading[i] = fall > 20 and holds
        harmonic = 12 < below[i] < 35 and strength[i, 0] > 0.5
        known[i + beside] = fading[i] and harmonic and fall < 260
    return fading, known
