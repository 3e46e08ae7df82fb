"""The curve of risk over coverage, as vector markup that needs no drawing library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cantaor.errors import ArgumentError

_WIDTH, _HEIGHT = 480, 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 16, 16, 52
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def coverage_markup(curve: Sequence[Mapping[str, float]], label: str) -> str:
    """Risk among the surest answers over their share, as an ``<svg>`` element.

    Parameters
    ----------
    curve
        Rows with ``coverage`` and ``risk``, both 0..1, by ascending coverage, such as
        :func:`cantaor.metrics.held_out_groups.coverage_curve` gives.
    label
        What the curve shows, for those who cannot see it; plain words, which are not escaped.

    Returns
    -------
    str
        Markup whose colours are those of the page: ``--ink``, ``--line`` and ``--accent``.

    Raises
    ------
    ArgumentError
        A row leaves 0..1, or ``label`` holds signs of markup.

    Examples
    --------
    >>> drawn = coverage_markup([{"coverage": 0.5, "risk": 0.0}, {"coverage": 1.0, "risk": 0.25}],
    ...                         "Risk over coverage")
    >>> drawn.count("<circle"), drawn.startswith("<svg ")
    (2, True)
    """
    if set(label) & set("<>&\"'"):
        raise ArgumentError(f"label must be plain words, not {label!r:.80}")
    points = [_place(float(row["coverage"]), float(row["risk"])) for row in curve]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="var(--accent)"/>' for x, y in points
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{label}" font-size="13" fill="var(--ink)">{_axes()}'
        f'<polyline points="{line}" fill="none" stroke="var(--accent)" stroke-width="2"/>{dots}'
        "</svg>"
    )


def _place(coverage: float, risk: float) -> tuple[float, float]:
    if not (0 <= coverage <= 1 and 0 <= risk <= 1):
        raise ArgumentError(f"coverage ({coverage}) and risk ({risk}) must be in 0..1")
    return (
        _LEFT + coverage * (_WIDTH - _LEFT - _RIGHT),
        _TOP + (1 - risk) * (_HEIGHT - _TOP - _BOTTOM),
    )


def _axes() -> str:
    """Grid lines with their values, and what both axes are."""
    parts = []
    left, bottom = _place(0, 0)
    right, top = _place(1, 1)
    for tick in _TICKS:
        x, y = _place(tick, tick)
        parts.append(
            f'<path d="M{left} {y:.1f}H{right}M{x:.1f} {top}V{bottom}" '
            'fill="none" stroke="var(--line)"/>'
            f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.0%}</text>'
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:.0%}</text>'
        )
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    parts.append(
        f'<text x="{middle_x}" y="{_HEIGHT - 8}" text-anchor="middle">'
        "answered (coverage), the surest first</text>"
        f'<text transform="rotate(-90 14 {middle_y})" x="14" y="{middle_y}" '
        'text-anchor="middle">wrong (risk)</text>'
    )
    return "".join(parts)
