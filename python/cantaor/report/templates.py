"""Self-contained HTML pages from the templates in ``page``."""

from __future__ import annotations

import os
import unicodedata
from importlib.resources import files
from pathlib import Path

from cantaor.errors import WorkspaceError, require_extra
from cantaor.io.files import json_text, write_text

# Longer texts are cut: a name of ten thousand letters must not hide the rest of the page.
_MOST = 1000
# Signs that turn the direction of the text around them.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What the pages of this package begin with; see :func:`write_page`.
_OURS = "<title>cantaor "


def shown(text: str) -> str:
    r"""A foreign text as a page shows it: control and bidirectional signs as escapes, not too long.

    Examples
    --------
    >>> shown("a\u202eb"), shown("Camarón")
    ('a\\u202eb', 'Camarón')
    """
    short = text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
    return "".join(s.encode("unicode_escape").decode() if _is_odd(s) else s for s in short)


def _is_odd(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return sign in _TURNING or (kind in ("Cc", "Cs", "Zl", "Zp") and sign not in "\n\t")


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
        What the template names; all text is escaped and :func:`shown`.

    Returns
    -------
    Path
        The file, complete.

    Raises
    ------
    MissingExtraError
        jinja2 is not installed.
    WorkspaceError
        The file cannot be written, or holds something that this package did not write.
    """
    target = Path(path)
    require_own_page(target)
    write_text(target, _render(page_file(template), values))
    return target


def require_own_page(path: Path) -> None:
    """Raise WorkspaceError unless a page may be written: nothing is there, or a page of ours."""
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            begin = file.read(2000)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be written: {error}") from error
    if begin and _OURS not in begin:
        raise WorkspaceError(f"{path}: is there and no page of cantaor; name another file")


def _render(template: str, values: dict[str, object]) -> str:
    jinja2 = require_extra("jinja2", "plot")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_final,
    )
    environment.policies["json.dumps_function"] = json_text
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    page: str = environment.from_string(template).render(values)
    return page


def _final(value: object) -> object:
    # What has markup of its own was made by a template.
    return shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
