"""How much of the published motif instances the authors' settings bring back.

    python benchmarks/fidelity.py DATA

``DATA`` holds ``recordings/*.flac`` and ``instances.csv`` (one row per published clip: motif,
recording, start_s, end_s, label_conflict). Every recording goes through the contour in the mode of
the authors' program: greedy segments, interval classes at 70 and 112 cents, positive where the
pitch falls. An instance is found if its motif's string occurs with both ends within the tolerance
of its own.
There is no target: the table says what the reconstruction can and cannot reproduce.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from cantaor.contour import segment_contour
from cantaor.io.audio import read_audio
from cantaor.pitch.tracker import extract_pitch
from cantaor.types import Contour, PitchTrack

TOLERANCE_S = 0.02


def spans_of(contour: Contour, motif: list[int], sign: int) -> np.ndarray:
    """(start, end) in seconds of every occurrence of a string of symbols, float64 (n, 2)."""
    wanted = np.asarray(motif) * sign
    spans = []
    for phrase in range(contour.phrases):
        first, last = contour.symbol_offsets[phrase : phrase + 2]
        symbols = contour.symbols[first:last]
        if symbols.size < wanted.size:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(symbols, wanted.size)
        begins = np.flatnonzero((windows == wanted).all(axis=1))
        if begins.size:
            start, end = contour.span_s([phrase] * begins.size, begins, begins + wanted.size)
            spans.append(np.column_stack([start, end]))
    return np.concatenate(spans) if spans else np.zeros((0, 2))


def verdict(contour: Contour, motif: list[int], start: float, end: float) -> str:
    """What became of one instance."""
    spans = spans_of(contour, motif, 1)
    if spans.size:
        off = np.abs(spans - (start, end))
        if (off.max(axis=1) <= TOLERANCE_S).any():
            return "found, both ends within 20 ms"
        if (off.max(axis=1) <= 0.1).any():
            return "found, an end off by 20 to 100 ms"
        if ((spans[:, 0] < end) & (spans[:, 1] > start)).any():
            return "same string, overlapping"
    turned = spans_of(contour, motif, -1)
    if turned.size and (np.abs(turned - (start, end)).max(axis=1) <= 0.1).any():
        return "found with the opposite sign"
    inside = (contour.start_s < end - TOLERANCE_S) & (contour.end_s > start + TOLERANCE_S)
    found = int(inside.sum()) - 1
    if found == len(motif):
        return "as many steps there, of other classes"
    return "fewer steps there" if found < len(motif) else "more steps there"


def table(data: Path, hop: int, margin: float, min_frames: int) -> dict[str, Counter[str]]:
    """Verdicts by recording."""
    rows = defaultdict(list)
    with (data / "instances.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["label_conflict"] == "0":
                rows[row["recording"]].append(row)
    verdicts = {}
    for recording, instances in sorted(rows.items()):
        path = data / "recordings" / f"{recording}.flac"
        if not path.exists():
            raise SystemExit(f"{path} is missing, although instances.csv names it")
        track: PitchTrack = extract_pitch(read_audio(path), hop=hop)
        contour = segment_contour(
            track,
            None,
            method="margin",
            symbols="interval",
            sign="descending",
            margin=margin,
            min_frames=min_frames,
        )
        verdicts[recording] = Counter(
            verdict(
                contour,
                [int(symbol) for symbol in row["motif"].split()],
                float(row["start_s"]),
                float(row["end_s"]),
            )
            for row in instances
        )
    return verdicts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--hop", type=int, default=128, help="samples at 44.1 kHz")
    parser.add_argument("--margin", type=float, default=60.0, help="cents")
    parser.add_argument("--min-frames", type=int, default=1)
    options = parser.parse_args()
    verdicts = table(options.data, options.hop, options.margin, options.min_frames)
    total: Counter[str] = sum(verdicts.values(), Counter())
    instances = sum(total.values())
    print(f"| recording | instances | {TOLERANCE_S * 1e3:.0f} ms | 100 ms |")
    print("|---|---|---|---|")
    for recording, counts in verdicts.items():
        n = sum(counts.values())
        exact = counts["found, both ends within 20 ms"]
        near = exact + counts["found, an end off by 20 to 100 ms"]
        print(f"| {recording} | {n} | {exact / n:.1%} | {near / n:.1%} |")
    print("\n| what became of an instance | share |\n|---|---|")
    for what, count in total.most_common():
        print(f"| {what} | {count / instances:.1%} |")


if __name__ == "__main__":
    main()
