"""`train`, `evaluate` and `export`: models made, tested and given away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cantaor.cli.app import Device, Json, Seed, app, model_folder, print_json
from cantaor.errors import ArgumentError, SplitError
from cantaor.report.terminal import print_evaluation, show_progress
from cantaor.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from cantaor.experiments.grid import GridPlan
    from cantaor.learn.training.settings import TrainingSettings

Recipe = Annotated[str, typer.Option(help="Settings of training by name: paper, accurate, robust.")]
Width = Annotated[int | None, typer.Option(help="Channels; the paper's if not given.")]
Epochs = Annotated[int | None, typer.Option(help="At most so many passes; else the recipe's.")]


@app.command(epilog="Example: `cantaor train work --split recording`")
def train(
    work: Annotated[Path | None, typer.Argument(help="A mined workspace.")] = None,
    clips: Annotated[Path | None, typer.Option(help="CSV of clips instead of a workspace.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the model.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Of a workspace: paper (if not given), audio, recording or group."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Of a workspace: motifs (if not given), motifs+segment or random."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="crnn, residual50 or residual-blstm; else the recipe's.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="log-mel, mfcc, spectrogram, wide-log-mel, or several joined by +."),
    ] = None,
    recipe: Recipe = "paper",
    width: Width = None,
    epochs: Epochs = None,
    max_clips: Annotated[
        int | None,
        typer.Option(help="Of a workspace: most training clips of one singer, 1000; 0 keeps all."),
    ] = None,
    batch: Annotated[int, typer.Option(help="Clips a step.")] = 64,
    augmentation: Annotated[
        str | None, typer.Option(help="Changes to training clips, joined by commas.")
    ] = None,
    class_weights: Annotated[str, typer.Option(help="none or balanced.")] = "none",
    precision: Annotated[str, typer.Option(help="float32, float16 or bfloat16.")] = "float32",
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a network on the clips of a workspace, or on clips that a file names.

    Training that was stopped goes on where it was when the same command is given again.
    """
    from cantaor.experiments.clip_splits import MAX_CLIPS, prepare_clips
    from cantaor.experiments.train_evaluate import clips_manifest, train_clips, train_workspace
    from cantaor.learn.training.recipes import recipe_settings

    if (work is None) == (clips is None):
        raise ArgumentError("train needs either a workspace or --clips, and not both")
    settings = recipe_settings(
        recipe,
        model=model,
        features=features,
        width=width,
        epochs=epochs,
        batch=batch,
        augmentation=None if augmentation is None else tuple(_names(augmentation)),
        class_weights=class_weights,
        precision=precision,
        seed=seed,
        device=device,
    )
    with show_progress(as_json) as progress:
        if clips is not None:
            if out is None:
                raise ArgumentError("train --clips needs --out for the model")
            _refuse_with_clips({"--split": split, "--data": data, "--max-clips": max_clips})
            folder = train_clips(clips_manifest(clips), settings, out, progress=progress)
        else:
            assert work is not None
            workspace = open_workspace(work)
            prepared = prepare_clips(
                workspace,
                split or "paper",
                data or "motifs",
                max_clips=MAX_CLIPS if max_clips is None else max_clips or None,
                seed=seed,
            )
            folder = train_workspace(workspace, prepared, settings, out, progress)
    _print_training(folder, as_json)


