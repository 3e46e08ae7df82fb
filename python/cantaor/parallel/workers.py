"""One function over many recordings, in this process or in workers, with a bounded queue.

Worker processes are forked from a server (``multiprocessing``'s ``forkserver``) that has loaded
what they need, once for all of them; this process may hold threads and is never forked itself.
Where there is no such server they are started anew (``spawn``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

from threadpoolctl import threadpool_limits

from cantaor.errors import ArgumentError, CantaorError, WorkerError, WorkspaceError, require_extra
from cantaor.parallel.processes import open_processes, require_main_guard, start_server

Item = TypeVar("Item")
Result = TypeVar("Result")
Work: TypeAlias = tuple[int, Item]

# Native libraries read these when they are loaded, in a worker as it starts.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

# Pieces of work that take about as long as a process takes to start.
_WORTH_A_PROCESS = 12
# Tasks that a worker is given at least, however small their pieces are.
_TASKS_EACH = 4


@dataclass(slots=True)
class WorkerPool:
    """What does the work: an executor, and how to replace it when one of its workers dies.

    Attributes
    ----------
    executor
        Any ``concurrent.futures.Executor``; ``None`` works in this process.
    workers
        How many pieces of work it does at once.
    renew
        Makes another executor of so many workers; ``None`` where that is not ours to do.
    crash_types
        What its futures raise when a worker died.
    exit_reasons
        Tells how worker processes ended, as far as known.
    """

    executor: Executor | None = None
    workers: int = 1
    renew: Callable[[int], Executor] | None = None
    crash_types: tuple[type[BaseException], ...] = (BrokenExecutor,)
    exit_reasons: Callable[[], str] = str


@contextmanager
def open_pool(
    workers: int | None = None, executor: Executor | None = None, dask: str | None = None
) -> Iterator[WorkerPool]:
    """Workers for a run.

    Parameters
    ----------
    workers
        Processes of this machine; 1 works in this process, ``None`` takes one a core.
    executor
        An executor of one's own instead; it stays open.
    dask
        Address of a Dask scheduler (``tcp://host:8786``) instead, or ``"local"`` for a cluster of
        ``workers`` processes on this machine.

    Raises
    ------
    ArgumentError
        ``workers`` is below 1, an executor and an address are both given, or worker processes
        would run the calling script once more because it has no main guard.
    MissingExtraError
        Dask is asked for and not installed.
    WorkspaceError
        No Dask scheduler answers.
    """
    number = available_cores() if workers is None else checked_workers(workers)
    if executor is not None and dask is not None:
        raise ArgumentError("give an executor or the address of a Dask scheduler, not both")
    if executor is not None:
        yield WorkerPool(executor, number)
    elif dask is not None:
        with _dask_pool(dask, number) as pool:
            yield pool
    elif number == 1:
        # Products of matrices here are small: other threads of theirs would only wait busily.
        with threadpool_limits(1, user_api="blas"):
            yield WorkerPool()
    else:
        require_main_guard()
        with _one_thread_each():
            start_server()
            processes = open_processes()
            pool = WorkerPool(
                processes.executor(number),
                number,
                processes.executor,
                exit_reasons=processes.exit_reasons,
            )
            try:
                yield pool
            finally:
                assert pool.executor is not None
                pool.executor.shutdown(wait=True, cancel_futures=True)


def available_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return os.cpu_count() or 1 if affinity is None else len(affinity(0))


def checked_workers(workers: int) -> int:
    """The same number of workers, if it is one.

    Raises
    ------
    ArgumentError
        It is below 1.
    """
    if workers < 1:
        raise ArgumentError(f"workers must be at least 1, not {workers}")
    return workers


def workers_for(pieces: int) -> int:
    """Workers for so much work: a core each, fewer where it ends sooner than processes start."""
    return max(1, min(available_cores(), pieces // _WORTH_A_PROCESS))


def map_recordings(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    pool: WorkerPool | Executor | None = None,
    name: Callable[[Item], str] = str,
    ahead: int = 2,
    together: int = 1,
) -> Iterator[tuple[int, Result | CantaorError]]:
    """Apply a function to every item; what cantaor reports for one does not stop the others.

    Items are taken as workers get free, so neither they nor results pile up. Where a worker
    process dies, the work that was under way is done again, each piece alone in a new process;
    a piece on which that process dies too ends in a :class:`WorkerError`.

    Parameters
    ----------
    function
        Called with one item; must be importable where it runs in another process.
    items
        The work.
    pool
        Who does it: a pool, any ``concurrent.futures.Executor``, or ``None``, which runs in order
        in this process.
    name
        How an error calls an item.
    ahead
        Tasks that are under way or wait for each worker.
    together
        Items of one task, where an item takes no longer than handing it over does.

    Yields
    ------
    The item's index with its result, or with the :class:`CantaorError` it ended in, as they come.

    Raises
    ------
    WorkspaceError
        The executor broke and is not ours to replace, or its work was cancelled.
    """
    if not isinstance(pool, WorkerPool):
        pool = WorkerPool(pool, available_cores())
    if pool.executor is None:
        for index, item in enumerate(items):
            yield index, _outcome(function, item)
        return
    yield from _Queue(function, pool, name, ahead, together).run(items)


def pieces_together(pieces: int, most: int, pool: WorkerPool) -> int:
    """How many small pieces make one task: at most so many, and every worker gets some tasks."""
    return max(1, min(most, pieces // (_TASKS_EACH * pool.workers)))


class _Queue(Generic[Item, Result]):
    """The work of one map that is under way."""

    def __init__(
        self,
        function: Callable[[Item], Result],
        pool: WorkerPool,
        name: Callable[[Item], str],
        ahead: int,
        together: int,
    ) -> None:
        self._most = ahead * pool.workers + 2
        self._function = function
        self._pool = pool
        self._name = name
        self._together = together
        self._pending: dict[Future[list[Result | CantaorError]], list[Work[Item]]] = {}
        self._lost: list[Work[Item]] = []

    def run(self, items: Iterable[Item]) -> Iterator[tuple[int, Result | CantaorError]]:
        todo = iter(enumerate(items))
        try:
            while True:
                self._fill(todo)
                if not self._pending and not self._lost:
                    return
                finished = wait(self._pending, return_when=FIRST_COMPLETED).done
                for future in finished:
                    yield from self._settle(future)
                if self._lost:
                    yield from self._recover()
        finally:
            for future in self._pending:
                future.cancel()

    def _fill(self, todo: Iterator[Work[Item]]) -> None:
        executor = self._pool.executor
        assert executor is not None
        while len(self._pending) < self._most and not self._lost:
            task = list(islice(todo, self._together))
            if not task:
                return
            try:
                future = executor.submit(_outcomes, self._function, [item for _, item in task])
                self._pending[future] = task
            except self._pool.crash_types:
                self._lost.extend(task)

    def _settle(
        self, future: Future[list[Result | CantaorError]]
    ) -> Iterator[tuple[int, Result | CantaorError]]:
        task = self._pending.pop(future)
        try:
            outcomes = future.result()
        except self._pool.crash_types:
            self._lost.extend(task)
        except CancelledError as error:
            raise WorkspaceError("the work was cancelled; run again, it resumes") from error
        else:
            for (index, _), outcome in zip(task, outcomes, strict=True):
                yield index, outcome

    def _recover(self) -> Iterator[tuple[int, Result | CantaorError]]:
        """Do what was under way when a worker died, one piece at a time."""
        pool = self._pool
        if isinstance(pool.executor, ProcessPoolExecutor) or pool.renew is not None:
            # One death breaks the whole pool: what it was given ends with it.
            for future in wait(self._pending).done:
                yield from self._settle(future)
        lost, self._lost = sorted(self._lost, key=lambda work: work[0]), []
        if pool.renew is None and issubclass(pool.crash_types[0], BrokenExecutor):
            raise WorkspaceError(
                f"the executor broke at {self._name(lost[0][1])}; run again, it resumes"
            )
        if pool.renew is not None:
            assert pool.executor is not None
            pool.executor.shutdown(wait=False)
            pool.executor = pool.renew(pool.workers)
        for index, item in lost:
            yield index, self._alone(item)

    def _alone(self, item: Item) -> Result | CantaorError:
        if self._pool.renew is None:
            return self._died(item)
        executor = self._pool.renew(1)
        try:
            return executor.submit(_outcome, self._function, item).result()
        except self._pool.crash_types:
            executor.shutdown(wait=True, cancel_futures=True)
            return self._died(item)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def _died(self, item: Item) -> WorkerError:
        how = self._pool.exit_reasons() or "killed by the system, perhaps for memory"
        return WorkerError(f"{self._name(item)}: the worker process died on it twice ({how})")


def _outcomes(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result | CantaorError]:
    return [_outcome(function, item) for item in items]


def _outcome(function: Callable[[Item], Result], item: Item) -> Result | CantaorError:
    try:
        return function(item)
    except CantaorError as error:
        return error


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let worker processes that start from here on load native libraries with one thread."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _dask_pool(address: str, workers: int) -> Iterator[WorkerPool]:
    distributed = require_extra("distributed", "dask")
    with ExitStack() as stack:
        try:
            if address == "local":
                address = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers, threads_per_worker=1, dashboard_address=None
                    )
                )
            client = stack.enter_context(distributed.Client(address, set_as_default=False))
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"no Dask scheduler at {address}: {error}") from error
        size = max(1, sum(client.nthreads().values()))
        # Dask itself does lost work again; after some crash_types it gives a piece up.
        yield WorkerPool(client.get_executor(pure=False), size, None, (distributed.KilledWorker,))
