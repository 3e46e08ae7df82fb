"""Folders of recordings that break whatever reads them, from a seed."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from cantaor.io.audio import write_audio

RATES = (1, 7, 100, 2000, 3000, 3999, 4000, 8001, 22_050, 96_000, 768_000, 2_000_000)
FORMATS = ("WAV", "FLAC", "OGG", "MP3")
SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")
NAMES = (
    "字" * 60,
    "e\u0301" * 50,
    "x" * 200,
    "a\nb",
    "tab\tbell\a",
    "🎤" * 40,
    "[bold]",
    "%s%n{0}",
    "..",
    "CON",
    "-",
    "'\"`$(x)",
    "\u202eevil",
    "name with spaces ",
)


def tone(seconds: float, rate: int, chance: random.Random) -> np.ndarray:
    """A voice-like tone with a few steps."""
    t = np.arange(max(1, int(seconds * rate))) / rate
    hz = 150 * 2 ** (np.floor(t * chance.uniform(1, 6)) % 5 / 12)
    phase = 2 * np.pi * np.cumsum(hz) / rate
    return 0.1 * sum(np.sin(n * phase) / n for n in range(1, 6))


def _odd_rate(path: Path, chance: random.Random) -> None:
    rate = chance.choice(RATES)
    samples = tone(min(3.0, 40_000 / rate), rate, chance)
    soundfile.write(path, samples, rate, format="WAV", subtype=chance.choice(SUBTYPES))


def _out_of_range(path: Path, chance: random.Random) -> None:
    scale = chance.choice([8_388_608.0, 1e6, 1.0001e7, 1e30, 1e-30, np.inf, np.nan])
    samples = (tone(2.0, 16_000, chance) * scale).astype(np.float32)
    if chance.random() < 0.3:
        samples[chance.randrange(samples.size)] = chance.choice([np.nan, np.inf, -np.inf, 3e38])
    soundfile.write(path, samples, 16_000, format="WAV", subtype="FLOAT")


def _encoded(chance: random.Random) -> bytes:
    form, target = chance.choice(FORMATS), io.BytesIO()
    channels = chance.choice([1, 1, 2, 2] if form in ("MP3", "OGG") else [1, 2, 6, 8])
    samples = np.stack([tone(1.5, 16_000, chance)] * channels, axis=1)
    soundfile.write(target, samples, 16_000, format=form)
    return target.getvalue()


def _damaged(path: Path, chance: random.Random) -> None:
    content = bytearray(_encoded(chance))
    for _ in range(chance.choice([1, 5, 50, 500])):
        first = chance.choice([64, len(content)])
        content[chance.randrange(min(first, len(content)))] = chance.randrange(256)
    path.write_bytes(bytes(content))


def _cut_short(path: Path, chance: random.Random) -> None:
    content = _encoded(chance)
    path.write_bytes(content[: chance.choice([0, 1, 12, 44, 45, 100, len(content) // 2])])


def _garbage(path: Path, chance: random.Random) -> None:
    start = chance.choice([b"", b"RIFF\xff\xff\xff\xffWAVE", b"fLaC", b"OggS", b"ID3\x04"])
    path.write_bytes(start + chance.randbytes(chance.choice([3, 100, 5000])))


def _nothing_to_hear(path: Path, chance: random.Random) -> None:
    size = chance.choice([1, 2, 100, 16_000])
    level = chance.choice([0.0, 1e-9, 0.3])
    samples = np.random.default_rng(chance.randrange(9)).standard_normal(size) * level
    soundfile.write(path, np.clip(samples, -1, 1), 16_000, format="WAV")


def _no_file(path: Path, chance: random.Random) -> None:
    kind = chance.randrange(4)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to(path.parent / "gone.wav")
    elif kind == 2:
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)


KINDS: tuple[Callable[[Path, random.Random], None], ...] = (
    _odd_rate,
    _out_of_range,
    _damaged,
    _cut_short,
    _garbage,
    _nothing_to_hear,
    _no_file,
)


def hostile_corpus(folder: Path, seed: int, files: int = 12) -> list[Path]:
    """A folder of one good singer's recordings and many bad files; returns what was made.

    Parameters
    ----------
    folder
        Is made.
    seed
        Decides everything.
    files
        How many bad files.
    """
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    made = []
    for index in range(2):
        made.append(folder / f"GOOD-{index}.wav")
        sung = tone(4.0, 16_000, random.Random(index)).astype(np.float32)
        write_audio(made[-1], sung, 16_000)
    for index in range(files):
        name = f"B{chance.randrange(3)}-{index}"
        if chance.random() < 0.4:
            name = f"{name}{chance.choice(NAMES)}"
        suffix = chance.choice([".wav", ".WAV", ".flac", ".mp3", ".ogg"])
        path = folder / (name.encode()[:240].decode("utf-8", "ignore") + suffix)
        KINDS[(seed + index) % len(KINDS)](path, chance)
        made.append(path)
    return made
