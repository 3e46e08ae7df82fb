"""How a workspace is made, begun, opened and kept, from folders made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock

from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.io.files import write_table
from cantaor.settings import Settings, deciding_settings, settings_to_toml
from cantaor.types import Clusters, PitchTrack
from cantaor.workspace import workspace as door
from cantaor.workspace.provenance import MadeBy
from cantaor.workspace.records import clusters_to_table, contour_to_table, track_to_table
from cantaor.workspace.shard_facts import ShardFacts
from cantaor.workspace.workspace import (
    Workspace,
    begin,
    create_workspace,
    is_locked,
    lock,
    open_workspace,
    settle,
)
from tests.file_trees import put
from tests.test_workspace_by_hand import assert_same, contour

KEY = "0f" + "a" * 30
TABLES = ("recordings", "clusters", "motifs", "failures", "instances")
MAKER = MadeBy("1.0", {"pitch": 3}, deciding_settings(Settings(k=7)), "a" * 32)


def mined(folder: Path, **makers: MadeBy | None) -> Workspace:
    """A workspace with tables of one column, all of one maker but those that are named."""
    put(folder / "cantaor.toml", settings_to_toml(Settings(k=7)))
    for name in TABLES:
        maker, table = makers.get(name, MAKER), pa.table({"a": [1]})
        write_table(folder / f"{name}.parquet", table if maker is None else maker.label(table))
    return Workspace(folder)


def test_a_workspace_is_mined_once_the_last_table_is_in_place(tmp_path: Path) -> None:
    found = [Workspace(tmp_path).is_mined]
    put(tmp_path / "instances.parquet")
    found.append(Workspace(tmp_path).is_mined)
    put(tmp_path / ".staging" / "commit.json")
    found.append(Workspace(tmp_path).is_mined)
    (tmp_path / "instances.parquet").unlink()
    found.append(Workspace(tmp_path).is_mined)
    assert found == [False, True, False, False]


def test_a_workspace_says_what_made_it(tmp_path: Path) -> None:
    assert mined(tmp_path).made_by == MAKER
    assert mined(tmp_path, recordings=None).made_by is None


def test_results_are_read_by_their_keys(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    hz = np.array([0.0, 220.5], np.float32)
    track = PitchTrack(hz, np.array([0.0, 0.5], np.float32), 0.01, "salience")
    for place in (f"pitch/0f/{KEY}", f"contours/{KEY}"):
        (tmp_path / place).parent.mkdir(parents=True)
    write_table(tmp_path / f"pitch/0f/{KEY}.parquet", track_to_table(track, 1.25))
    write_table(tmp_path / f"contours/{KEY}.parquet", contour_to_table(contour()))
    assert work.track(KEY).hz.tolist() == [0.0, 220.5]
    assert_same(work.contour(KEY), contour())
    clusters = Clusters(np.array([1.0, 5.0]), np.array([3.0]), 0.5, np.array([2, 4]))
    write_table(tmp_path / "clusters.parquet", clusters_to_table(clusters))
    assert work.clusters().centers.tolist() == [1.0, 5.0]
    with pytest.raises(WorkspaceError, match=r"b\.parquet: no such table"):
        work.track("b" * 32)


def test_a_folder_is_made_with_a_lock_and_may_be_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "w"
    for _ in range(2):
        assert create_workspace(str(folder)) == Workspace(folder)
        assert [path.name for path in folder.iterdir()] == [".lock"]
    put(folder / "cantaor.toml")
    put(folder / "recordings.parquet")
    assert create_workspace(folder).path == folder


def test_settings_alone_may_lie_in_a_new_workspace(tmp_path: Path) -> None:
    put(tmp_path / "cantaor.toml")
    create_workspace(tmp_path)
    assert (tmp_path / ".lock").is_file()


def test_folders_of_others_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "thesis.txt")
    for _ in range(2):
        with pytest.raises(WorkspaceError, match=r"not a workspace \(thesis\.txt\); name another"):
            create_workspace(tmp_path)
    assert not (tmp_path / ".lock").exists()
    with pytest.raises(WorkspaceError, match="is a file; the output must be a folder"):
        create_workspace(tmp_path / "thesis.txt")
    with pytest.raises(WorkspaceError, match=r"x: cannot be written"):
        create_workspace(tmp_path / "thesis.txt" / "x")
    with pytest.raises(ArgumentError, match="a workspace is on this machine"):
        create_workspace("s3://bucket/w")


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "outside")
    work = tmp_path / "w"
    work.mkdir()
    (work / ".lock").symlink_to(tmp_path / "missing")
    with pytest.raises(WorkspaceError, match=r"\.lock: is a link to .*missing"):
        create_workspace(work)
    with pytest.raises(WorkspaceError, match=r"\.lock: is a link to"), lock(Workspace(work)):
        pass
    assert not (tmp_path / "missing").exists()
    (work / ".lock").unlink()
    (work / ".lock").symlink_to(tmp_path / "outside")
    assert not is_locked(work)


def test_a_run_begins_with_its_settings_rooms_and_no_drafts(tmp_path: Path) -> None:
    work = create_workspace(tmp_path)
    for name in (".motifs.parquet.12.part", "thesis.part", "pitch/.x.part"):
        put(tmp_path / name)
    begin(work, Settings(k=9))
    assert work.settings == Settings(k=9)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(".lock", ".staging", "cantaor.toml", "contours", "cut", "instances", "pitch"),
        *("seen", "singers", "thesis.part"),
    ]
    assert not list((tmp_path / "pitch").iterdir())
    assert (tmp_path / ".staging" / "tables").is_dir()
    # It is not mined yet: the next run may do it with other settings.
    begin(work, Settings(k=8))
    assert work.settings.k == 8


def test_a_mined_workspace_keeps_its_settings_while_a_run_goes_on(tmp_path: Path) -> None:
    work = mined(tmp_path)
    begin(work, Settings(k=9))
    assert work.settings.k == 7


def test_a_draft_that_goes_by_itself_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, unlink = create_workspace(tmp_path), Path.unlink
    draft = put(tmp_path / ".motifs.parquet.12.part")

    def gone_already(path: Path, missing_ok: bool = False) -> None:
        if path == draft:
            unlink(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", gone_already)
    begin(work, Settings())
    assert not draft.exists()


@pytest.mark.parametrize(
    "name", ["pitch", "cut", "clips", "progress.json", "journal.jsonl", "recordings.parquet"]
)
def test_a_run_does_not_begin_behind_a_link(name: str, tmp_path: Path) -> None:
    work = create_workspace(tmp_path / "w")
    (work.path / name).symlink_to(tmp_path / "outside")
    with pytest.raises(WorkspaceError, match=rf"{name}: is a link to .*outside"):
        begin(work, Settings())
    assert not (work.path / "cantaor.toml").exists()
    assert not (tmp_path / "outside").exists()


def test_a_room_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    work = create_workspace(tmp_path)
    put(tmp_path / "seen")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        begin(work, Settings())


def test_settling_moves_old_files_and_completes_a_commit(tmp_path: Path) -> None:
    put(tmp_path / "seen" / f"{KEY}.json")
    put(tmp_path / ".staging" / "tables" / "motifs.parquet")
    put(tmp_path / ".staging" / "commit.json", '{"keep": [], "drop": []}')
    settle(Workspace(tmp_path))
    assert (tmp_path / "seen" / "0f" / f"{KEY}.json").is_file()
    assert (tmp_path / "motifs.parquet").is_file()
    assert not (tmp_path / ".staging").exists()


def test_what_is_no_finished_workspace_is_told_apart(tmp_path: Path) -> None:
    for missing in (tmp_path / "w", put(tmp_path / "file")):
        with pytest.raises(WorkspaceError, match="no such workspace"):
            open_workspace(missing)
    with pytest.raises(WorkspaceError, match=r"not a workspace \(no cantaor\.toml\)"):
        open_workspace(tmp_path)
    put(tmp_path / "cantaor.toml", settings_to_toml(Settings()))
    with pytest.raises(WorkspaceError, match="mining has not finished; run mine again"):
        open_workspace(tmp_path)
    facts = ShardFacts(2, 8, 20, "digest", "/music")
    table = pa.table({"a": [1]}).replace_schema_metadata(facts.metadata())
    write_table(tmp_path / "shard.parquet", table)
    with pytest.raises(WorkspaceError, match="is shard 2/8 of a corpus, with pitch only"):
        open_workspace(tmp_path)
    # Shards that were joined here are a workspace like any other.
    assert open_workspace(mined(tmp_path).path) == Workspace(tmp_path)


def test_opening_completes_what_a_killed_run_had_begun(tmp_path: Path) -> None:
    work = mined(tmp_path)
    (tmp_path / ".staging" / "tables").mkdir(parents=True)
    (tmp_path / "motifs.parquet").rename(tmp_path / ".staging" / "tables" / "motifs.parquet")
    put(tmp_path / ".staging" / "commit.json", '{"keep": [], "drop": []}')
    with lock(work), pytest.raises(WorkspaceError, match="another run is using it"):
        open_workspace(tmp_path)
    assert open_workspace(tmp_path).is_mined
    assert not (tmp_path / ".staging").exists()


@pytest.mark.parametrize(
    ("makers", "message"),
    [
        ({"motifs": replace(MAKER, cantaor="2.0")}, "motifs.parquet were.*cantaor 1.0 against 2.0"),
        ({"recordings": replace(MAKER, state="b")}, "clusters.parquet were.*other recordings"),
        (
            {"recordings": None, "failures": replace(MAKER, stages={})},
            "clusters.*failures.*pitch 3",
        ),
    ],
)
def test_tables_of_several_runs_are_refused(
    makers: Mapping[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(WorkspaceError, match=message):
        open_workspace(mined(tmp_path, **makers).path)


def test_tables_that_do_not_say_who_made_them_are_taken(tmp_path: Path) -> None:
    assert open_workspace(mined(tmp_path, motifs=None).path).is_mined
    work = mined(tmp_path, **dict.fromkeys(TABLES, None))
    put(tmp_path / "cantaor.toml", settings_to_toml(Settings(k=8)))
    assert open_workspace(work.path).settings.k == 8


def test_settings_that_were_changed_by_hand_are_named(tmp_path: Path) -> None:
    work = mined(tmp_path)
    put(tmp_path / "cantaor.toml", settings_to_toml(Settings(k=8)))
    message = r"cantaor\.toml is not what its tables were made with: k 8 against 7; run mine again"
    with pytest.raises(WorkspaceError, match=message):
        open_workspace(work.path)


def test_a_lock_is_held_for_a_block_and_seen_from_outside(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    assert not is_locked(tmp_path)
    with lock(work):
        assert is_locked(tmp_path)
        with pytest.raises(WorkspaceError, match="another run is using it"), lock(work):
            pass
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    with pytest.raises(KeyError), lock(work):
        raise KeyError
    assert not is_locked(tmp_path)


def test_who_looks_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "missing")
    assert not list(tmp_path.iterdir())


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(WorkspaceError, match=r"\.lock: cannot be locked"),
        lock(Workspace(tmp_path)),
    ):
        pass
    assert not is_locked(tmp_path)


def test_a_file_system_without_locks_is_told_by_a_run_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: Path, timeout: float) -> FileLock:
        raise PermissionError(f"no locks, after {timeout}")

    (tmp_path / ".lock").touch()
    monkeypatch.setattr(door, "FileLock", refused)
    assert not is_locked(tmp_path)
    with (
        pytest.raises(WorkspaceError, match=r"cannot be locked: no locks"),
        lock(Workspace(tmp_path)),
    ):
        pass


def test_who_only_looks_waits_half_as_long_as_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So a run is not refused because of one that looks at the same moment.
    made: list[FileLock] = []

    def recorded(path: Path, timeout: float) -> FileLock:
        made.append(FileLock(path, timeout=timeout))
        return made[-1]

    monkeypatch.setattr(door, "FileLock", recorded)
    with lock(Workspace(tmp_path)):
        assert made[0].is_locked
    is_locked(tmp_path)
    assert [one.timeout for one in made] == [0.3, 0.15]
    # Nobody waits for what is thrown away to be collected.
    assert not any(one.is_locked for one in made)
