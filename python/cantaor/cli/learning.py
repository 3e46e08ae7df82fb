"""`train`, `evaluate` and `export`: models made, tested and given away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import Device, Json, Seed, app, model_folder, print_json
from cantaor.errors import ArgumentError
from cantaor.run.workspace import open_workspace
from cantaor.show.terminal import print_evaluation, show_progress

Recipe = Annotated[str, typer.Option(help="Settings of training by name: paper, accurate, robust.")]


@app.command(epilog="Example: `cantaor train work --split recording`")
def train(
    work: Annotated[Path | None, typer.Argument(help="A mined workspace.")] = None,
    clips: Annotated[Path | None, typer.Option(help="CSV of clips instead of a workspace.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the model.")] = None,
    split: Annotated[str, typer.Option(help="paper, audio, recording or group.")] = "paper",
    data: Annotated[str, typer.Option(help="motifs, motifs+segment or random.")] = "motifs",
    recipe: Recipe = "paper",
    model: Annotated[
        str | None, typer.Option(help="crnn, residual50 or residual-blstm; else the recipe's.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="log-mel, mfcc, spectrogram, or several joined by +.")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Channels; the paper's if not given.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="At most so many passes; else the recipe's.")
    ] = None,
    max_clips: Annotated[
        int, typer.Option(help="Most training clips of one singer; 0 keeps all.")
    ] = 1000,
    batch: Annotated[int, typer.Option(help="Clips a step.")] = 64,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a network on the clips of a workspace, or on clips that a file names."""
    from cantaor.learn.recipes import recipe_settings
    from cantaor.run.learning import clips_manifest, train_clips, train_workspace
    from cantaor.run.protocol import prepare_clips

    if (work is None) == (clips is None):
        raise ArgumentError("train needs either a workspace or --clips, and not both")
    settings = recipe_settings(
        recipe,
        model=model,
        features=features,
        width=width,
        epochs=epochs,
        batch=batch,
        seed=seed,
        device=device,
    )
    with show_progress(as_json) as progress:
        if clips is not None:
            if out is None:
                raise ArgumentError("train --clips needs --out for the model")
            folder = train_clips(clips_manifest(clips), settings, out, progress=progress)
        else:
            assert work is not None
            workspace = open_workspace(work)
            prepared = prepare_clips(workspace, split, data, max_clips=max_clips or None, seed=seed)
            folder = train_workspace(workspace, prepared, settings, out, progress)
    _print_training(folder, as_json)


@app.command(epilog="Example: `cantaor evaluate work --json`")
def evaluate(
    model: Annotated[Path, typer.Argument(help="A workspace with a model, or a model.")],
    clips: Annotated[Path | None, typer.Option(help="CSV of clips to test on.")] = None,
    as_json: Json = False,
) -> None:
    """Test a model on the clips that were held out, or on others."""
    from cantaor.run.learning import clips_manifest, evaluate_model

    folder = model_folder(model)
    manifest = None if clips is None else clips_manifest(clips)
    with show_progress(as_json) as progress:
        result = evaluate_model(folder, manifest, progress).to_json()
    if as_json:
        print_json(result)
    else:
        print_evaluation(result)


@app.command(epilog="Example: `cantaor export work/model --out singer.ts`")
def export(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    out: Annotated[Path, typer.Option(help="File to write; .ts, .pt2 or .onnx.")],
    as_json: Json = False,
) -> None:
    """Write a model as one file that runs without cantaor."""
    from cantaor.learn.bundle import load_bundle
    from cantaor.learn.formats import export_model

    path = export_model(load_bundle(model_folder(model)).trained, out)
    if as_json:
        print_json({"path": str(path)})
    else:
        typer.echo(f"written: {path}")


def _print_training(folder: Path, as_json: bool) -> None:
    from cantaor.learn.bundle import load_bundle

    bundle = load_bundle(folder)
    facts = {
        "model": str(folder),
        "classes": list(bundle.trained.classes),
        "epochs": len(bundle.trained.history),
        "protocol": bundle.extra["protocol"],
        "data": bundle.extra["data"],
        "notes": bundle.extra["notes"],
    }
    if as_json:
        print_json({**facts, "history": list(bundle.trained.history)})
        return
    typer.echo(f"model: {folder} ({facts['epochs']} epochs, split {facts['protocol']})")
    for note in bundle.extra["notes"]:
        typer.echo(f"note: {note}")
