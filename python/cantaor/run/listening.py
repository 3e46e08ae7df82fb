"""Thousands of recordings through one model: found by worker processes, judged in one.

Workers decode, track and find the known motifs; a recording's voice at the model's rate waits in
a scratch file, so neither process holds more than the recordings under way. This process gathers
clips of several recordings into batches for the network. Nothing here loads torch until it is
needed: the workers never do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from cantaor.audio import open_audio, resampled
from cantaor.chain import FoundClips, MotifFinder, find_clips
from cantaor.corpus.loaders import audio_files
from cantaor.corpus.tables import read_rows
from cantaor.errors import CantaorError, CorpusError, WorkspaceError
from cantaor.locations import Location, is_url, join, list_files, printable
from cantaor.run.batch import Crew, map_recordings
from cantaor.types import Float32Array

if TYPE_CHECKING:
    from cantaor.learn.bundle import Bundle
    from cantaor.learn.identification import HeardClips

_TABLES = (".csv", ".parquet")
# Clips that are gathered before the network is asked.
_CLIPS = 512
# Recordings that are gathered at most, so that answers come soon where clips are few.
_TOGETHER = 16
# Recordings for each worker while the network is busy.
_AHEAD = 8


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
        """How answers call it: the location, and the span as a media fragment."""
        whole = self.start_s == 0 and self.end_s == float("inf")
        span = "" if whole else f"#t={self.start_s:g},{self.end_s:g}".removesuffix(",inf")
        return printable(self.location) + span


@dataclass(frozen=True, slots=True)
class ListenJob:
    """One recording for a worker: its voice goes to ``voice``, raw float32 at ``rate`` Hz."""

    input: Input
    finder: MotifFinder
    kind: str
    rate: int
    voice: Path


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
        A table cannot be read or lacks the column ``path``, or a folder holds no audio.
    """
    found: dict[Input, None] = {}
    for argument in arguments:
        found.update(dict.fromkeys(_inputs_of(argument)))
    return list(found)


def listen(
    bundle: Bundle,
    inputs: Iterable[Input],
    crew: Crew | None = None,
    device: str = "auto",
) -> Iterator[tuple[Input, HeardClips | CantaorError]]:
    """Hear many recordings with one model; the answers are those of one-by-one calls.

    Parameters
    ----------
    bundle
        A model trained on a mined workspace.
    inputs
        The recordings; taken as they are needed.
    crew
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
    from cantaor.learn.identification import finder_from_bundle

    finder, kind = finder_from_bundle(bundle), str(bundle.extra["data"])
    rate = bundle.trained.module.sample_rate
    with TemporaryDirectory(prefix="cantaor-") as scratch:
        taken: list[Input] = []

        def jobs() -> Iterator[ListenJob]:
            for number, one in enumerate(inputs):
                taken.append(one)
                yield ListenJob(one, finder, kind, rate, Path(scratch, f"{number}.f32"))

        outcomes = map_recordings(find_voice, jobs(), crew, lambda job: job.input.name, _AHEAD)
        yield from _judged(bundle, outcomes, taken, Path(scratch), device)


def find_voice(job: ListenJob) -> FoundClips:
    """Find the clips of one recording, and leave its voice in the scratch file.

    Raises
    ------
    AudioError
        The recording cannot be read, is silent, holds no voice, or no known motif.
    WorkspaceError
        The scratch file cannot be written.
    """
    one = job.input
    try:
        with job.voice.open("wb") as sink, open_audio(one.location) as stream:
            blocks = resampled(
                stream.blocks(one.start_s, one.end_s),
                stream.sample_rate,
                job.rate,
                _writer(sink.write),
            )
            return find_clips(job.finder, job.kind, blocks, stream.sample_rate, one.name)
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


def _judged(
    bundle: Bundle,
    outcomes: Iterator[tuple[int, FoundClips | CantaorError]],
    taken: list[Input],
    scratch: Path,
    device: str,
) -> Iterator[tuple[Input, HeardClips | CantaorError]]:
    """Ask the network whenever enough clips have come together, and at the end."""
    waiting: list[tuple[int, FoundClips]] = []
    for index, outcome in outcomes:
        if isinstance(outcome, WorkspaceError):
            raise outcome
        if isinstance(outcome, CantaorError):
            yield taken[index], outcome
            continue
        waiting.append((index, outcome))
        enough = sum(len(found) for _, found in waiting) >= _CLIPS
        if enough or len(waiting) == _TOGETHER:
            yield from _ask(bundle, waiting, taken, scratch, device)
            waiting = []
    if waiting:
        yield from _ask(bundle, waiting, taken, scratch, device)


def _ask(
    bundle: Bundle,
    waiting: list[tuple[int, FoundClips]],
    taken: list[Input],
    scratch: Path,
    device: str,
) -> Iterator[tuple[Input, HeardClips]]:
    from cantaor.learn.identification import Voice, judge

    voices = [
        Voice(taken[i].name, found, np.memmap(scratch / f"{i}.f32", np.float32, "r"))
        for i, found in waiting
    ]
    for (index, _), heard in zip(waiting, judge(bundle, voices, device), strict=True):
        yield taken[index], heard
        (scratch / f"{index}.f32").unlink(missing_ok=True)


def _inputs_of(argument: Location) -> Iterator[Input]:
    text = os.fspath(argument)
    suffix = PurePath(text).suffix.lower()
    if is_url(text):
        if suffix:
            yield Input(text)
            return
        from cantaor.audio import EXTENSIONS

        try:
            files = list_files(text, EXTENSIONS)
        except OSError as error:
            raise CorpusError(f"{text}: cannot be listed: {error}") from error
        yield from (Input(join(text, str(file))) for file in files)
    elif suffix in _TABLES:
        for _, row in read_rows(Path(text), ["path"]):
            start, end = row.get("start_s"), row.get("end_s")
            yield Input(
                join(Path(text).parent, str(row["path"])),
                float(start) if start not in (None, "") else 0.0,
                float(end) if end not in (None, "") else float("inf"),
            )
    elif Path(text).is_dir():
        files = list(audio_files(Path(text)))
        if not files:
            raise CorpusError(f"{text}: no audio in this folder")
        yield from (Input(join(text, str(file))) for file in files)
    else:
        yield Input(text)
