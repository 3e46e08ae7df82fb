"""`audit`: find copies, shared audio and label conflicts in a corpus."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Channel, Json, Seed, Strict, Workers, app, print_json
from cantaor.errors import ArgumentError
from cantaor.io.channels import parse_channel
from cantaor.report.templates import require_own_page
from cantaor.report.terminal import print_audit, print_rows, show_progress
from cantaor.settings import check_channel


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
    workers: Workers = None,
    dask: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, or local, instead of processes."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps what was measured; the next audit goes on from it."),
    ] = None,
    channel: Channel = None,
    strict: Strict = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find copies, shared audio, conflicting labels and leakage between splits."""
    from cantaor.corpus.audit.audit import audit as audit_manifest
    from cantaor.corpus.audit.audit import fix as fix_manifest
    from cantaor.corpus.loaders import read_entries
    from cantaor.corpus.manifest_files import write_manifest

    chosen = parse_channel(channel)
    check_channel("mean" if chosen is None else chosen)
    manifest = replace(read_entries(corpus, layout), channel="mean" if chosen is None else chosen)
    if fix is not None and fix.exists() and Path(corpus).exists() and fix.samefile(corpus):
        raise ArgumentError(f"--fix {fix} is the corpus itself; name another file")
    if html is not None:
        require_own_page(html)
    for path, kind in manifest.passed_over:
        typer.echo(f"passed over: {path}: {kind}", err=True)
    for _, reason in manifest.skipped:
        typer.echo(f"skipped: {reason}", err=True)
    with show_progress(as_json) as progress:
        found = audit_manifest(
            manifest,
            seed=seed,
            strict=strict,
            workers=workers,
            dask=dask,
            cache=cache,
            progress=lambda done: progress("audit", done, len(manifest)),
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


@app.command(epilog="Example: `cantaor formats`")
def formats(as_json: Json = False) -> None:
    """List the kinds of recordings that this installation reads, by their extensions."""
    from cantaor.io.formats import known_formats

    rows = known_formats()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ("format", "extensions", "decoder", "readable here")
    print_rows(
        "Recordings",
        columns,
        [[row.format, " ".join(row.extensions), row.decoder, row.install or "yes"] for row in rows],
    )
