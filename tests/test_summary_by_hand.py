"""Rows that sum up a workspace, worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cantaor.io.files import write_table
from cantaor.settings import Settings, settings_to_toml
from cantaor.workspace.summary import family_rows, motif_rows, workspace_manifest
from cantaor.workspace.workspace import Workspace


def table(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    write_table(folder / f"{name}.parquet", pa.Table.from_pylist(rows))


def motif(singer: str, name: str, symbols: list[int], z: float, **more: object) -> dict[str, Any]:
    return {"singer": singer, "motif": name, "symbols": symbols, "z_score": z, **more}


@pytest.fixture
def rows(tmp_path: Path) -> Workspace:
    (tmp_path / "cantaor.toml").write_text(settings_to_toml(Settings(channel="left")))
    entry: Mapping[str, Any] = {"group": "g", "style": "", "start_s": None, "end_s": 2.0}
    table(
        tmp_path,
        "recordings",
        [
            {"path": "b.wav", "singer": "luz", "recording": "b", "duration_s": 1.26, **entry},
            {"path": "a.wav", "singer": "ana", "recording": "a", "duration_s": 2.0, **entry},
            {"path": "c.wav", "singer": "luz", "recording": "c", "duration_s": 3.0, **entry},
            {"path": "d.wav", "singer": "eva", "recording": "d", "duration_s": 0.5, **entry},
        ],
    )
    table(tmp_path, "instances", [{"singer": "luz"}, {"singer": "luz"}, {"singer": "ana"}])
    return Workspace(tmp_path)


def test_the_recordings_as_a_manifest(rows: Workspace) -> None:
    manifest = workspace_manifest(rows)
    assert [(e.path, e.singer, e.recording, e.end_s) for e in manifest.entries][:2] == [
        ("b.wav", "luz", "b", 2.0),
        ("a.wav", "ana", "a", 2.0),
    ]
    assert (manifest.root, manifest.channel) == (rows.path, "left")
    assert {(e.group, e.style, e.start_s) for e in manifest.entries} == {("g", "", None)}


def family(number: int, first: bool, shown: bool = True) -> dict[str, Any]:
    return {"family": number, "representative": first, "shown": shown}


def test_families_stand_in_their_order_with_their_members(rows: Workspace) -> None:
    table(
        rows.path,
        "motifs",
        [
            motif("luz", "L1", [1, 2], 9.0, **family(1, True)),
            motif("luz", "L2", [3], 1.0, **family(0, False)),
            motif("luz", "L3", [2, 1], 2.0, **family(0, True)),
            motif("luz", "L4", [1, 1], 1.0, **family(0, False)),
            motif("luz", "L5", [1, 0], 1.0, **family(0, False)),
            motif("luz", "L6", [5], 1.0, **family(2, True, shown=False)),
            motif("ana", "A1", [4], 1.0, **family(0, True)),
        ],
    )
    found = family_rows(rows)
    assert list(found) == ["ana", "luz"]
    assert [row["motif"] for row in found["luz"]] == ["L3", "L1"]
    assert [row["members"] for row in found["luz"]] == [[[1, 0], [1, 1], [3]], []]
    assert motif_rows(rows) == [
        {
            "singer": "ana",
            "recordings": 1,
            "seconds": 2.0,
            "motifs": 1,
            "families": 1,
            "instances": 1,
            "marking_motif": [4],
        },
        {
            "singer": "eva",
            "recordings": 1,
            "seconds": 0.5,
            "motifs": 0,
            "families": 0,
            "instances": 0,
            "marking_motif": [],
        },
        {
            "singer": "luz",
            "recordings": 2,
            "seconds": 4.3,
            "motifs": 6,
            "families": 2,
            "instances": 2,
            "marking_motif": [2, 1],
        },
    ]


def test_before_there_were_families_the_strongest_motif_came_first(rows: Workspace) -> None:
    strong = [motif("ana", "A2", [2], 5.0), motif("ana", "A1", [1], 5.0)]
    table(rows.path, "motifs", [motif("ana", "A3", [3], 1.0), *strong])
    found = family_rows(rows)["ana"]
    assert [row["motif"] for row in found] == ["A1", "A2", "A3"]
    assert [row["family"] for row in found] == [0, 1, 2]
    assert [row["members"] for row in found] == [[], [], []]
