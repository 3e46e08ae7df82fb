"""What this process and those it started have used."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from multiprocessing import forkserver


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time and peak memory.

    Attributes
    ----------
    own_s, others_s
        Seconds of processor time of this process and of all that it started and that have ended.
    own_mb, others_mb
        Peak memory in MB of this process, and of the largest of the others.
    """

    own_s: float
    others_s: float
    own_mb: float
    others_mb: float


def usage_of_all() -> Usage:
    """Usage so far; the server that workers are forked from is ended, so that it counts."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    own, others = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Usage(
        own.ru_utime + own.ru_stime,
        others.ru_utime + others.ru_stime,
        own.ru_maxrss / 1024,
        others.ru_maxrss / 1024,
    )
