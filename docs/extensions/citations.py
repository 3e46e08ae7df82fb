"""Numbered references of docstrings get the name of their module, so that a page can hold several.

``[2]_`` in a docstring of ``cantaor.clustering.kmeans`` becomes ``[clustering.kmeans-2]_``; a
function may name a reference that stands in its module's docstring.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

NUMBER = re.compile(r"(?<=\[)(\d+)(?=\]_|\] )")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", name_references)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def name_references(
    app: Sphinx, what: str, name: str, found: object, options: object, lines: list[str]
) -> None:
    """Rewrite the numbers of a docstring in place."""
    module = name if what == "module" else getattr(found, "__module__", None) or name
    prefix = module.removeprefix("cantaor.")
    lines[:] = [rename(line, prefix) for line in lines]


def rename(line: str, prefix: str) -> str:
    if "]_" not in line and not line.lstrip().startswith(".. ["):
        return line
    return NUMBER.sub(rf"{prefix}-\1", line)
