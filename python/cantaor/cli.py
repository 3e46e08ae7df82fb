"""The command line: every command is a thin shell around one library function.

Exit codes: 0 done, 1 error, 2 wrong usage, 3 done but some recordings failed, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cantaor.errors import ArgumentError, CantaorError
from cantaor.run.workspace import Workspace, open_workspace
from cantaor.show.terminal import (
    motif_rows,
    print_audit,
    print_evaluation,
    print_motifs,
    print_rows,
    show_progress,
)

_SOME_FAILED = 3

app = typer.Typer(
    help="Recognise flamenco singers by the melodic motifs of their voice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and no progress.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Workers = Annotated[int, typer.Option(help="Processes; results do not depend on it.")]


def main() -> None:
    """Run the command line; errors that cantaor reports become one line and exit code 1."""
    try:
        app()
    except CantaorError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error}", style="red", markup=False
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command(epilog="Example: `cantaor mine recordings --out work`")
def mine(
    corpus: Annotated[Path, typer.Argument(help="Folder, CSV or Parquet of recordings.")],
    out: Annotated[Path, typer.Option(help="Folder of the workspace.")],
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    workers: Workers = 1,
    min_recordings: Annotated[
        int, typer.Option(help="Keep singers with at least so many recordings.")
    ] = 1,
    style: Annotated[list[str] | None, typer.Option(help="Keep these styles (repeat).")] = None,
    clips: Annotated[bool, typer.Option(help="Write the audio of every instance.")] = True,
    pitch_method: Annotated[str | None, typer.Option(help="salience or essentia.")] = None,
    k: Annotated[str | None, typer.Option(help="Pitch clusters: a number or auto.")] = None,
    gap: Annotated[str | None, typer.Option(help='"LO,HI" symbols skipped, or "any".')] = None,
    min_support: Annotated[
        str | None, typer.Option(help="Phrases that hold a motif: 3, or a share such as 0.05.")
    ] = None,
    min_length: Annotated[int | None, typer.Option(help="Shortest motif, symbols.")] = None,
    max_patterns: Annotated[int | None, typer.Option(help="Most motifs a singer.")] = None,
    as_json: Json = False,
) -> None:
    """Find every singer's motifs and where they are sung."""
    from cantaor.run.pipeline import mine as mine_corpus

    chosen = {
        "pitch_method": pitch_method,
        "k": _whole_or_word(k),
        "gap": _gap(gap),
        "min_support": _support(min_support),
        "min_length": min_length,
        "max_patterns": max_patterns,
    }
    with show_progress(as_json) as progress:
        workspace = mine_corpus(
            corpus,
            out,
            config=config,
            workers=workers,
            min_recordings=min_recordings,
            styles=tuple(style or ()),
            clips=clips,
            progress=progress,
            **{name: value for name, value in chosen.items() if value is not None},
        )
    rows = motif_rows(workspace)
    failures = workspace.table("failures").to_pylist()
    if as_json:
        _print_json({"workspace": str(workspace.path), "singers": rows, "failures": failures})
    else:
        print_motifs(rows)
        _explain_missing_motifs(workspace, rows)
    _report_failures([(row["path"], row["reason"]) for row in failures])


