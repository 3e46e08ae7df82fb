"""Slow twins of the pitch kernels: candidates of one spectrum, what it says of their octaves, the
period at the centre of a window, the best path through all candidates, and its glides.

Salamon, Gómez & Bonada (DAFx 2011), sections 2 and 3.1; Medan, Yair & Chazan (IEEE TSP 1991);
Boersma (1993), section 2.8.
"""

from __future__ import annotations

import numpy as np

from cantaor import _core
from cantaor.types import Float32Array, Float64Array

BIN_CENTS, NOISE, VOICE, SMOOTH_S, BLOCK_S = 10.0, 0.47, 0.55, 0.06, 0.25
HIGH_CENTS = 1200 * np.log2(330 / 55)
OCTAVES = {2: 1200.0, 3: 1901.955, 5: 2786.314, 7: 3368.826}
UNKNOWN_DB = 100.0


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


def octave_evidence(
    power: np.ndarray, cents: np.ndarray, strength: np.ndarray, spacing: float, last_bin: int
) -> tuple[list[int], list[float]]:
    """For every candidate the strongest one at a whole multiple, and the level between its
    harmonics in dB; -1 and 100 where there is none."""
    above, level = [-1] * cents.size, [UNKNOWN_DB] * cents.size
    plausible = [k for k in range(cents.size) if strength[k] >= max(0.6 * strength[0], 1e-30)]
    amplitude = np.sqrt(power)
    for k in plausible:
        found = [
            (strength[j], -j, multiple)
            for j in plausible
            for multiple, ratio in OCTAVES.items()
            if abs(cents[j] - cents[k] - ratio) < 45
        ]
        if not found:
            continue
        _, minus, multiple = max(found)
        above[k] = -minus
        lowest = 55 * 2 ** (cents[-minus] / 1200) / multiple / spacing
        level[k] = _between(amplitude, lowest, multiple, last_bin)
    return above, level


def _between(amplitude: np.ndarray, lowest: float, multiple: int, last_bin: int) -> float:
    """Mean level of the first six partials between the harmonics of the multiple."""

    def at(order: int) -> float:
        return float(np.interp(order * lowest, np.arange(amplitude.size), amplitude))

    orders = [order for order in range(1, 7 * multiple) if order % multiple][:6]
    levels = []
    for order in orders:
        below = order // multiple * multiple
        if (below + multiple) * lowest > last_bin:
            break
        neighbours = ((at(below) if below else 0.0) + at(below + multiple)) / 2
        one = 20 * np.log10(max(at(order) / max(neighbours, 1e-12), 1e-30))
        if below > 0 or one > -25:  # what lies under the band of a recording says nothing
            levels.append(np.clip(one, -25, 10))
    return float(np.mean(levels)) if len(levels) >= 2 else UNKNOWN_DB


def drift(window: np.ndarray, rate: float, hz: float) -> float:
    """Cents from ``hz`` to the pitch whose period fits best about the centre; 0 if none fits."""
    away, agreement = period(window, rate, hz)
    return away if agreement >= 0.6 else 0.0


def confirmed(
    window: np.ndarray, rate: float, cents: np.ndarray, strength: np.ndarray
) -> tuple[int, float]:
    """Which candidate of a frame comes first, and its strength, after low ones were looked at."""
    best, agrees = -1, 0.85
    hz = 55 * 2 ** (cents.astype(np.float64) / 1200)
    plausible = np.flatnonzero(strength > 0.6 * strength[0])
    for k in plausible[hz[plausible] <= 125]:
        agreement = period(window, rate, hz[k])[1]
        margin = 0.0 if best < 0 else -0.03 if hz[k] > hz[best] else 0.03
        if agreement > agrees + margin:
            best, agrees = int(k), agreement
    shorter = [period(window, rate, hz[k])[1] for k in plausible[hz[plausible] > 125]]
    if best < 0 or not 0 < strength[0] < 0.55 or max(shorter, default=0) > agrees - 0.03:
        return 0, float(strength[0])
    return best, max(float(strength[best]), 0.7 * agrees)


def period(window: np.ndarray, rate: float, hz: float) -> tuple[float, float]:
    """Cents from ``hz`` to the pitch whose period fits best about the centre, and how well."""
    periods = max(1, int(0.005 * hz + 0.5))
    lag = periods * rate / hz
    size = int(max(lag, 0.003 * rate) + 0.5)
    lags = np.arange(int(np.floor(lag / 1.0595)) - 1, int(np.ceil(lag * 1.0595)) + 2)
    aside = (window.size - lags[-1] - size) // 2
    if lags[0] < 1 or aside < 0:
        return 0.0, 0.0
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
    if not peaks.size:
        return 0.0, 0.0
    best = int(peaks[np.argmax(found[peaks])])
    left, right = found[best - 1], found[best + 1]
    bend = left - 2 * found[best] + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    top = lags[best] + shift
    height = found[best] - 0.25 * (left - right) * shift
    return float(1200 * np.log2(rate * periods / top / hz)), float(height)


