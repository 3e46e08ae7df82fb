"""`audit`: what is wrong with a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Json, Seed, app
from cantaor.errors import ArgumentError
from cantaor.report.templates import require_own_page
from cantaor.report.terminal import print_audit, show_progress


@app.command(epilog="Example: `cantaor audit recordings --fix clean.csv`")
def audit(
    corpus: Annotated[Path, typer.Argument(help="Folder, CSV or Parquet of recordings.")],
    fix: Annotated[Path | None, typer.Option(help="Clean manifest to write.")] = None,
    layout: Annotated[str, typer.Option(help="flamenco-motifs, or a name pattern.")] = "",
    html: Annotated[Path | None, typer.Option(help="HTML page to write.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find copies, shared audio, contradicting labels, and what leaks across splits."""
    from cantaor.corpus.audit.audit import audit as audit_manifest
    from cantaor.corpus.audit.audit import fix as fix_manifest
    from cantaor.corpus.loaders import read_entries
    from cantaor.corpus.manifest_files import write_manifest

    manifest = read_entries(corpus, layout)
    if fix is not None and fix.exists() and fix.samefile(corpus):
        raise ArgumentError(f"--fix {fix} is the corpus itself; name another file")
    if html is not None:
        require_own_page(html)
    with show_progress(as_json) as progress:
        found = audit_manifest(
            manifest, seed=seed, progress=lambda done: progress("audit", done, len(manifest))
        )
    if fix is not None:
        write_manifest(fix_manifest(manifest, found), fix)
    if html is not None:
        from cantaor.report.audit_page import write_audit_page

        write_audit_page(found, html, title=str(corpus))
    if as_json:
        typer.echo(found.to_json(ensure_ascii=True))
    else:
        print_audit(found.summary(), found.tables())
