"""The command line: every command is a thin shell around one library function.

Exit codes: 0 done, 1 error, 2 wrong usage, 3 done but some recordings failed
or a bounded search is partial, 130 interrupted.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import traceback
from importlib.metadata import version
from io import TextIOWrapper

from rich.text import Text

from cantaor.cli import (
    corpora,
    enrolment,
    evaluation,
    find,
    learning,
    measuring,
    mining,
    pages,
    patterns,
    recognition,
    reproduction,
)
from cantaor.cli.app import app
from cantaor.errors import CantaorError
from cantaor.io.locations import printable
from cantaor.report.terminal import plain_console

__all__ = ["app", "main"]

#: Imported for the commands that they add.
_COMMANDS = (
    mining,
    learning,
    evaluation,
    recognition,
    enrolment,
    corpora,
    pages,
    find,
    patterns,
    reproduction,
    measuring,
)


#: Where users say how OpenMP threads wait for work.
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def _let_threads_sleep() -> None:
    """Make idle OpenMP threads sleep instead of spin; must run before torch is loaded."""
    if not any(name in os.environ for name in _WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def main() -> None:
    """Run the command line; whatever goes wrong becomes a line for people and an exit code."""
    _let_threads_sleep()
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown as escapes.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except CantaorError as error:
        _say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _say(_unforeseen(error))
        sys.exit(1)


def _say(text: str) -> None:
    console = plain_console(stderr=True, soft_wrap=True)
    lines = (printable(line) for line in text.split("\n"))
    console.print(Text("error: " + "\n".join(lines), style="red"))


def _unforeseen(error: Exception) -> str:
    """What was being done, what went wrong, and where the details lie."""
    doing = shlex.join(["cantaor", *sys.argv[1:]])
    reason = " ".join(str(error).split())[:300]
    text = f"{doing} stopped: {type(error).__name__}{': ' if reason else ''}{reason}"
    try:
        handle, name = tempfile.mkstemp(prefix="cantaor-error-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{doing}\ncantaor {version('cantaor')}, Python {sys.version}\n\n")
            traceback.print_exception(error, file=log)
    except OSError as failed:
        return f"{text}; its details could not be written: {failed}"
    return f"{text}; details are in {name}"