def sharpened(
    cents: Float64Array, drifts: Float64Array, settings: _core.TrackerSettings, hop_s: float
) -> Float64Array:
    """A path whose glides are moved by a share of their drift, and whose low pitches by the mean of
    it, at most 40 cents."""
    reach, beside = (max(1, int(span / hop_s + 0.5)) for span in (0.0116, 0.0058))
    around = np.pad(cents, reach, constant_values=np.nan)
    near = np.pad(drifts, beside)
    change = np.abs(around[2 * reach :] - around[: -2 * reach])
    same = (drifts * near[: -2 * beside] > 0) | (drifts * near[2 * beside :] > 0)
    moves = (change >= settings.glide_cents) & same
    low, high = (1200 * np.log2(hz / 55) for hz in (60, 165))
    biased = np.where(cents < high, np.minimum(2 ** (2.5 * (low - cents) / 1200), 1), 0)
    steady = np.zeros(cents.size)
    for i, here in enumerate(cents):
        near = slice(max(0, i - reach), i + reach + 1)
        counts = (drifts[near] != 0) & (np.abs(cents[near] - here) < 50)
        by_period = cents[near][counts] + drifts[near][counts]
        steady[i] = by_period.mean() - here if counts.any() else 0.0
    shift = np.where(moves, settings.sharpening * drifts, steady)
    limit = np.where(moves, 40, 40 * biased)
    return cents + np.clip(shift, -limit, limit)


def weigh_octaves(
    cents: np.ndarray,
    strength: np.ndarray,
    above: np.ndarray,
    between: np.ndarray,
    settings: _core.TrackerSettings,
    around: tuple[float, float] = (0.0, 0.0),
) -> Float64Array:
    """Strengths of one frame after subharmonics and overtones have lost theirs; ``around`` is the
    mean pitch of the frames around whose octave is beyond doubt, and how well it is known."""
    raised, lost = strength.astype(np.float64), np.zeros(strength.size)
    for low, (high, level) in enumerate(zip(above, between, strict=True)):
        if high < 0 or level >= UNKNOWN_DB:
            continue
        span = settings.harmonic_db - settings.subharmonic_db
        subharmonic = np.clip((settings.harmonic_db - level) / span, 0, 1)
        overtone = np.clip((level - settings.overtone_db) / -settings.overtone_db, 0, 1)
        away = (abs(cents[high] - around[0]) - abs(cents[low] - around[0])) / 1200
        subharmonic *= np.clip(1 - settings.range_weight * around[1] * away, 0, 1.5)
        for loser, winner, share, cost in (
            (low, high, subharmonic, settings.octave_cost),
            (high, low, overtone, settings.overtone_cost),
        ):
            more = max(float(strength[loser]) - float(strength[winner]), 0.0)
            raised[winner] = max(raised[winner], strength[winner] + min(share, 1) * more)
            lost[loser] += cost * share
    return raised - lost


def beyond_doubt(strength: np.ndarray, above: np.ndarray, between: np.ndarray) -> bool:
    """Whether the strongest candidate of a frame is the pitch, as far as one frame can tell."""
    lower = strength[above == 0].max(initial=0.0)
    known = above[0] >= 0 and between[0] < UNKNOWN_DB
    return bool(
        strength[0] > 0.5 and strength[0] - lower > 0.1 and not (known and between[0] <= -2)
    )


def _usual(
    cents: Float32Array,
    strength: Float32Array,
    above: np.ndarray,
    between: Float32Array,
    settings: _core.TrackerSettings,
    hop_s: float,
) -> list[tuple[float, float]]:
    """For every frame the mean pitch of those within ``look_s`` that are beyond doubt, and 0..1."""
    block = max(1, int(BLOCK_S / hop_s + 0.5))
    look = max(1, int(settings.look_s / BLOCK_S + 0.5))
    sure = np.array([beyond_doubt(*row) for row in zip(strength, above, between, strict=True)])
    found = []
    for i in range(len(cents)):
        around = slice(max(0, i // block - look) * block, (i // block + look + 1) * block)
        pitches = cents[around, 0][sure[around]]
        found.append(
            (float(pitches.mean()), min(pitches.size * hop_s / 0.7, 1.0))
            if pitches.size
            else (0, 0)
        )
    return found


def path(
    cents: Float32Array,
    strength: Float32Array,
    level: Float32Array,
    above: np.ndarray,
    between: Float32Array,
    drifts: Float32Array,
    settings: _core.TrackerSettings,
    hop_s: float,
) -> Float64Array:
    """Cents of the best path, NaN where unvoiced, found from the whole recording at once."""
    frames, candidates = cents.shape
    usual = _usual(cents, strength, above, between, settings, hop_s)
    weighed = np.array(
        [
            weigh_octaves(cents[i], strength[i], above[i], between[i], settings, usual[i])
            for i in range(frames)
        ]
    )
    voicing, noisy = voicing_of(cents, strength, level, settings, hop_s)
    jump, change = settings.octave_jump_cost / 120_000 / hop_s, settings.voicing_cost / 100 / hop_s
    high = settings.high_noise * noisy[:, None] * np.maximum(cents - HIGH_CENTS, 0) / 1200
    local = np.where(strength > 0, voicing[:, None] - weighed - high, 1e30)
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
            of_strongest[i] = _drift_of(cents[i], state, drifts[i])
        state = trace[i][state]
    lowest, highest = (1200 * np.log2(hz / 55) for hz in (settings.lowest_hz, settings.highest_hz))
    outside = (found < lowest) | (found > highest)
    found[outside], of_strongest[outside] = np.nan, 0.0
    return sharpened(found, of_strongest, settings, hop_s)


def _drift_of(cents: np.ndarray, chosen: int, drift: float) -> float:
    """Drift of a candidate: known of the strongest, and so of those of its pitch class."""
    apart = float(cents[chosen] - cents[0])
    if chosen == 0 or drift == 0:
        return drift if chosen == 0 else 0.0
    for ratio in (OCTAVES[2], OCTAVES[3]):
        if abs(abs(apart) - ratio) < 45:
            return drift + np.copysign(ratio, apart) - apart
    return 0.0


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
