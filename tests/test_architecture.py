"""The borders of the house, checked from what every module imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cantaor

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "cantaor"
KERNELS = [*(ROOT / "csrc" / "include").rglob("*.hpp"), *(ROOT / "csrc" / "kernels").glob("*.cpp")]

FOUNDATION = {"types", "errors", "settings", "cents", "locations"}
STAGES = {"audio", "pitch", "clusters", "contour", "motifs", "clips"}
#: Private halves of a stage: only that stage may import them.
HALVES = {
    "_core": STAGES,
    "_gather": {"clips", "clusters"},
    "_kmeans": {"clusters"},
    "symbols": {"motifs"},
    "dictionary": set(),
    "marking": {"motifs"},
}
#: From the ground up; a floor imports itself and the floors below.
FLOORS = ["foundation", "stages", "chain", "corpus+learn", "run+show+bench", "cli"]


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


def floor(module: str) -> int:
    head = module.split(".")[0]
    if head in FOUNDATION:
        return 0
    if head == "__main__":
        return 5
    if head in STAGES or head in HALVES or head.startswith("_") or head.startswith("pitch_"):
        return 1
    places = {"chain": 2, "corpus": 3, "learn": 3, "run": 4, "show": 4, "bench": 4, "cli": 5, "": 5}
    return places[head]


def internal(found: set[str]) -> set[str]:
    """Modules of the package among imports, without the ``cantaor.`` in front."""
    known = {name_of(path) for path in modules()} | {"_core", "_gather"}
    inside = {name.removeprefix("cantaor.") for name in found if name.startswith("cantaor.")}
    return {max((m for m in known if n == m or n.startswith(m + ".")), key=len) for n in inside}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path: Path) -> None:
    here = name_of(path)
    for other in internal(imports(path)):
        assert floor(other) <= floor(here), f"{here} imports {other} from a floor above"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_stages_do_not_know_each_other(path: Path) -> None:
    here = name_of(path)
    if here not in STAGES:
        return
    for other in internal(imports(path)):
        if other in FOUNDATION:
            continue
        assert other not in STAGES, f"stage {here} imports stage {other}"
        owners = HALVES.get(other, {here.split("_")[0], other.lstrip("_").split("_")[0]})
        assert here in owners, f"{here} imports {other}, which belongs to {owners}"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("torch", ("learn", "bench")),
        ("torchaudio", ("learn", "bench")),
        ("lightning", ("learn",)),
        ("sklearn", ("learn", "bench")),
        ("essentia", ("pitch", "bench")),
        ("soundfile", ("audio",)),
        ("matplotlib", ("show",)),
        ("jinja2", ("show",)),
        ("typer", ("cli",)),
        ("librosa", ("bench",)),
        ("pybind11", ()),
    ],
)
def test_libraries_stay_in_their_rooms(library: str, rooms: tuple[str, ...]) -> None:
    for path in modules():
        here = name_of(path)
        if here.split(".")[0].split("_")[0] in rooms:
            continue
        used = {name.split(".")[0] for name in imports(path)}
        assert library not in used, f"{here} imports {library}, which belongs to {rooms}"


def test_tables_are_opened_in_two_rooms() -> None:
    allowed = {"run.workspace", "corpus.tables"}
    users = {name_of(p) for p in modules() if any("pyarrow.parquet" in n for n in imports(p))}
    assert users <= allowed


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
