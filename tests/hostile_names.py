"""Names that attack whatever shows them, and a workspace that is full of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from cantaor.io.files import write_table
from cantaor.workspace.workspace import Workspace

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "--><svg onload=alert(1)>",
    "\u202egnola\u2066",
    "x" * 10_000,
    r"$\frac{$",
    "a\x00\x0b\x1b[31mb",
    "\ud800",
    r"\g<1>\1",
    "&lt;b&gt;",
]


def hostile_workspace(mined: Workspace, path: Path, names: Sequence[str]) -> Workspace:
    """A mined workspace under hostile names, with the evaluation of a hostile model.

    Parameters
    ----------
    mined
        A workspace; it stays as it is.
    path
        Folder to make.
    names
        Singers and recordings are called so in turn.
    """
    path.mkdir()
    for one in mined.path.iterdir():
        (path / one.name).symlink_to(one)
    for table, columns in (
        ("recordings", ("recording", "singer")),
        ("motifs", ("singer",)),
        ("instances", ("singer", "recording")),
    ):
        rows = mined.table(table)
        for column in columns:
            old = sorted(set(rows[column].to_pylist()))
            new = pa.array([names[old.index(one) % len(names)] for one in rows[column].to_pylist()])
            rows = rows.set_column(rows.column_names.index(column), column, new)
        (path / f"{table}.parquet").unlink()
        write_table(path / f"{table}.parquet", rows)
    _write_evaluation(path, list(names[:3]))
    return Workspace(path)


def _write_evaluation(path: Path, names: list[str]) -> None:
    protocol = "' onload='alert(1)"
    confusion = np.eye(3, dtype=int).tolist()
    figures = {"n": 3, "accuracy": 0.5, "classes": names, "confusion": confusion}
    (path / f"evaluation-{protocol}.json").write_text(json.dumps(figures))
    table = {
        "singer": names,
        "answer": names,
        "probability": np.ones(3, np.float32),
        "embedding": list(np.eye(3, dtype=np.float32)),
    }
    write_table(path / f"heldout-{protocol}.parquet", pa.table(table))
    (path / 'model"><script>').mkdir()
    epochs = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5}]
    (path / 'model"><script>' / "model.json").write_text(json.dumps({"history": epochs}))
    (path / "grid").mkdir()
    cell = dict.fromkeys(("model", "features", "data", "protocol"), names[0])
    (path / "grid" / "one.json").write_text(json.dumps({**cell, "accuracy": None}))
