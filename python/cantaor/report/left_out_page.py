"""``cantaor evaluate --leave-out --html``: every group left out in turn, as one page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cantaor.plotting.coverage import coverage_markup
from cantaor.report.templates import page_file, write_page

#: What a decision means, in the words of the page.
_DECISIONS = {
    "named": "sure enough to name the singer",
    "unsure": "the singer is not sure enough to be named",
    "unknown": "unlike every singer that the model knows",
    "no motif": "no known motif was found, so nothing was answered",
}
#: Rows of a table; of more than these the page says how many are left out.
_SHOWN = 1000
#: Letters of a name: one of ten thousand must not push the other rows out of sight.
_NAME = 160


def write_left_out_page(
    found: Mapping[str, Any], path: str | os.PathLike[str], title: str = "corpus"
) -> Path:
    """Write what models answered on recordings that they never met as an HTML page.

    Parameters
    ----------
    found
        As ``to_json`` of :class:`~cantaor.experiments.leave_one_out.LeaveOneOut` gives it.
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
        The file cannot be written, or holds something that cantaor did not write.
    """
    low, high = found["interval"]
    curve = found["coverage"]
    return write_page(
        path,
        "left_out.html",
        title=_short(title),
        version=version("cantaor"),
        style=page_file("report.css"),
        found=found,
        skipped=[(_short(name), _short(why)) for name, why in found["skipped"].items()],
        things=_plural(found["by"], 2),
        headline=left_out_headline(found),
        interval=f"{low:.1%} to {high:.1%}",
        rows=_rows(found["groups"]),
        decisions={name: text for name, text in _DECISIONS.items() if name in _decided(found)},
        curve=curve,
        drawing=coverage_markup(curve, "Risk over coverage; the table below has its values"),
        shown=_SHOWN,
    )


def left_out_headline(found: Mapping[str, Any]) -> str:
    """One sentence on how many answers were right, and how many were named and wrong.

    Parameters
    ----------
    found
        As for :func:`write_left_out_page`.

    Examples
    --------
    >>> left_out_headline({"by": "group", "groups_right": 3, "groups_total": 4, "named": 2,
    ...                    "named_wrong": 0})
    'Of 4 groups, each asked of a model that never met it, 3 got the right singer (75%); of the 2 that were named, none was wrong.'
    """  # noqa: E501
    total, right = found["groups_total"], found["groups_right"]
    named, wrong = found["named"], found["named_wrong"]
    begin = (
        f"Of {total} {_plural(found['by'], total)}, each asked of a model that never met it, "
        f"{right} got the right singer ({right / total:.0%})"
    )
    if not named:
        return f"{begin}; none was sure enough to be named."
    were = "that was" if named == 1 else "that were"
    amount = "none was wrong" if not wrong else f"{wrong} {'was' if wrong == 1 else 'were'} wrong"
    return f"{begin}; of the {named} {were} named, {amount}."


def _short(text: str) -> str:
    return text if len(text) <= _NAME else f"{text[: _NAME - 3]}..."


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _decided(found: Mapping[str, Any]) -> set[str | None]:
    return {one["decision"] for one in found["groups"].values()}


def _rows(groups: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Wrong answers first, the surest of them first; then right ones, the least accurate first."""
    rows: list[dict[str, Any]] = [
        {
            **one,
            "right": one["answer"] == one["singer"],
            "name": _short(name),
            "singer": _short(one["singer"]),
            "answer": _short(one["answer"]),
        }
        for name, one in groups.items()
    ]
    wrong = sorted((row for row in rows if not row["right"]), key=lambda row: -row["probability"])
    right = sorted((row for row in rows if row["right"]), key=lambda row: row["accuracy"])
    return wrong + right
