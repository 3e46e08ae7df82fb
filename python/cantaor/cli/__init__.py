"""The command line: every command is a thin shell around one library function.

Exit codes: 0 done, 1 error, 2 wrong usage, 3 done but some recordings failed, 130 interrupted.
"""

from __future__ import annotations

import sys

from rich.console import Console

from cantaor.cli import corpora, learning, measuring, mining, pages, recognition
from cantaor.cli.app import app
from cantaor.errors import CantaorError

__all__ = ["app", "main"]

#: Imported for the commands that they add.
_COMMANDS = (mining, learning, recognition, corpora, pages, measuring)


def main() -> None:
    """Run the command line; errors that cantaor reports become one line and exit code 1."""
    try:
        app()
    except CantaorError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error}", style="red", markup=False
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
