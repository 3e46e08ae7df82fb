"""What a run tells of itself: counts, progress, journal; and what is read of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from cantaor.errors import WorkspaceError
from cantaor.workspace import journal
from cantaor.workspace.journal import Failure, RunLog, StageCount, read_status
from cantaor.workspace.provenance import CANTAOR

BAD = Failure("a.wav", "ana", "a", "pitch", "no sound")
ODD = Failure("b.wav", "luz", "b", "pitch", "cut short", "warned")


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(journal, "monotonic", lambda: self.now)
        monkeypatch.setattr(journal, "_now", lambda: f"at {self.now}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def progress(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "progress.json").read_text())
    return found


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_what_follows_from_the_counts_of_a_stage() -> None:
    count = StageCount("pitch", 10, computed=3, reused=2, failed=1, audio_s=90.0, seconds=4.0)
    assert (count.done, count.rate, count.left_s) == (6, 22.5, 4.0 / 6 * 4)
    assert count.to_json() == {
        "stage": "pitch",
        "total": 10,
        "computed": 3,
        "reused": 2,
        "failed": 1,
        "audio_s": 90.0,
        "seconds": 4.0,
        "done": 6,
        "times_real_time": 22.5,
        "left_s": 2.7,
    }
    fine = StageCount("pitch", 1, 1, audio_s=1.2345, seconds=2.3456)
    told = [fine.to_json()[name] for name in ("audio_s", "seconds", "times_real_time", "left_s")]
    assert told == [1.23, 2.35, 0.5, 0.0]


def test_nothing_done_tells_no_rate_and_no_time() -> None:
    count = StageCount("pitch", 10)
    assert (count.done, count.rate, count.left_s) == (0, 0.0, None)
    assert count.to_json()["left_s"] is None
    assert StageCount("pitch", 1, audio_s=3.0, seconds=0.5).rate == 6.0


def test_a_whole_run_by_hand(tmp_path: Path, clock: Clock) -> None:
    seen: list[StageCount] = []
    log = RunLog(tmp_path, seen.append)
    with log.running(3, passed_over=[("clips", "results")]):
        assert progress(tmp_path)["state"] == "running"
        with log.stage("pitch", 3):
            clock.now += 0.5
            log.computed("pitch", 8.0)
            log.reused("pitch")
            clock.now += 1.5
            log.failed(BAD)
            log.warned(ODD)
        with log.stage("motifs", 2):
            clock.now += 1.0
            log.computed("motifs")
    assert [(one.stage, one.computed, one.reused, one.failed, one.seconds) for one in seen] == [
        ("pitch", 0, 0, 0, 0.0),
        ("pitch", 1, 0, 0, 0.5),
        ("pitch", 1, 1, 0, 0.5),
        ("pitch", 1, 1, 1, 2.0),
        ("motifs", 0, 0, 0, 0.0),
        ("motifs", 1, 0, 0, 1.0),
    ]
    assert (log.failures, log.warnings) == ((BAD,), (ODD,))
    whole = {"audio_s": 8.0, "seconds": 2.0, "done": 3, "times_real_time": 4.0, "left_s": 0.0}
    pitch = {"stage": "pitch", "total": 3, "computed": 1, "reused": 1, "failed": 1, **whole}
    told = progress(tmp_path)
    assert told["stages"][0] == pitch
    assert [told[name] for name in ("state", "reason", "pid", "recordings", "failures")] == [
        "done",
        "",
        os.getpid(),
        3,
        1,
    ]
    assert (told["started"], told["updated"], told["cantaor"]) == ("at 100.0", "at 103.0", CANTAOR)
    assert told["passed_over"] == [["clips", "results"]]
    assert "shard" not in told
    noted = events(tmp_path)
    assert [one["event"] for one in noted] == ["start", "failed", "warned", "stage", "stage", "end"]
    assert noted[0] == {"time": "at 100.0", "event": "start", "recordings": 3}
    assert noted[1] == {"time": "at 102.0", "event": "failed", **BAD.to_json()}
    assert noted[3] == {"time": "at 102.0", "event": "stage", **pitch}
    assert noted[5] == {"time": "at 103.0", "event": "end", "state": "done", "reason": ""}


@pytest.mark.parametrize(("passed", "written"), [(0.9, 1), (1.0, 1), (1.1, 2)])
def test_the_state_is_written_about_once_a_second(
    passed: float, written: int, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path, lambda _: None)
    clock.now = 0.0
    with log.running(3), log.stage("pitch", 3):
        times: list[float] = []
        monkeypatch.setattr(journal, "write_text", lambda *_: times.append(clock.now))
        clock.now += passed
        log.computed("pitch")
        log.computed("pitch")
    # That one in time, if it was, and those at the ends of the stage and of the run.
    assert len(times) == written - 1 + 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("broken"), "broken"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
def test_a_run_that_is_stopped_says_why(
    error: BaseException, reason: str, tmp_path: Path, clock: Clock
) -> None:
    log = RunLog(tmp_path, lambda _: None)
    with pytest.raises(type(error)), log.running(2), log.stage("pitch", 2):
        raise error
    assert (progress(tmp_path)["state"], progress(tmp_path)["reason"]) == ("stopped", reason)
    assert events(tmp_path)[-1] == {
        "time": "at 100.0",
        "event": "end",
        "state": "stopped",
        "reason": reason,
    }
    assert len([one for one in events(tmp_path) if one["event"] == "end"]) == 1
    assert read_status(tmp_path)["state"] == "stopped"


def test_a_full_disk_does_not_hide_what_stopped_the_run(tmp_path: Path) -> None:
    def fail() -> None:
        (tmp_path / "journal.jsonl").unlink()
        (tmp_path / "journal.jsonl").mkdir()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), RunLog(tmp_path, lambda _: None).running(2):
        fail()


def test_a_journal_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    with (
        pytest.raises(WorkspaceError, match=r"journal\.jsonl: cannot be written"),
        RunLog(tmp_path, lambda _: None).running(1),
    ):
        pass


def test_a_failure_outside_the_stages_is_kept_too(tmp_path: Path) -> None:
    log = RunLog(tmp_path, lambda _: None)
    with log.running(2):
        log.failed(BAD)
    assert log.failures == (BAD,)
    assert progress(tmp_path)["stages"] == []
    assert read_status(tmp_path)["failures"] == [
        {"path": "a.wav", "recording": "a", "stage": "pitch", "reason": "no sound"}
    ]


def test_a_part_of_a_corpus_names_itself(tmp_path: Path) -> None:
    with RunLog(tmp_path, lambda _: None).running(2, shard="2/8", corpus_recordings=16):
        pass
    found = read_status(tmp_path)
    assert (found["shard"], found["recordings"], found["corpus_recordings"]) == ("2/8", 2, 16)
    assert events(tmp_path)[0]["shard"] == "2/8"


def test_the_status_is_of_the_stage_and_of_the_run_that_are_last(
    tmp_path: Path, clock: Clock
) -> None:
    log = RunLog(tmp_path, lambda _: None)
    with log.running(1), log.stage("pitch", 1):
        log.failed(BAD)
        log.warned(ODD)
    log = RunLog(tmp_path, lambda _: None)
    with log.running(4), log.stage("pitch", 4):
        clock.now += 2.0
        log.computed("pitch", 30.0)
        log.reused("pitch")
        log.failed(Failure("c.wav", "eva", "c", "pitch", "gone"))
    found = read_status(tmp_path)
    assert found["workspace"] == str(tmp_path)
    assert [found[name] for name in ("stage", "done", "failed", "left")] == ["pitch", 2, 1, 1]
    assert (found["left_s"], found["times_real_time"]) == (0.7, 15.0)
    assert [one["reason"] for one in found["failures"]] == ["gone"]
    assert found["warnings"] == []
    assert (found["passed_over"], found["shard"]) == ([], "")


def test_a_run_before_its_first_stage(tmp_path: Path) -> None:
    with RunLog(tmp_path, lambda _: None).running(4):
        pass
    found = read_status(tmp_path)
    names = ("stage", "done", "failed", "left", "left_s", "times_real_time")
    assert [found[name] for name in names] == ["", 0, 0, 0, None, 0.0]


def test_a_run_that_holds_no_lock_was_killed(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    with RunLog(tmp_path, lambda _: None).running(4):
        assert read_status(tmp_path)["state"] == "killed"
        with FileLock(tmp_path / ".lock"):
            assert read_status(tmp_path)["state"] == "running"
    with FileLock(tmp_path / ".lock"):
        assert read_status(tmp_path)["state"] == "done"


@pytest.mark.parametrize(
    "state",
    [
        [],
        {"state": "done", "reason": ""},
        {"state": "done", "stages": []},
        {"reason": "", "stages": []},
        {"state": "done", "reason": "", "stages": {}},
        {"state": "done", "reason": "", "stages": "pitch"},
        {"state": "done", "reason": "", "stages": ["pitch"]},
        {"state": "done", "reason": "", "stages": [{"total": "3"}]},
        {"state": "done", "reason": "", "stages": [{"total": 3}, {"done": None}]},
        {"state": "done", "reason": "", "stages": [{"failed": []}]},
    ],
)
def test_what_is_no_state_of_a_run_is_refused(state: object, tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text(json.dumps(state))
    with pytest.raises(WorkspaceError, match=r"progress\.json: is not the state of a run"):
        read_status(tmp_path)


def test_no_state_and_one_that_cannot_be_read_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no run to report on"):
        read_status(tmp_path)
    (tmp_path / "progress.json").write_text("{")
    with pytest.raises(WorkspaceError, match=r"progress\.json: not readable"):
        read_status(tmp_path)


@pytest.mark.parametrize("line", ['{"event": "fai', "[]", "3", '{"time": 1}', ""])
def test_a_line_that_was_not_finished_is_passed_over(line: str, tmp_path: Path) -> None:
    log = RunLog(tmp_path, lambda _: None)
    with log.running(1):
        log.failed(BAD)
        with (tmp_path / "journal.jsonl").open("a") as handle:
            handle.write(line + "\n")
        log.failed(Failure("c.wav", "eva", "c", "pitch", "gone"))
    assert [one["reason"] for one in read_status(tmp_path)["failures"]] == ["no sound", "gone"]


def test_without_a_journal_nothing_is_noted(tmp_path: Path) -> None:
    with RunLog(tmp_path, lambda _: None).running(1):
        pass
    (tmp_path / "journal.jsonl").unlink()
    assert read_status(tmp_path)["failures"] == read_status(tmp_path)["warnings"] == []
    (tmp_path / "journal.jsonl").write_bytes(b"\xff\xfe")
    assert read_status(tmp_path)["failures"] == []
