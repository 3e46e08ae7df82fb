"""`train` and `export` models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cantaor.cli.app import (
    Channel,
    Device,
    Epochs,
    Json,
    Seed,
    Width,
    app,
    model_folder,
    print_json,
    refuse_channel,
    refuse_with_clips,
)
from cantaor.cli.encoders import (
    EmbeddingsFile,
    EncoderFile,
    EncoderRate,
    EncoderView,
    EncoderWindow,
    Trust,
    open_source,
    view_of,
)
from cantaor.errors import ArgumentError
from cantaor.io.channels import parse_channel
from cantaor.report.terminal import show_progress
from cantaor.workspace.workspace import open_workspace

# The first minute decides which figure a user remembers.
_UNASKED = (
    "note: without --recipe and --split this is the paper's network on the paper's random split: "
    "its accuracy says how well recordings that were trained on are remembered. For singers in new "
    "recordings: cantaor train {work} --split recording --recipe robust"
)


@app.command(epilog="Example: `cantaor train work --split recording --recipe robust`")
def train(
    work: Annotated[Path | None, typer.Argument(help="A mined workspace.")] = None,
    clips: Annotated[
        str | None, typer.Option(help="CSV of labelled clips, instead of a workspace.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the model to.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of a workspace: paper (default), audio, recording or group."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Clips of a workspace: motifs (default), motifs+segment or random."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Network: crnn, residual50 or residual-blstm; default: the recipe's."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Features: log-mel, mfcc, spectrogram, wide-log-mel, or several joined by +."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Named training settings: paper (default), accurate or robust."),
    ] = None,
    width: Width = None,
    epochs: Epochs = None,
    max_clips: Annotated[
        int | None,
        typer.Option(help="Maximum training clips per singer of a workspace (1000); 0: no limit."),
    ] = None,
    batch: Annotated[int, typer.Option(help="Batch size, clips.")] = 64,
    augmentation: Annotated[
        str | None, typer.Option(help="Augmentations of training clips, separated by commas.")
    ] = None,
    class_weights: Annotated[
        str, typer.Option(help="Class weights in the loss: none or balanced.")
    ] = "none",
    precision: Annotated[
        str, typer.Option(help="Numeric precision: float32, float16 or bfloat16.")
    ] = "float32",
    channel: Channel = None,
    encoder: EncoderFile = None,
    encoder_rate: EncoderRate = None,
    encoder_window: EncoderWindow = None,
    trust: Trust = False,
    embeddings: EmbeddingsFile = None,
    encoder_view: EncoderView = None,
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
    source = open_source(encoder, embeddings, encoder_rate, encoder_window, trust)
    settings = recipe_settings(
        recipe or ("paper" if source is None else "robust"),
        view=view_of(encoder_view, source),
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
    if work is not None and recipe is None and split is None and source is None:
        typer.echo(_UNASKED.format(work=work), err=True)
    with show_progress(as_json) as progress:
        if clips is not None:
            if out is None:
                raise ArgumentError("train --clips needs --out for the model")
            refuse_with_clips({"--split": split, "--data": data, "--max-clips": max_clips})
            manifest = clips_manifest(clips, parse_channel(channel))
            folder = train_clips(manifest, settings, out, progress=progress, encoder=source)
        else:
            assert work is not None
            workspace = open_workspace(work)
            refuse_channel(channel)
            prepared = prepare_clips(
                workspace,
                split or "paper",
                data or "motifs",
                max_clips=MAX_CLIPS if max_clips is None else max_clips or None,
                seed=seed,
            )
            folder = train_workspace(workspace, prepared, settings, out, progress, source)
    _print_training(folder, as_json)


@app.command(epilog="Example: `cantaor export work/model --out singer.ts`")
def export(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    out: Annotated[Path, typer.Option(help="File to write: .ts, .pt2 or .onnx.")],
    as_json: Json = False,
) -> None:
    """Export a model to one file that runs without cantaor, with a model card beside it."""
    from cantaor.experiments.train_evaluate import write_card
    from cantaor.learn.export.bundle import load_bundle
    from cantaor.learn.export.model_card import require_own_card
    from cantaor.learn.identification.deployment import export_bundle

    folder = model_folder(model)
    bundle, beside = load_bundle(folder), out.with_suffix(".md")
    require_own_card(beside)
    path = export_bundle(bundle, out)
    card = write_card(folder, beside)
    if as_json:
        print_json({"path": str(path), "card": str(card)})
    else:
        typer.echo(f"written: {path}, {card}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_training(folder: Path, as_json: bool) -> None:
    from cantaor.learn.export.attached_encoder import encoder_facts
    from cantaor.learn.export.bundle import load_bundle

    bundle = load_bundle(folder)
    facts = {
        "model": str(folder),
        "classes": list(bundle.trained.classes),
        "epochs": len(bundle.trained.history),
        "protocol": bundle.extra["protocol"],
        "data": bundle.extra["data"],
        "notes": bundle.extra["notes"],
        "encoder": encoder_facts(bundle),
    }
    if as_json:
        print_json({**facts, "history": list(bundle.trained.history)})
        return
    typer.echo(f"model: {folder} ({facts['epochs']} epochs, split {facts['protocol']})")
    for note in bundle.extra["notes"]:
        typer.echo(f"note: {note}")
