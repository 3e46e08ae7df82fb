"""Tables of a workspace and what made them, with figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cantaor.errors import ArgumentError, WorkspaceError
from cantaor.settings import Settings
from cantaor.types import Clusters, Contour, Motifs, PitchTrack
from cantaor.workspace.confinement import (
    own_files,
    path_to_read,
    path_to_write,
    refuse_links,
)
from cantaor.workspace.provenance import MadeBy, difference, made_by_stage, maker_of, stage_key
from cantaor.workspace.records import (
    clusters_from_table,
    clusters_to_table,
    contour_from_table,
    contour_to_table,
    join_contours,
    motifs_from_table,
    samples_hash_of,
    track_from_table,
    track_to_table,
    track_warnings,
)


def contour(first: float = 0.0, vibrato: bool = False) -> Contour:
    """Phrases of three segments, of one, and of two."""
    segments = np.arange(6)
    return Contour(
        cluster=np.array([3, 5, 4, 7, 1, 2], np.int32),
        cents=100.0 * segments + first,
        start_s=segments + first,
        end_s=segments + first + 0.5,
        segment_offsets=np.array([0, 3, 4, 6]),
        symbols=np.array([2, -1, 1], np.int32),
        symbol_offsets=np.array([0, 2, 2, 3]),
        vibrato_hz=np.where(segments == 2, 5.5, np.nan) if vibrato else None,
        vibrato_cents=np.where(segments == 2, 40.0, np.nan) if vibrato else None,
    )


def assert_same(one: Contour, other: Contour) -> None:
    for name in Contour.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if left is None or right is None:
            assert left is right
        else:
            np.testing.assert_array_equal(left, right)
            assert left.dtype == right.dtype


@pytest.mark.parametrize("vibrato", [False, True])
def test_a_contour_is_a_row_a_segment(vibrato: bool) -> None:
    table = contour_to_table(contour(vibrato=vibrato))
    assert table["phrase"].to_pylist() == [0, 0, 0, 1, 2, 2]
    assert table["step"].to_pylist() == [2, -1, 0, 0, 1, 0]
    assert ("vibrato_hz" in table.column_names) == vibrato
    assert_same(contour_from_table(table), contour(vibrato=vibrato))


def test_a_contour_without_segments() -> None:
    nothing = join_contours([])
    assert nothing.segment_offsets.tolist() == nothing.symbol_offsets.tolist() == [0]
    assert_same(contour_from_table(contour_to_table(nothing)), nothing)


def test_joined_contours_keep_their_phrases_and_times() -> None:
    both = join_contours([contour(), contour(50.0)])
    assert both.segment_offsets.tolist() == [0, 3, 4, 6, 9, 10, 12]
    assert both.symbol_offsets.tolist() == [0, 2, 2, 3, 5, 5, 6]
    assert both.symbols.tolist() == [2, -1, 1, 2, -1, 1]
    assert both.start_s[6:].tolist() == [50.0, 51.0, 52.0, 53.0, 54.0, 55.0]
    assert both.vibrato_hz is None
    kept = join_contours([contour(vibrato=True), contour(vibrato=True)])
    assert kept.vibrato_hz is not None
    assert np.flatnonzero(np.isfinite(kept.vibrato_hz)).tolist() == [2, 8]
    # Of some recordings nothing is known: then of all together nothing is.
    assert join_contours([contour(vibrato=True), contour()]).vibrato_cents is None


@pytest.mark.parametrize("gap", [None, (0, 0), (1, 3)])
def test_motifs_come_back_from_their_table(gap: tuple[int, int] | None) -> None:
    values, offsets = np.array([1, -1, 2, 2, 5], np.int32), np.array([0, 2, 3, 5])
    motifs = Motifs(values, offsets, np.array([9, 4, 3], np.int32), gap)
    table = motifs.to_arrow()
    for one in (table, pa.concat_tables([table.slice(0, 1), table.slice(1)])):
        found = motifs_from_table(one)
        assert [m.tolist() for m in found] == [[1, -1], [2], [2, 5]]
        assert (found.support.tolist(), found.gap) == ([9, 4, 3], gap)
    part = motifs_from_table(table.slice(1))
    assert [m.tolist() for m in part] == [[2], [2, 5]]
    assert part.offsets[0] == 0
    assert len(motifs_from_table(table.slice(3))) == 0


def test_motifs_of_tables_before_gaps_are_contiguous() -> None:
    table = Motifs(np.array([4], np.int32), np.array([0, 1]), np.array([2], np.int32), None)
    assert motifs_from_table(table.to_arrow().replace_schema_metadata(None)).gap == (0, 0)


def test_a_track_comes_back_with_what_is_known_of_its_recording() -> None:
    hz = np.array([0.0, 220.5], np.float32)
    track = PitchTrack(hz, np.array([0.0, 0.9], np.float32), hop_s=0.01, method="salience")
    table = track_to_table(track, 1.25, "key", ["half of it is missing", "a guitar"])
    again, duration_s = track_from_table(table)
    assert (duration_s, again.hop_s, again.method) == (1.25, 0.01, "salience")
    assert again.hz.tolist() == hz.tolist()
    assert samples_hash_of(table) == "key"
    assert track_warnings(table) == ("half of it is missing", "a guitar")
    plain = track_to_table(track, 1.25)
    assert (samples_hash_of(plain), track_warnings(plain)) == ("", ())


def test_clusters_come_back_with_their_edges() -> None:
    clusters = Clusters(np.array([1.0, 3.0]), np.array([2.0]), 0.1 + 0.2, np.array([7, 8]))
    table = clusters_to_table(clusters)
    assert table["lower_edge_cents"].to_pylist() == [-np.inf, 2.0]
    found = clusters_from_table(table)
    assert (found.centers.tolist(), found.edges.tolist()) == ([1.0, 3.0], [2.0])
    assert (found.inertia, found.counts.tolist()) == (0.1 + 0.2, [7, 8])
    with pytest.raises(ArgumentError, match=r"not a table of clusters: \['hz'\]"):
        clusters_from_table(pa.table({"hz": [1.0]}))


def test_who_made_a_table_is_in_it() -> None:
    maker = made_by_stage("pitch", 3, Settings(min_hz=70.0))
    table = pa.table({"a": [1]}).replace_schema_metadata({"mine": "kept"})
    labelled = maker.label(table)
    assert labelled.schema.metadata[b"mine"] == b"kept"
    found = maker_of(labelled.schema)
    assert found == maker
    assert found.stages == {"pitch": 3}
    assert found.settings["min_hz"] == 70.0
    assert maker.label(pa.table({"a": [1]})).equals(pa.table({"a": [1]}))
    for broken in (None, {"cantaor.made": "x"}):
        assert maker_of(table.replace_schema_metadata(broken).schema) is None
    assert str(replace(maker, cantaor="1.2", stages={"b": 2, "a": 1})) == "cantaor 1.2 (a 1, b 2)"


def test_makers_differ_in_words() -> None:
    one = MadeBy("1.0", {"pitch": 3}, {"k": 16, "hop": 256}, "a" * 32)
    assert difference(one, one) == ""
    assert difference(one, replace(one, cantaor="1.1")) == "cantaor 1.0 against 1.1"
    assert difference(one, replace(one, stages={"pitch": 4})) == "version of pitch 3 against 4"
    assert difference(one, replace(one, settings={"hop": 256})) == "k 16 against none"
    other = replace(one, state="b" * 32)
    assert difference(one, other) == "other recordings (state aaaaaaaa against bbbbbbbb)"
    # Where something else differs already, other recordings are no news.
    several = replace(other, stages={"pitch": 4}, settings={"hop": 128, "k": 16})
    assert difference(one, several) == "version of pitch 3 against 4, hop 256 against 128"


def test_a_key_of_a_stage_is_decided_by_all_that_decides_it() -> None:
    key = stage_key("pitch", 1, {"hop": 256, "k": 2})
    assert key == stage_key("pitch", 1, {"k": 2, "hop": 256})
    assert len(key) == 32
    others = [
        stage_key("contour", 1, {"hop": 256, "k": 2}),
        stage_key("pitch", 2, {"hop": 256, "k": 2}),
        stage_key("pitch", 1, {"hop": 257, "k": 2}),
        stage_key("pitch", 1, {"hop": 256}),
    ]
    assert len({key, *others}) == 5


@pytest.mark.parametrize("find", [path_to_read, path_to_write])
def test_names_lead_nowhere_else(find: object, tmp_path: Path) -> None:
    assert callable(find)
    room = tmp_path / "work" / "clips"
    (room / "a").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (room / "link").symlink_to(outside)
    (room / "file").symlink_to(outside / "file")
    assert find(tmp_path / "work", "clips", "a/b.wav") == room / "a" / "b.wav"
    absolute = str(room / "a" / "b.wav")
    for name in ("../x", "a/../../x", "a/../b.wav", "link/x", absolute, "", "a/b\x00.wav"):
        with pytest.raises(WorkspaceError, match="clips"):
            find(tmp_path / "work", "clips", name)
    # A link may be replaced, but what it leads to is not read.
    if find is path_to_write:
        assert find(tmp_path / "work", "clips", "file") == room / "file"
    else:
        with pytest.raises(WorkspaceError, match="clips"):
            find(tmp_path / "work", "clips", "file")


def test_own_files_are_files_that_lie_inside(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside.npz"
    (work / "b.npz").mkdir(parents=True)
    outside.write_bytes(b"")
    for name in ("c.npz", "a.npz", "d.txt"):
        (work / name).write_bytes(b"")
    (work / "e.npz").symlink_to(outside)
    (work / "f.npz").symlink_to(work / "a.npz")
    (work / "g.npz").symlink_to(work / "g.npz")
    found = own_files(work, "*.npz")
    assert [path.name for path in found] == ["a.npz", "c.npz", "f.npz"]
    refuse_links(work, ["a.npz", "not there"])
    with pytest.raises(WorkspaceError, match=r"e\.npz: is a link to .*outside\.npz"):
        refuse_links(work, ["a.npz", "e.npz"])
