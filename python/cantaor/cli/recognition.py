"""`identify` and `embed`: apply a model to one recording or to thousands."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import typer

from cantaor.chain import WINDOWS
from cantaor.cli.app import (
    Channel,
    Device,
    Force,
    Json,
    Recordings,
    Windows,
    Workers,
    app,
    model_folder,
    print_json,
    print_notes,
    report_failures,
)
from cantaor.cli.encoders import (
    EmbeddingsFile,
    EncoderFile,
    EncoderRate,
    EncoderWindow,
    Trust,
    open_model,
)
from cantaor.errors import ArgumentError, CantaorError
from cantaor.inference.batch import Input, content_of, find_inputs, infer_recordings
from cantaor.inference.prediction_files import open_predictions
from cantaor.io.channels import parse_channel
from cantaor.io.files import json_text
from cantaor.io.locations import printable
from cantaor.parallel.workers import open_pool, workers_for
from cantaor.report.terminal import print_rows, show_stages

if TYPE_CHECKING:
    from cantaor.inference.prediction_files import PredictionWriter
    from cantaor.learn.export.bundle import Bundle
    from cantaor.learn.identification.evidence import ClipPredictions
    from cantaor.learn.identification.identification import Identification

# Files that are hashed at once, to see which have changed.
_READERS = 4

#: Of `identify --out answers.parquet`; ``answer`` is the whole identification as JSON.
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("singer", pa.string()),
        ("probability", pa.float64()),
        ("clips", pa.int64()),
        ("error", pa.string()),
        ("answer", pa.string()),
        ("content", pa.string()),
    ],
    {"cantaor.answers": "singers"},
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
    window: Windows = "motifs",
    encoder: EncoderFile = None,
    encoder_rate: EncoderRate = None,
    encoder_window: EncoderWindow = None,
    trust: Trust = False,
    embeddings: EmbeddingsFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Rank the known singers for each recording."""
    from cantaor.experiments.model_notes import model_notes
    from cantaor.learn.identification.identification import aggregate_clips

    bundle = open_model(
        model_folder(model), encoder, embeddings, encoder_rate, encoder_window, trust
    )
    print_notes(model_notes(bundle.extra, model_folder(model)))

    def on_prediction(predictions: ClipPredictions) -> None:
        found = aggregate_clips(predictions, bundle.trained.classes)
        line = {**found.to_json(), "content": predictions.content}
        if job.file is not None:
            names = ("path", "singer", "probability", "clips", "content")
            facts = {name: line[name] for name in names}
            job.file.add(line, [{**facts, "answer": json_text(line)}])
        elif as_json:
            print_json(found.to_json(), indent=None)
        else:
            _print_identification(found)

    def on_failure(path: str, reason: str) -> None:
        line = {"path": path, "error": reason}
        if job.file is not None:
            job.file.add(line, [line])
        elif as_json:
            print_json(line, indent=None)

    origin = _origin(bundle, window)
    asked, schema = _find_inputs(audio), _with_settings(_SCHEMA, bundle)
    file = None if out is None else open_predictions(out, origin, schema, force)
    listened = parse_channel(channel)
    job = _InferenceRun(
        bundle, asked, file, workers, device, on_prediction, on_failure, listened, window
    )
    job.run("identify", out, as_json)


