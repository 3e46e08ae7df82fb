"""A tree of clips like the published one, cut from invented voices or from given data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from cantaor.experiments.reproduction.published import PublishedClips
from cantaor.types import Float32Array

RATE = 22_050


def voice(singer: int, group: int, seconds: float, rng: np.random.Generator) -> Float32Array:
    """Notes of one singer's formant through one group's tilt, with a breath of noise."""
    count = int(seconds * RATE)
    f0 = np.repeat(rng.uniform(180, 320, int(seconds * 8) + 1), RATE // 8 + 1)[:count]
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    sound = 0.003 * rng.standard_normal(count)
    for k in range(1, 24):
        hz = k * 250
        level = np.exp(-(((hz - 1200 - 1300 * singer) / 600) ** 2)) + 0.05
        sound += level * (hz / 1000) ** (0.3 * group - 0.3) * np.sin(k * phase) * 0.2
    return sound.astype(np.float32)


def write_clip(folder: Path, singer: str, name: str, samples: Float32Array) -> None:
    """One file of the tree, float32 like the published ones."""
    (folder / singer).mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / singer / f"{name}.wav", samples, RATE, subtype="FLOAT")


def invented_tree(folder: Path, each: int = 14) -> Path:
    """Three singers with two source groups each, in sets that share clips, and one wrong label."""
    rng = np.random.default_rng(7)
    for singer, group in ((s, g) for s in range(3) for g in range(2)):
        # Two phrases; the clips of each overlap in a chain.
        phrases = [voice(singer, group, 0.25 + 0.11 * each, rng) for _ in range(2)]
        for number in range(2 * each):
            start = int(0.11 * (number // 2) * RATE)
            cut = phrases[number % 2][start : start + int(0.24 * RATE)]
            for file_set in ("M1", "M1_intervals") if number < 4 else (f"M{1 + number % 2}",):
                name = f"{file_set}x{group}_1 -1 2 -1 {1 + number % 3}_{singer}{group}{number:04x}"
                write_clip(folder, f"S{singer}", name, cut)
        # Sets of both phrases share this clip, so that they are of one group.
        both = np.concatenate([phrases[0][-6_000:], phrases[1][:6_000]])
        write_clip(folder, f"S{singer}", f"M1x{group}_1 -1 1 -1 1_{singer}{group}ffff", both)
        write_clip(folder, f"S{singer}", f"M2x{group}_1 -1 1 -1 1_{singer}{group}fffe", both)
    wrong = voice(0, 0, 0.3, rng)
    write_clip(folder, "S0", "M1x0_1 -1 1 2 1_aaaa0001", wrong)
    write_clip(folder, "S1", "M9_1 -1 1 2 1_aaaa0002", wrong)
    return folder


def published_tree(folder: Path, published: PublishedClips) -> Path:
    """The tree that given clips would have been published as."""
    for number, clip in enumerate(published.clips):
        audio = published.recordings[clip.recording]
        first, last = (round(s * audio.sample_rate) for s in (clip.start_s, clip.end_s))
        name = f"{clip.file_set}_{' '.join(map(str, clip.motif))}_{number:08x}"
        write_clip(folder, clip.singer, name, audio.samples[first:last])
    return folder
