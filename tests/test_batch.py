"""Mapping over recordings: any executor, bad ones reported, real bugs not swallowed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from cantaor.errors import ArgumentError, AudioError, WorkerError, WorkspaceError
from cantaor.parallel.workers import (
    WorkerPool,
    available_cores,
    map_recordings,
    open_pool,
    pieces_together,
    workers_for,
)


def half(number: int) -> int:
    if number % 5 == 3:
        raise AudioError(f"{number}: odd one out")
    return number // 2


@pytest.mark.parametrize("together", [1, 7, 1000])
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_every_item_has_its_outcome(threads: int | None, together: int) -> None:
    executor = None if threads is None else ThreadPoolExecutor(threads)
    found = dict(map_recordings(half, range(300), executor, together=together))
    assert sorted(found) == list(range(300))
    for number, outcome in found.items():
        if number % 5 == 3:
            assert str(outcome) == f"{number}: odd one out"
        else:
            assert outcome == number // 2


def test_worker_processes_report_errors_too() -> None:
    with open_pool(2) as executor:
        found = dict(map_recordings(half, range(6), executor))
    assert isinstance(found.pop(3), AudioError)
    assert found == {n: n // 2 for n in (0, 1, 2, 4, 5)}


def loaded(name: str) -> bool:
    return name in sys.modules


def test_workers_start_with_what_they_need() -> None:
    names = ["cantaor.pipeline.stages", "cantaor.inference.batch", "torch", "numba"]
    with open_pool(2) as pool:
        found = dict(map_recordings(loaded, names, pool))
    assert [found[index] for index in range(4)] == [True, True, False, False]


def deadly(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly_once(place: str) -> str:
    path = Path(place)
    if path.suffix == ".fuse" and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


@pytest.mark.parametrize("together", [1, 5])
def test_a_worker_killed_by_the_system_costs_one_recording_at_most(
    tmp_path: Path, together: int
) -> None:
    with open_pool(2) as pool:
        found = dict(
            map_recordings(deadly, range(12), pool, lambda n: f"number {n}", together=together)
        )
        assert isinstance(found[3], WorkerError)
        assert "number 3: the worker process died" in str(found.pop(3))
        assert found == {n: n for n in range(12) if n != 3}
        places = [str(tmp_path / name) for name in ("a", "b.fuse", "c", "d")]
        again = dict(map_recordings(deadly_once, places, pool))
    assert again == dict(enumerate(["a", "b.fuse", "c", "d"]))


def test_bugs_are_not_failures_of_a_recording() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_recordings(lambda n: 1 // n, [1, 0]))


def test_workers_must_be_positive() -> None:
    with pytest.raises(ArgumentError, match="workers must be at least 1, not 0"), open_pool(0):
        pass


def test_an_executor_that_is_not_ours_is_not_replaced() -> None:
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(WorkspaceError, match=r"the executor broke at .*, it resumes"),
    ):
        list(map_recordings(deadly, range(5), pool))


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        outcomes = map_recordings(half, items(), pool)
        next(outcomes)
        assert len(taken) < 100
        outcomes.close()


def test_few_recordings_need_no_processes() -> None:
    assert workers_for(3) == 1
    assert workers_for(10_000) == available_cores()


def test_small_pieces_are_handed_over_together() -> None:
    pool = WorkerPool(None, 2)
    assert [pieces_together(n, 16, pool) for n in (0, 7, 80, 10_000)] == [1, 1, 10, 16]
