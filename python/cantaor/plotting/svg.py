"""Figures as markup inside a page: vector drawings whose colours follow the page's theme."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from cantaor.plotting.contours import GRID, INK
from cantaor.plotting.text import plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours of figures that the page's theme replaces.
_THEMED = {INK: "var(--ink)", GRID: "var(--line)", "#000000": "var(--ink)", "#ffffff": "none"}
#: Elements that a figure is made of; others are left out with all that they hold.
_ELEMENTS = (
    "svg",
    "g",
    "defs",
    "style",
    "path",
    "use",
    "text",
    "tspan",
    "clipPath",
    "rect",
    "circle",
)
# Width and height of the whole would fix its size; the view box keeps its shape.
_DROPPED = ("width", "height", "version")


def figure_markup(figure: Figure, label: str, name: str) -> str:
    """A figure as an ``<svg>`` element.

    Parameters
    ----------
    figure
        Any figure; its texts are shown letter by letter, never read as formulas.
    label
        What it shows, for those who cannot see it.
    name
        Unique on the page: prefix of the identifiers inside the drawing. Any text will do.

    Returns
    -------
    str
        Markup without scripts, fonts or references to elsewhere.
    """
    prefix = _identifier(name)
    root = ElementTree.fromstring(_drawing(figure, prefix))
    _clean(root, prefix)
    for attribute in _DROPPED:
        root.attrib.pop(attribute, None)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _identifier(name: str) -> str:
    """Letters, digits, - and _ alone, different where names differ."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60]
    if safe == name:
        return safe
    encoded = name.encode("utf-8", "surrogatepass")
    return f"{safe}-{hashlib.blake2b(encoded, digest_size=4).hexdigest()}"


def _drawing(figure: Figure, salt: str) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    with plain_text(figure), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _clean(element: ElementTree.Element, prefix: str) -> None:
    """Leave what a drawing needs: known elements, own identifiers, the theme's colours."""
    element.tag = _local(element.tag)
    attributes = {_local(name): value for name, value in element.attrib.items()}
    element.attrib.clear()
    for name, value in attributes.items():
        if name.startswith("on") or (name == "href" and not value.startswith("#")):
            continue
        element.set(name, _own(name, value, prefix))
    if element.tag == "text":
        style = element.get("style", "")
        element.set("style", style if "fill:" in style else f"fill: var(--ink); {style}")
    for child in list(element):
        if isinstance(child.tag, str) and _local(child.tag) in _ELEMENTS:
            _clean(child, prefix)
        else:
            element.remove(child)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _own(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return f"#{prefix}-{value[1:]}"
    value = value.replace("url(#", f"url(#{prefix}-")
    for colour, themed in _THEMED.items():
        value = re.sub(rf"(fill|stroke): {colour}", rf"\1: {themed}", value)
    return value
