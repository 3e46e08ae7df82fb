"""`report` and `annotate`: pages for people, and files for the programs they use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Json, app, named_tonics, print_json
from cantaor.report.terminal import show_progress
from cantaor.workspace.workspace import open_workspace


@app.command(epilog="Example: `cantaor report work --out report.html`")
def report(
    work: Annotated[Path, typer.Argument(help="A mined workspace.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    audit: Annotated[
        bool, typer.Option(help="Include an audit for copies and shared audio.")
    ] = True,
    motifs: Annotated[int, typer.Option(help="Maximum number of families shown per singer.")] = 8,
    recordings: Annotated[int, typer.Option(help="Maximum number of recordings drawn.")] = 24,
    tonic: Annotated[
        list[str] | None,
        typer.Option(help="Tonic, as E3, or RECORDING=E3 (repeat); default: an estimate."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page with motifs (drawn and playable), contours, metrics and settings."""
    from cantaor.corpus.audit.audit import audit as audit_manifest
    from cantaor.report.report import write_report
    from cantaor.workspace.summary import workspace_manifest

    workspace = open_workspace(work)
    found = None
    if audit:
        manifest = workspace_manifest(workspace)
        with show_progress(as_json) as progress:
            found = audit_manifest(
                manifest, progress=lambda done: progress("audit", done, len(manifest))
            )
    path = write_report(
        workspace,
        out,
        audit=found,
        motifs_per_singer=motifs,
        recordings=recordings,
        tonics=named_tonics(tonic),
    )
    if as_json:
        print_json({"path": str(path)})
    else:
        typer.echo(f"written: {path}")


@app.command(epilog="Example: `cantaor annotate work --format textgrid --out textgrids`")
def annotate(
    work: Annotated[Path, typer.Argument(help="A mined workspace.")],
    form: Annotated[
        str,
        typer.Option("--format", help="textgrid, sonic-visualiser, midi, elan, csv or jams."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for one file a recording.")],
    tonic: Annotated[
        list[str] | None,
        typer.Option(help="Tonic, as E3, or RECORDING=E3 (repeat); else it is estimated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write f0, notes and families of every recording for another program."""
    from cantaor.annotation.write import annotate as write_annotations

    files = write_annotations(open_workspace(work), form, out, tonics=named_tonics(tonic))
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        typer.echo(f"written: {len(files)} files in {out}")
