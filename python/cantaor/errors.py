"""The exceptions that cantaor raises on purpose.

Every one of them is a :class:`CantaorError`, so ``except CantaorError`` catches what the library
reports and lets real bugs through. Those about arguments are ``ValueError`` as well, those about
missing packages ``ImportError``, so existing code that catches the built-in ones keeps working.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


class CantaorError(Exception):
    """Base of all errors reported by cantaor."""


class ArgumentError(CantaorError, ValueError):
    """An argument has a wrong value; the message names it and what was expected."""


class AudioError(CantaorError, ValueError):
    """A recording cannot be used; the message names the file and the reason."""


class CorpusError(CantaorError, ValueError):
    """A corpus or its manifest is inconsistent; the message names the file or row."""


class SplitError(CantaorError, ValueError):
    """A corpus cannot be split as asked; the message says what is missing."""


class WorkspaceError(CantaorError, RuntimeError):
    """A workspace cannot be read or written, or lacks a table; the message names the path."""


class ModelError(CantaorError, ValueError):
    """A model bundle is missing, damaged or does not fit; the message names the path."""


class WorkerError(CantaorError, RuntimeError):
    """A worker process died, twice, on one piece of work; the message names it."""


class TooManyPatternsError(CantaorError, RuntimeError):
    """Mining passed ``max_patterns``; the message says how to narrow the search."""


class AnswersDifferError(CantaorError, RuntimeError):
    """A benchmark's answer is wrong or not its peer's; the message says by how much."""


class MissingExtraError(CantaorError, ImportError):
    """An optional package is missing; the message names the line that installs it."""


@contextmanager
def blame(recording: str) -> Iterator[None]:
    """Let whatever a recording does to the code that reads it end in an error that names it.

    A decoder may raise anything; none of it may stop the other recordings. What the workspace
    reports, such as a full disk, passes.

    Parameters
    ----------
    recording
        How the message calls it.

    Raises
    ------
    AudioError
        In place of any other exception.

    Examples
    --------
    >>> with blame("a.wav"):
    ...     1 / 0
    Traceback (most recent call last):
    cantaor.errors.AudioError: a.wav: cannot be used: ZeroDivisionError: division by zero
    """
    try:
        yield
    except (AudioError, WorkspaceError):
        raise
    except Exception as error:
        kind = "" if isinstance(error, CantaorError) else f"{type(error).__name__}: "
        raise AudioError(f"{recording}: cannot be used: {kind}{error}") from error


def require_extra(module: str, extra: str) -> ModuleType:
    """Import an optional module or say which extra brings it.

    Parameters
    ----------
    module
        Dotted name of the module to import.
    extra
        Name of the cantaor extra that installs it, such as ``"learn"``.

    Raises
    ------
    MissingExtraError
        The module, or a module it needs, is not installed.

    Examples
    --------
    >>> require_extra("json", "learn").__name__
    'json'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} cannot be imported ({error}); install it with: "
            f"pip install 'cantaor[{extra}]'"
        ) from error
