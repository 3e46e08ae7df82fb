"""Tables of earlier versions, of nothing, and with all that can be known."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from cantaor.errors import ArgumentError
from cantaor.types import Contour, Motifs, PitchTrack
from cantaor.workspace.provenance import MadeBy, difference, maker_of
from cantaor.workspace.records import (
    clusters_from_table,
    contour_from_table,
    contour_to_table,
    join_contours,
    motifs_from_table,
    samples_hash_of,
    track_from_table,
    track_to_table,
    track_warnings,
)


def contour(*lengths: int) -> Contour:
    """Phrases of so many segments, with steps of 1, 2, 3 and so on."""
    offsets = np.cumsum([0, *lengths], dtype=np.int64)
    count = int(offsets[-1])
    times = np.arange(count, dtype=np.float64)
    steps = sum(max(length - 1, 0) for length in lengths)
    inner = np.cumsum([0, *(max(length - 1, 0) for length in lengths)], dtype=np.int64)
    return Contour(
        cluster=np.arange(count, dtype=np.int32),
        cents=times,
        start_s=times,
        end_s=times,
        segment_offsets=offsets,
        symbols=np.arange(1, steps + 1, dtype=np.int32),
        symbol_offsets=inner,
    )


def test_a_phrase_without_segments_has_no_rows() -> None:
    table = contour_to_table(contour(0))
    assert table.num_rows == 0
    assert contour_from_table(table).segment_offsets.tolist() == [0]
    table = contour_to_table(contour(0, 2, 0, 1, 3))
    assert table["phrase"].to_pylist() == [1, 1, 3, 4, 4, 4]
    assert table["step"].to_pylist() == [1, 0, 0, 2, 3, 0]


def test_steps_lead_from_each_segment_to_the_next_of_its_phrase() -> None:
    table = contour_to_table(contour(1, 1, 4))
    assert table["step"].to_pylist() == [0, 0, 1, 2, 3, 0]
    again = contour_from_table(table)
    assert again.symbols.tolist() == [1, 2, 3]
    assert again.symbol_offsets.tolist() == [0, 0, 0, 3]
    assert again.segment_offsets.tolist() == [0, 1, 2, 6]


def test_one_contour_joined_is_itself() -> None:
    joined = join_contours([contour(2, 3)])
    assert joined.segment_offsets.tolist() == [0, 2, 5]
    assert joined.symbol_offsets.tolist() == [0, 1, 3]
    assert joined.cluster.tolist() == [0, 1, 2, 3, 4]
    assert joined.symbols.tolist() == [1, 2, 3]
    assert (joined.vibrato_hz, joined.vibrato_cents) == (None, None)
    assert join_contours([]).vibrato_hz is None


def test_a_track_keeps_how_sure_its_octaves_are() -> None:
    one, two = np.array([220.0, 0.0], np.float32), np.array([0.5, 0.25], np.float32)
    track = PitchTrack(one, two, 0.01, "salience", octave_confidence=np.array([0.75, 1.0], "f4"))
    again = track_from_table(track_to_table(track, 2.5))[0]
    assert again.octave_confidence is not None
    assert again.octave_confidence.tolist() == [0.75, 1.0]
    assert again.salience.tolist() == [0.5, 0.25]
    plain = track_from_table(track_to_table(PitchTrack(one, two, 0.01, "salience"), 2.5))[0]
    assert plain.octave_confidence is None


def test_tracks_of_earlier_versions_say_less() -> None:
    facts = {"hop_s": 0.01, "method": "essentia", "duration_s": 1.5}
    table = pa.table({"hz": pa.array([1.0]), "salience": pa.array([0.5])})
    table = table.replace_schema_metadata({"cantaor": json.dumps(facts)})
    assert (samples_hash_of(table), track_warnings(table)) == ("", ())
    assert track_from_table(table)[1] == 1.5


def test_motifs_of_an_empty_table_are_none() -> None:
    table = Motifs(np.array([4, 5], np.int32), np.array([0, 2]), np.array([2], np.int32), (0, 2))
    nothing = motifs_from_table(table.to_arrow().slice(0, 0))
    assert (len(nothing), nothing.gap) == (0, (0, 2))
    assert nothing.offsets.tolist() == [0]
    chunkless = pa.table(
        [pa.chunked_array([], field.type) for field in table.to_arrow().schema],
        schema=table.to_arrow().schema,
    )
    assert motifs_from_table(chunkless).offsets.tolist() == [0]


def test_what_is_no_table_of_clusters_is_refused() -> None:
    columns = {"center_cents": [1.0], "lower_edge_cents": [-np.inf], "count": [1]}
    with pytest.raises(ArgumentError, match="not a table of clusters"):
        clusters_from_table(pa.table(columns))
    with pytest.raises(ArgumentError, match="not a table of clusters"):
        clusters_from_table(pa.table(columns).replace_schema_metadata({"other": "1"}))


def test_makers_that_lack_a_fact_are_none() -> None:
    facts = {"cantaor": "1.0", "stages": {"pitch": 3}, "settings": {"k": 7}, "state": "x"}
    found = maker_of(pa.schema([], {b"cantaor.made_by": json.dumps(facts).encode()}))
    assert found == MadeBy("1.0", {"pitch": 3}, {"k": 7}, "x")
    for name in facts:
        broken = {key: one for key, one in facts.items() if key != name}
        assert maker_of(pa.schema([], {b"cantaor.made_by": json.dumps(broken).encode()})) is None
    for text in (b"[", b"[]", b"5", b'{"cantaor": "1", "stages": 5, "settings": {}, "state": ""}'):
        assert maker_of(pa.schema([], {b"cantaor.made_by": text})) is None


def test_the_same_maker_writes_the_same_bytes() -> None:
    one = MadeBy("1.0", {"a": 1, "b": 2}, {"hop": 256, "k": 7})
    other = MadeBy("1.0", {"b": 2, "a": 1}, {"k": 7, "hop": 256})
    assert one.metadata(pa.schema([])) == other.metadata(pa.schema([]))


def test_differences_are_named_in_order_with_both_sides() -> None:
    one = MadeBy("1.0", {"b": 1, "a": 1}, {"hop": 256, "k": 7, "min_hz": 0}, "x" * 32)
    other = MadeBy("1.1", {"a": 2, "c": 1}, {"hop": 128, "k": 7, "min_hz": None}, "y" * 32)
    assert difference(one, other) == (
        "cantaor 1.0 against 1.1, version of a 1 against 2, version of b 1 against none, "
        "version of c none against 1, hop 256 against 128, min_hz 0 against none"
    )
    assert str(one) == "cantaor 1.0 (a 1, b 1)"
