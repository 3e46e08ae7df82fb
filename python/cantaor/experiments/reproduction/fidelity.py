"""How much of the published motif instances the authors' settings bring back.

Every recording goes through the contour in the mode of the authors' program: greedy segments,
interval classes at 70 and 112 cents, positive where the pitch falls. An instance is found if its
motif's string occurs with both ends within the tolerance of its own. There is no target: the table
says what the reconstruction can and cannot reproduce.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from cantaor.contour import segment_contour
from cantaor.experiments.reproduction.published import PublishedClip, PublishedClips
from cantaor.pitch.tracker import extract_pitch
from cantaor.types import Contour, Float64Array

#: Seconds by which an end may be off.
TOLERANCE_S = 0.02
_EXACT, _NEAR = "found, both ends within 20 ms", "found, an end off by 20 to 100 ms"


def occurrence_spans(contour: Contour, motif: Sequence[int], sign: int) -> Float64Array:
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


def verdict(contour: Contour, clip: PublishedClip) -> str:
    """What became of one instance."""
    span = clip.start_s, clip.end_s
    spans = occurrence_spans(contour, clip.motif, 1)
    if spans.size:
        off = np.abs(spans - span).max(axis=1)
        if (off <= TOLERANCE_S).any():
            return _EXACT
        if (off <= 0.1).any():
            return _NEAR
        if ((spans[:, 0] < clip.end_s) & (spans[:, 1] > clip.start_s)).any():
            return "same string, overlapping"
    turned = occurrence_spans(contour, clip.motif, -1)
    if turned.size and (np.abs(turned - span).max(axis=1) <= 0.1).any():
        return "found with the opposite sign"
    inside = contour.start_s < clip.end_s - TOLERANCE_S
    inside &= contour.end_s > clip.start_s + TOLERANCE_S
    found = int(inside.sum()) - 1
    if found == len(clip.motif):
        return "as many steps there, of other classes"
    return "fewer steps there" if found < len(clip.motif) else "more steps there"


def verdicts(
    published: PublishedClips, *, hop: int = 128, margin: float = 60.0, min_frames: int = 1
) -> dict[str, Counter[str]]:
    """Verdicts on the clips without a label conflict, by recording.

    Parameters
    ----------
    published
        Clips and recordings.
    hop
        Samples at 44,100 Hz between two frames of f0.
    margin
        Cents that a segment stays within.
    min_frames
        Of a segment.
    """
    found = {}
    for name, audio in sorted(published.recordings.items()):
        contour = segment_contour(
            extract_pitch(audio, hop=hop),
            None,
            method="margin",
            symbols="interval",
            sign="descending",
            margin=margin,
            min_frames=min_frames,
        )
        found[name] = Counter(
            verdict(contour, clip)
            for clip in published.clips
            if clip.recording == name and not clip.label_conflict
        )
    return {name: counts for name, counts in found.items() if counts}


def fidelity_table(found: Mapping[str, Counter[str]]) -> str:
    """Instances found, by recording, and what became of the others, as Markdown."""
    lines = ["| recording | instances | 20 ms | 100 ms |", "|---|---|---|---|"]
    for recording, counts in found.items():
        n = counts.total()
        exact, near = counts[_EXACT], counts[_EXACT] + counts[_NEAR]
        lines.append(f"| {recording} | {n} | {exact / n:.1%} | {near / n:.1%} |")
    total: Counter[str] = sum(found.values(), Counter())
    lines += ["", "| what became of an instance | share |", "|---|---|"]
    for what, count in sorted(total.items(), key=lambda one: (-one[1], one[0])):
        lines.append(f"| {what} | {count / total.total():.1%} |")
    return "\n".join(lines) + "\n"
