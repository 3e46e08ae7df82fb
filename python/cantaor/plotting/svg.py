"""Figures as markup inside a page: vector drawings whose colours follow the page's theme."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from cantaor.plotting.contours import GRID, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours of figures that the page's theme replaces.
_THEMED = {INK: "var(--ink)", GRID: "var(--line)", "#000000": "var(--ink)", "#ffffff": "none"}


def figure_markup(figure: Figure, label: str, name: str) -> str:
    """A figure as an ``<svg>`` element.

    Parameters
    ----------
    figure
        Any figure.
    label
        What it shows, for those who cannot see it.
    name
        Unique on the page: prefix of the identifiers inside the drawing.

    Returns
    -------
    str
        Markup without scripts, fonts or references to elsewhere.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, themed in _THEMED.items():
        text = re.sub(rf"(fill|stroke): {colour}", rf"\1: {themed}", text)
    text = re.sub(r"(<text\b[^>]*style=\"(?![^\"]*fill:))", r"\1fill: var(--ink); ", text)
    # Width and height would fix its size; the view box keeps its shape.
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
