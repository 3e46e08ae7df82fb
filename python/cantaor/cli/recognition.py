"""`identify` and `embed`: a model listens to recordings, to one or to thousands."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import typer

from cantaor.cli.app import (
    Device,
    Force,
    Json,
    Recordings,
    Workers,
    app,
    model_folder,
    print_json,
    report_failures,
)
from cantaor.errors import CantaorError
from cantaor.inference.batch import Input, content_of, find_inputs, infer_recordings
from cantaor.inference.prediction_files import open_predictions
from cantaor.io.files import json_text
from cantaor.io.locations import printable
from cantaor.pipeline.workers import open_pool, workers_for
from cantaor.report.terminal import print_rows, show_stages

if TYPE_CHECKING:
    from cantaor.inference.prediction_files import PredictionWriter
    from cantaor.learn.export.bundle import Bundle
    from cantaor.learn.identification.identification import ClipPredictions, Identification

# Files that are hashed at once, to see which have changed.
_READERS = 4

#: Of `identify --out answers.parquet`; ``answer`` is the whole answer as JSON.
_ANSWERS = pa.schema(
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
        Path | None, typer.Option(help="Answers to write, .jsonl or .parquet; completed if there.")
    ] = None,
    workers: Workers = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Rank the known singers for each recording."""
    from cantaor.learn.export.bundle import load_bundle
    from cantaor.learn.identification.identification import aggregate_clips

    bundle, asked = load_bundle(model_folder(model)), find_inputs(audio)

    def answer(heard: ClipPredictions) -> None:
        found = aggregate_clips(heard, bundle.trained.classes)
        line = {**found.to_json(), "content": heard.content}
        if job.file is not None:
            names = ("path", "singer", "probability", "clips", "content")
            facts = {name: line[name] for name in names}
            job.file.add(line, [{**facts, "answer": json_text(line)}])
        elif as_json:
            print_json(found.to_json(), indent=None)
        else:
            _print_answer(found)

    def failure(path: str, reason: str) -> None:
        line = {"path": path, "error": reason}
        if job.file is not None:
            job.file.add(line, [line])
        elif as_json:
            print_json(line, indent=None)

    schema = _with_settings(_ANSWERS, bundle)
    file = None if out is None else open_predictions(out, bundle.digest, schema, force)
    job = _InferenceOptions(bundle, asked, file, workers, device, answer, failure)
    job.carry_out("identify", out, as_json)


@app.command(epilog="Example: `cantaor embed work/model a.flac b.flac --out embeddings.parquet`")
def embed(
    model: Annotated[Path, typer.Argument(help="A model, or a workspace with one.")],
    audio: Recordings,
    out: Annotated[Path, typer.Option(help="File to write, .parquet or .jsonl.")],
    workers: Workers = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the embeddings of recordings and of their motif clips."""
    from cantaor.inference.embeddings import EMBEDDINGS, embedding_rows
    from cantaor.learn.export.bundle import load_bundle

    bundle, asked = load_bundle(model_folder(model)), find_inputs(audio)

    def answer(heard: ClipPredictions) -> None:
        rows = embedding_rows(heard)
        file.add({**rows[0], "motifs": rows[1:]}, rows)

    def failure(path: str, _reason: str) -> None:
        file.drop(path)

    file = open_predictions(out, bundle.digest, _with_settings(EMBEDDINGS, bundle), force)
    job = _InferenceOptions(bundle, asked, file, workers, device, answer, failure)
    job.carry_out("embed", out, as_json)


def _with_settings(schema: pa.Schema, bundle: Bundle) -> pa.Schema:
    """A schema that names what the model's motifs were mined with."""
    from cantaor.learn.identification.identification import finder_facts, finder_from_bundle

    settings = finder_facts(finder_from_bundle(bundle))["settings"]
    return schema.with_metadata({**schema.metadata, "cantaor.settings": json_text(settings)})


@dataclass(slots=True)
class _InferenceOptions:
    """One command's way through its recordings."""

    bundle: Bundle
    asked: list[Input]
    file: PredictionWriter | None
    workers: int | None
    device: str
    answer: Callable[[ClipPredictions], None]
    failure: Callable[[str, str], None]
    answered: int = 0
    clips: int = 0
    reused: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def carry_out(self, stage: str, out: Path | None, as_json: bool) -> None:
        """The whole command, from its recordings to what it says of them."""
        self._run(stage, quiet=as_json or out is None)
        if out is not None:
            self._summarise(out, as_json)
        report_failures(self.failures, all_failed=self.answered + self.reused == 0)

    def _run(self, stage: str, quiet: bool) -> None:
        """Hear what no earlier run has heard as it is; however it ends, the file is closed."""
        started = monotonic()
        try:
            todo = self._changed()
            self.reused = len(self.asked) - len(todo)
            self._hear(todo, stage, quiet)
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
            hashes = readers.map(lambda one: content_of(one.location), there)
            now = dict(zip((one.name for one in there), hashes, strict=True))
        return [
            one for one in self.asked if one.name not in now or now[one.name] != known[one.name]
        ]

    def _hear(self, todo: list[Input], stage: str, quiet: bool) -> None:
        from cantaor.workspace.journal import StageCount

        workers = workers_for(len(todo)) if self.workers is None else self.workers
        started = monotonic()
        with show_stages(quiet) as watch, open_pool(workers) as pool:
            for one, outcome in infer_recordings(self.bundle, todo, pool, self.device):
                self._take(one, outcome)
                seconds = monotonic() - started
                count = (len(todo), self.answered, 0, len(self.failures))
                watch(StageCount(stage, *count, seconds=seconds))

    def _take(self, one: Input, outcome: ClipPredictions | CantaorError) -> None:
        if isinstance(outcome, CantaorError):
            self.failures.append((one.name, printable(str(outcome))))
            # An answer that is there stays if its recording is gone: nothing speaks against it.
            if self.file is None or one.name not in self.file.done or content_of(one.location):
                self.failure(*self.failures[-1])
        else:
            self.answered += 1
            self.clips += len(outcome.motifs)
            self.answer(outcome)

    def _summarise(self, out: Path, as_json: bool) -> None:
        """Say what was written."""
        if as_json:
            errors = [{"path": path, "error": reason} for path, reason in self.failures]
            facts: dict[str, Any] = {
                "out": str(out),
                "recordings": self.answered,
                "reused": self.reused,
                "clips": self.clips,
                "seconds": round(self.seconds, 2),
                "failures": errors,
            }
            print_json(facts)
            return
        there = f", {self.reused} were there" if self.reused else ""
        typer.echo(
            f"written: {out} ({self.answered} recordings{there}, {self.clips} motif clips, "
            f"{self.seconds:.1f} s)"
        )


def _print_answer(answer: Identification) -> None:
    rows = [[i, one.singer, one.probability] for i, one in enumerate(answer.ranked, 1)]
    title = f"{answer.path} ({answer.clips} motif clips)"
    print_rows(title, ["", "singer", "probability"], rows)
    if answer.unknown:
        typer.echo("unknown: likely none of these singers")
    best = answer.evidence[0]
    typer.echo(
        f"strongest: motif {' '.join(map(str, best.motif))} "
        f"at {best.start_s:.2f}-{best.end_s:.2f} s"
    )
