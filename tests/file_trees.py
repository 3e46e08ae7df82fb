"""Folders of small files for tests, and what lies in a folder."""

from __future__ import annotations

from pathlib import Path


def put(path: Path, text: str = "") -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def inside(folder: Path) -> list[str]:
    """Paths of all files below a folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
