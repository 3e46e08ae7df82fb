"""One function over many recordings, in this process or in workers, with a bounded queue."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from cantaor.errors import ArgumentError, CantaorError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough to keep workers busy, few enough that nothing piles up behind a slow consumer.
_IN_FLIGHT = 64


@contextmanager
def open_executor(workers: int) -> Iterator[Executor | None]:
    """Worker processes, or ``None`` for one worker: the work then stays in this process.

    Raises
    ------
    ArgumentError
        ``workers`` is below 1.
    """
    if workers < 1:
        raise ArgumentError(f"workers must be at least 1, not {workers}")
    if workers == 1:
        yield None
        return
    # Not fork: the parent may hold threads of numpy, Numba or torch.
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def map_recordings(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    executor: Executor | None = None,
) -> Iterator[tuple[int, Result | CantaorError]]:
    """Apply a function to every item; what cantaor reports for one does not stop the others.

    Parameters
    ----------
    function
        Called with one item; must be importable where the executor is not ``None``.
    items
        The work.
    executor
        Any ``concurrent.futures.Executor``; ``None`` runs in order in this process.

    Yields
    ------
    The item's index with its result, or with the :class:`CantaorError` it ended in, as they come.
    """
    if executor is None:
        for index, item in enumerate(items):
            yield index, _outcome(lambda item=item: function(item))  # type: ignore[misc]
        return
    pending: dict[Future[Result], int] = {}
    todo = iter(enumerate(items))
    try:
        while True:
            while len(pending) < _IN_FLIGHT and (following := next(todo, None)) is not None:
                pending[executor.submit(function, following[1])] = following[0]
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), _outcome(future.result)
    finally:
        for future in pending:
            future.cancel()


def _outcome(call: Callable[[], Result]) -> Result | CantaorError:
    try:
        return call()
    except CantaorError as error:
        return error