@app.command(epilog="Example: `cantaor train work --split recording`")
def train(
    work: Annotated[Path | None, typer.Argument(help="A mined workspace.")] = None,
    clips: Annotated[Path | None, typer.Option(help="CSV of clips instead of a workspace.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the model.")] = None,
    split: Annotated[str, typer.Option(help="paper, audio, recording or group.")] = "paper",
    data: Annotated[str, typer.Option(help="motifs, motifs+segment or random.")] = "motifs",
    model: Annotated[
        str, typer.Option(help="crnn, residual50 or residual-blstm.")
    ] = "residual-blstm",
    features: Annotated[
        str, typer.Option(help="log-mel, mfcc, spectrogram, or several joined by +.")
    ] = "log-mel",
    width: Annotated[int | None, typer.Option(help="Channels; the paper's if not given.")] = None,
    epochs: Annotated[int, typer.Option(help="At most so many passes.")] = 20,
    max_clips: Annotated[
        int, typer.Option(help="Most training clips of one singer; 0 keeps all.")
    ] = 1000,
    batch: Annotated[int, typer.Option(help="Clips a step.")] = 64,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a network on the clips of a workspace, or on clips that a file names."""
    from cantaor.learn.training import TrainingSettings
    from cantaor.run.learning import clips_manifest, train_clips, train_workspace
    from cantaor.run.protocol import prepare_clips

    if (work is None) == (clips is None):
        raise ArgumentError("train needs either a workspace or --clips, and not both")
    settings = TrainingSettings(
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

    folder = _model_folder(model)
    manifest = None if clips is None else clips_manifest(clips)
    with show_progress(as_json) as progress:
        result = evaluate_model(folder, manifest, progress).to_json()
    if as_json:
        _print_json(result)
    else:
        print_evaluation(result)


@app.command(epilog="Example: `cantaor identify work/model song.flac --json`")
def identify(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Annotated[list[Path], typer.Argument(help="Recordings.")],
    as_json: Json = False,
) -> None:
    """Rank the known singers for each recording."""
    from cantaor.learn.bundle import load_bundle
    from cantaor.learn.identification import identify as identify_one

    bundle = load_bundle(_model_folder(model))
    failures = []
    for path in audio:
        try:
            answer = identify_one(bundle, path)
        except CantaorError as error:
            failures.append((str(path), str(error)))
            if as_json:
                _print_json({"path": str(path), "error": str(error)}, indent=None)
            continue
        if as_json:
            _print_json(answer.to_json(), indent=None)
        else:
            rows = [[i, one.singer, one.probability] for i, one in enumerate(answer.ranked, 1)]
            print_rows(f"{path} ({answer.clips} motif clips)", ["", "singer", "probability"], rows)
            best = answer.evidence[0]
            typer.echo(
                f"strongest: motif {' '.join(map(str, best.motif))} "
                f"at {best.start_s:.2f}-{best.end_s:.2f} s"
            )
    _report_failures(failures, all_failed=len(failures) == len(audio))


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

    bundle = load_bundle(_model_folder(model))
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
        _print_json({"recordings": len(heard), "clips": clips, "failures": errors})
    elif heard:
        typer.echo(f"written: {out} ({len(heard)} recordings, {clips} motif clips)")
    _report_failures(failures, all_failed=not heard)


@app.command(epilog="Example: `cantaor export work/model --out singer.ts`")
def export(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    out: Annotated[Path, typer.Option(help="File to write; .ts, .pt2 or .onnx.")],
    as_json: Json = False,
) -> None:
    """Write a model as one file that runs without cantaor."""
    from cantaor.learn.bundle import load_bundle
    from cantaor.learn.formats import export_model

    path = export_model(load_bundle(_model_folder(model)).trained, out)
    if as_json:
        _print_json({"path": str(path)})
    else:
        typer.echo(f"written: {path}")


@app.command(epilog="Example: `cantaor audit recordings --fix clean.csv`")
def audit(
    corpus: Annotated[Path, typer.Argument(help="Folder, CSV or Parquet of recordings.")],
    fix: Annotated[Path | None, typer.Option(help="Clean manifest to write.")] = None,
    layout: Annotated[str, typer.Option(help="flamenco-motifs, or a name pattern.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find copies, shared audio, contradicting labels, and what leaks across splits."""
    from cantaor.corpus.audit import audit as audit_manifest
    from cantaor.corpus.audit import fix as fix_manifest
    from cantaor.corpus.loaders import read_entries
    from cantaor.corpus.tables import write_manifest

    manifest = read_entries(corpus, layout)
    with show_progress(as_json) as progress:
        found = audit_manifest(
            manifest, seed=seed, progress=lambda done: progress("audit", done, len(manifest))
        )
    if fix is not None:
        write_manifest(fix_manifest(manifest, found), fix)
    if as_json:
        typer.echo(found.to_json())
    else:
        print_audit(found.summary(), found.tables())


@app.command(epilog="Example: `cantaor report work --out report.html`")
def report(
    work: Annotated[Path, typer.Argument(help="A mined workspace.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    as_json: Json = False,
) -> None:
    """Write one HTML page: motifs to see and hear, contours, figures, settings."""
    from cantaor.show.report import write_report

    path = write_report(open_workspace(work), out)
    if as_json:
        _print_json({"path": str(path)})
    else:
        typer.echo(f"written: {path}")


@app.command(epilog="Example: `cantaor demo`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for corpus, workspace and picture.")] = Path(
        "cantaor-demo"
    ),
    seed: Seed = 0,
    workers: Workers = 1,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run the whole chain on a synthetic a cappella corpus."""
    from cantaor.run.demo import run_demo

    with show_progress(as_json) as progress:
        result = run_demo(out, seed=seed, workers=workers, device=device, progress=progress)
    if as_json:
        _print_json(result)
        return
    print_motifs(result["singers"])
    figures = ("n", "accuracy", "balanced_accuracy", "recording_accuracy")
    rows = [[split, *(one[name] for name in figures)] for split, one in result["splits"].items()]
    columns = ["split", "clips", "accuracy", "balanced", "by recording"]
    print_rows("Accuracy on held-out clips", columns, rows)
    print_rows("Seconds per stage", ["stage", "seconds"], list(result["seconds"].items()))
    typer.echo(f"figure: {result['figure']}")
    typer.echo(f"model: {result['model']}")


def _model_folder(path: Path) -> Path:
    return path / "model" if (path / "cantaor.toml").exists() else path


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
        _print_json({**facts, "history": list(bundle.trained.history)})
        return
    typer.echo(f"model: {folder} ({facts['epochs']} epochs, split {facts['protocol']})")
    for note in bundle.extra["notes"]:
        typer.echo(f"note: {note}")


def _explain_missing_motifs(workspace: Workspace, rows: list[dict[str, Any]]) -> None:
    poor = [row["singer"] for row in rows if row["motifs"] == 0]
    if poor:
        s = workspace.settings
        typer.echo(
            f"no motif for {', '.join(poor)} with min_length {s.min_length} and min_support "
            f"{s.min_support}; try --min-length {max(2, s.min_length - 2)} or add recordings",
            err=True,
        )


def _report_failures(failures: list[tuple[str, str]], all_failed: bool = False) -> None:
    for path, reason in failures:
        text = reason if reason.startswith(path) else f"{path}: {reason}"
        typer.echo(f"failed: {text}", err=True)
    if failures:
        raise typer.Exit(1 if all_failed else _SOME_FAILED)


def _whole_or_word(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else text


def _support(text: str | None) -> int | float | None:
    if text is None:
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError as error:
        raise ArgumentError(f"--min-support must be a number, not {text!r}") from error


def _gap(text: str | None) -> list[int] | str | None:
    if text is None or text == "any":
        return text
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise ArgumentError(f'--gap must be "LO,HI" or "any", not {text!r}')
    return [int(part) for part in parts]


def _print_json(value: object, indent: int | None = 2) -> None:
    typer.echo(json.dumps(value, indent=indent))
