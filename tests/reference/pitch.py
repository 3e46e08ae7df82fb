"""Slow twins of the pitch kernels: candidates of one spectrum, and the best path through all.

Salamon, Gómez & Bonada (DAFx 2011), sections 2 and 3.1; Boersma (1993), section 2.8.
"""

from __future__ import annotations

import numpy as np

from cantaor import _core
from cantaor.types import Float32Array, Float64Array

BIN_CENTS, NOISE, VOICE, SMOOTH_S, BLOCK_S = 10.0, 0.47, 0.55, 0.06, 0.25


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


def path(
    cents: Float32Array,
    strength: Float32Array,
    level: Float32Array,
    settings: _core.TrackerSettings,
    hop_s: float,
) -> Float64Array:
    """Cents of the best path, NaN where unvoiced, found from the whole recording at once."""
    frames, candidates = cents.shape
    voicing = voicing_of(strength[:, 0], level, settings, hop_s)
    jump, change = settings.octave_jump_cost / 120_000 / hop_s, settings.voicing_cost / 100 / hop_s
    local = np.where(strength > 0, voicing[:, None] - strength, 1e30)
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
    for i in range(frames - 1, -1, -1):
        if state < candidates:
            found[i] = cents[i, state]
        state = trace[i][state]
    return found


def voicing_of(
    strongest: Float32Array, level: Float32Array, settings: _core.TrackerSettings, hop_s: float
) -> Float64Array:
    """Strength at which each frame is as likely voiced as not."""
    block = max(1, int(BLOCK_S / hop_s + 0.5))
    look = max(1, int(settings.look_s / BLOCK_S + 0.5))
    smooth = np.zeros(level.size)
    last = 0.0
    for i, value in enumerate(strongest):
        last += (1 - np.exp(-hop_s / SMOOTH_S)) * (value - last)
        smooth[i] = last
    result = np.zeros(level.size)
    for i in range(level.size):
        around = slice(max(0, i // block - look) * block, (i // block + look + 1) * block)
        lows = [
            part.min()
            for part in np.split(level[around], range(block, level.size, block))
            if part.size
        ]
        high, low = level[around].max(), min((x for x in lows if x > -190), default=np.inf)
        before = level[max(0, i - int(settings.before_s / hop_s + 0.5)) : i + 1].max()
        after = level[i : i + int(settings.after_s / hop_s + 0.5) + 1].max()
        result[i] = (
            settings.voicing
            + settings.noisy_voicing * np.clip((35 - (high - low)) / 15, 0, 1)
            + settings.voiceless * np.clip((VOICE - smooth[around].max()) / (VOICE - NOISE), 0, 1)
            + settings.level_slope * min(high - level[i], 60)
            + settings.before_slope * min(before - level[i], 60)
            + settings.after_slope * min(after - level[i], 60)
        )
    return result
