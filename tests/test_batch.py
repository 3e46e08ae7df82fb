"""Mapping over recordings: any executor, bad ones reported, real bugs not swallowed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cantaor.errors import ArgumentError, AudioError
from cantaor.run.batch import map_recordings, open_crew


def half(number: int) -> int:
    if number % 5 == 3:
        raise AudioError(f"{number}: odd one out")
    return number // 2


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_every_item_has_its_outcome(threads: int | None) -> None:
    executor = None if threads is None else ThreadPoolExecutor(threads)
    found = dict(map_recordings(half, range(300), executor))
    assert sorted(found) == list(range(300))
    for number, outcome in found.items():
        if number % 5 == 3:
            assert str(outcome) == f"{number}: odd one out"
        else:
            assert outcome == number // 2


def test_worker_processes_report_errors_too() -> None:
    with open_crew(2) as executor:
        found = dict(map_recordings(half, range(6), executor))
    assert isinstance(found.pop(3), AudioError)
    assert found == {n: n // 2 for n in (0, 1, 2, 4, 5)}


def test_bugs_are_not_failures_of_a_recording() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_recordings(lambda n: 1 // n, [1, 0]))


def test_workers_must_be_positive() -> None:
    with pytest.raises(ArgumentError, match="workers must be at least 1, not 0"), open_crew(0):
        pass
