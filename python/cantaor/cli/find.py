"""`find`: where a figure is sung."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cantaor.cli.app import Json, app, print_json
from cantaor.errors import ArgumentError
from cantaor.report.terminal import print_rows
from cantaor.units import clock, note_name
from cantaor.workspace.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from cantaor.pipeline.figures import Figure


@app.command(
    epilog='Example: `cantaor find work "1 -1 2"`, `cantaor find work song.mp3 --from 12 --to 15`',
    # A figure may begin with a step down.
    context_settings={"ignore_unknown_options": True},
)
def find(
    work: Annotated[Path, typer.Argument(help="A mined workspace.")],
    figure: Annotated[str, typer.Argument(help='Steps such as "1 -1 2", or a recording.')],
    from_s: Annotated[
        float | None, typer.Option("--from", help="Where the cut of a recording begins, seconds.")
    ] = None,
    to_s: Annotated[float | None, typer.Option("--to", help="Where it ends.")] = None,
    max_distance: Annotated[
        float | None,
        typer.Option(help="Most edits; 0 is exact; a third of the steps where not given."),
    ] = None,
    durations: Annotated[
        bool, typer.Option("--durations", help="Rhythm counts too (for a recording).")
    ] = False,
    limit: Annotated[int, typer.Option(help="Most places.")] = 50,
    html: Annotated[Path | None, typer.Option(help="Page that plays what was found.")] = None,
    as_json: Json = False,
) -> None:
    """Find where a figure is sung, exactly and nearly, the nearest first."""
    from cantaor.pipeline.figures import find_similar

    workspace = open_workspace(work)
    sought = _figure(workspace, figure, from_s, to_s)
    found = find_similar(
        workspace, sought, max_distance=max_distance, durations=durations, limit=limit
    )
    steps = sought.steps.tolist()
    if html is not None:
        from cantaor.report.found_page import write_found_page

        write_found_page(found, html, steps=steps)
    if as_json:
        print_json({"steps": steps, "found": [asdict(one) for one in found]})
        return
    rows = [
        [
            one.distance,
            one.singer,
            one.recording,
            f"{clock(one.start_s)} to {clock(one.end_s)}",
            " ".join(map(str, one.symbols)),
            " ".join(note_name(cents, exact=False) for cents in one.cents),
        ]
        for one in found
    ]
    columns = ["edits", "singer", "recording", "where", "steps", "notes"]
    print_rows(f"{len(found)} places of {' '.join(map(str, steps))}", columns, rows)
    if html is not None:
        typer.echo(f"written: {html}")


def _figure(workspace: Workspace, figure: str, from_s: float | None, to_s: float | None) -> Figure:
    from cantaor.pipeline.figures import Figure, figure_of, parse_steps

    if Path(figure).is_file():
        return figure_of(workspace, figure, from_s or 0.0, to_s)
    if from_s is not None or to_s is not None:
        raise ArgumentError(f"--from and --to cut a recording, and {figure!r} is no file")
    return Figure(parse_steps(figure))
