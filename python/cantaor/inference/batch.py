"""Inference over thousands of recordings: workers find the clips, one process runs the network.

Workers decode a recording, track its pitch and find the known motifs. Its samples at the model's
rate wait in a scratch file, so no process holds more than the recordings in progress. This process
batches clips of several recordings for the network: one batch at a time on a GPU, one in each of as
many threads as there are workers on a CPU. torch is loaded when it is first needed, and never in a
worker.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cantaor.chain import FoundClips, MotifFinder, find_clips, select_windows
from cantaor.corpus.loaders import audio_files, audio_urls
from cantaor.corpus.manifest_files import read_rows
from cantaor.errors import CantaorError, CorpusError, WorkspaceError, blame
from cantaor.io.audio import open_audio, resampled
from cantaor.io.formats import EXTENSIONS
from cantaor.io.locations import (
    Location,
    file_hash,
    is_folder,
    is_url,
    join,
    parent_of,
    printable,
)
from cantaor.parallel.workers import WorkerPool, map_recordings
from cantaor.types import Float32Array

if TYPE_CHECKING:
    from cantaor.learn.export.bundle import Bundle
    from cantaor.learn.identification.evidence import ClipPredictions

Found: TypeAlias = "tuple[int, LocatedClips | CantaorError]"
Predicted: TypeAlias = "list[tuple[Input, ClipPredictions | CantaorError]]"

_TABLES = (".csv", ".parquet")
# Clips that are gathered before the network is asked: many enough that some have one length.
_CLIPS = 1024
# Recordings that are gathered at most, so that answers come soon where clips are few.
_TOGETHER = 32
# No recording is longer, in seconds (30 years): a time beyond is a mistake.
_MAX_S = 1e9
# Recordings for each worker while the network is busy.
_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Input:
    """One recording, or a span of it, to be identified.

    Attributes
    ----------
    location
        A file or a URL.
    start_s, end_s
        The span of it that is meant, seconds.
    """

    location: str
    start_s: float = 0.0
    end_s: float = float("inf")

    @property
    def name(self) -> str:
        """How answers call it: the location, and the span as a media fragment.

        Different inputs have different names: times keep all their digits, a backslash is doubled,
        since it begins the escapes of what cannot be printed, and one stands before a ``#t=`` that
        is part of a file's name.
        """
        whole = self.start_s == 0 and self.end_s == float("inf")
        span = f"#t={_digits(self.start_s)},{_digits(self.end_s)}".removesuffix(",inf")
        place = self.location.replace("\\", "\\\\").replace("#t=", "\\#t=")
        return printable(place) + ("" if whole else span)


def _digits(seconds: float) -> str:
    return repr(float(seconds)).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class InferenceJob:
    """One recording for a worker: samples go to ``samples_path``, raw float32 at ``rate`` Hz."""

    input: Input
    finder: MotifFinder
    kind: str
    rate: int
    samples_path: Path
    windows: str = "motifs"


@dataclass(frozen=True, slots=True)
class LocatedClips:
    """The clips of one recording, and what identifies the audio that they were found in."""

    found: FoundClips
    content: str


def find_inputs(
    arguments: Iterable[Location], passed_over: list[tuple[str, str]] | None = None
) -> list[Input]:
    """The recordings that files, folders, manifests (``path[,start_s,end_s]``) and URLs name.

    Parameters
    ----------
    arguments
        Each a recording, a folder that is searched, a ``.csv`` or ``.parquet`` table whose paths
        are relative to it, or the URL of any of these.
    passed_over
        Gets folders in them that cantaor wrote: how to print their path, and what they are.

    Returns
    -------
    Every one once, in order.

    Raises
    ------
    CorpusError
        A table cannot be read, lacks the column ``path`` or has a row without a path or with a
        wrong time (its line is named), or a folder holds no audio.
    """
    found: dict[Input, None] = {}
    for argument in arguments:
        found.update(dict.fromkeys(_inputs_of(argument, passed_over)))
    return list(found)


def infer_recordings(
    bundle: Bundle,
    inputs: Iterable[Input],
    pool: WorkerPool | None = None,
    device: str = "auto",
    channel: str | int | None = None,
    windows: str = "motifs",
) -> Iterator[tuple[Input, ClipPredictions | CantaorError]]:
    """Predict the clips of many recordings with one model, as single calls would.

    Parameters
    ----------
    bundle
        A model trained on a mined workspace.
    inputs
        The recordings; taken as they are needed.
    pool
        Workers that decode and track; None works in this process.
    device
        Where the network runs.
    channel
        Which channel is read; None: that of the model's recordings.
    windows
        Which clips the network is asked about, one of :data:`~cantaor.chain.WINDOWS`.

    Yields
    ------
    Each recording with its predictions, or with the error it ended in, as they come.

    Raises
    ------
    ModelError
        The bundle holds no motif dictionary.
    """
    from cantaor.learn.identification.saved_finder import finder_from_bundle
    from cantaor.learn.training.settings import pick_device

    finder, kind = finder_from_bundle(bundle), str(bundle.extra["data"])
    if channel is not None:
        finder = replace(finder, settings=replace(finder.settings, channel=channel))
    rate = bundle.trained.module.sample_rate
    with TemporaryDirectory(prefix="cantaor-") as scratch:
        submitted: list[Input] = []

        def jobs() -> Iterator[InferenceJob]:
            for number, one in enumerate(inputs):
                submitted.append(one)
                yield InferenceJob(one, finder, kind, rate, Path(scratch, f"{number}.f32"), windows)

        outcomes = map_recordings(
            locate_recording_clips, jobs(), pool, lambda job: job.input.name, _AHEAD
        )
        on_cpu = pick_device(device).type == "cpu"
        batcher = InferenceBatcher(bundle, submitted, Path(scratch), device)
        with _open_network(pool.workers if pool is not None and on_cpu else 1) as network:
            for predicted in network.results(batcher.predict, _groups(outcomes)):
                yield from predicted


def content_of(location: Location, channel: str | int) -> str:
    """Hash of the bytes of a recording and the channel of it; empty where it cannot be read."""
    try:
        return f"{file_hash(location)}-{channel}"
    except (OSError, ValueError, CantaorError):
        return ""


def locate_recording_clips(job: InferenceJob) -> LocatedClips:
    """Find the clips of one recording, and leave its samples in the scratch file.

    Raises
    ------
    AudioError
        The recording cannot be read, is silent, holds no voice, or no known motif.
    WorkspaceError
        The scratch file cannot be written.
    """
    one = job.input
    # Before it is decoded: a file that changes meanwhile is asked for again by the next run.
    content = content_of(one.location, job.finder.settings.channel)
    try:
        with (
            blame(one.name),
            _scratch(job.samples_path) as sink,
            open_audio(one.location, job.finder.settings.channel) as stream,
        ):
            blocks = resampled(
                stream.blocks(one.start_s, one.end_s),
                stream.sample_rate,
                job.rate,
                _writer(sink),
            )
            found = find_clips(job.finder, job.kind, blocks, stream.sample_rate, one.name)
            return LocatedClips(select_windows(found, job.windows), content)
    except CantaorError:
        job.samples_path.unlink(missing_ok=True)
        raise


@contextmanager
def _scratch(path: Path) -> Iterator[Callable[[bytes], object]]:
    try:
        with path.open("wb") as sink:
            yield sink.write
    except OSError as error:
        raise WorkspaceError(f"{path}: no room for scratch files: {error}") from error


def _writer(write: Callable[[bytes], object]) -> Callable[[Float32Array], object]:
    def put(block: Float32Array) -> None:
        try:
            write(block.tobytes())
        except OSError as error:
            raise WorkspaceError(f"no room for scratch files: {error}") from error

    return put


@dataclass(frozen=True, slots=True)
class InferenceBatcher:
    """Runs the network over the clips of recordings, and deletes their scratch files."""

    bundle: Bundle
    submitted: list[Input]
    scratch: Path
    device: str

    def predict(self, group: list[Found]) -> Predicted:
        """Predict some recordings and delete their scratch files; errors are passed on."""
        from cantaor.learn.identification.identification import LocatedRecording, predict_recordings

        located = [
            LocatedRecording(
                self.submitted[i].name,
                one.found,
                np.memmap(self.scratch / f"{i}.f32", np.float32, "r"),
                one.content,
                self.submitted[i].location,
                self.submitted[i].start_s,
            )
            for i, one in group
            if isinstance(one, LocatedClips)
        ]
        predictions = iter(
            list(predict_recordings(self.bundle, located, self.device)) if located else []
        )
        predicted: Predicted = []
        for index, found in group:
            outcome = found if isinstance(found, CantaorError) else next(predictions)
            predicted.append((self.submitted[index], outcome))
            (self.scratch / f"{index}.f32").unlink(missing_ok=True)
        return predicted


@dataclass(frozen=True, slots=True)
class _Network:
    """Threads that run the network, each with one native thread; None: this thread runs it."""

    threads: ThreadPoolExecutor | None
    number: int

    def results(
        self, predict: Callable[[list[Found]], Predicted], groups: Iterable[list[Found]]
    ) -> Iterator[Predicted]:
        """What becomes of groups, in order; no more than one waits."""
        if self.threads is None:
            yield from map(predict, groups)
            return
        pending: deque[Future[Predicted]] = deque()
        for group in groups:
            pending.append(self.threads.submit(predict, group))
            while len(pending) > self.number or (pending and pending[0].done()):
                yield pending.popleft().result()
        for future in pending:
            yield future.result()


@contextmanager
def _open_network(number: int) -> Iterator[_Network]:
    if number == 1:
        yield _Network(None, 1)
        return
    from cantaor.learn.threads import native_threads

    with native_threads(1):
        threads = ThreadPoolExecutor(number)
        try:
            yield _Network(threads, number)
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _groups(outcomes: Iterable[Found]) -> Iterator[list[Found]]:
    """Recordings that the network judges together: enough clips of them, or enough of them."""
    waiting: list[Found] = []
    clips = 0
    for index, outcome in outcomes:
        if isinstance(outcome, WorkspaceError):
            raise outcome
        waiting.append((index, outcome))
        clips += len(outcome.found) if isinstance(outcome, LocatedClips) else 0
        if clips >= _CLIPS or len(waiting) == _TOGETHER:
            yield waiting
            waiting, clips = [], 0
    if waiting:
        yield waiting


def _inputs_of(argument: Location, passed_over: list[tuple[str, str]] | None) -> Iterator[Input]:
    text = os.fspath(argument)
    if PurePath(text).suffix.lower() in _TABLES:
        parent = parent_of(text) if is_url(text) else Path(text).parent
        for where, row in read_rows(text, ["path"]):
            yield _input_of(row, where, parent)
        return
    files = _files_in(text, passed_over)
    if files is None:
        yield Input(text)
        return
    if not files:
        raise CorpusError(f"{text}: no audio in this folder")
    yield from (Input(join(text, str(file))) for file in files)


def _files_in(text: str, passed_over: list[tuple[str, str]] | None) -> list[PurePosixPath] | None:
    """Audio below a folder or its URL; None where it is neither."""
    if not is_url(text):
        return list(audio_files(Path(text), passed_over)) if Path(text).is_dir() else None
    if PurePath(text).suffix.lower() in EXTENSIONS:
        return None
    try:
        return audio_urls(text) if is_folder(text) else None
    except OSError as error:
        raise CorpusError(f"{text}: cannot be listed: {error}") from error


def _input_of(row: Mapping[str, Any], where: str, folder: Location) -> Input:
    """The recording that a row of a table names; ``where`` is the row's place."""
    if not row["path"]:
        raise CorpusError(f"{where}: path is empty")
    start, end = (_time(row, name, where) for name in ("start_s", "end_s"))
    span = (0.0 if start is None else start, float("inf") if end is None else end)
    if span[0] >= span[1]:
        raise CorpusError(f"{where}: start_s ({span[0]}) must be below end_s ({span[1]})")
    return Input(join(folder, str(row["path"])), *span)


def _time(row: Mapping[str, Any], name: str, where: str) -> float | None:
    text = row.get(name)
    if text is None or text == "":
        return None
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        seconds = float("nan")
    if not 0 <= seconds <= _MAX_S:
        raise CorpusError(f"{where}: {name} must be seconds, 0 or more, not {str(text)!r}")
    return seconds
