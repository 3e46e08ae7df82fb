"""`bench`: time every stage on this machine, beside other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Json, app, print_json
from cantaor.errors import ArgumentError
from cantaor.report.terminal import print_rows, show_progress


@app.command(epilog="Example: `cantaor bench pitch --quick`")
def bench(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages to time, such as pitch; default: all.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer repetitions; under 3 minutes.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Chart to write; .svg or .png.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Compare two result files (older first) instead of measuring."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every stage's results, then time it beside the best peers that are installed.

    With --compare: exit code 1 if a case became slower beyond the noise of both runs.
    """
    if compare is not None:
        if stages or out is not None or chart is not None:
            raise ArgumentError("--compare takes two result files and nothing else")
        _compare(compare, as_json)
        return
    from cantaor.bench.cases import STAGES, run_stages
    from cantaor.bench.result_files import document, write_results
    from cantaor.bench.timing import FULL, QUICK
    from cantaor.plotting.contours import save_figure
    from cantaor.report.benchmark_tables import (
        COLUMNS,
        TERMINAL_COLUMNS,
        markdown_table,
        result_rows,
        terminal_rows,
    )
    from cantaor.report.benchmark_tables import chart as draw

    effort = "quick" if quick else "full"
    with show_progress(as_json) as progress:
        results = run_stages(stages or tuple(STAGES), QUICK if quick else FULL, progress)
    if out is not None:
        write_results(out, results, effort)
    if chart is not None:
        save_figure(draw(results), chart)
    if as_json:
        print_json(document(results, effort))
    elif markdown:
        typer.echo(markdown_table(COLUMNS, result_rows(results)))
    else:
        print_rows("Answers checked, then timed", TERMINAL_COLUMNS, terminal_rows(results))


def _compare(files: tuple[Path, Path], as_json: bool) -> None:
    from dataclasses import asdict

    from cantaor.bench.result_files import compare, read_results
    from cantaor.report.benchmark_tables import CHANGE_COLUMNS, change_rows

    changes = compare(read_results(files[0]), read_results(files[1]))
    if as_json:
        print_json([asdict(change) for change in changes])
    else:
        print_rows(f"{files[1]} beside {files[0]}", CHANGE_COLUMNS, change_rows(changes))
    if any(change.verdict == "slower" for change in changes):
        raise typer.Exit(1)
