"""Names in figures: shown letter by letter, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def short_label(name: str, most: int = 24) -> str:
    """A name that fits into a figure; what cannot be printed becomes an escape.

    Examples
    --------
    >>> short_label("El Lebrijano"), len(short_label("x" * 10_000))
    ('El Lebrijano', 24)
    """
    # Cut first: a letter may become an escape of ten.
    shown = "".join(s if s.isprintable() else ascii(s)[1:-1] for s in name[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


@contextmanager
def plain_text(figure: Figure) -> Iterator[None]:
    """While a figure is written: a dollar sign in a name begins no formula."""
    import matplotlib as mpl
    from matplotlib.text import Text

    with mpl.rc_context({"text.parse_math": False}):
        for text in figure.findobj(Text):
            text.set_parse_math(False)
        yield
