"""Whether a workspace is still what a model was trained on, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cantaor.io.files import write_table
from cantaor.settings import Settings, deciding_settings, settings_to_toml
from cantaor.workspace.changes import changed_since, changed_state, workspace_facts
from cantaor.workspace.provenance import MadeBy
from cantaor.workspace.workspace import Workspace

MAKER = MadeBy("1.0", {"pitch": 3}, deciding_settings(Settings(k=7)), "a" * 32)


def mined(folder: Path, maker: MadeBy | None = MAKER) -> Workspace:
    """As much of a mined workspace as says what made it."""
    folder.mkdir(exist_ok=True)
    (folder / "cantaor.toml").write_text(settings_to_toml(Settings(k=7)), encoding="utf-8")
    table = pa.table({"a": [1]})
    for name in ("recordings", "instances"):
        made = table if maker is None else maker.label(table)
        write_table(folder / f"{name}.parquet", made)
    return Workspace(folder)


def facts_for(work: Workspace, model: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(json.dumps(workspace_facts(work, model)))
    return facts


def test_a_model_keeps_where_its_workspace_is_and_what_made_it(tmp_path: Path) -> None:
    work = mined(tmp_path / "w")
    assert workspace_facts(work, tmp_path / "models" / "m") == {
        "cantaor": "1.0",
        "stages": {"pitch": 3},
        "path": "../../w",
        "state": "a" * 32,
        "settings": deciding_settings(Settings(k=7)),
    }
    assert workspace_facts(work, work.path / "model")["path"] == ".."


def test_of_a_workspace_that_does_not_say_a_model_keeps_its_place(tmp_path: Path) -> None:
    facts = workspace_facts(mined(tmp_path / "w", None), tmp_path / "m")
    settings = deciding_settings(Settings(k=7))
    assert facts == {"path": "../w", "state": "", "settings": settings}
    assert changed_since(facts, tmp_path / "m") == ""


def test_nothing_is_said_while_nothing_changed(tmp_path: Path) -> None:
    work, model = mined(tmp_path / "w"), tmp_path / "m"
    facts = facts_for(work, model)
    assert changed_since(facts, model) == ""
    assert changed_state(work, facts) == ""
    # Another version that gave the same state changed nothing.
    mined(work.path, replace(MAKER, cantaor="1.1"))
    assert changed_since(facts, model) == ""


def test_what_changed_is_said_in_one_sentence(tmp_path: Path) -> None:
    work, model = mined(tmp_path / "w"), tmp_path / "m"
    facts = facts_for(work, model)
    start = f"the workspace {work.path} changed since the model was trained on it: "
    mined(work.path, replace(MAKER, stages={"pitch": 4}, state="b" * 32))
    assert changed_since(facts, model) == f"{start}version of pitch 3 against 4"
    mined(work.path, replace(MAKER, state="b" * 32))
    news = "other recordings (state aaaaaaaa against bbbbbbbb)"
    assert changed_since(facts, model) == changed_state(work, facts) == start + news
    mined(work.path, replace(MAKER, cantaor="2\n0", state="b" * 32))
    assert changed_state(work, facts) == f"{start}cantaor 1.0 against 2\\n0"


def test_a_workspace_that_is_not_whole_is_unfinished(tmp_path: Path) -> None:
    work, model = mined(tmp_path / "w"), tmp_path / "m"
    facts = facts_for(work, model)
    unfinished = (
        f"the workspace {work.path} changed since the model was trained on it: it is unfinished"
    )
    mined(work.path, None)
    assert changed_since(facts, model) == unfinished
    mined(work.path)
    (work.path / "recordings.parquet").write_bytes(b"PAR1")
    assert changed_since(facts, model) == unfinished
    mined(work.path)
    assert changed_since(facts, model) == ""
    (work.path / ".staging").mkdir()
    (work.path / ".staging" / "commit.json").touch()
    assert changed_since(facts, model) == unfinished
    (work.path / ".staging" / "commit.json").unlink()
    (work.path / "instances.parquet").unlink()
    assert changed_since(facts, model) == unfinished


def test_a_workspace_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    work, model = mined(tmp_path / "w"), tmp_path / "m"
    facts = facts_for(work, model)
    (work.path / "recordings.parquet").unlink()
    # Settings alone are anybody's file.
    assert changed_since(facts, model) == ""
    work.path.rename(tmp_path / "moved")
    assert changed_since(facts, model) == ""


@pytest.mark.parametrize("facts", [None, [], "path", {}, {"path": ""}, {"path": None}])
def test_what_is_no_facts_says_nothing(facts: object, tmp_path: Path) -> None:
    # The model lies in a workspace, where an empty path would lead.
    mined(tmp_path / "w")
    assert changed_since(facts, tmp_path / "w") == ""


@pytest.mark.parametrize("path", ["a\0", "\ud800", "x" * 5000])
def test_a_path_that_cannot_be_followed_says_nothing(path: str, tmp_path: Path) -> None:
    facts = facts_for(mined(tmp_path / "w"), tmp_path / "m")
    assert changed_since({**facts, "path": path}, tmp_path / "m") == ""


@pytest.mark.parametrize(
    "broken",
    [
        *({"stages": 1}, {"stages": {"pitch": "x"}}, {"stages": None}, {"settings": 3}),
        *({"settings": None}, {"settings": ["k"]}),
    ],
)
def test_damaged_facts_say_nothing(broken: dict[str, Any], tmp_path: Path) -> None:
    work = mined(tmp_path / "w")
    facts = {**facts_for(work, tmp_path / "m"), "state": "other"}
    assert changed_state(work, facts) != ""
    assert changed_state(work, {**facts, **broken}) == ""
    for name in ("cantaor", "stages", "settings", "state"):
        assert changed_state(work, {key: one for key, one in facts.items() if key != name}) == ""
