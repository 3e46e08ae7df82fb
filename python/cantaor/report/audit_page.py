"""``cantaor audit --html``: what an audit found, as one self-contained page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from cantaor.corpus.audit.summary import AuditReport
from cantaor.report.templates import write_page

_HEADINGS = {
    "leaks": "Leaks across splits",
    "left_out": "Splits without figures",
    "groups": "Source groups",
    "faults": "Faults and warnings",
    "ignored": "No recordings",
    "duplicates": "Exact copies",
    "conflicts": "Contradicted labels",
    "near": "Near copies",
}
_MEANINGS = {
    "leaks": "Shares of the test side that training knows, 0 to 1.",
    "left_out": "Splits that could not be made, and why.",
    "groups": "Entries joined by shared audio; a fair split keeps a group on one side.",
    "ignored": "Names in the folder that are no recordings.",
    "faults": "Entries that cannot be used, or not without a look.",
    "duplicates": "Sets of entries with the very same samples.",
    "conflicts": "Entries whose label is not that of the audio they share.",
    "near": "Pairs that are the same recording but for level, rate or codec.",
}
_SHOWN = 200


def write_audit_page(
    report: AuditReport, path: str | os.PathLike[str], title: str = "corpus"
) -> Path:
    """Write an audit as an HTML page.

    Parameters
    ----------
    report
        What :func:`cantaor.corpus.audit.audit.audit` found.
    path
        File to write.
    title
        Name of the corpus.

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
    return write_page(
        path,
        "audit.html",
        title=title,
        version=version("cantaor"),
        summary=report.summary(),
        tables=report.tables(),
        headings=_HEADINGS,
        meanings=_MEANINGS,
        shown=_SHOWN,
        plain=_plain,
    )


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)
