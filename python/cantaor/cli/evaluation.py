"""`evaluate`: models on held-out clips, grids, what is left out, and pairs of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    print_notes,
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
    open_model,
    open_source,
    view_of,
)
from cantaor.errors import ArgumentError, SplitError, require_extra
from cantaor.io.channels import parse_channel
from cantaor.report.templates import require_own_page
from cantaor.report.terminal import (
    print_evaluation,
    print_left_out,
    print_verification,
    show_progress,
)
from cantaor.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from cantaor.corpus.manifest import Manifest
    from cantaor.experiments.grid import GridPlan
    from cantaor.learn.encoders.sources import EmbeddingSource
    from cantaor.learn.training.settings import TrainingSettings


@app.command(epilog="Example: `cantaor evaluate work --json`, `cantaor evaluate work --grid`")
def evaluate(
    model: Annotated[
        Path | None, typer.Argument(help="A workspace with a model, or a model.")
    ] = None,
    clips: Annotated[str | None, typer.Option(help="CSV of clips to test on.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Train and test a grid of models.")] = False,
    leave_out: Annotated[
        str | None,
        typer.Option(help="Leave out every group or recording in turn: train without it, ask."),
    ] = None,
    verification: Annotated[
        bool,
        typer.Option(
            "--verification", help="Same singer or not: equal error rate over pairs of recordings."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Grid, leave-out: folder of the results.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Leave-out: write an HTML page to this file.")
    ] = None,
    models: Annotated[str | None, typer.Option(help="Grid: networks, separated by commas.")] = None,
    features: Annotated[
        str | None, typer.Option(help="Grid: features, separated by commas.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Grid: data sets, separated by commas.")] = None,
    protocols: Annotated[
        str | None,
        typer.Option(
            help="Grid: splits, separated by commas: paper, audio, recording, group; of --clips "
            "also file, its column split. Not given: file where that names a test side, else paper."
        ),
    ] = None,
    fractions: Annotated[
        str, typer.Option(help="Grid: fractions of the training clips, separated by commas.")
    ] = "1",
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Grid, leave-out: named training settings, paper, accurate or robust; not given: "
            "paper in a grid, robust where something is left out."
        ),
    ] = None,
    width: Width = None,
    epochs: Epochs = None,
    max_clips: Annotated[
        int | None,
        typer.Option(help="Grid, leave-out: maximum training clips a singer (1000); 0: no limit."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Grid: start no new cell after this many minutes.")
    ] = None,
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
    """Test a model on its held-out clips or on other clips, or run the grid of Table 2.

    What a workspace's own model did on its held-out clips is kept there for the report. With
    --grid, MODEL is a mined workspace, or --clips names clips; cells that were run before are
    kept, cheap networks are run first. With --leave-out, every group or recording of a workspace
    or of --clips is asked of a model that never met it. With --verification, recordings that the
    model has not met are compared with all those of other source groups.
    """
    from cantaor.experiments.evaluation import evaluate_model, evaluate_workspace
    from cantaor.experiments.grid import default_protocols, plan_of
    from cantaor.experiments.model_notes import model_notes
    from cantaor.experiments.train_evaluate import clips_manifest
    from cantaor.experiments.verification import verify
    from cantaor.learn.training.recipes import recipe_settings

    kinds = {"--grid": grid, "--leave-out": leave_out is not None, "--verification": verification}
    if sum(kinds.values()) > 1:
        raise ArgumentError(
            f"give one of {', '.join(kinds)}, not "
            f"{' and '.join(name for name, given in kinds.items() if given)}"
        )
    if html is not None:
        if leave_out is None:
            raise ArgumentError("--html is for --leave-out; cantaor report makes a page of models")
        # Before hours of training, not after them.
        require_extra("jinja2", "plot")
        require_own_page(html)
    if leave_out is not None:
        source = open_source(encoder, embeddings, encoder_rate, encoder_window, trust)
        settings = recipe_settings(
            recipe or "robust",
            view=view_of(encoder_view, source),
            width=width,
            epochs=epochs,
            seed=seed,
            device=device,
        )
        listed = _listed_clips(model, clips, max_clips, parse_channel(channel), "--leave-out")
        found = _leave_out(
            model, listed, settings, source, leave_out, data, max_clips, out, as_json
        )
        if html is not None:
            from cantaor.report.left_out_page import write_left_out_page

            write_left_out_page(found, html, title=clips or str(model))
        if as_json:
            print_json(found)
        else:
            print_left_out(found)
        return
    if encoder_view is not None:
        raise ArgumentError("--encoder-view is for --leave-out; a model has its own")
    if grid:
        if encoder is not None or embeddings is not None:
            raise ArgumentError("a grid is of networks, which take no --encoder or --embeddings")
        listed = _listed_clips(model, clips, max_clips, parse_channel(channel), "--grid")
        cut = protocols or default_protocols(listed)
        plan = plan_of(models, features, data, cut, fractions)
        settings = recipe_settings(
            recipe or "paper", width=width, epochs=epochs, seed=seed, device=device
        )
        _evaluate_grid(model, listed, plan, settings, out, max_clips, minutes, as_json)
        return
    if model is None:
        raise ArgumentError("evaluate needs a workspace or a model")
    folder = model_folder(model)
    if clips is None:
        refuse_channel(channel)
    bundle = open_model(folder, encoder, embeddings, encoder_rate, encoder_window, trust)
    with show_progress(as_json) as progress:
        listened = parse_channel(channel)
        manifest = None if clips is None else clips_manifest(clips, listened, folder)
        if verification:
            result = verify(folder, manifest, progress, bundle.encoder).to_json()
        elif clips is None and folder != model:
            work = open_workspace(model)
            result = evaluate_workspace(work, folder, progress, bundle.encoder).to_json()
        else:
            result = evaluate_model(folder, manifest, progress, bundle.encoder).to_json()
    notes = model_notes(bundle.extra, folder)
    if as_json:
        print_json({**result, "notes": notes})
    elif verification:
        print_verification(result)
    else:
        print_evaluation(result)
    print_notes(notes)


def _listed_clips(
    work: Path | None,
    clips: str | None,
    max_clips: int | None,
    channel: str | int | None,
    option: str,
) -> Manifest | None:
    from cantaor.experiments.train_evaluate import clips_manifest

    if (work is None) == (clips is None):
        raise ArgumentError(f"evaluate {option} needs either a workspace or --clips, and not both")
    if clips is None:
        return None
    refuse_with_clips({"--max-clips": max_clips})
    return clips_manifest(clips, channel)


def _leave_out(
    work: Path | None,
    clips: Manifest | None,
    settings: TrainingSettings,
    source: EmbeddingSource | None,
    by: str,
    data: str | None,
    max_clips: int | None,
    out: Path | None,
    as_json: bool,
) -> dict[str, Any]:
    from cantaor.experiments.clip_splits import MAX_CLIPS
    from cantaor.experiments.leave_one_out import leave_one_out

    if clips is not None:
        refuse_with_clips({"--data": data})
    with show_progress(as_json) as progress:
        found = leave_one_out(
            open_workspace(work) if work is not None else clips,  # type: ignore[arg-type]
            settings,
            by,
            data=data or "motifs",
            max_clips=MAX_CLIPS if max_clips is None else max_clips or None,
            out=out,
            progress=progress,
            encoder=source,
        )
    return found.to_json()


def _evaluate_grid(
    work: Path | None,
    clips: Manifest | None,
    plan: GridPlan,
    settings: TrainingSettings,
    out: Path | None,
    max_clips: int | None,
    minutes: float | None,
    as_json: bool,
) -> None:
    from cantaor.experiments.clip_splits import MAX_CLIPS
    from cantaor.experiments.grid import run_clips_grid, run_workspace_grid
    from cantaor.learn.evaluation.grid import NO_TIME

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
            records = run_clips_grid(
                clips, plan, settings, folder, minutes=minutes, progress=progress
            )
    if as_json:
        print_json(records)
    else:
        typer.echo((folder / "grid.md").read_text(encoding="utf-8"))
        typer.echo(f"written: {folder / 'grid.json'}")
    empty = [str(one["empty"]) for one in records if "empty" in one]
    if empty and len(empty) == len(records) and set(empty) != {NO_TIME}:
        raise SplitError(f"no cell could be run: {empty[0]}")
