"""What people see in a terminal: progress on stderr, tables on stdout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cantaor.io.locations import printable
from cantaor.workspace.journal import StageCount, Watch

_ROWS_SHOWN = 10


def plain_console(**options: Any) -> Console:
    """A console that shows texts as they are: brackets and colons in names mean nothing."""
    return Console(markup=False, emoji=False, highlight=False, **options)


@contextmanager
def show_progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress callback ``(stage, done, total)`` with one bar a stage on stderr."""
    if quiet:
        yield lambda _stage, _done, _total: None
        return
    console = plain_console(stderr=True)
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield update


@contextmanager
def show_stages(quiet: bool) -> Iterator[Watch]:
    """A callback that shows one bar a stage on stderr: rate, failures and the time left."""
    if quiet:
        yield lambda _count: None
        return
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=plain_console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def update(count: StageCount) -> None:
            if count.stage not in tasks:
                tasks[count.stage] = bars.add_task(count.stage, total=count.total, note="")
            bars.update(
                tasks[count.stage], completed=count.done, total=count.total, note=_note(count)
            )

        yield update


def _note(count: StageCount) -> str:
    """What stands beside a stage's bar."""
    parts = [f"{count.rate:.0f}x real time"] if count.audio_s else []
    if count.reused:
        parts.append(f"{count.reused} re-used")
    if count.failed:
        parts.append(f"{count.failed} failed")
    if count.left_s is not None and count.done < count.total:
        parts.append(f"{format_seconds(count.left_s)} left")
    return ", ".join(parts)


def format_seconds(seconds: float) -> str:
    """Hours, minutes and seconds, such as ``"1:02:03"``."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def print_status(status: Mapping[str, Any]) -> None:
    """Print what :func:`cantaor.workspace.journal.read_status` found."""
    reason = f" ({status['reason']})" if status["reason"] else ""
    columns = ["stage", "of", "computed", "re-used", "failed", "left", "x real time", "seconds"]
    rows = [
        [
            *(one[name] for name in ("stage", "total", "computed", "reused", "failed")),
            one["total"] - one["done"],
            one["times_real_time"],
            one["seconds"],
        ]
        for one in status["stages"]
    ]
    part = ""
    if status.get("shard"):
        total = status.get("corpus_recordings", "?")
        part = f", shard {status['shard']} ({status['recordings']} of {total} recordings)"
    print_rows(f"{status['workspace']}{part}: {status['state']}{reason}", columns, rows)
    left = status["left_s"]
    if status["left"] and left is not None:
        rest = f"{status['left']} of stage {status['stage']}"
        plain_console().print(f"{rest} left, about {format_seconds(left)}")
    for failure in status["failures"]:
        plain_console(soft_wrap=True).print(f"failed: {printable(failure['reason'])}")


def print_dry_run(
    ahead: Mapping[str, Any], names: Mapping[str, Sequence[Mapping[str, str]]]
) -> None:
    """Print what :func:`cantaor.pipeline.dry_run.dry_run` found, and what is no recording."""
    kinds = ", ".join(f"{name}: {count}" for name, count in ahead["formats"].items())
    rows = [
        ["recordings", f"{ahead['recordings']} of {ahead['singers']} singers"],
        ["audio", f"{ahead['hours']:.2f} h ({kinds})"],
        ["not readable", str(len(ahead["failures"]))],
        ["with a warning", str(len(ahead["warnings"]))],
        ["expected time", f"{format_seconds(ahead['expected_s'])}, {ahead['workers']} workers"],
        [
            "expected disk",
            f"{ahead['expected_bytes'] / 1e6:.0f} MB ({ahead['free_bytes'] / 1e6:.0f} MB free)",
        ],
    ]
    if ahead["unknown"]:
        rows.append(["behind URLs", f"{ahead['unknown']}, not looked at"])
    rows += [[kind, _names(found)] for kind, found in names.items() if found]
    print_rows("What lies ahead", ["", "by the headers"], rows)


def _names(found: Sequence[Mapping[str, str]]) -> str:
    shown = ", ".join(row["path"] for row in found[:_ROWS_SHOWN])
    more = len(found) - _ROWS_SHOWN
    return f"{len(found)}: {shown}" + (f" and {more} more (--json names all)" if more > 0 else "")


def print_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers stand right."""
    table = Table(title=Text(printable(title)), title_justify="left")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], (int, float)) for row in rows)
        table.add_column(
            Text(printable(column)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(printable(_cell(value))) for value in row))
    plain_console().print(table)


