"""`reproduce`: the paper's tables from the clips that its authors publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cantaor.cli.app import Device, Json, Seed, app, print_json
from cantaor.report.terminal import show_progress


@app.command(epilog="Example: `cantaor reproduce groups flamenco-motifs --out reproduced`")
def reproduce(
    target: Annotated[str, typer.Argument(help="table2, groups or fidelity.")],
    repository: Annotated[Path, typer.Argument(help="Clone of the published clips.")],
    out: Annotated[Path, typer.Option(help="Folder of the tables.")],
    protocols: Annotated[
        str | None,
        typer.Option(
            help="table2: by commas, of paper, paper-consistent, audio-disjoint, leave-one-out."
        ),
    ] = None,
    models: Annotated[str | None, typer.Option(help="table2: networks, by commas.")] = None,
    features: Annotated[str | None, typer.Option(help="table2: features, by commas.")] = None,
    data: Annotated[
        str | None, typer.Option(help="table2: data sets, by commas; motifs if not given.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="table2: settings by name.")] = "paper",
    width: Annotated[
        int | None, typer.Option(help="table2: channels; the paper's if not given.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="table2: at most so many passes.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="table2: begin no further cell after so many minutes.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make a table of the paper from its published clips, cloned as they are.

    Paper: https://doi.org/10.48550/arXiv.2008.00198. Clips, which are not part of this package:
    https://github.com/aitor-mir/flamenco-motifs. What was run before is kept.
    """
    from cantaor.experiments.reproduction.run import reproduce as run
    from cantaor.learn.training.recipes import recipe_settings

    settings = recipe_settings(recipe, width=width, epochs=epochs, seed=seed, device=device)
    named = {"protocols": protocols, "models": models, "features": features, "data": data}
    choices: dict[str, Any] = {
        name: tuple(part.strip() for part in text.split(",") if part.strip())
        for name, text in named.items()
        if text is not None
    }
    if minutes is not None:
        choices["minutes"] = minutes
    with show_progress(as_json) as progress:
        report = run(target, repository, out, settings, progress=progress, **choices)
    if as_json:
        print_json(report)
        return
    typer.echo((out / f"{target}.md").read_text(encoding="utf-8"))
    typer.echo(f"written: {out / f'{target}.json'}, {out / f'{target}.md'}")
