"""Self-contained HTML pages from the templates in ``page``."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from cantaor.errors import require_extra
from cantaor.io.files import write_text


def page_file(name: str) -> str:
    """Text of a template, a style sheet or a script."""
    return files("cantaor.report").joinpath("page", name).read_text(encoding="utf-8")


def write_page(path: str | os.PathLike[str], template: str, **values: object) -> Path:
    """Fill in a template and write it.

    Parameters
    ----------
    path
        HTML file to write.
    template
        Name of the template.
    values
        What the template names; all text is escaped.

    Returns
    -------
    Path
        The file, complete.

    Raises
    ------
    MissingExtraError
        jinja2 is not installed.
    WorkspaceError
        The file cannot be written.
    """
    jinja2 = require_extra("jinja2", "plot")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    target = Path(path)
    write_text(target, environment.from_string(page_file(template)).render(values))
    return target
