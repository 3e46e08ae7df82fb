"""One command from a clone of the published clips to a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cantaor.errors import ArgumentError
from cantaor.experiments.reproduction.fidelity import fidelity_table, verdicts
from cantaor.experiments.reproduction.groups import ensemble, groups_table, score_groups
from cantaor.experiments.reproduction.published import Progress, PublishedClips, read_published
from cantaor.experiments.reproduction.table2 import run_table2, table2_table
from cantaor.io.files import write_text
from cantaor.learn.training.settings import TrainingSettings

#: What can be reproduced.
TARGETS = ("table2", "groups", "fidelity")
#: Where the paper and its clips are published; none of it comes with this package.
PAPER, DATA_SET = (
    "https://doi.org/10.48550/arXiv.2008.00198",
    "https://github.com/aitor-mir/flamenco-motifs",
)


def reproduce(
    target: str,
    repository: Path,
    out: Path,
    settings: TrainingSettings | None = None,
    *,
    progress: Progress | None = None,
    **choices: Any,
) -> dict[str, Any]:
    """Make one of the paper's tables from the published clips.

    The same clips, settings and machine give the same files, bit for bit.

    Parameters
    ----------
    target
        ``"table2"`` (accuracy of the networks under several protocols), ``"groups"`` (singers in
        recordings never heard), or ``"fidelity"`` (which published motifs the chain finds again).
    repository
        A clone of the published clips, or a folder with ``instances.csv`` and ``recordings``.
    out
        Folder: ``TARGET.json``, ``TARGET.md``, and for ``table2`` a file for each cell in
        ``cells``, from which an interrupted run goes on.
    settings
        Of training; None: the paper's.
    progress
        Called as ``progress(stage, done, total)``.
    choices
        Of ``table2``, see :func:`cantaor.experiments.reproduction.table2.run_table2`.

    Returns
    -------
    What is in ``TARGET.json``: ``clips``, what was found in the repository, and ``results``.

    Raises
    ------
    ArgumentError
        The target is unknown, or choices are given that it does not have.
    CorpusError, AudioError
        The repository cannot be read.
    SplitError
        There is too little for the target.
    """
    if target not in TARGETS:
        raise ArgumentError(f"target must be one of {', '.join(TARGETS)}; got {target!r}")
    if choices and target != "table2":
        raise ArgumentError(f"{', '.join(choices)}: only table2 has such choices, not {target}")
    chosen = settings or TrainingSettings()
    published = read_published(repository, progress)
    runs: Mapping[str, Callable[[], tuple[Any, str]]] = {
        "table2": lambda: _table2(published, chosen, out, progress, choices),
        "groups": lambda: _groups(published, chosen.seed),
        "fidelity": lambda: _fidelity(published),
    }
    results, table = runs[target]()
    report = {"target": target, "clips": published.summary(), "results": results}
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / f"{target}.json", json.dumps(report, indent=2) + "\n")
    write_text(out / f"{target}.md", f"{_head(target, published)}\n{table}")
    return report


def _table2(
    published: PublishedClips,
    settings: TrainingSettings,
    out: Path,
    progress: Progress | None,
    choices: Mapping[str, Any],
) -> tuple[Any, str]:
    records = run_table2(published, settings, out / "cells", progress=progress, **choices)
    return records, table2_table(records)


def _groups(published: PublishedClips, seed: int) -> tuple[Any, str]:
    scores = score_groups(published, ensemble(seed=seed))
    return scores, groups_table(scores)


def _fidelity(published: PublishedClips) -> tuple[Any, str]:
    found = verdicts(published)
    return {name: dict(sorted(counts.items())) for name, counts in found.items()}, fidelity_table(
        found
    )


def _head(target: str, published: PublishedClips) -> str:
    found = published.summary()
    return (
        f"# {target}\n\n"
        f"{found['clips']} clips, {found['distinct']} of distinct audio, "
        f"{found['label_conflicts']} with a label that contradicts their source; "
        f"{len(published.recordings)} source groups: {', '.join(sorted(published.recordings))}.\n\n"
        f"Paper: {PAPER}; clips: {DATA_SET}\n"
    )
