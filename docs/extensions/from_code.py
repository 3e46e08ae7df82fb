"""Parts of pages that are read from the code while the site is built.

A page holds a comment such as ``<!-- from code: commands -->``; what the code says takes its place:

``commands``
    Every command with its arguments and options.
``settings``
    Every setting of ``mine`` with its default.
``public``
    The names that ``import cantaor`` offers.
``modules ROOM...``
    The public classes and functions of modules or packages.
``citation``
    The paper of ``CITATION.cff`` with its DOI, as text and as BibTeX.
``document FILE``
    A document at the top of the repository.
``policy``
    What the file ``SECURITY.md`` of the repository says, if there is one, without its title.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import mock
from typer.main import get_command

import cantaor
from cantaor.cli import app as commands_app
from cantaor.settings import Settings, settings_to_toml

PACKAGE = Path(cantaor.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[2]
#: Where the site has what stands at the top of the repository.
PROJECT_PAGES = {
    "README.md": "../index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CITATION.cff": "citing.md",
}
MARK = re.compile(r"^<!-- from code: (\w+) ?(.*?) -->$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Replace the comments of a page by what they name."""
    with mock(app.config.autodoc_mock_imports):
        source[0] = MARK.sub(lambda mark: PARTS[mark[1]](*mark[2].split()), source[0])


def commands() -> str:
    """A section for each command, in alphabetical order."""
    found = get_command(commands_app).commands  # type: ignore[attr-defined]
    return "\n".join(command_section(name, found[name]) for name in sorted(found))


def command_section(name: str, command: Any) -> str:
    """Heading, usage, help, and tables of the arguments and options of a command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join(["cantaor", name, *(f"{p.name.upper()}" for p in arguments)])
    lines = [f"## {name}", "", f"`{usage} [OPTIONS]`", "", command.help or "", ""]
    lines += table(("argument", "meaning"), map(argument_row, arguments))
    lines += table(("option", "meaning", "default"), map(option_row, options))
    return "\n".join([*lines, command.epilog or "", ""])


def argument_row(argument: Any) -> tuple[str, ...]:
    return f"`{argument.name.upper()}`", argument.help or ""


def option_row(option: Any) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = "required" if option.required else default_text(option.default)
    return names, option.help or "", default


def default_text(value: object) -> str:
    return "" if value is None or value is False or value == () else f"`{value}`"


def settings() -> str:
    """A table of the settings of ``mine``, from the commented file that ``mine`` writes."""
    lines = settings_to_toml(Settings()).splitlines()[1:]
    rows = [
        (*(f"`{part}`" for part in setting.split(" = ")), comment.removeprefix("# "))
        for comment, setting in zip(lines[::2], lines[1::2], strict=True)
    ]
    return "\n".join(table(("setting", "default", "meaning"), rows))


def public() -> str:
    """A table of the names that ``cantaor`` itself offers, with links."""
    rows = [public_row(name) for name in cantaor.__all__ if not name.startswith("_")]
    return "\n".join(table(("name", "what it is"), rows))


def public_row(name: str) -> tuple[str, str]:
    found = getattr(cantaor, name)
    first = (found.__doc__ or "").strip().splitlines()[0]
    return f"{{py:obj}}`cantaor.{name} <{found.__module__}.{name}>`", first.replace("``", "`")


def modules(*names: str) -> str:
    """Documentation of all modules of rooms: classes and functions that have a docstring."""
    return "\n".join(module_section(dotted) for name in names for dotted in dotted_names(name))


def dotted_names(room: str) -> Iterator[str]:
    """Modules of a package, or the module itself, that hold something public."""
    files = sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    for file in files:
        if not file.name.startswith("_") and has_public(file):
            yield ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)


def has_public(file: Path) -> bool:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(
        isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is not None
        for node in body
    )


def module_section(dotted: str) -> str:
    return "\n".join(
        [
            f"## {dotted}",
            "",
            "```{eval-rst}",
            f".. automodule:: {dotted}",
            "   :members:",
            "```",
            "",
        ]
    )


def citation() -> str:
    """The reference of the paper, its BibTeX entry, and that of the software."""
    facts = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    paper = facts["preferred-citation"]
    names = [f"{one['family-names']}, {one['given-names']}" for one in paper["authors"]]
    link = f"[doi:{paper['doi']}](https://doi.org/{paper['doi']})"
    text = f"{'; '.join(names)} ({paper['year']}). *{paper['title']}*. {link}"
    article = {
        "author": " and ".join(names),
        "title": f"{{{paper['title']}}}",
        "year": paper["year"],
        "doi": paper["doi"],
    }
    software = {
        "author": f"{{{facts['authors'][0]['name']}}}",
        "title": f"{{{facts['title']}}}: {facts['abstract']}",
        "note": f"Version {facts['version']}",
    }
    entries = [bibtex("misc", "cantaor-paper", article), bibtex("software", "cantaor", software)]
    return "\n".join([text, "", "```bibtex", *entries, "```", ""])


def bibtex(kind: str, key: str, fields: dict[str, object]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def document(name: str) -> str:
    """A document of the repository, its links as they are seen from a page of ``project``."""
    text = (REPOSITORY / name).read_text(encoding="utf-8").replace("](docs/", "](../")
    for file, page in PROJECT_PAGES.items():
        text = text.replace(f"]({file}", f"]({page}")
    return text


def policy() -> str:
    """The security policy of the repository."""
    if not (REPOSITORY / "SECURITY.md").exists():
        return ""
    text = document("SECURITY.md").split("\n", 1)[1]
    return f"## Policy\n{re.sub(r'^##', '###', text, flags=re.MULTILINE)}"


def table(head: tuple[str, ...], rows: Any) -> list[str]:
    """Lines of a Markdown table; none if it has no rows."""
    cells = [[" ".join(str(cell).replace("|", r"\|").split()) for cell in row] for row in rows]
    if not cells:
        return []
    lines = [list(head), ["---"] * len(head), *cells]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


PARTS: dict[str, Callable[..., str]] = {
    "commands": commands,
    "settings": settings,
    "public": public,
    "modules": modules,
    "citation": citation,
    "document": document,
    "policy": policy,
}
