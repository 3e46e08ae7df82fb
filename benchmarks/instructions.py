"""Instructions of every kernel on a fixed input, counted by callgrind and beside stored figures.

    python benchmarks/instructions.py [--update]

Instruction counts have no noise: a change of more than the tolerance is a change of the code. They
depend on compiler and processor, so figures are stored for each; where there are none for this
one, nothing is compared and the exit code is 4. ``--update`` stores what was counted.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "benchmarks" / "instructions.json"
#: Share by which a count may differ from the stored one.
TOLERANCE = 0.02
REGRESSION, NOTHING_STORED = 1, 4


def build() -> Path:
    """The program that runs one kernel, compiled with -O3."""
    for line in ("cmake --preset release -G Ninja", "cmake --build --preset release"):
        subprocess.run(line.split(), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "build" / "release" / "csrc" / "tests" / "count_kernels"


def kernels(program: Path) -> tuple[str, list[str]]:
    """Compiler with processor, and the names of the kernels; asked under valgrind, which decides
    what the processor can do."""
    command = ["valgrind", "--tool=none", "-q", str(program)]
    first, *names = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return first, names


def count(program: Path, kernel: str) -> int:
    """Instructions between entry to and return from the measured function."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            "--toggle-collect=measured_kernel",
            f"--callgrind-out-file={folder}/out",
            str(program),
            kernel,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None or int(found[1]) < 1000:
        raise SystemExit(f"{kernel}: callgrind counted nothing:\n{done.stderr}")
    return int(found[1])


def compare(stored: dict[str, int], counted: dict[str, int]) -> list[str]:
    """One line for each kernel whose count changed beyond the tolerance, or is not in both."""
    lines = [f"{name}: stored, but there is no such kernel" for name in stored.keys() - counted]
    for name, now in counted.items():
        before = stored.get(name)
        if before is None:
            lines.append(f"{name}: nothing stored; {now:,} counted")
        elif abs(now / before - 1) > TOLERANCE:
            lines.append(f"{name}: {before:,} stored, {now:,} counted ({now / before - 1:+.1%})")
    return sorted(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="store what was counted")
    update = parser.parse_args().update
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed: apt-get install valgrind")
    program = build()
    where, names = kernels(program)
    counted = {name: count(program, name) for name in names}
    for name, instructions in counted.items():
        print(f"{name:16} {instructions:>14,}")
    document = json.loads(STORED.read_text()) if STORED.exists() else {}
    if update:
        document[where] = counted
        STORED.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
        return 0
    if where not in document:
        print(f"nothing is stored for {where!r}, only for {', '.join(document)}; see --update")
        return NOTHING_STORED
    lines = compare(document[where], counted)
    print("\n".join(lines) or f"all within {TOLERANCE:.0%} of what is stored for {where}")
    return REGRESSION if lines else 0


if __name__ == "__main__":
    sys.exit(main())
