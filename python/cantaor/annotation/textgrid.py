"""Praat TextGrids: f0 as points, notes and every family as intervals.

References
----------
Boersma, P. and Weenink, D. Praat manual, "TextGrid file formats" (long text format).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cantaor.annotation.layers import Layers

_Interval = tuple[float, float, str]


def textgrid_text(layers: Layers) -> str:
    """The TextGrid of one recording; times are those of its tables, to the last digit."""
    end = layers.end_s
    voiced = np.flatnonzero(layers.hz > 0)
    points = [
        (t, f"{hz:.3f}")
        for t, hz in zip(layers.times[voiced].tolist(), layers.hz[voiced].tolist(), strict=True)
        if t <= end
    ]
    notes = [(one.start_s, one.end_s, one.name) for one in layers.notes]
    tiers = [_points("f0 (Hz)", points, end), _intervals("notes", notes, end)]
    for name, spans in layers.families.items():
        tiers.append(_intervals(name, [(one.start_s, one.end_s, name) for one in spans], end))
    head = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
        f"xmin = 0\nxmax = {end!r}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    )
    return head + "".join(f"    item [{number}]:\n{tier}" for number, tier in enumerate(tiers, 1))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _head(kind: str, name: str, end: float, what: str, count: int) -> str:
    return (
        f'        class = "{kind}"\n        name = {_quoted(name)}\n        xmin = 0\n'
        f"        xmax = {end!r}\n        {what}: size = {count}\n"
    )


def _points(name: str, points: Sequence[tuple[float, str]], end: float) -> str:
    rows = [
        f"        points [{i}]:\n            number = {t!r}\n            mark = {_quoted(text)}\n"
        for i, (t, text) in enumerate(points, 1)
    ]
    return _head("TextTier", name, end, "points", len(points)) + "".join(rows)


def _intervals(name: str, spans: Sequence[_Interval], end: float) -> str:
    """Intervals of a tier fill it: what lies between is empty."""
    filled: list[_Interval] = []
    last = 0.0
    for start, stop, text in spans:
        if start > last:
            filled.append((last, start, ""))
        filled.append((start, stop, text))
        last = stop
    if last < end or not filled:
        filled.append((last, end, ""))
    rows = [
        f"        intervals [{i}]:\n            xmin = {a!r}\n            xmax = {b!r}\n"
        f"            text = {_quoted(text)}\n"
        for i, (a, b, text) in enumerate(filled, 1)
    ]
    return _head("IntervalTier", name, end, "intervals", len(filled)) + "".join(rows)
