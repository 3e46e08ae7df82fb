"""Writes the reference of all public functions and classes from their docstrings.

    python docs/make_api.py [--check]

``--check`` writes nothing and fails where a page is not what the docstrings say. The sources are
read, not imported, so no extra is needed.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "cantaor"
PAGES = {
    "foundation": ["types", "errors", "settings", "units", "io"],
    "chain": ["pitch", "clustering", "contour", "motifs", "clips", "metrics", "chain"],
    "corpus": ["corpus"],
    "learn": ["learn"],
    "mining": ["workspace", "pipeline"],
    "models": ["inference", "experiments"],
    "report": ["plotting", "annotation", "report"],
    "bench": ["bench"],
}
Definition = ast.FunctionDef | ast.ClassDef


def sources(name: str) -> list[Path]:
    """Files of a module, or of all public modules of a package."""
    if (PACKAGE / f"{name}.py").exists():
        return [PACKAGE / f"{name}.py"]
    files = sorted((PACKAGE / name).rglob("*.py"))
    return [file for file in files if not file.name.startswith("_")]


def public(body: list[ast.stmt]) -> list[Definition]:
    """Documented functions and classes whose names do not begin with an underscore."""
    return [
        node
        for node in body
        if isinstance(node, Definition)
        and not node.name.startswith("_")
        and ast.get_docstring(node)
    ]


def signature(node: Definition) -> str:
    """How a function is called; nothing for a class, whose fields are in its docstring."""
    if isinstance(node, ast.ClassDef):
        return ""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


def entry(node: Definition, parent: str = "") -> list[str]:
    """Heading, signature and docstring of a definition, and those of a class's public methods."""
    name = f"{parent}{node.name}"
    lines = [f"### {name}", "", f"`{name}{signature(node)}`", ""]
    lines += ["```text", inspect.cleandoc(ast.get_docstring(node) or ""), "```", ""]
    if isinstance(node, ast.ClassDef):
        for method in public(node.body):
            lines += entry(method, f"{node.name}.")
    return lines


def page(title: str, names: list[str]) -> str:
    """One page of the reference."""
    lines = [f"# Reference: {title}", "", "Written by `docs/make_api.py` from the docstrings.", ""]
    for file in [file for name in names for file in sources(name)]:
        module = ast.parse(file.read_text(encoding="utf-8"))
        found = public(module.body)
        if not found:
            continue
        dotted = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        lines += [f"## {dotted}", "", (ast.get_docstring(module) or "").split("\n\n")[0], ""]
        for node in found:
            lines += entry(node)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = parser.parse_args().check
    stale = []
    for title, names in PAGES.items():
        target = ROOT / "docs" / "api" / f"{title}.md"
        text = page(title, names)
        if check and (not target.exists() or target.read_text(encoding="utf-8") != text):
            stale.append(target.name)
        if not check:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
    if stale:
        print(f"not what the docstrings say: {', '.join(stale)}; run python docs/make_api.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
