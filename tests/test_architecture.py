"""The borders of the house, checked from what every module imports, inside functions too."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cantaor

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "cantaor"
KERNELS = [*(ROOT / "csrc" / "include").rglob("*.hpp"), *(ROOT / "csrc" / "kernels").glob("*.cpp")]

#: Rooms from the ground up. A module imports from rooms on lower floors and from its own room;
#: rooms on one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "_core", "_gather"),
    ("types",),
    ("settings", "units"),
    ("io",),
    ("parallel",),
    ("pitch", "clustering", "contour", "clips", "motifs", "metrics"),
    ("chain",),
    ("corpus",),
    ("plotting",),
    ("learn",),
    ("workspace",),
    ("pipeline",),
    ("inference",),
    ("experiments",),
    ("bench",),
    ("annotation", "report"),
    ("demo",),
    ("cli",),
    ("__main__", ""),
)
#: The same inside a room that has floors of its own.
INNER: dict[str, tuple[tuple[str, ...], ...]] = {
    "corpus": (
        ("manifest",),
        ("manifest_files", "identity", "folders"),
        ("loaders", "splits"),
        ("audit", "synthetic"),
    ),
    "learn": (
        ("_torch", "threads"),
        ("data", "features"),
        ("encoders", "networks"),
        ("training",),
        ("evaluation",),
        ("export",),
        ("identification",),
    ),
}
#: Most modules that stand loose at the package's top, and most files in a room.
LOOSE, FILES = 10, 14


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Dotted names of all modules that a file imports, those under TYPE_CHECKING left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if top_level_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def internal(found: set[str]) -> set[str]:
    """Modules of the package among imports, without the ``cantaor.`` in front."""
    known = {name_of(path) for path in modules()} | {"_core", "_gather"}
    inside = {name.removeprefix("cantaor.") for name in found if name.startswith("cantaor.")}
    return {max((m for m in known if n == m or n.startswith(m + ".")), key=len) for n in inside}


def floor(module: str, floors: tuple[tuple[str, ...], ...] = FLOORS) -> tuple[int, str]:
    """Number of a module's floor, and its room."""
    room = module.split(".")[0]
    return next(number for number, rooms in enumerate(floors) if room in rooms), room


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path: Path) -> None:
    here = name_of(path)
    for other in internal(imports(path)):
        (mine, room), (theirs, their_room) = floor(here), floor(other)
        if room != their_room:
            assert theirs < mine, f"{here} imports {other}, which is not below it"
        elif room in INNER and "." in here and "." in other:
            inner, outer = here.split(".", 1)[1], other.split(".", 1)[1]
            (mine, room), (theirs, their_room) = (
                floor(inner, INNER[room]),
                floor(outer, INNER[room]),
            )
            assert room == their_room or theirs < mine, (
                f"{here} imports {other}, which is not below it"
            )


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name_of(path): internal(imports(path)) - {name_of(path)} for path in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise AssertionError(f"a circle of imports: {circle}") from None


def test_every_room_has_a_floor() -> None:
    rooms = {name_of(path).split(".")[0] for path in modules()}
    placed = [room for rooms_of_floor in FLOORS for room in rooms_of_floor]
    assert rooms <= set(placed)
    assert len(placed) == len(set(placed))


def test_rooms_stay_small() -> None:
    loose = [path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")]
    assert len(loose) <= LOOSE, loose
    for room in {path.parent for path in modules()}:
        files = [path.name for path in room.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= FILES, f"{room.name}: {files}"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("torch", ("learn", "bench.cases")),
        ("torchaudio", ("learn", "bench.cases")),
        ("lightning", ("learn.training",)),
        ("sklearn", ("metrics", "learn", "bench.cases")),
        ("essentia", ("pitch.essentia", "bench.cases")),
        ("soundfile", ("io", "bench.cases")),
        ("av", ("io", "bench.cases")),
        ("matplotlib", ("plotting", "report.benchmark_tables", "report.contour_figure")),
        ("jinja2", ("report",)),
        ("typer", ("cli",)),
        ("librosa", ("bench.cases",)),
        ("pybind11", ()),
    ],
)
def test_libraries_stay_in_their_rooms(library: str, rooms: tuple[str, ...]) -> None:
    for path in modules():
        here = name_of(path)
        if any(here == room or here.startswith(room + ".") for room in rooms):
            continue
        used = {name.split(".")[0] for name in imports(path)}
        assert library not in used, f"{here} imports {library}, which belongs to {rooms}"


def test_pictures_are_drawn_from_arrays() -> None:
    allowed = {"errors", "types", "units", "io.files", "metrics.calibration_error"}
    for path in (PACKAGE / "plotting").glob("*.py"):
        others = {m for m in internal(imports(path)) if not m.startswith("plotting")}
        assert others <= allowed, f"{name_of(path)} imports {others - allowed}"


def test_tables_are_opened_in_one_file() -> None:
    users = {name_of(p) for p in modules() if any("pyarrow.parquet" in n for n in imports(p))}
    assert users <= {"io.files"}


def test_kernels_know_no_python() -> None:
    assert KERNELS
    for path in KERNELS:
        text = path.read_text(encoding="utf-8")
        assert "Python.h" not in text, path
        assert "pybind11" not in text, path


def test_no_file_grows_past_400_lines() -> None:
    sources = [*modules(), *KERNELS, *(ROOT / "csrc").rglob("*.hpp"), *ROOT.glob("tests/**/*.py")]
    sources += [*ROOT.glob("csrc/**/*.cpp"), *ROOT.glob("benchmarks/*.py")]
    long = {str(p): n for p in sources if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_import_is_light() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import cantaor; "
        "print(time.perf_counter() - start, *[m for m in "
        "('torch', 'numba', 'essentia', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert output[1:] == []
    assert float(output[0]) < 0.15


def test_every_public_name_resolves() -> None:
    for name in cantaor.__all__:
        assert getattr(cantaor, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        cantaor.nonsense  # noqa: B018
