"""`identify` and `embed`: a model listens to recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Json, app, model_folder, print_json, report_failures
from cantaor.errors import CantaorError
from cantaor.show.terminal import print_rows


@app.command(epilog="Example: `cantaor identify work/model song.flac --json`")
def identify(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Annotated[list[Path], typer.Argument(help="Recordings.")],
    as_json: Json = False,
) -> None:
    """Rank the known singers for each recording."""
    from cantaor.learn.bundle import load_bundle
    from cantaor.learn.identification import identify as identify_one

    bundle = load_bundle(model_folder(model))
    failures = []
    for path in audio:
        try:
            answer = identify_one(bundle, path)
        except CantaorError as error:
            failures.append((str(path), str(error)))
            if as_json:
                print_json({"path": str(path), "error": str(error)}, indent=None)
            continue
        if as_json:
            print_json(answer.to_json(), indent=None)
        else:
            rows = [[i, one.singer, one.probability] for i, one in enumerate(answer.ranked, 1)]
            print_rows(f"{path} ({answer.clips} motif clips)", ["", "singer", "probability"], rows)
            best = answer.evidence[0]
            typer.echo(
                f"strongest: motif {' '.join(map(str, best.motif))} "
                f"at {best.start_s:.2f}-{best.end_s:.2f} s"
            )
    report_failures(failures, all_failed=len(failures) == len(audio))


@app.command(epilog="Example: `cantaor embed work/model a.flac b.flac --out embeddings.parquet`")
def embed(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Annotated[list[Path], typer.Argument(help="Recordings.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    as_json: Json = False,
) -> None:
    """Write the embeddings of recordings and of their motif clips."""
    from cantaor.learn.bundle import load_bundle
    from cantaor.learn.identification import hear
    from cantaor.run.embedding import embedding_table
    from cantaor.run.workspace import write_table

    bundle = load_bundle(model_folder(model))
    heard, failures = [], []
    for path in audio:
        try:
            heard.append(hear(bundle, path))
        except CantaorError as error:
            failures.append((str(path), str(error)))
    if heard:
        write_table(out, embedding_table(heard))
    clips = sum(len(one.motifs) for one in heard)
    if as_json:
        errors = [{"path": path, "error": reason} for path, reason in failures]
        print_json({"recordings": len(heard), "clips": clips, "failures": errors})
    elif heard:
        typer.echo(f"written: {out} ({len(heard)} recordings, {clips} motif clips)")
    report_failures(failures, all_failed=not heard)
