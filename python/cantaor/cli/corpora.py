"""`audit`: find copies, shared audio and label conflicts in a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Json, Seed, app, print_json
from cantaor.report.terminal import print_audit, show_progress


@app.command(epilog="Example: `cantaor audit recordings --fix clean.csv`")
def audit(
    corpus: Annotated[
        str, typer.Argument(help="Folder, CSV or Parquet of recordings, or its URL.")
    ],
    fix: Annotated[Path | None, typer.Option(help="Write a cleaned manifest to this file.")] = None,
    layout: Annotated[
        str, typer.Option(help="Layout of a folder: flamenco-motifs, or a file-name pattern.")
    ] = "",
    html: Annotated[Path | None, typer.Option(help="Write an HTML page to this file.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find copies, shared audio, conflicting labels and leakage between splits."""
    from cantaor.corpus.audit.audit import audit as audit_manifest
    from cantaor.corpus.audit.audit import fix as fix_manifest
    from cantaor.corpus.loaders import read_entries
    from cantaor.corpus.manifest_files import write_manifest

    manifest = read_entries(corpus, layout)
    for path, kind in manifest.passed_over:
        typer.echo(f"passed over: {path}: {kind}", err=True)
    for _, reason in manifest.skipped:
        typer.echo(f"skipped: {reason}", err=True)
    with show_progress(as_json) as progress:
        found = audit_manifest(
            manifest, seed=seed, progress=lambda done: progress("audit", done, len(manifest))
        )
    if fix is not None:
        write_manifest(fix_manifest(manifest, found), fix)
    if html is not None:
        from cantaor.report.audit_page import write_audit_page

        write_audit_page(found, html, title=corpus)
    if as_json:
        print_json(found.to_json())
    else:
        print_audit(found.summary(), found.tables())