@app.command(epilog="Example: `cantaor evaluate work --json`, `cantaor evaluate work --grid`")
def evaluate(
    model: Annotated[
        Path | None, typer.Argument(help="A workspace with a model, or a model.")
    ] = None,
    clips: Annotated[Path | None, typer.Option(help="CSV of clips to test on.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Train and test a whole grid.")] = False,
    out: Annotated[Path | None, typer.Option(help="Grid: its folder.")] = None,
    models: Annotated[str | None, typer.Option(help="Grid: networks, by commas.")] = None,
    features: Annotated[str | None, typer.Option(help="Grid: features, by commas.")] = None,
    data: Annotated[str | None, typer.Option(help="Grid: data sets, by commas.")] = None,
    protocols: Annotated[str, typer.Option(help="Grid: splits, by commas.")] = "paper",
    fractions: Annotated[
        str, typer.Option(help="Grid: shares of the training clips, by commas.")
    ] = "1",
    recipe: Recipe = "paper",
    width: Width = None,
    epochs: Epochs = None,
    max_clips: Annotated[
        int | None,
        typer.Option(help="Grid of a workspace: most training clips of a singer, 1000; 0: all."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Grid: begin no further cell after so many minutes.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Test a model on the clips that were held out, or on others; or run the grid of Table 2.

    What a workspace's own model did on its held-out clips is kept there for the report. With
    --grid, MODEL is a mined workspace, or --clips names clips with their sides; cells that
    were run before are kept.
    """
    from cantaor.experiments.grid import plan_of
    from cantaor.experiments.train_evaluate import (
        clips_manifest,
        evaluate_model,
        evaluate_workspace,
    )
    from cantaor.learn.training.recipes import recipe_settings

    if grid:
        plan = plan_of(models, features, data, protocols, fractions)
        settings = recipe_settings(recipe, width=width, epochs=epochs, seed=seed, device=device)
        _evaluate_grid(model, clips, plan, settings, out, max_clips, minutes, as_json)
        return
    if model is None:
        raise ArgumentError("evaluate needs a workspace or a model")
    folder = model_folder(model)
    with show_progress(as_json) as progress:
        if clips is None and folder != model:
            result = evaluate_workspace(open_workspace(model), folder, progress).to_json()
        else:
            manifest = None if clips is None else clips_manifest(clips)
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
    """Write a model as one file that runs without cantaor, and a model card beside it."""
    from cantaor.experiments.train_evaluate import write_card
    from cantaor.learn.export.bundle import load_bundle
    from cantaor.learn.export.formats import export_model
    from cantaor.learn.export.model_card import require_own_card

    folder = model_folder(model)
    bundle, beside = load_bundle(folder), out.with_suffix(".md")
    require_own_card(beside)
    path = export_model(bundle.trained, out)
    card = write_card(folder, beside)
    if as_json:
        print_json({"path": str(path), "card": str(card)})
    else:
        typer.echo(f"written: {path}, {card}")


def _evaluate_grid(
    work: Path | None,
    clips: Path | None,
    plan: GridPlan,
    settings: TrainingSettings,
    out: Path | None,
    max_clips: int | None,
    minutes: float | None,
    as_json: bool,
) -> None:
    from cantaor.experiments.clip_splits import MAX_CLIPS
    from cantaor.experiments.grid import run_clips_grid, run_workspace_grid
    from cantaor.experiments.train_evaluate import clips_manifest
    from cantaor.learn.evaluation.grid import NO_TIME

    if (work is None) == (clips is None):
        raise ArgumentError("evaluate --grid needs either a workspace or --clips, and not both")
    folder = out if work is None else out or work / "grid"
    if folder is None:
        raise ArgumentError("evaluate --grid --clips needs --out for the results")
    with show_progress(as_json) as progress:
        if work is not None:
            records = run_workspace_grid(
                open_workspace(work),
                plan,
                settings,
                folder,
                max_clips=MAX_CLIPS if max_clips is None else max_clips or None,
                minutes=minutes,
                progress=progress,
            )
        else:
            assert clips is not None
            _refuse_with_clips({"--max-clips": max_clips})
            records = run_clips_grid(
                clips_manifest(clips), plan, settings, folder, minutes=minutes, progress=progress
            )
    if as_json:
        print_json(records)
    else:
        typer.echo((folder / "grid.md").read_text(encoding="utf-8"))
        typer.echo(f"written: {folder / 'grid.json'}")
    empty = [str(one["empty"]) for one in records if "empty" in one]
    if empty and len(empty) == len(records) and set(empty) != {NO_TIME}:
        raise SplitError(f"no cell could be run: {empty[0]}")


def _refuse_with_clips(given: dict[str, Any]) -> None:
    """A file of clips says itself which clips there are and which are tested on."""
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise ArgumentError(
            f"{', '.join(named)} cut a workspace's clips; those of --clips are all used, "
            "with the sides that its column 'split' names"
        )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_training(folder: Path, as_json: bool) -> None:
    from cantaor.learn.export.bundle import load_bundle

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
