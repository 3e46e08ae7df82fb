"""Thousands of recordings through one model: found by worker processes, judged in one.

Workers decode, track and find the known motifs; a recording's voice at the model's rate waits in
a scratch file, so neither process holds more than the recordings under way. This process gathers
clips of several recordings for the network: on a GPU one gathering after the other, on a CPU one
in each of as many threads as there are workers. Nothing here loads torch until it is needed: the
workers never do.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cantaor.chain import FoundClips, MotifFinder, find_clips
from cantaor.corpus.loaders import audio_files
from cantaor.corpus.manifest_files import read_rows
from cantaor.errors import CantaorError, CorpusError, WorkspaceError
from cantaor.io.audio import open_audio, resampled
from cantaor.io.locations import Location, file_hash, is_url, join, list_files, printable
from cantaor.pipeline.workers import WorkerPool, map_recordings
from cantaor.types import Float32Array

if TYPE_CHECKING:
    from cantaor.learn.export.bundle import Bundle
    from cantaor.learn.identification.identification import ClipPredictions

Found: TypeAlias = "tuple[int, LocatedClips | CantaorError]"
Predicted: TypeAlias = "list[tuple[Input, ClipPredictions | CantaorError]]"

_TABLES = (".csv", ".parquet")
# Clips that are gathered before the network is asked: many enough that some have one length.
_CLIPS = 1024
# Recordings that are gathered at most, so that answers come soon where clips are few.
_TOGETHER = 32
# Recordings for each worker while the network is busy.
_AHEAD = 8
# No recording is longer, in seconds (30 years): a time beyond is a mistake.
_LONGEST_S = 1e9


@dataclass(frozen=True, slots=True)
class Input:
    """One recording to listen to.

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
    """One recording for a worker: its voice goes to ``voice``, raw float32 at ``rate`` Hz."""

    input: Input
    finder: MotifFinder
    kind: str
    rate: int
    voice: Path


@dataclass(frozen=True, slots=True)
class LocatedClips:
    """The clips of one recording, and the hash of the file that they were found in."""

    found: FoundClips
    content: str


