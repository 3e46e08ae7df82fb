"""Several threads that work ahead on chunks of a signal, while one takes the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class OrderedThreadPool(Generic[Item, Result]):
    """Threads that work ahead, the caller's one of them; some go on between two calls.

    Parameters
    ----------
    threads
        Threads in all, at least 2.
    max_items
        Items that a thread takes at once, at most.
    collect
        Gets every result, in the order of the items, in the caller's thread.

    Examples
    --------
    >>> squares: list[int] = []
    >>> pool = OrderedThreadPool[int, int](2, 4, squares.append)
    >>> pool.work(lambda x: x * x, range(5), kept=False)
    >>> squares
    [0, 1, 4, 9, 16]
    """

    def __init__(self, threads: int, max_items: int, collect: Callable[[Result], object]) -> None:
        self._threads, self._max_items, self._collect = threads, max_items, collect
        self._pool = ThreadPoolExecutor(threads - 1)
        self._ahead: deque[tuple[Future[list[Result]], Callable[[], list[Result]]]] = deque()

    def work(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, kept: bool
    ) -> None:
        """Apply a function to items; their results, and earlier ones, are taken in order.

        Parameters
        ----------
        function
            Called in any thread.
        items
            What it is applied to.
        kept
            Whether what the function reads stays as it is after this returns: the last results are
            then taken by the next call.

        Raises
        ------
        BaseException
            Whatever the function or ``collect`` raises; results are lost then.
        """
        if len(items) == 1 and not self._ahead:
            self._collect(function(items[0]))  # no thread need be started for it
            return
        size = max(1, min(self._max_items, len(items) // (4 * self._threads)))
        try:
            for first in range(0, len(items), size):
                group = partial(_apply, function, items[first : first + size])
                self._ahead.append((self._pool.submit(group), group))
                self._collect_all_but(4 * self._threads)
            self._collect_all_but(2 * self._threads if kept else 0)
        except BaseException:
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise

    def _collect_all_but(self, left: int) -> None:
        while len(self._ahead) > left:
            if not self._ahead[0][0].done():
                self._help()
            for result in self._ahead.popleft()[0].result():
                self._collect(result)

    def _help(self) -> None:
        """Do the first group that no thread has begun."""
        for i, (future, group) in enumerate(self._ahead):
            if future.cancel():
                done: Future[list[Result]] = Future()
                done.set_result(group())
                self._ahead[i] = (done, group)
                return


def _apply(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]