def print_motifs(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what :func:`motif_rows` found."""
    names = ("singer", "recordings", "seconds", "motifs", "families", "instances", "marking_motif")
    print_rows(
        "Motifs per singer",
        [name.replace("_", " ") for name in names],
        [[row[name] for name in names] for row in rows],
    )


def print_evaluation(result: Mapping[str, Any]) -> None:
    """Print an evaluation: the figures, then the confusion matrix."""
    names = ("protocol", "n", "accuracy", "balanced_accuracy", "auc", "recording_accuracy")
    shared = result.get("shared_audio", {}).get("test")
    figures = [*(result[name] for name in names), shared]
    print_rows("Held-out clips", (*names, "shared audio"), [figures])
    classes = list(result.get("classes", []))
    confusion = np.asarray(result.get("confusion", []))
    if classes and confusion.size:
        rows = [[name, *map(int, row)] for name, row in zip(classes, confusion, strict=True)]
        print_rows("Confusion (rows: who sings)", ["", *classes], rows)
    predictions = [
        [name, one["singer"], one["answer"], one["probability"], one["n"]]
        for name, one in result["by_recording"].items()
    ]
    columns = ("recording", "singer", "answer", "probability", "clips")
    print_rows("Recordings", columns, predictions)


def print_audit(summary: Mapping[str, Any], tables: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print an audit: its figures, then every kind of finding, ten rows of each."""
    rows = [[name.replace("_", " "), _flat(value)] for name, value in summary.items()]
    print_rows("Audit", ["", "found"], rows)
    for name, found in tables.items():
        if not found:
            continue
        shown = [[_flat(value) for value in row.values()] for row in found[:_ROWS_SHOWN]]
        title = f"{name} ({len(shown)} of {len(found)})"
        print_rows(title, [column.replace("_", " ") for column in found[0]], shown)


def _flat(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_cell(one)}" for name, one in value.items())
    return value


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, (list, tuple)):
        return " ".join(str(item) for item in value)
    return str(value)


def print_verification(found: Mapping[str, Any]) -> None:
    """Error rates over the trials of a model."""
    trials, costs = found["trials"], found["detection_cost"]
    rows = [
        ["recordings that the model has not met", str(found["unheard"])],
        ["others beside them", str(found["recordings"] - found["unheard"])],
        ["trials of one singer, of two", f"{trials['same']:,}, {trials['different']:,}"],
        ["equal error rate", f"{found['equal_error_rate']:.3f}"],
        ["at a cosine of", f"{found['threshold']:.3f}"],
        *[[f"least detection cost, prior {prior}", f"{costs[prior]:.3f}"] for prior in costs],
    ]
    print_rows("Same singer or not", ["figure", "value"], rows)
    for path in found["unread"]:
        plain_console(soft_wrap=True).print(printable(f"not compared: {path}: cannot be read"))


def print_left_out(found: Mapping[str, Any]) -> None:
    """Answers on groups that were left out, the worst first, and the figures over them."""
    rows = [
        [
            name,
            one["singer"],
            one["answer"] or "-",
            one["probability"],
            one["decision"] or "not calibrated",
            one["windows"],
            one["accuracy"],
        ]
        for name, one in found["groups"].items()
    ]
    rows.sort(key=lambda row: (row[1] == row[2], row[6]))
    columns = [found["by"], "singer", "answer", "probability", "decision", "windows", "accuracy"]
    print_rows(f"Every {found['by']} left out in turn", columns, rows)
    low, high = found["interval"]
    figures = [
        ["answers right", f"{found['groups_right']} of {found['groups_total']}"],
        ["named, and wrong", f"{found['named_wrong']} of {found['named']}"],
        ["balanced accuracy of windows", f"{found['balanced_accuracy']:.3f}"],
        ["95 % when groups are drawn again", f"{low:.3f} to {high:.3f}"],
    ]
    print_rows("Together", ["figure", "value"], figures)
    for name, reason in found["skipped"].items():
        plain_console(soft_wrap=True).print(printable(f"not left out: {name}: {reason}"))
