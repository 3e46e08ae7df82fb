"""`report`: pages for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Json, app, print_json
from cantaor.run.workspace import open_workspace


@app.command(epilog="Example: `cantaor report work --out report.html`")
def report(
    work: Annotated[Path, typer.Argument(help="A mined workspace.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    as_json: Json = False,
) -> None:
    """Write one HTML page: motifs to see and hear, contours, figures, settings."""
    from cantaor.show.report import write_report

    path = write_report(open_workspace(work), out)
    if as_json:
        print_json({"path": str(path)})
    else:
        typer.echo(f"written: {path}")