def find_inputs(arguments: Iterable[Location]) -> list[Input]:
    """The recordings that files, folders, manifests (``path[,start_s,end_s]``) and URLs name.

    Parameters
    ----------
    arguments
        Each a recording, a folder that is searched, a ``.csv`` or ``.parquet`` table whose paths
        are relative to it, or the URL of a recording or folder.

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
        found.update(dict.fromkeys(_inputs_of(argument)))
    return list(found)


def infer_recordings(
    bundle: Bundle,
    inputs: Iterable[Input],
    pool: WorkerPool | None = None,
    device: str = "auto",
) -> Iterator[tuple[Input, ClipPredictions | CantaorError]]:
    """Hear many recordings with one model; the answers are those of one-by-one calls.

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

    Yields
    ------
    Each recording with its judged clips, or with the error it ended in, as they come.

    Raises
    ------
    ModelError
        The bundle holds no motif dictionary.
    """
    from cantaor.learn.identification.identification import finder_from_bundle
    from cantaor.learn.training.settings import pick_device

    finder, kind = finder_from_bundle(bundle), str(bundle.extra["data"])
    rate = bundle.trained.module.sample_rate
    with TemporaryDirectory(prefix="cantaor-") as scratch:
        taken: list[Input] = []

        def jobs() -> Iterator[InferenceJob]:
            for number, one in enumerate(inputs):
                taken.append(one)
                yield InferenceJob(one, finder, kind, rate, Path(scratch, f"{number}.f32"))

        outcomes = map_recordings(
            locate_recording_clips, jobs(), pool, lambda job: job.input.name, _AHEAD
        )
        on_cpu = pick_device(device).type == "cpu"
        desk = InferenceBatcher(bundle, taken, Path(scratch), device)
        with _open_network(pool.workers if pool is not None and on_cpu else 1) as network:
            for judged in network.results(desk.ask, _groups(outcomes)):
                yield from judged


def content_of(location: Location) -> str:
    """Hash of the bytes of a recording, empty where they cannot be read."""
    try:
        return file_hash(location)
    except (OSError, ValueError, CantaorError):
        return ""


def locate_recording_clips(job: InferenceJob) -> LocatedClips:
    """Find the clips of one recording, and leave its voice in the scratch file.

    Raises
    ------
    AudioError
        The recording cannot be read, is silent, holds no voice, or no known motif.
    WorkspaceError
        The scratch file cannot be written.
    """
    one = job.input
    # Before it is decoded: a file that changes meanwhile is asked for again by the next run.
    content = content_of(one.location)
    try:
        with job.voice.open("wb") as sink, open_audio(one.location) as stream:
            blocks = resampled(
                stream.blocks(one.start_s, one.end_s),
                stream.sample_rate,
                job.rate,
                _writer(sink.write),
            )
            found = find_clips(job.finder, job.kind, blocks, stream.sample_rate, one.name)
            return LocatedClips(found, content)
    except CantaorError:
        job.voice.unlink(missing_ok=True)
        raise


def _writer(write: Callable[[bytes], object]) -> Callable[[Float32Array], object]:
    def put(block: Float32Array) -> None:
        try:
            write(block.tobytes())
        except OSError as error:
            raise WorkspaceError(f"no room for scratch files: {error}") from error

    return put


@dataclass(frozen=True, slots=True)
class InferenceBatcher:
    """Where the clips of found recordings are judged."""

    bundle: Bundle
    taken: list[Input]
    scratch: Path
    device: str

    def ask(self, group: list[Found]) -> Predicted:
        """Let the network judge some recordings, and drop their voices; errors pass."""
        from cantaor.learn.identification.identification import LocatedRecording, predict_recordings

        voices = [
            LocatedRecording(
                self.taken[i].name,
                one.found,
                np.memmap(self.scratch / f"{i}.f32", np.float32, "r"),
                one.content,
            )
            for i, one in group
            if isinstance(one, LocatedClips)
        ]
        heard = iter(list(predict_recordings(self.bundle, voices, self.device)) if voices else [])
        judged: Predicted = []
        for index, found in group:
            answer = found if isinstance(found, CantaorError) else next(heard)
            judged.append((self.taken[index], answer))
            (self.scratch / f"{index}.f32").unlink(missing_ok=True)
        return judged


@dataclass(frozen=True, slots=True)
class _Network:
    """Threads that judge, each alone with one native thread; None: this one does."""

    threads: ThreadPoolExecutor | None
    number: int

    def results(
        self, ask: Callable[[list[Found]], Predicted], groups: Iterable[list[Found]]
    ) -> Iterator[Predicted]:
        """What becomes of groups, in order; no more than one waits."""
        if self.threads is None:
            yield from map(ask, groups)
            return
        pending: deque[Future[Predicted]] = deque()
        for group in groups:
            pending.append(self.threads.submit(ask, group))
            while len(pending) > self.number or (pending and pending[0].done()):
                yield pending.popleft().result()
        for future in pending:
            yield future.result()


@contextmanager
def _open_network(number: int) -> Iterator[_Network]:
    if number == 1:
        yield _Network(None, 1)
        return
    from cantaor.learn.identification.identification import native_threads

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


def _inputs_of(argument: Location) -> Iterator[Input]:
    text = os.fspath(argument)
    suffix = PurePath(text).suffix.lower()
    if is_url(text):
        if suffix:
            yield Input(text)
            return
        from cantaor.io.audio import EXTENSIONS

        try:
            files = list_files(text, EXTENSIONS)
        except OSError as error:
            raise CorpusError(f"{text}: cannot be listed: {error}") from error
        yield from (Input(join(text, str(file))) for file in files)
    elif suffix in _TABLES:
        for where, row in read_rows(Path(text), ["path"]):
            yield _input_of(row, where, Path(text).parent)
    elif Path(text).is_dir():
        files = list(audio_files(Path(text)))
        if not files:
            raise CorpusError(f"{text}: no audio in this folder")
        yield from (Input(join(text, str(file))) for file in files)
    else:
        yield Input(text)


def _input_of(row: Mapping[str, Any], where: str, folder: Path) -> Input:
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
    if not 0 <= seconds <= _LONGEST_S:
        raise CorpusError(f"{where}: {name} must be seconds, 0 or more, not {str(text)!r}")
    return seconds
