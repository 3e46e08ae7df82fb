"""The typer application and the options that several commands have."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from cantaor.errors import ArgumentError
from cantaor.io.files import json_text
from cantaor.io.locations import printable, require_local

_SOME_FAILED = 3

app = typer.Typer(
    help="Recognise flamenco singers by the melodic motifs of their voice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cantaor {version('cantaor')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Recognise flamenco singers by the melodic motifs of their voice."""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and no progress.")]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Seed of all random choices, 0 or more.")
]
Device = Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")]
Workers = Annotated[
    int | None,
    typer.Option(help="Number of processes; default: one per core. Results do not depend on it."),
]
Channel = Annotated[
    str | None,
    typer.Option(
        help="Channel to read: mean, left, right, first, loudest, or an index from 0.",
        show_default=False,
    ),
]
Windows = Annotated[
    str,
    typer.Option(
        "--window",
        help="Clips the model is asked about: motifs (every motif clip) or fixed (windows side by "
        "side over the same moments: faster).",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Treat warnings about a recording as failures.")
]
Width = Annotated[int | None, typer.Option(help="Network width (channels); default: the paper's.")]
Epochs = Annotated[
    int | None, typer.Option(help="Maximum number of epochs; default: the recipe's.")
]
Force = Annotated[bool, typer.Option("--force", help="Discard existing results and start over.")]
Recordings = Annotated[
    list[str],
    typer.Argument(help="Recordings, folders, URLs, or CSV or Parquet tables with a column path."),
]


def model_folder(path: Path) -> Path:
    require_local(path, "a model")
    return path / "model" if (path / "cantaor.toml").exists() else path


def report_warnings(warnings: list[tuple[str, str]]) -> None:
    for path, reason in warnings:
        typer.echo(f"warning: {printable(path)}: {printable(reason)}", err=True)


def report_failures(failures: list[tuple[str, str]], all_failed: bool = False) -> None:
    for path, reason in failures:
        path, reason = printable(path), printable(reason)
        text = reason if reason.startswith(path) else f"{path}: {reason}"
        typer.echo(f"failed: {text}", err=True)
    if failures:
        raise typer.Exit(1 if all_failed else _SOME_FAILED)


def print_notes(notes: list[str]) -> None:
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def print_json(value: object, indent: int | None = 2) -> None:
    typer.echo(json_text(value, indent=indent))


def refuse_with_clips(given: dict[str, Any]) -> None:
    """A file of clips says itself which clips there are and which are tested on."""
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise ArgumentError(
            f"{', '.join(named)} cut a workspace's clips; those of --clips are all used, "
            "with the sides that its column 'split' names"
        )


def refuse_channel(channel: str | None) -> None:
    if channel is not None:
        raise ArgumentError(
            "--channel is for --clips; a workspace, and a model's own clips, keep the channel that "
            "mine was given"
        )


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
