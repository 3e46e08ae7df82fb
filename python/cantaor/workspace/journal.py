"""What a run does, as it does it: counts for people and programs, and a journal that stays.

``progress.json`` is the state of the last run, replaced about once a second; ``journal.jsonl``
gets a line for every run, stage and failure, and is never cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

from cantaor.errors import WorkspaceError
from cantaor.io.files import write_text
from cantaor.io.locations import printable
from cantaor.workspace.provenance import CANTAOR
from cantaor.workspace.workspace import is_locked

_PROGRESS, _JOURNAL = "progress.json", "journal.jsonl"
# What is told of a recording that was noted.
_NOTED = ("path", "recording", "stage", "reason")
# Seconds between two states on disk.
_EVERY = 1.0

#: Called with the stage's name, the units done and their number.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class StageCount:
    """How far one stage of a run has come.

    Attributes
    ----------
    stage
        Its name.
    total
        Pieces of work, such as recordings or singers.
    computed, reused, failed
        Pieces done in this run, found from an earlier one, and given up.
    audio_s
        Seconds of audio in what was computed.
    seconds
        Time since the stage began.
    """

    stage: str
    total: int
    computed: int = 0
    reused: int = 0
    failed: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Pieces that need no more work."""
        return self.computed + self.reused + self.failed

    @property
    def rate(self) -> float:
        """Seconds of audio computed a second; 0 where nothing was."""
        return self.audio_s / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Estimate of the seconds left, None before the first piece is done."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None

    def to_json(self) -> dict[str, Any]:
        """Plain values, with what follows from them."""
        left = None if self.left_s is None else round(self.left_s, 1)
        facts = {"done": self.done, "times_real_time": round(self.rate, 1), "left_s": left}
        rounded = {"audio_s": round(self.audio_s, 2), "seconds": round(self.seconds, 2)}
        return {**asdict(self), **rounded, **facts}


