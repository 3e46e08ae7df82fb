"""Mutation testing: small faults are put into the code, one at a time; tests must notice each.

    python -m tests.mutate [ROOM...] [--minutes 30] [--seed 0] [--list survivors.txt]

A mutant is one changed operator, comparison, constant, name or border of a slice, one check or call
left out, in one function of a room. It lives in a copy of the package, so the tree is not touched.
The tests of its room run with ``-x``; if they pass, the mutant survives and is listed. Mutants are
drawn in a random order, each room in turn, until the minutes are over. Tests run in forks of one
process that has loaded torch and the rest. The general tools (mutmut 3, cosmic-ray) were not used:
one rewrites the sources and imports them under another name, which native modules beside the
package do not survive; the other writes into the tree itself.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from tests.mutation_rooms import ROOMS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "cantaor"
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.txt"

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all"}
_NAMES |= {"all": "any", "argmin": "argmax", "argmax": "argmin", "flatnonzero": "argsort"}
_NAMES |= {"mean": "median", "median": "mean", "floor": "ceil", "ceil": "floor", "sum": "max"}
_NAMES |= {"nanmean": "nanmedian", "nanmedian": "nanmean", "cumsum": "array"}


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what it says there now, and the whole changed source."""

    file: Path
    line: int
    text: str
    change: str
    source: str

    @property
    def name(self) -> tuple[str, str, str]:
        """What ``equivalent_mutants.txt`` calls it: file, what stands in the line, and change."""
        return self.file.relative_to(PACKAGE).as_posix(), self.text, self.change


def mutants_of(file: Path) -> Iterator[Mutant]:
    """All mutants of a file; docstrings, messages, annotations and the order of imports stay."""
    lines = file.read_text(encoding="utf-8").splitlines()
    tree = ast.parse("\n".join(lines))
    for number, node in enumerate(_inside_functions(tree)):
        for before, after in _changes(node):
            changed = copy.deepcopy(tree)
            target = list(_inside_functions(changed))[number]
            vars(target).update(vars(after))
            target.__class__ = after.__class__  # type: ignore[assignment]
            text = ast.unparse(ast.fix_missing_locations(changed))
            line = getattr(node, "lineno", 1)
            yield Mutant(file, line, lines[line - 1].strip(), before, text)


def known_equivalents() -> dict[tuple[str, str, str], str]:
    """The reason for each mutant that is known to change nothing."""
    rows = [line.split(" | ") for line in EQUIVALENT.read_text(encoding="utf-8").splitlines()]
    return {(file, text, change): why for file, text, change, why in rows}


def _inside_functions(tree: ast.Module) -> Iterator[ast.AST]:
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for statement in function.body:
                if not _is_text(statement):
                    yield from _code(statement)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Raise) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """What is computed below a node: no messages, no annotations, no inner functions twice."""
    yield node
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # Of zip: an assertion.
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            inner = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.JoinedStr))
            if isinstance(child, ast.AST) and not inner and not isinstance(child, ast.Raise):
                yield from _code(child)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    changed = copy.copy(node)
    if isinstance(changed, ast.Compare) and type(changed.ops[0]) in _COMPARISONS:
        changed.ops = [_COMPARISONS[type(changed.ops[0])](), *changed.ops[1:]]
        yield _pair(node, changed), changed
    elif isinstance(changed, ast.BinOp | ast.AugAssign) and type(changed.op) in _OPERATORS:
        changed.op = _OPERATORS[type(changed.op)]()
        yield _pair(node, changed), changed
    elif isinstance(changed, ast.BoolOp):
        changed.op = ast.Or() if isinstance(changed.op, ast.And) else ast.And()
        yield _pair(node, changed), changed
    elif isinstance(changed, ast.UnaryOp):
        yield _pair(node, changed.operand), changed.operand
    elif isinstance(changed, ast.Constant) and type(changed.value) in (int, float, bool):
        changed.value = _other(changed.value)  # type: ignore[arg-type]
        yield _pair(node, changed), changed
    elif isinstance(changed, ast.Name) and changed.id in _NAMES:
        changed.id = _NAMES[changed.id]
        yield _pair(node, changed), changed
    elif isinstance(changed, ast.Attribute) and changed.attr in _NAMES:
        changed.attr = _NAMES[changed.attr]
        yield _pair(node, changed), changed
    elif isinstance(changed, ast.Slice):
        for bound in ("lower", "upper"):
            if getattr(changed, bound) is not None:
                shorter = copy.copy(changed)
                setattr(shorter, bound, None)
                yield _pair(node, shorter), shorter
    elif isinstance(changed, ast.Expr) and isinstance(changed.value, ast.Call):
        yield _pair(node, ast.Pass()), ast.Pass()
    elif isinstance(changed, ast.If) and isinstance(changed.body[0], ast.Raise):
        changed.test = ast.Constant(value=False)
        yield _pair(node.test, changed.test), changed  # type: ignore[attr-defined]


