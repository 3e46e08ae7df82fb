"""What a run tells of itself, with clocks, files and figures made by hand."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cantaor.errors import WorkspaceError
from cantaor.workspace import journal
from cantaor.workspace.journal import Failure, RunLog, StageCount, read_status
from cantaor.workspace.provenance import CANTAOR
from cantaor.workspace.workspace import Workspace, lock


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(journal, "monotonic", made)
    return made


def silent(_count: StageCount) -> None:
    """Watch nothing."""


def events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    for event in found:
        assert datetime.fromisoformat(event.pop("time")).utcoffset() == timedelta(0)
    return found


def progress(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    return found


def put_progress(folder: Path, state: object) -> None:
    (folder / "progress.json").write_text(json.dumps(state), encoding="utf-8")


def test_what_follows_from_the_counts_of_a_stage() -> None:
    count = StageCount("pitch", 10, computed=1, reused=2, failed=1, audio_s=33.337, seconds=7.777)
    assert count.done == 4
    assert count.rate == pytest.approx(4.28661, abs=1e-5)
    # Six are left, at 7.777 / 4 seconds each.
    assert count.left_s == pytest.approx(11.6655)
    assert count.to_json() == {
        "stage": "pitch",
        "total": 10,
        "computed": 1,
        "reused": 2,
        "failed": 1,
        "audio_s": 33.34,
        "seconds": 7.78,
        "done": 4,
        "times_real_time": 4.3,
        "left_s": 11.7,
    }


def test_nothing_is_estimated_before_the_first_piece() -> None:
    count = StageCount("pitch", 3, seconds=2.0)
    assert count.left_s is None
    assert count.to_json()["left_s"] is None
    assert StageCount("pitch", 3, failed=1, seconds=2.0).left_s == 4.0
    assert StageCount("pitch", 3, reused=3, seconds=2.0).left_s == 0.0


def test_a_rate_needs_time_that_passed() -> None:
    assert StageCount("pitch", 3, computed=1, audio_s=8.0).rate == 0.0
    assert StageCount("pitch", 3, computed=1, audio_s=3.0, seconds=0.5).rate == 6.0


def test_a_failure_is_told_in_plain_text() -> None:
    failure = Failure("a\n.wav", "A\x1b", "r\t1", "pitch", "no\rsound")
    assert failure.to_json() == {
        "path": "a\\n.wav",
        "singer": "A\\x1b",
        "recording": "r\\t1",
        "stage": "pitch",
        "reason": "no\\rsound",
        "kind": "failed",
    }


def test_the_journal_has_a_line_for_all_that_happened(clock: Clock, tmp_path: Path) -> None:
    log = RunLog(tmp_path, silent)
    bad = Failure("a.wav", "A", "a", "pitch", "damaged")
    odd = Failure("b.wav", "A", "b", "pitch", "a guitar", "warned")
    early = Failure("c.wav", "C", "c", "reading", "gone")
    with log.running(3):
        log.failed(early)
        with log.stage("pitch", 3):
            clock.now += 0.5
            log.failed(bad)
            log.warned(odd)
            log.reused("pitch")
    count = {"total": 3, "computed": 0, "reused": 1, "failed": 1, "audio_s": 0.0, "seconds": 0.5}
    facts = {"done": 2, "times_real_time": 0.0, "left_s": 0.2}
    assert events(tmp_path) == [
        {"event": "start", "recordings": 3},
        {"event": "failed", **early.to_json()},
        {"event": "failed", **bad.to_json()},
        {"event": "warned", **odd.to_json()},
        {"event": "stage", "stage": "pitch", **count, **facts},
        {"event": "end", "state": "done", "reason": ""},
    ]
    assert log.failures == (early, bad)
    assert log.warnings == (odd,)
    assert progress(tmp_path)["failures"] == 2
    with log.running(0):
        pass
    assert [event["event"] for event in events(tmp_path)][5:] == ["end", "start", "end"]


def test_who_watches_is_told_of_every_piece(clock: Clock, tmp_path: Path) -> None:
    seen: list[StageCount] = []
    log = RunLog(tmp_path, seen.append)
    with log.running(4):
        with log.stage("pitch", 4):
            clock.now = 102.0
            log.computed("pitch", 10.0)
            log.computed("pitch", 2.5)
            log.reused("pitch")
            clock.now = 103.0
            log.failed(Failure("a.wav", "A", "a", "pitch", "damaged"))
        with log.stage("contours", 1):
            clock.now = 103.25
            log.computed("contours")
    assert seen == [
        StageCount("pitch", 4),
        StageCount("pitch", 4, computed=1, audio_s=10.0, seconds=2.0),
        StageCount("pitch", 4, computed=2, audio_s=12.5, seconds=2.0),
        StageCount("pitch", 4, computed=2, reused=1, audio_s=12.5, seconds=2.0),
        StageCount("pitch", 4, computed=2, reused=1, failed=1, audio_s=12.5, seconds=3.0),
        StageCount("contours", 1),
        StageCount("contours", 1, computed=1, seconds=0.25),
    ]


def test_the_state_on_disk_is_replaced_once_a_second(clock: Clock, tmp_path: Path) -> None:
    log = RunLog(tmp_path, silent)
    with log.running(4):
        assert progress(tmp_path)["stages"] == []
        with log.stage("pitch", 4):
            log.computed("pitch")
            assert progress(tmp_path)["stages"] == []
            clock.now = 101.0
            log.computed("pitch")
            assert progress(tmp_path)["stages"] == []
            clock.now = 101.25
            log.computed("pitch")
            assert progress(tmp_path)["stages"][0]["computed"] == 3
            clock.now = 102.25
            log.computed("pitch")
            assert progress(tmp_path)["stages"][0]["computed"] == 3
        # A stage that is over is told of at once.
        assert progress(tmp_path)["stages"][0]["computed"] == 4
        assert progress(tmp_path)["state"] == "running"
    assert progress(tmp_path)["state"] == "done"


def test_the_state_of_a_run_has_what_it_is_about(tmp_path: Path) -> None:
    log = RunLog(tmp_path, silent)
    with log.running(3, [("models", "a model of cantaor")], corpus_recordings=9):
        found = progress(tmp_path)
    for name in ("started", "updated"):
        moment = datetime.fromisoformat(found.pop(name))
        assert (moment.utcoffset(), moment.microsecond) == (timedelta(0), 0)
    assert found == {
        "state": "running",
        "pid": os.getpid(),
        "recordings": 3,
        "reason": "",
        "cantaor": CANTAOR,
        "passed_over": [["models", "a model of cantaor"]],
        "failures": 0,
        "stages": [],
    }
    assert (tmp_path / "progress.json").read_text(encoding="utf-8").endswith("\n}\n")


def test_a_run_over_a_part_names_the_part_and_the_whole(tmp_path: Path) -> None:
    with RunLog(tmp_path, silent).running(3, shard="2/8", corpus_recordings=20):
        pass
    part = {"shard": "2/8", "corpus_recordings": 20}
    assert events(tmp_path)[0] == {"event": "start", "recordings": 3, **part}
    assert part.items() <= progress(tmp_path).items()
    status = read_status(tmp_path)
    assert (status["shard"], status["corpus_recordings"], status["recordings"]) == ("2/8", 20, 3)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RuntimeError("no\nroom"), "no\\nroom"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
def test_what_stops_a_run_is_told_and_goes_on(
    error: BaseException, reason: str, tmp_path: Path
) -> None:
    log = RunLog(tmp_path, silent)
    with pytest.raises(type(error)) as found, log.running(2), log.stage("pitch", 2):
        raise error
    assert found.value is error
    # The stage was not finished, so no line says that it was.
    assert events(tmp_path) == [
        {"event": "start", "recordings": 2},
        {"event": "end", "state": "stopped", "reason": reason},
    ]
    status = read_status(tmp_path)
    assert (status["state"], status["reason"], status["left"]) == ("stopped", reason, 2)


def lose(folder: Path) -> None:
    shutil.rmtree(folder)
    raise RuntimeError("first")


def test_a_full_disk_does_not_hide_what_stopped_the_run(tmp_path: Path) -> None:
    work = tmp_path / "w"
    work.mkdir()
    with pytest.raises(RuntimeError, match="first"), RunLog(work, silent).running(2):
        lose(work)


def test_a_journal_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    log = RunLog(tmp_path, silent)
    with pytest.raises(WorkspaceError, match=r"journal\.jsonl: cannot be written"), log.running(1):
        pass


def test_the_status_is_that_of_the_last_stage(tmp_path: Path) -> None:
    first = {"stage": "pitch", "total": 10, "done": 10, "failed": 1}
    last = {"stage": "contours", "total": 9, "done": 6, "failed": 2}
    last |= {"left_s": 1.5, "times_real_time": 20.5}
    state = {"state": "done", "reason": "", "recordings": 10, "stages": [first, last]}
    put_progress(tmp_path, state)
    assert read_status(str(tmp_path)) == {
        "workspace": str(tmp_path),
        "passed_over": [],
        "shard": "",
        "state": "done",
        "reason": "",
        "recordings": 10,
        "stages": [first, last],
        "stage": "contours",
        "done": 4,
        "failed": 2,
        "left": 3,
        "left_s": 1.5,
        "times_real_time": 20.5,
        "failures": [],
        "warnings": [],
    }


@pytest.mark.parametrize("stages", [[], [{}]])
def test_the_status_before_any_stage_counts_nothing(stages: list[Any], tmp_path: Path) -> None:
    put_progress(tmp_path, {"state": "stopped", "reason": "x", "stages": stages})
    status = read_status(tmp_path)
    names = ("stage", "done", "failed", "left", "left_s", "times_real_time")
    assert [status[name] for name in names] == ["", 0, 0, 0, None, 0.0]


def test_a_run_that_nobody_holds_was_killed(tmp_path: Path) -> None:
    put_progress(tmp_path, {"state": "running", "reason": "", "stages": []})
    with lock(Workspace(tmp_path)):
        assert read_status(tmp_path)["state"] == "running"
        put_progress(tmp_path, {"state": "stopped", "reason": "", "stages": []})
        assert read_status(tmp_path)["state"] == "stopped"
        put_progress(tmp_path, {"state": "running", "reason": "", "stages": []})
    assert read_status(tmp_path)["state"] == "killed"
    put_progress(tmp_path, {"state": "done", "reason": "", "stages": []})
    assert read_status(tmp_path)["state"] == "done"


NOTHING: dict[str, Any] = {"state": "done", "reason": ""}
GOOD: dict[str, Any] = {"total": 1, "done": 1, "failed": 0}


@pytest.mark.parametrize(
    "state",
    [
        *([], "done", None),
        *({"reason": "", "stages": []}, {"state": "done", "stages": []}),
        NOTHING,
        *({**NOTHING, "stages": {}}, {**NOTHING, "stages": ""}, {**NOTHING, "stages": 3}),
        {**NOTHING, "stages": [GOOD, "pitch"]},
        {**NOTHING, "stages": [GOOD, {**GOOD, "total": "1"}]},
        {**NOTHING, "stages": [{**GOOD, "done": None}, GOOD]},
        {**NOTHING, "stages": [{**GOOD, "failed": 0.5}]},
    ],
)
def test_what_is_no_state_of_a_run_is_refused(state: object, tmp_path: Path) -> None:
    put_progress(tmp_path, state)
    with pytest.raises(WorkspaceError, match=r"progress\.json: is not the state of a run"):
        read_status(tmp_path)


def test_no_run_and_a_damaged_state_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"no run to report on \(no progress\.json\)"):
        read_status(tmp_path)
    for damaged in (b"{", b"\xff"):
        (tmp_path / "progress.json").write_bytes(damaged)
        with pytest.raises(WorkspaceError, match=r"progress\.json: not readable"):
            read_status(tmp_path)


def test_failures_and_warnings_are_those_of_the_last_run(tmp_path: Path) -> None:
    put_progress(tmp_path, {"state": "done", "reason": "", "stages": []})
    bad = {"path": "b.wav", "recording": "b", "stage": "pitch", "reason": "silent"}
    lines = [
        '{"event": "failed", "path": "old.wav"}',
        '{"event": "start"}',
        '{"event": "failed", "path": "older.wav"}',
        '{"event": "start"}',
        json.dumps({"event": "failed", "time": "now", "singer": "B", "kind": "failed", **bad}),
        *("[1]", '"failed"', "{}", "", '{"event": "fail'),
        '{"event": "warned", "path": 3}',
        '{"event": "stage", "path": "c.wav"}',
        '{"event": "failed"}',
    ]
    (tmp_path / "journal.jsonl").write_text("\n".join(lines), encoding="utf-8")
    status = read_status(tmp_path)
    nothing = dict.fromkeys(bad, "")
    assert status["failures"] == [bad, nothing]
    assert status["warnings"] == [{**nothing, "path": "3"}]
    (tmp_path / "journal.jsonl").write_bytes(b'{"event": "failed"}\n\xff')
    assert read_status(tmp_path)["failures"] == []
