"""`patterns`: closed patterns of any sequences, without a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cantaor.cli.app import Json, app, parse_gap, parse_support, print_json
from cantaor.errors import ArgumentError
from cantaor.report.terminal import print_rows

if TYPE_CHECKING:
    from cantaor.types import Motifs

_SHOWN = 20
_PARTIAL = 3


@app.command(epilog="Example: `cantaor patterns visits.spmf --min-support 0.05 --gap 0,2`")
def patterns(
    file: Annotated[Path, typer.Argument(help="SPMF text, lines of tokens, or Parquet.")],
    min_support: Annotated[
        str, typer.Option(help="Minimum support: number (3) or fraction (0.05) of sequences.")
    ],
    gap: Annotated[
        str, typer.Option(help='Symbols that may be skipped between neighbours: "LO,HI" or "any".')
    ] = "any",
    top: Annotated[
        int | None, typer.Option(help="Only this many patterns, those of highest support.")
    ] = None,
    min_length: Annotated[int, typer.Option(help="Minimum length, symbols.")] = 1,
    max_length: Annotated[int | None, typer.Option(help="Maximum length, symbols.")] = None,
    max_patterns: Annotated[
        int | None, typer.Option(help="Fail if there are more patterns.")
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(help="Stop after this many seconds; patterns found so far are kept."),
    ] = None,
    max_nodes: Annotated[
        int | None, typer.Option(help="Stop after visiting this many patterns of the search tree.")
    ] = None,
    threads: Annotated[
        int, typer.Option(help="Number of threads; a complete result does not depend on it.")
    ] = 1,
    form: Annotated[
        str | None, typer.Option("--format", help="spmf, tokens or parquet instead of a guess.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="List column of a Parquet table.")] = None,
    out: Annotated[Path | None, typer.Option(help="File: .parquet, .csv or .spmf.")] = None,
    as_json: Json = False,
) -> None:
    """Find the closed patterns of sequences of any symbols; exit code 3 if it had to stop early."""
    from cantaor.io.sequence_files import read_sequences, write_patterns
    from cantaor.motifs.encoding import encode_sequences
    from cantaor.motifs.memory import expected_memory
    from cantaor.motifs.mining import mine_closed

    _check_ending(out)
    read = read_sequences(file, form, column)
    given = encode_sequences(read.sequences, str(file))
    distinct = len(given.vocabulary) if given.vocabulary is not None else _distinct(given.values)
    facts: dict[str, Any] = {
        "format": read.format,
        "sequences": read.rows,
        "symbols": int(given.values.size),
        "distinct": distinct,
        "memory_bytes": expected_memory(int(given.values.size), read.rows, distinct, _gap_of(gap)),
    }
    _tell(facts)
    found = mine_closed(
        given,
        parse_support("--min-support", min_support),
        gap=_gap_of(gap),
        min_length=min_length,
        max_length=max_length,
        top_k=top,
        max_patterns=max_patterns,
        max_seconds=max_seconds,
        max_nodes=max_nodes,
        threads=threads,
    )
    decoded = [found.decoded(index) for index in range(len(found))]
    support = found.support.tolist()
    if out is not None:
        table = found.to_arrow().replace_schema_metadata({"partial": str(found.partial).lower()})
        write_patterns(out, decoded, support, table)
    if as_json:
        rows = [{"symbols": s, "support": n} for s, n in zip(decoded, support, strict=True)]
        print_json({**facts, "partial": found.partial, "patterns": rows}, indent=None)
    else:
        _print(found, decoded, out)
    if found.partial:
        typer.echo("partial: a bound ended the search; patterns are missing", err=True)
        raise typer.Exit(_PARTIAL)


def _check_ending(out: Path | None) -> None:
    if out is not None and out.suffix.lower() not in (".parquet", ".csv", ".spmf"):
        raise ArgumentError(f"--out must end with .parquet, .csv or .spmf, not {out.name}")


def _gap_of(text: str) -> tuple[int, int] | None:
    found = parse_gap(text)
    return (found[0], found[1]) if isinstance(found, list) else None


def _distinct(values: Any) -> int:
    import numpy as np

    return int(np.unique(values).size)


def _tell(facts: dict[str, Any]) -> None:
    typer.echo(
        f"{facts['format']}: {facts['sequences']:,} sequences, {facts['symbols']:,} symbols, "
        f"{facts['distinct']:,} different; mining takes up to {_megabytes(facts['memory_bytes'])} "
        "and room for what is found",
        err=True,
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def _print(found: Motifs, decoded: list[Any], out: Path | None) -> None:
    order = sorted(range(len(found)), key=lambda i: (-int(found.support[i]), i))[:_SHOWN]
    rows = [[" ".join(map(str, decoded[i])), int(found.support[i])] for i in order]
    kind = "a part of the closed patterns" if found.partial else "closed patterns"
    print_rows(f"{len(found):,} {kind}, {len(rows)} shown", ["pattern", "support"], rows)
    if out is not None:
        typer.echo(f"written: {out}")