def _other(value: float) -> float:
    """A number of the same type that is near; the other truth value."""
    if type(value) is bool:
        return not value
    return value * 1.25 if type(value) is float and value else value + 1


def _pair(before: ast.AST, after: ast.AST) -> str:
    return f"{ast.unparse(before)[:80]} -> {ast.unparse(after)[:80]}"


def survives(mutant: Mutant, tests: tuple[str, ...], copied: Path, seconds: float) -> bool:
    """Whether all tests of the room pass on a mutant; one that hangs does not survive."""
    place = copied / "cantaor" / mutant.file.relative_to(PACKAGE)
    original = place.read_bytes()
    place.write_text(mutant.source, encoding="utf-8")
    try:
        return _passes(tests, copied, seconds)
    finally:
        place.write_bytes(original)


def _passes(tests: tuple[str, ...], copied: Path, seconds: float) -> bool:
    """Whether tests pass in a fork of this process, which has loaded all that is slow to load."""
    files = [str(ROOT / "tests" / name) for name in tests]
    child = os.fork()
    if child == 0:
        _run_tests(files, copied)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run_tests(files: list[str], copied: Path) -> NoReturn:
    """In the child: run tests against the copy, say nothing, end with their exit code."""
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(ROOT)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        sys.dont_write_bytecode = True
        # An editable installation finds its modules before the path does: the copy comes first.
        sys.meta_path[:] = [f for f in sys.meta_path if "ScikitBuild" not in type(f).__name__]
        sys.path.insert(0, str(copied))
        os.environ["PYTHONPATH"] = str(copied)
        for name in [name for name in sys.modules if name.partition(".")[0] == "cantaor"]:
            del sys.modules[name]  # Loaded to find the native modules.
        import cantaor

        assert cantaor.__file__.startswith(str(copied)), cantaor.__file__
        options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
        code = int(pytest.main([*options, *files]))
    finally:
        os._exit(code)


_SLOW = (
    "numpy",
    "scipy.signal",
    "sklearn.metrics",
    "numba",
    "pyarrow.parquet",
    "hypothesis",
    "torch",
    "torchaudio",
    "lightning",
    "soundfile",
    "soxr",
    "typer.testing",
)


def _load_slow_modules() -> None:
    """Import what tests need and no mutant touches."""
    for name in _SLOW:
        if find_spec(name.partition(".")[0]) is not None:
            import_module(name)
    torch = sys.modules.get("torch")
    if torch is not None:
        # Threads do not survive a fork.
        torch.set_num_threads(1)


def copy_package(folder: Path) -> None:
    """The package with its native modules, which may lie elsewhere, below a folder."""
    shutil.copytree(PACKAGE, folder / "cantaor", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_core", "_gather"):
        spec = find_spec(f"cantaor.{name}")
        assert spec is not None
        assert spec.origin is not None
        shutil.copy(spec.origin, folder / "cantaor")


def main(arguments: list[str] | None = None) -> int:
    """Try mutants until the time is over; exit code 1 if more than a tenth survived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--rooms", action="store_true", dest="only_names", help="name all rooms")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", type=Path, help="file for the survivors")
    options = parser.parse_args(arguments)
    if options.only_names:
        print(*ROOMS)
        return 0
    chosen = options.rooms or list(ROOMS)
    if unknown := [room for room in chosen if room not in ROOMS]:
        parser.error(f"no room {unknown[0]!r}; there are {', '.join(ROOMS)}")
    _load_slow_modules()
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy_package(Path(folder))
        lines, tried = run(chosen, Path(folder), end, random.Random(options.seed))
    if options.list:
        options.list.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{tried - len(lines)} of {tried} mutants noticed")
    return int(len(lines) > 0.1 * tried)


def run(rooms: list[str], folder: Path, end: float, rng: random.Random) -> tuple[list[str], int]:
    """Survivors as lines, and the number of mutants that were tried."""
    queues, limits, known = {}, {}, known_equivalents()
    for room in rooms:
        places, tests = ROOMS[room]
        began = time.monotonic()
        if not _passes(tests, folder, 600):
            raise SystemExit(f"the tests of {room} fail without any mutant")
        limits[room] = 30 + 3 * (time.monotonic() - began)
        files = [file for place in places for file in _files(PACKAGE / place)]
        made = [mutant for file in files for mutant in mutants_of(file)]
        queues[room] = [mutant for mutant in made if mutant.name not in known]
        rng.shuffle(queues[room])
        print(f"{room}: {len(queues[room])} mutants", flush=True)
    lines, tried = [], 0
    while any(queues.values()) and time.monotonic() < end:
        for room in rooms:
            if not queues[room] or time.monotonic() > end:
                continue
            mutant = queues[room].pop()
            tried += 1
            if survives(mutant, ROOMS[room][1], folder, limits[room]):
                where = mutant.file.relative_to(PACKAGE)
                lines.append(f"{where}:{mutant.line}: {mutant.change}")
                print(lines[-1], flush=True)
    return lines, tried


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


if __name__ == "__main__":
    sys.exit(main())
