"""The application that every command joins, and what commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cantaor.errors import ArgumentError
from cantaor.io.locations import printable

_SOME_FAILED = 3

app = typer.Typer(
    help="Recognise flamenco singers by the melodic motifs of their voice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and no progress.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Workers = Annotated[
    int | None, typer.Option(help="Processes, a core each by default; results do not depend on it.")
]
Force = Annotated[bool, typer.Option("--force", help="Begin anew where results are there.")]
Recordings = Annotated[
    list[str],
    typer.Argument(help="Recordings, folders, URLs, or CSV or Parquet tables with a column path."),
]


def model_folder(path: Path) -> Path:
    return path / "model" if (path / "cantaor.toml").exists() else path


def report_failures(failures: list[tuple[str, str]], all_failed: bool = False) -> None:
    for path, reason in failures:
        path, reason = printable(path), printable(reason)
        text = reason if reason.startswith(path) else f"{path}: {reason}"
        typer.echo(f"failed: {text}", err=True)
    if failures:
        raise typer.Exit(1 if all_failed else _SOME_FAILED)


def print_json(value: object, indent: int | None = 2) -> None:
    typer.echo(json.dumps(value, indent=indent))


def parse_support(name: str, text: str) -> int | float:
    try:
        return float(text) if "." in text else int(text)
    except ValueError as error:
        raise ArgumentError(f"{name} must be a number, not {text!r}") from error


def parse_gap(text: str) -> list[int] | str:
    if text == "any":
        return text
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise ArgumentError(f'--gap must be "LO,HI" or "any", not {text!r}')
    return [int(part) for part in parts]


def named_tonics(given: list[str] | None) -> dict[str, str]:
    """Notes by recording from ``RECORDING=E3``; a note alone is that of all others, ``"*"``."""
    found = {}
    for text in given or []:
        recording, _, note = text.rpartition("=")
        found[recording or "*"] = note
    return found