@app.command(epilog="Example: `cantaor embed work/model a.flac b.flac --out embeddings.parquet`")
def embed(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Recordings,
    out: Annotated[Path, typer.Option(help="File to write, .parquet or .jsonl.")],
    workers: Workers = None,
    device: Device = "auto",
    channel: Channel = None,
    window: Windows = "motifs",
    encoder: EncoderFile = None,
    encoder_rate: EncoderRate = None,
    encoder_window: EncoderWindow = None,
    trust: Trust = False,
    embeddings: EmbeddingsFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the embeddings of recordings and of their motif clips."""
    from cantaor.experiments.model_notes import model_notes
    from cantaor.inference.embeddings import EMBEDDINGS, embedding_rows

    bundle = open_model(
        model_folder(model), encoder, embeddings, encoder_rate, encoder_window, trust
    )
    print_notes(model_notes(bundle.extra, model_folder(model)))

    def on_prediction(predictions: ClipPredictions) -> None:
        rows = embedding_rows(predictions)
        file.add({**rows[0], "motifs": rows[1:]}, rows)

    def on_failure(path: str, _reason: str) -> None:
        file.drop(path)

    origin = _origin(bundle, window)
    asked, schema = _find_inputs(audio), _with_settings(EMBEDDINGS, bundle)
    file = open_predictions(out, origin, schema, force)
    listened = parse_channel(channel)
    job = _InferenceRun(
        bundle, asked, file, workers, device, on_prediction, on_failure, listened, window
    )
    job.run("embed", out, as_json)


def _find_inputs(audio: list[str]) -> list[Input]:
    """The recordings that arguments name; what is passed over is said."""
    passed_over: list[tuple[str, str]] = []
    asked = find_inputs(audio, passed_over)
    for path, kind in passed_over:
        typer.echo(f"passed over: {path}: {kind}", err=True)
    return asked


def _origin(bundle: Bundle, window: str) -> str:
    """What tells answers apart: the model, and the clips it was asked about."""
    if window not in WINDOWS:
        raise ArgumentError(f"--window must be one of {', '.join(WINDOWS)}, not {window!r}")
    return bundle.digest if window == WINDOWS[0] else f"{bundle.digest}-{window}"


def _with_settings(schema: pa.Schema, bundle: Bundle) -> pa.Schema:
    """A schema that names what the model's motifs were mined with."""
    from cantaor.learn.identification.saved_finder import finder_facts, finder_from_bundle

    settings = finder_facts(finder_from_bundle(bundle))["settings"]
    return schema.with_metadata({**schema.metadata, "cantaor.settings": json_text(settings)})


@dataclass(slots=True)
class _InferenceRun:
    """One run of a model over the recordings of a command."""

    bundle: Bundle
    asked: list[Input]
    file: PredictionWriter | None
    workers: int | None
    device: str
    on_prediction: Callable[[ClipPredictions], None]
    on_failure: Callable[[str, str], None]
    channel: str | int | None = None
    windows: str = "motifs"
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
            todo = self._changed()
            self.reused = len(self.asked) - len(todo)
            self._infer(todo, stage, quiet)
        finally:
            self.seconds = monotonic() - started
            if self.file is not None:
                self.file.close()

    def _changed(self) -> list[Input]:
        """Recordings without an answer for the audio that they hold now."""
        if self.file is None:
            return self.asked
        known = self.file.contents
        there = [one for one in self.asked if known.get(one.name)]
        with ThreadPoolExecutor(_READERS) as readers:
            hashes = readers.map(self._content, there)
            now = dict(zip((one.name for one in there), hashes, strict=True))
        return [
            one for one in self.asked if one.name not in now or now[one.name] != known[one.name]
        ]

    def _content(self, one: Input) -> str:
        from cantaor.learn.export.bundle import model_channel

        channel = model_channel(self.bundle) if self.channel is None else self.channel
        return content_of(one.location, channel)

    def _infer(self, todo: list[Input], stage: str, quiet: bool) -> None:
        from cantaor.workspace.journal import StageCount

        workers = workers_for(len(todo)) if self.workers is None else self.workers
        started = monotonic()
        with show_stages(quiet) as watch, open_pool(workers) as pool:
            outcomes = infer_recordings(
                self.bundle, todo, pool, self.device, self.channel, self.windows
            )
            for one, outcome in outcomes:
                self._handle(one, outcome)
                seconds = monotonic() - started
                count = (len(todo), self.predicted, 0, len(self.failures))
                watch(StageCount(stage, *count, seconds=seconds))

    def _handle(self, one: Input, outcome: ClipPredictions | CantaorError) -> None:
        if isinstance(outcome, CantaorError):
            self.failures.append((one.name, printable(str(outcome))))
            # An answer that is there stays if its recording is gone: nothing speaks against it.
            if self.file is None or one.name not in self.file.done or self._content(one):
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


# What a person reads; what decides stands in learn/identification/decisions.
_DECISIONS = {
    "named": "named: {0}",
    "unsure": "unsure: {0} or {1}",
    "unknown": "unknown: likely none of these singers",
    None: "not calibrated: the first is the best guess, however wrong; see --recipe robust",
}


def _print_identification(found: Identification) -> None:
    rows = [[i, one.singer, one.probability] for i, one in enumerate(found.ranked, 1)]
    title = f"{found.path} ({found.clips} motif clips)"
    print_rows(title, ["", "singer", "probability"], rows)
    typer.echo(_DECISIONS[found.decision].format(*(one.singer for one in found.ranked[:2])))
    best = found.evidence[0]
    typer.echo(
        f"strongest: motif {' '.join(map(str, best.motif))} "
        f"at {best.start_s:.2f}-{best.end_s:.2f} s"
        + (f" (and {len(best.members)} motifs that cut it)" if best.members else "")
    )
