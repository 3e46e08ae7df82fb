"""Workspaces: whole files only, one run at a time, clear refusals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor.errors import WorkspaceError
from cantaor.io.files import file_name, read_table, write_table
from cantaor.settings import Settings
from cantaor.types import Clusters, Contour, PitchTrack
from cantaor.workspace.records import (
    clusters_from_table,
    clusters_to_table,
    contour_from_table,
    contour_to_table,
    join_contours,
    track_from_table,
    track_to_table,
)
from cantaor.workspace.workspace import (
    Workspace,
    begin,
    create_workspace,
    is_locked,
    lock,
    open_workspace,
)


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    workspace = create_workspace(tmp_path / "w")
    with lock(workspace), pytest.raises(WorkspaceError, match="another run"), lock(workspace):
        pass
    with lock(workspace):
        pass


def test_strangers_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(WorkspaceError, match=r"not a workspace \(thesis\.txt\)"):
        create_workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="is a file"):
        create_workspace(tmp_path / "thesis.txt")


def test_unfinished_and_missing_workspaces_say_so(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no such workspace"):
        open_workspace(tmp_path / "w")
    workspace = create_workspace(tmp_path / "w")
    with pytest.raises(WorkspaceError, match="not a workspace"):
        open_workspace(workspace.path)
    begin(workspace, Settings(k=7))
    with pytest.raises(WorkspaceError, match="not finished"):
        open_workspace(workspace.path)
    assert workspace.settings == Settings(k=7)


def test_damaged_tables_are_named(tmp_path: Path) -> None:
    (tmp_path / "motifs.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(WorkspaceError, match=r"motifs\.parquet"):
        read_table(tmp_path / "motifs.parquet")
    with pytest.raises(WorkspaceError, match=r"missing.*cannot be written"):
        write_table(tmp_path / "missing" / "a.parquet", pa.table({"a": [1]}))


def test_records_survive_their_tables(tmp_path: Path) -> None:
    track = PitchTrack(
        np.array([0, 220.5], "f4"), np.array([0, 0.5], "f4"), 256 / 44100, "salience"
    )
    write_table(tmp_path / "t.parquet", track_to_table(track, 1.25))
    again, duration_s = track_from_table(read_table(tmp_path / "t.parquet"))
    np.testing.assert_array_equal(again.hz, track.hz)
    assert (again.hop_s, again.method, duration_s) == (track.hop_s, "salience", 1.25)
    clusters = Clusters(np.array([1.0, 5.0]), np.array([3.0]), 0.1 + 0.2, np.array([2.0, 4.0]))
    write_table(tmp_path / "c.parquet", clusters_to_table(clusters))
    read = clusters_from_table(read_table(tmp_path / "c.parquet"))
    np.testing.assert_array_equal(read.edges, clusters.edges)
    assert read.inertia == clusters.inertia


@given(st.lists(st.integers(1, 5), max_size=6))
def test_contours_survive_their_tables(phrases: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(phrases)]).astype(np.int64)
    n = int(offsets[-1])
    steps = np.concatenate([np.empty(0), *[np.arange(1, size) for size in phrases]])
    contour = Contour(
        np.arange(n, dtype=np.int32),
        np.arange(n) * 100.0,
        np.arange(n) * 1.0,
        np.arange(n) + 0.5,
        offsets,
        steps.astype(np.int32),
        offsets - np.arange(offsets.size),
    )
    again = contour_from_table(contour_to_table(contour))
    for name in ("cluster", "start_s", "segment_offsets", "symbols", "symbol_offsets"):
        np.testing.assert_array_equal(getattr(again, name), getattr(contour, name))
        assert getattr(again, name).dtype == getattr(contour, name).dtype
    joined = join_contours([contour, contour])
    assert joined.symbols.tolist() == 2 * steps.tolist()
    assert joined.phrases == 2 * len(phrases)
    assert joined.symbol_offsets[-1] == joined.symbols.size


@given(st.text(), st.text())
def test_file_names_are_one_safe_component_and_differ(one: str, other: str) -> None:
    for name in (file_name(one), file_name(other)):
        assert "/" not in name
        assert name not in ("", ".", "..")
        assert not name.startswith(".")
    if one != other and one and other:
        assert file_name(one) != file_name(other)


def test_a_table_is_read_by_columns_and_rows(small_workspace: Workspace) -> None:
    whole = small_workspace.table("instances")
    recording = whole["recording"][0].as_py()
    part = small_workspace.table("instances", ["motif"], pc.field("recording") == recording)
    assert part.column_names == ["motif"]
    rows = [row["motif"] for row in whole.to_pylist() if row["recording"] == recording]
    assert part["motif"].to_pylist() == rows
    none = pc.field("motif").isin(pa.array([], pa.string()))
    assert small_workspace.table("instances", where=none).num_rows == 0


def test_the_lock_is_one_of_the_system_not_a_file(
    small_workspace: Workspace, tmp_path: Path
) -> None:
    work = Workspace(Path(shutil.copytree(small_workspace.path, tmp_path / "w")))
    assert (work.path / ".lock").exists()
    assert not is_locked(work.path)
    code = (
        "import sys, time; from pathlib import Path; "
        "from cantaor.workspace.workspace import Workspace, lock\n"
        "with lock(Workspace(Path(sys.argv[1]))): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(work.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_locked(work.path)
        with pytest.raises(WorkspaceError, match="another run"), lock(work):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert not is_locked(work.path)
    with lock(work):
        assert is_locked(work.path)
