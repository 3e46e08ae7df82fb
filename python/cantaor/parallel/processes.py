"""Worker processes: how they start, how they end, and why they cannot.

Python starts them with the main module of the program loaded once more. A script that calls
``mine`` outside of ``if __name__ == "__main__":`` would so call it again in every worker, which
Python stops; that is found out before any starts.
"""

from __future__ import annotations

import ast
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from cantaor.errors import ArgumentError

# What workers share; none of it loads torch. They load the main module again: the command line.
_SHARED = ("cantaor.pipeline.stages", "cantaor.inference.batch", "cantaor.corpus.audit.audit")
_COMMAND_LINE = "cantaor.cli"
_SERVER = "forkserver"


class Processes:
    """Makes executors of worker processes and remembers how those ended."""

    def __init__(self, context: BaseContext) -> None:
        self._context = context
        self._started: list[Any] = []

    def executor(self, workers: int) -> Executor:
        """An executor of so many processes."""
        return ProcessPoolExecutor(workers, mp_context=self._watched(), initializer=enter_worker)

    def exit_reasons(self) -> str:
        """How the last process that did not end well ended; empty where none is known."""
        for process in reversed(self._started):
            if code := process.exitcode:
                return _explain(code)
        return ""

    def _watched(self) -> BaseContext:
        started = self._started

        class Watched(type(self._context)):  # type: ignore[misc]
            """The context, with every process that it starts kept in a list."""

            def Process(self, *arguments: Any, **names: Any) -> Any:  # noqa: N802
                process = super().Process(*arguments, **names)
                started.append(process)
                del started[:-64]
                return process

        context: BaseContext = Watched()
        return context


def open_processes() -> Processes:
    """Worker processes, forked from a server where the system has one."""
    return Processes(multiprocessing.get_context(_SERVER if _has_server() else "spawn"))


def start_server() -> None:
    """Let the server load what workers share while this process goes on."""
    if not _has_server():
        return
    forkserver: Any = importlib.import_module("multiprocessing.forkserver")
    loaded = [_COMMAND_LINE] if _COMMAND_LINE in sys.modules else []
    forkserver.set_forkserver_preload([*_SHARED, *loaded])
    forkserver.ensure_running()


def require_main_guard() -> None:
    """Refuse to start processes from a line that each of them would run once more.

    Raises
    ------
    ArgumentError
        The call comes from the top level of the main script, outside of
        ``if __name__ == "__main__":``; the message names the line. Or the script is no file.
    """
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    name = getattr(getattr(main, "__spec__", None), "name", "")
    if main is None or path is None or name.rpartition(".")[2] == "__main__":
        return  # nothing is run again: typed in, or a package that was named with -m
    if not Path(path).is_file():
        raise ArgumentError(
            f"worker processes must load the script, which is no file ({path}); save it as one, "
            "or use workers=1"
        )
    line = _line_in(vars(main))
    if line is not None and not _is_guarded(Path(path), line):
        raise ArgumentError(
            f"{path}, line {line}: worker processes load this script once more and would run this "
            'line again; put it under: if __name__ == "__main__":   (or use workers=1)'
        )


def enter_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _has_server() -> bool:
    return _SERVER in multiprocessing.get_all_start_methods()


def _explain(code: int) -> str:
    if code == -signal.SIGTERM:
        return ""  # the pool ends the others so when one dies
    if code == -getattr(signal, "SIGKILL", 9):
        return "killed by the system, perhaps for memory"
    if code < 0:
        return f"ended by the signal {_signal_name(-code)}"
    return f"it ended with exit code {code}; its own message stands on stderr"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _line_in(module: dict[str, Any]) -> int | None:
    """The line at the top level of a module that is being run, in this thread."""
    return next((line for frame, line in _frames() if _is_top(frame, module)), None)


def _frames() -> Iterator[tuple[Any, int]]:
    frame: Any = sys._getframe()
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _is_top(frame: Any, module: dict[str, Any]) -> bool:
    return frame.f_globals is module and frame.f_code.co_name == "<module>"


def _is_guarded(script: Path, line: int) -> bool:
    """Whether a line stands under a condition on ``__name__``; so too where nobody can tell."""
    try:
        tree = ast.parse(script.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return True
    return any(
        isinstance(node, ast.If)
        and "__name__" in ast.unparse(node.test)
        and node.lineno <= line <= (node.end_lineno or line)
        for node in ast.walk(tree)
    )
