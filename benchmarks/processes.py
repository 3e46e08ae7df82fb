"""What this process and those it started have used."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

from cantaor.bench.timing import status_bytes


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
        status_bytes("VmHWM") / 2**20,
        others.ru_maxrss / 1024,
    )


def call_apart(module: str, function: str, *arguments: Any) -> Any:
    """Call a function of a benchmark in a process of its own; values pass as JSON.

    The process has no main module that its workers would load again: a benchmark imports much
    that a worker of the command line does not.
    """
    code = (
        "import json, sys, importlib; name, function, values = sys.argv[1:]; "
        "found = getattr(importlib.import_module(name), function)(*json.loads(values)); "
        "print(json.dumps(found))"
    )
    command = [sys.executable, "-c", code, module, function, json.dumps(arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
