"""The command line: every command is a thin shell around one library function.

Exit codes: 0 done, 1 error, 2 wrong usage, 3 done but some recordings failed
or a bounded search is partial, 130 interrupted.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console

from cantaor.cli import (
    corpora,
    enrolment,
    find,
    learning,
    measuring,
    mining,
    pages,
    patterns,
    recognition,
)
from cantaor.cli.app import app
from cantaor.errors import CantaorError

__all__ = ["app", "main"]

#: Imported for the commands that they add.
_COMMANDS = (mining, learning, recognition, enrolment, corpora, pages, find, patterns, measuring)


#: Where users say how OpenMP threads wait for work.
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def _let_threads_sleep() -> None:
    """Before torch is loaded: idle OpenMP threads sleep instead of spinning on a shared core."""
    if not any(name in os.environ for name in _WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def main() -> None:
    """Run the command line; errors that cantaor reports become one line and exit code 1."""
    _let_threads_sleep()
    try:
        app()
    except CantaorError as error:
        text = str(error).encode("utf-8", "backslashreplace").decode()
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {text}", style="red", markup=False
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
