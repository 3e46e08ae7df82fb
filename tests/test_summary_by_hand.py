"""A workspace in a few rows, from tables of a few rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.io.files import write_table
from cantaor.settings import Settings, settings_to_toml
from cantaor.workspace.summary import family_rows, motif_rows, workspace_manifest
from cantaor.workspace.workspace import Workspace


def workspace_of(folder: Path, **tables: list[dict[str, Any]]) -> Workspace:
    for name, rows in tables.items():
        write_table(folder / f"{name}.parquet", pa.Table.from_pylist(rows))
    return Workspace(folder)


def motif(
    singer: str, symbols: list[int], family: int, stands: bool = True, shown: bool = True
) -> dict[str, Any]:
    name = " ".join(map(str, symbols))
    row = {"singer": singer, "motif": name, "symbols": symbols, "family": family}
    return {**row, "representative": stands, "shown": shown}


def old_motif(singer: str, name: str, z_score: float) -> dict[str, Any]:
    return {"singer": singer, "motif": name, "symbols": [len(name)], "z_score": z_score}


def recording(singer: str, name: str, duration_s: float) -> dict[str, Any]:
    return {"singer": singer, "recording": name, "duration_s": duration_s}


def symbols_of(rows: list[dict[str, Any]]) -> list[list[int]]:
    return [row["symbols"] for row in rows]


def test_recordings_become_a_manifest_with_all_that_is_known(tmp_path: Path) -> None:
    known: dict[str, Any] = {
        "path": "a.flac",
        "singer": "A",
        "recording": "a",
        "group": "g",
        "style": "toná",
    }
    other: dict[str, Any] = {
        "path": "b.flac",
        "singer": "B",
        "recording": "b",
        "group": "",
        "style": "",
    }
    rows = [{**known, "start_s": 1.5, "end_s": 4.0}, {**other, "start_s": None, "end_s": None}]
    work = workspace_of(tmp_path, recordings=rows)
    (tmp_path / "cantaor.toml").write_text(settings_to_toml(Settings(channel="left")))
    entries = (
        ManifestEntry("a.flac", "A", "a", group="g", style="toná", start_s=1.5, end_s=4.0),
        ManifestEntry("b.flac", "B", "b"),
    )
    assert workspace_manifest(work) == Manifest(entries, tmp_path, channel="left")


def test_families_come_in_their_order_with_their_members_the_longest_first(
    tmp_path: Path,
) -> None:
    work = workspace_of(
        tmp_path,
        motifs=[
            motif("B", [9, 9], 0),
            motif("A", [3], 2),
            motif("A", [1, 2], 0, stands=False),
            motif("A", [1, 2, 3, 4], 0),
            motif("A", [2, 3, 4], 0, stands=False),
            motif("A", [1, 2, 3], 0, stands=False),
            motif("A", [4, 4], 1, shown=False),
            motif("A", [4], 1, stands=False),
            motif("A", [7], 2, stands=False, shown=False),
            motif("B", [9], 0, stands=False),
        ],
    )
    found = family_rows(work)
    assert list(found) == ["A", "B"]
    assert symbols_of(found["A"]) == [[1, 2, 3, 4], [3]]
    assert [row["members"] for row in found["A"]] == [[[1, 2, 3], [2, 3, 4], [1, 2]], [[7]]]
    assert symbols_of(found["B"]) == [[9, 9]]
    assert found["B"][0]["members"] == [[9]]
    assert [row["family"] for row in found["A"]] == [0, 2]


def test_a_single_motif_is_a_family(tmp_path: Path) -> None:
    found = family_rows(workspace_of(tmp_path, motifs=[motif("A", [1, -1], 0)]))
    assert found == {"A": [{**motif("A", [1, -1], 0), "members": []}]}


def test_without_families_every_motif_is_one_the_most_marked_first(tmp_path: Path) -> None:
    rows = [
        old_motif("A", "b", 2.5),
        old_motif("B", "cccc", -1.0),
        old_motif("A", "ddd", 7.0),
        old_motif("A", "aa", 2.5),
    ]
    found = family_rows(workspace_of(tmp_path, motifs=rows))
    assert [row["motif"] for row in found["A"]] == ["ddd", "aa", "b"]
    assert [row["family"] for row in found["A"]] == [0, 1, 2]
    assert [row["family"] for row in found["B"]] == [3]
    assert all(row["members"] == [] for rows in found.values() for row in rows)
    assert all(row["representative"] and row["shown"] for rows in found.values() for row in rows)


def test_a_single_motif_without_a_family(tmp_path: Path) -> None:
    found = family_rows(workspace_of(tmp_path, motifs=[old_motif("A", "b", 2.5)]))
    assert [row["motif"] for row in found["A"]] == ["b"]


@pytest.mark.parametrize("family", [True, False])
def test_a_workspace_without_motifs_has_no_families(family: bool, tmp_path: Path) -> None:
    row = motif("A", [1], 0) if family else old_motif("A", "b", 2.5)
    write_table(tmp_path / "motifs.parquet", pa.Table.from_pylist([row]).slice(1))
    assert family_rows(Workspace(tmp_path)) == {}


def test_a_row_for_every_singer_also_without_motifs(tmp_path: Path) -> None:
    work = workspace_of(
        tmp_path,
        recordings=[
            recording("C", "c1", 2.0),
            recording("A", "a1", 10.26),
            recording("A", "a2", 20.5),
            recording("B", "b1", 5.04),
        ],
        motifs=[
            motif("A", [1, 2], 1),
            motif("A", [5, 6, 7], 0),
            motif("A", [5, 6], 0, stands=False),
            motif("A", [8, 8], 2, shown=False),
            motif("B", [3], 0),
        ],
        instances=[{"singer": "A"}] * 3 + [{"singer": "B"}],
    )
    a = {"singer": "A", "recordings": 2, "seconds": 30.8, "motifs": 4, "families": 2}
    b = {"singer": "B", "recordings": 1, "seconds": 5.0, "motifs": 1, "families": 1}
    c = {"singer": "C", "recordings": 1, "seconds": 2.0, "motifs": 0, "families": 0}
    assert motif_rows(work) == [
        {**a, "instances": 3, "marking_motif": [5, 6, 7]},
        {**b, "instances": 1, "marking_motif": [3]},
        {**c, "instances": 0, "marking_motif": []},
    ]
