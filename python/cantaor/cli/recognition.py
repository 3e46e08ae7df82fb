"""`identify` and `embed`: apply a model to one recording or to thousands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import typer

from cantaor.cli.app import (
    Channel,
    Device,
    Force,
    Json,
    Recordings,
    Workers,
    app,
    model_folder,
    print_json,
    print_notes,
    report_failures,
)
from cantaor.errors import CantaorError
from cantaor.inference.batch import Input, find_inputs, infer_recordings
from cantaor.inference.prediction_files import open_predictions
from cantaor.io.channels import parse_channel
from cantaor.io.locations import file_hash, printable
from cantaor.pipeline.workers import open_pool, workers_for
from cantaor.report.terminal import print_rows, show_stages

if TYPE_CHECKING:
    from cantaor.inference.prediction_files import PredictionWriter
    from cantaor.learn.export.bundle import Bundle
    from cantaor.learn.identification.identification import ClipPredictions, Identification

#: Of `identify --out answers.parquet`; ``answer`` is the whole identification as JSON.
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("singer", pa.string()),
        ("probability", pa.float64()),
        ("clips", pa.int64()),
        ("error", pa.string()),
        ("answer", pa.string()),
    ]
)


@app.command(epilog="Example: `cantaor identify work/model recordings --out answers.jsonl`")
def identify(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Recordings,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the predictions, .jsonl or .parquet; an existing one is completed."
        ),
    ] = None,
    workers: Workers = None,
    device: Device = "auto",
    channel: Channel = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Rank the known singers for each recording."""
    from cantaor.experiments.model_notes import model_notes
    from cantaor.learn.export.bundle import load_bundle
    from cantaor.learn.identification.identification import aggregate_clips

    bundle = load_bundle(model_folder(model))
    print_notes(model_notes(bundle.extra, model_folder(model)))

    def on_prediction(predictions: ClipPredictions) -> None:
        found = aggregate_clips(predictions, bundle.trained.classes)
        line = found.to_json()
        if job.file is not None:
            facts = {name: line[name] for name in ("path", "singer", "probability", "clips")}
            job.file.add(line, [{**facts, "answer": json.dumps(line)}])
        elif as_json:
            print_json(line, indent=None)
        else:
            _print_identification(found)

    def on_failure(path: str, reason: str) -> None:
        line = {"path": path, "error": reason}
        if job.file is not None:
            job.file.add(line, [line])
        elif as_json:
            print_json(line, indent=None)

    file = None if out is None else open_predictions(out, _model_digest(model), _SCHEMA, force)
    listened = parse_channel(channel)
    job = _InferenceRun(bundle, audio, file, workers, device, on_prediction, on_failure, listened)
    job.run("identify", out, as_json)


@app.command(epilog="Example: `cantaor embed work/model a.flac b.flac --out embeddings.parquet`")
def embed(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Recordings,
    out: Annotated[Path, typer.Option(help="File to write, .parquet or .jsonl.")],
    workers: Workers = None,
    device: Device = "auto",
    channel: Channel = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the embeddings of recordings and of their motif clips."""
    from cantaor.experiments.model_notes import model_notes
    from cantaor.inference.embeddings import EMBEDDINGS, embedding_rows
    from cantaor.learn.export.bundle import load_bundle

    bundle = load_bundle(model_folder(model))
    print_notes(model_notes(bundle.extra, model_folder(model)))

    def on_prediction(predictions: ClipPredictions) -> None:
        rows = embedding_rows(predictions)
        file.add({**rows[0], "motifs": rows[1:]}, rows)

    file = open_predictions(out, _model_digest(model), EMBEDDINGS, force)
    job = _InferenceRun(
        bundle,
        audio,
        file,
        workers,
        device,
        on_prediction,
        lambda _path, _reason: None,
        parse_channel(channel),
    )
    job.run("embed", out, as_json)


@dataclass(slots=True)
class _InferenceRun:
    """One run of a model over the recordings of a command."""

    bundle: Bundle
    audio: list[str]
    file: PredictionWriter | None
    workers: int | None
    device: str
    on_prediction: Callable[[ClipPredictions], None]
    on_failure: Callable[[str, str], None]
    channel: str | int | None = None
    predicted: int = 0
    clips: int = 0
    reused: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def run(self, stage: str, out: Path | None, as_json: bool) -> None:
        """Process all recordings, then report successes and failures."""
        self._infer_new(stage, quiet=as_json or out is None)
        if out is not None:
            self._summarise(out, as_json)
        report_failures(self.failures, all_failed=self.predicted + self.reused == 0)

    def _infer_new(self, stage: str, quiet: bool) -> None:
        """Process the recordings that the file lacks; however it ends, the file is closed."""
        started = monotonic()
        try:
            passed_over: list[tuple[str, str]] = []
            asked = find_inputs(self.audio, passed_over)
            for path, kind in passed_over:
                typer.echo(f"passed over: {path}: {kind}", err=True)
            done = frozenset() if self.file is None else self.file.done
            todo = [one for one in asked if one.name not in done]
            self.reused = len(asked) - len(todo)
            self._infer(todo, stage, quiet)
        finally:
            self.seconds = monotonic() - started
            if self.file is not None:
                self.file.close()

    def _infer(self, todo: list[Input], stage: str, quiet: bool) -> None:
        from cantaor.workspace.journal import StageCount

        workers = workers_for(len(todo)) if self.workers is None else self.workers
        started = monotonic()
        with show_stages(quiet) as watch, open_pool(workers) as pool:
            outcomes = infer_recordings(self.bundle, todo, pool, self.device, self.channel)
            for one, outcome in outcomes:
                self._handle(one, outcome)
                seconds = monotonic() - started
                count = (len(todo), self.predicted, 0, len(self.failures))
                watch(StageCount(stage, *count, seconds=seconds))

    def _handle(self, one: Input, outcome: ClipPredictions | CantaorError) -> None:
        if isinstance(outcome, CantaorError):
            self.failures.append((one.name, printable(str(outcome))))
            self.on_failure(*self.failures[-1])
        else:
            self.predicted += 1
            self.clips += len(outcome.motifs)
            self.on_prediction(outcome)

    def _summarise(self, out: Path, as_json: bool) -> None:
        """Report what was written."""
        if as_json:
            errors = [{"path": path, "error": reason} for path, reason in self.failures]
            facts: dict[str, Any] = {
                "out": str(out),
                "recordings": self.predicted,
                "reused": self.reused,
                "clips": self.clips,
                "seconds": round(self.seconds, 2),
                "failures": errors,
            }
            print_json(facts)
            return
        there = f", {self.reused} were there" if self.reused else ""
        typer.echo(
            f"written: {out} ({self.predicted} recordings{there}, {self.clips} motif clips, "
            f"{self.seconds:.1f} s)"
        )


def _model_digest(model: Path) -> str:
    # model.json holds the digests of the weights and arrays beside it.
    return file_hash(model_folder(model) / "model.json")[:16]


def _print_identification(found: Identification) -> None:
    rows = [[i, one.singer, one.probability] for i, one in enumerate(found.ranked, 1)]
    title = f"{found.path} ({found.clips} motif clips)"
    print_rows(title, ["", "singer", "probability"], rows)
    if found.unknown:
        typer.echo("unknown: likely none of these singers")
    best = found.evidence[0]
    typer.echo(
        f"strongest: motif {' '.join(map(str, best.motif))} "
        f"at {best.start_s:.2f}-{best.end_s:.2f} s"
    )
