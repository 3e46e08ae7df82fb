"""The list of faults that change nothing speaks of lines that are still there."""

from __future__ import annotations

from tests.mutate import PACKAGE, known_equivalents


def test_listed_mutants_are_of_lines_that_are_there() -> None:
    listed = known_equivalents()
    lines = {
        file: {line.strip() for line in (PACKAGE / file).read_text(encoding="utf-8").splitlines()}
        for file, _, _ in listed
    }
    gone = [name for name in listed if name[1] not in lines[name[0]]]
    assert not gone
    assert all(len(reason) > 4 for reason in listed.values())
