"""Files of a workspace that may come from elsewhere: what is wrong in them is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from cantaor.errors import CantaorError, WorkspaceError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is wrong with a file of the workspace as an error that names it."""
    try:
        yield
    except CantaorError:
        raise
    except (
        OSError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
        pa.ArrowException,
    ) as error:
        raise WorkspaceError(f"{path}: not what cantaor writes there: {error!r}") from error


def number_or_none(value: object, name: str) -> float | None:
    """A foreign share, or None where it is not there."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{name} must be a number, not {value!r:.80}")