#: Called with the state of a stage whenever a piece of it is done.
Watch: TypeAlias = Callable[[StageCount], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """One recording that could not be used, or only with a warning.

    Attributes
    ----------
    path, singer, recording
        Its row of the manifest.
    stage
        Where it failed.
    reason
        Why, in words.
    kind
        ``"failed"``, or ``"warned"``: it is used all the same.
    """

    path: str
    singer: str
    recording: str
    stage: str
    reason: str
    kind: str = "failed"

    def to_json(self) -> dict[str, str]:
        """Plain values that every terminal and table takes."""
        return {name: printable(value) for name, value in asdict(self).items()}


@dataclass(slots=True)
class RunLog:
    """The log of one run over a workspace.

    Attributes
    ----------
    folder
        The workspace.
    watch
        Told of every piece done.
    """

    folder: Path
    watch: Watch
    _stages: dict[str, StageCount] = field(default_factory=dict)
    _failures: list[Failure] = field(default_factory=list)
    _warnings: list[Failure] = field(default_factory=list)
    _facts: dict[str, Any] = field(default_factory=dict)
    _started: float = 0.0
    _written: float = 0.0

    @contextmanager
    def running(
        self,
        recordings: int,
        passed_over: Sequence[tuple[str, str]] = (),
        shard: str = "",
        corpus_recordings: int | None = None,
    ) -> Iterator[None]:
        """From the start of the run to its end, whichever it is.

        Parameters
        ----------
        recordings
            How many the run is about.
        passed_over
            Folders in the corpus that are no recordings: how to print their path, and why.
        shard
            Which part of the corpus they are, such as ``"2/8"``; empty: all of it.
        corpus_recordings
            How many the whole corpus has, where the run is about a part.
        """
        self._facts = {"state": "running", "pid": os.getpid(), "started": _now()}
        self._facts |= {"recordings": recordings, "reason": "", "cantaor": CANTAOR}
        self._facts["passed_over"] = [list(pair) for pair in passed_over]
        part = {"shard": shard, "corpus_recordings": corpus_recordings} if shard else {}
        self._facts |= part
        self._note({"event": "start", "recordings": recordings, **part})
        self._save()
        try:
            yield
        except BaseException as error:
            reason = printable(str(error)) or type(error).__name__
            # A full disk must not hide what stopped the run.
            with suppress(WorkspaceError):
                self._end("stopped", reason)
            raise
        self._end("done", "")

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[None]:
        """One stage of so many pieces."""
        self._started = monotonic()
        self._update(StageCount(name, total))
        yield
        self._note({"event": "stage", **self._stages[name].to_json()})
        self._save()

    def computed(self, stage: str, audio_s: float = 0.0) -> None:
        """A piece was done in this run."""
        count = self._stages[stage]
        self._update(replace(count, computed=count.computed + 1, audio_s=count.audio_s + audio_s))

    def reused(self, stage: str) -> None:
        """A piece was found from an earlier run."""
        count = self._stages[stage]
        self._update(replace(count, reused=count.reused + 1))

    def failed(self, failure: Failure) -> None:
        """A piece was given up."""
        self._failures.append(failure)
        self._note({"event": "failed", **failure.to_json()})
        if failure.stage in self._stages:
            count = self._stages[failure.stage]
            self._update(replace(count, failed=count.failed + 1))

    def warned(self, warning: Failure) -> None:
        """A piece was done although something is wrong with it."""
        self._warnings.append(warning)
        self._note({"event": "warned", **warning.to_json()})

    @property
    def warnings(self) -> tuple[Failure, ...]:
        """Everything that was warned of so far."""
        return tuple(self._warnings)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that failed so far."""
        return tuple(self._failures)

    def _end(self, state: str, reason: str) -> None:
        self._facts |= {"state": state, "reason": reason}
        self._note({"event": "end", "state": state, "reason": reason})
        self._save()

    def _update(self, count: StageCount) -> None:
        self._stages[count.stage] = replace(count, seconds=monotonic() - self._started)
        self.watch(self._stages[count.stage])
        if monotonic() - self._written > _EVERY:
            self._save()

    def _save(self) -> None:
        self._written = monotonic()
        stages = [count.to_json() for count in self._stages.values()]
        state = {**self._facts, "updated": _now(), "failures": len(self._failures)}
        text = json.dumps({**state, "stages": stages}, indent=1)
        write_text(self.folder / _PROGRESS, text + "\n")

    def _note(self, event: dict[str, Any]) -> None:
        try:
            with (self.folder / _JOURNAL).open("a", encoding="utf-8") as handle:
                handle.write(json.dumps({"time": _now(), **event}) + "\n")
        except OSError as error:
            raise WorkspaceError(f"{self.folder / _JOURNAL}: cannot be written: {error}") from error


def read_status(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The state of the last run over a workspace, also while it goes on.

    Returns
    -------
    dict
        ``state`` (``"running"``, ``"done"``, ``"stopped"`` by an error, ``"killed"``), ``reason``,
        ``recordings``, ``done``, ``failed``, ``left`` (recordings of the stage it is in),
        ``stage``, ``left_s`` (estimate for that stage), ``times_real_time``, ``started``,
        ``updated``, ``stages`` (one :class:`StageCount` each), ``failures`` and
        ``warnings`` of the last run, ``passed_over``: folders in the corpus that are no
        recordings, and ``shard``: which part of the corpus the run is about, such as ``"2/8"``
        (then ``recordings`` are those of its share and ``corpus_recordings`` all), or empty.

    Raises
    ------
    WorkspaceError
        There is no workspace, or no run has begun.
    """
    place = Path(folder)
    try:
        state = json.loads((place / _PROGRESS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WorkspaceError(f"{place}: no run to report on (no {_PROGRESS})") from error
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{place / _PROGRESS}: not readable: {error}") from error
    if not _is_state(state):
        raise WorkspaceError(f"{place / _PROGRESS}: is not the state of a run")
    if state["state"] == "running" and not is_locked(place):
        state["state"] = "killed"
    current: dict[str, Any] = state["stages"][-1] if state["stages"] else {}
    total, done, failed = (current.get(name, 0) for name in ("total", "done", "failed"))
    return {
        "workspace": str(place),
        "passed_over": [],
        "shard": "",
        **state,
        "stage": current.get("stage", ""),
        "done": done - failed,
        "failed": failed,
        "left": total - done,
        "left_s": current.get("left_s"),
        "times_real_time": current.get("times_real_time", 0.0),
        "failures": _noted_in_last_run(place, "failed"),
        "warnings": _noted_in_last_run(place, "warned"),
    }


def _is_state(state: object) -> bool:
    """Whether a file that may be anybody's has what :class:`RunLog` writes."""
    if not isinstance(state, dict) or not {"state", "reason", "stages"} <= state.keys():
        return False
    stages, names = state["stages"], ("total", "done", "failed")
    return isinstance(stages, list) and all(
        isinstance(one, dict) and all(isinstance(one.get(name, 0), int) for name in names)
        for one in stages
    )


def _noted_in_last_run(folder: Path, kind: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    try:
        lines = (folder / _JOURNAL).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return found
    for line in lines:
        try:
            event = json.loads(line)
            noted = event["event"]
            facts = {name: str(event.get(name, "")) for name in _NOTED}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # the line that a killed run did not finish
        if noted == "start":
            found = []
        elif noted == kind:
            found.append(facts)
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
