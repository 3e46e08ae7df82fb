"""First inputs of the kernels' fuzzers: what the tests sing, in the bytes that the targets read.

python csrc/fuzz/make_seeds.py FOLDER     a folder in it for every target
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cantaor.clustering.kmeans import kmeans_1d
from cantaor.contour import segment_contour
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.io.audio import read_audio
from cantaor.pitch.tracker import extract_pitch
from cantaor.types import Audio, Float64Array
from cantaor.units import hz_to_cents

UNVOICED = np.iinfo(np.int16).min
END_OF_ROW = b"\x80"


def numbers(*values: int) -> bytes:
    """Whole numbers as ``Input::from`` and ``Input::between`` take them."""
    return struct.pack(f"<{len(values)}H", *values)


def rows_of(audio: Audio) -> tuple[Float64Array, bytes]:
    """Cents of a recording, and its phrases as rows of symbols."""
    track = extract_pitch(audio)
    cents = hz_to_cents(track.hz)
    contour = segment_contour(track, kmeans_1d(cents, 12))
    bounds = contour.symbol_offsets
    phrases = [contour.symbols[a:b] for a, b in pairwise(bounds)]
    return cents, END_OF_ROW.join(phrase.astype(np.int8).tobytes() for phrase in phrases)


def mining(rows: bytes) -> Iterator[bytes]:
    for kind in range(3):
        for low, high in ((0, 0), (0, 2), (1, 66)):
            unlimited, limited = b"\x00", b"\x01" + numbers(7)
            for limits in (unlimited + unlimited, limited + limited):
                yield numbers(1, 2) + limits + numbers(900, kind, 9 * (low == 1), low, high) + rows


def occurrences(rows: bytes) -> Iterator[bytes]:
    for together in (b"\x00", b"\x01"):
        for size in (2, 5, 12):
            sought = rows[3 : 3 + size]
            yield together + numbers(0, 2, size) + sought + rows


def contour(cents: Float64Array) -> Iterator[bytes]:
    quarters = np.where(np.isnan(cents), UNVOICED, np.nan_to_num(cents) * 4 - 12_000)
    for min_frames, max_gap, edges in ((2, 0, 0), (0, 5, 12), (5, 12, 24)):
        start = numbers(9000, 8000, min_frames, max_gap, 8200, 30_000, edges)
        yield start + numbers(*[20_000] * edges) + quarters.astype("<i2").tobytes()[:8000]


def pitch(audio: Audio) -> Iterator[bytes]:
    loudest = np.abs(audio.samples).max()
    samples = (audio.samples / loudest * 127).astype(np.int8).tobytes()[4000:10_000]
    for rate in (4000, 12_050, 40_100):
        for first in (0, 20):
            start = b"\x01" + numbers(rate) + b"\x01" + numbers(255, 1700, 30_000, first, 49_000)
            yield start + b"\x00" + samples


def tracking(rng: np.random.Generator) -> Iterator[bytes]:
    for repeats in (0, 3, 19):
        for width in (0, 5, 7):
            start = numbers(6500, 1700, 30_000) + b"\x01" + numbers(40, width, repeats)
            yield start + rng.integers(0, 256, 2000, np.uint8).tobytes()


def anchors(audio: Audio) -> Iterator[bytes]:
    samples = (audio.samples[:1500] * 127).astype(np.int8).tobytes()
    for window, spread, least in ((63, 31, 8), (3, 1, 0), (15, 200, 2)):
        yield numbers(window, spread, least, 40) + b"\x00" + samples


def similarity(rows: bytes) -> Iterator[bytes]:
    text = rows.replace(END_OF_ROW, b"\x00")
    for steps, most in ((5, 1), (12, 4), (64, 20)):
        figure = text.replace(b"\x00", b"")[2 : 2 + steps].ljust(steps, b"\x01")
        yield b"\x00" + numbers(steps - 1, most) + figure + text[:200]


def main(folder: Path) -> None:
    """Write the seeds of every target."""
    with TemporaryDirectory() as place:
        corpus = make_corpus(Path(place), voices=1, recordings=1, seconds=12.0, seed=5)
        audio = read_audio(next(corpus.folder.glob("*.flac")), sample_rate=16_000)
    cents, rows = rows_of(audio)
    seeds = {
        "mining": mining(rows[:400]),
        "occurrences": occurrences(rows[:120]),
        "contour": contour(cents),
        "pitch": pitch(audio),
        "tracking": tracking(np.random.default_rng(20201011)),
        "anchors": anchors(audio),
        "similarity": similarity(rows),
    }
    for family, inputs in seeds.items():
        (folder / family).mkdir(parents=True, exist_ok=True)
        for index, content in enumerate(inputs):
            (folder / family / f"seed-{index:02}").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
