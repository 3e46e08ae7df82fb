"""What the README shows is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cantaor.cli import app

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert blocks("python")
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    assert "[" in capsys.readouterr().out


def test_commands_and_options_exist() -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    lines = [
        line.split("#")[0].split("cantaor ", 1)[1].split()
        for block in blocks("sh")
        for line in block.splitlines()
        if re.match(r"(.*&& \S*bin/)?cantaor ", line)
    ]
    assert len(lines) >= 5
    for command, *arguments in lines:
        options = {name for p in known[command].params for name in p.opts}
        assert {a for a in arguments if a.startswith("--")} <= options


def test_links_and_pictures_exist() -> None:
    root = Path(__file__).resolve().parents[1]
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).exists(), target
