"""What native libraries would print to the terminal, caught while they work.

libmpg123 prints what it thinks of a file through C's ``stderr``. That would garble the progress
of a long run; what matters of it must reach the run's record instead. C's stream is exchanged
here, not the file descriptor: what Python prints meanwhile goes its own way.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Any

# Names of the stream in the C libraries of Linux and macOS.
_NAMES = ("stderr", "__stderrp")
_KEPT = 4096


@dataclass(slots=True)
class Remarks:
    """What was caught: the first lines."""

    lines: list[str] = field(default_factory=list)


class _Sink:
    """C's stream of errors and a file that stands in for it; made once, when first needed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.file: IO[bytes] | None = None
        self.stream: int | None = None
        self.library: Any = None
        self.variable: Any = None

    def prepare(self) -> bool:
        """Whether there is a stream that can be exchanged."""
        if self.file is None:
            self.library = ctypes.CDLL(None)
            self.library.fdopen.restype = ctypes.c_void_p
            self.library.fdopen.argtypes = [ctypes.c_int, ctypes.c_char_p]
            self.library.fflush.argtypes = [ctypes.c_void_p]
            self.file = TemporaryFile()  # noqa: SIM115  # for as long as the process lives
            self.stream = self.library.fdopen(os.dup(self.file.fileno()), b"w")
            for name in _NAMES:
                try:
                    self.variable = ctypes.c_void_p.in_dll(self.library, name)
                    break
                except ValueError:
                    continue  # another C library
        return self.variable is not None and self.stream is not None

    def collect(self) -> list[str]:
        """The lines that came since, and forget them."""
        assert self.file is not None
        self.library.fflush(self.stream)
        number = self.file.fileno()
        size = os.lseek(number, 0, os.SEEK_END)
        if size == 0:
            return []
        text = os.pread(number, _KEPT, 0).decode("utf-8", "replace")
        os.ftruncate(number, 0)
        os.lseek(number, 0, os.SEEK_SET)
        return [line.strip() for line in text.splitlines() if line.strip()]


_SINK = _Sink()


@contextmanager
def native_remarks() -> Iterator[Remarks]:
    """Catch what C libraries print to their stream of errors inside the block.

    One thread at a time is inside, so that remarks belong to its file.

    Yields
    ------
    The remarks, complete once the block has ended.

    Examples
    --------
    >>> with native_remarks() as remarks:
    ...     pass
    >>> remarks.lines
    []
    """
    remarks = Remarks()
    with _SINK.lock:
        if not _SINK.prepare():
            yield remarks
            return
        before = _SINK.variable.value
        _SINK.variable.value = _SINK.stream
        try:
            yield remarks
        finally:
            _SINK.variable.value = before
            remarks.lines += _SINK.collect()
