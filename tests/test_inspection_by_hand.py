"""Faults of entries, figures of an audit and their tables, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit.inspection import (
    AudioInspection,
    Fault,
    faults_of,
    inspect_entries,
    total_samples,
    validate,
)
from cantaor.corpus.audit.measuring import NO_PRINTS, no_anchors
from cantaor.corpus.audit.near_copies import NearCopy
from cantaor.corpus.audit.summary import AuditReport
from cantaor.corpus.identity import SILENT_PEAK
from cantaor.corpus.manifest import Manifest, ManifestEntry

RATE = 8000


def sound(content: str, fault: str = "", warnings: Sequence[str] = ()) -> AudioInspection:
    return AudioInspection(
        content, content, 1.0, RATE, True, no_anchors(RATE), NO_PRINTS, fault, "", tuple(warnings)
    )


def corpus(*rows: tuple[str, str]) -> Manifest:
    return Manifest(tuple(ManifestEntry(path, singer, "r") for path, singer in rows), Path())


def details(manifest: Manifest, contents: Sequence[str]) -> list[tuple[int, str]]:
    found = faults_of(manifest, [sound(content) for content in contents])
    assert all(fault.kind == "label" for fault in found)
    return [(fault.entry, fault.detail) for fault in found]


def test_one_singer_spelt_in_two_ways_is_named_on_both_sides() -> None:
    manifest = corpus(("a.wav", "José M."), ("b.wav", "jose m"), ("c.wav", "Ana"))
    assert details(manifest, ["1", "2", "3"]) == [
        (0, "singer 'José M.' is also spelt jose m"),
        (1, "singer 'jose m' is also spelt José M."),
    ]


def test_a_name_that_says_another_singer_is_doubted() -> None:
    manifest = corpus(
        ("ANA-1.wav", "luz"), ("ana/x.wav", "luz"), ("luz-2.wav", "luz"), ("eva-3.wav", "ana")
    )
    assert details(manifest, list("1234")) == [
        (0, "singer 'luz' but the name says ana"),
        (1, "singer 'luz' but the name says ana"),
    ]


def test_a_name_that_says_two_singers_says_nothing() -> None:
    manifest = corpus(("ana/luz-1.wav", "eva"), ("x.wav", "ana"), ("y.wav", "luz"))
    assert details(manifest, list("123")) == []


def test_only_the_first_folder_and_what_precedes_the_hyphen_are_names() -> None:
    manifest = corpus(
        ("x/ana/b.wav", "luz"), ("ana.wav", "luz"), ("b-ana.wav", "luz"), ("c.wav", "ana")
    )
    assert details(manifest, list("1234")) == []


def test_the_same_audio_under_two_singers_is_named_on_both_sides() -> None:
    manifest = corpus(("a.wav", "ana"), ("b.wav", "luz"), ("c.wav", "ana"), ("d.wav", "eva"))
    assert details(manifest, ["same", "same", "same", "own"]) == [
        (0, "singer 'ana' but the same audio is there as luz"),
        (1, "singer 'luz' but the same audio is there as ana"),
        (2, "singer 'ana' but the same audio is there as luz"),
    ]


def test_silence_is_nobodys_audio_and_faults_stand_in_their_order() -> None:
    manifest = corpus(("a.wav", "ana"), ("b.wav", "luz"), ("c.wav", "ANA"))
    sounds = [sound("0", "silent", ["odd end"]), sound("0", "silent"), sound("")]
    assert [(f.entry, f.kind) for f in faults_of(manifest, sounds)] == [
        (0, "silent"),
        (0, "warned"),
        (0, "label"),
        (1, "silent"),
        (2, "label"),
    ]
    strict = faults_of(manifest, sounds, strict=True)
    assert [(f.entry, f.kind, f.detail) for f in strict][:2] == [
        (0, "unreadable", "odd end"),
        (0, "silent", ""),
    ]


def write(folder: Path, name: str, samples: Sequence[float]) -> None:
    soundfile.write(folder / name, np.array(samples, np.float32), RATE, subtype="FLOAT")


def tone(samples: int, peak: float = 0.5) -> list[float]:
    wave = np.sin(np.arange(samples) * 0.7)
    return [float(value) for value in wave / np.abs(wave).max() * peak]


def test_silence_and_too_short_begin_where_they_are_said_to(tmp_path: Path) -> None:
    write(tmp_path, "long.wav", tone(400))
    write(tmp_path, "short.wav", tone(399))
    write(tmp_path, "quiet.wav", tone(800, SILENT_PEAK * 0.99))
    write(tmp_path, "heard.wav", tone(800, SILENT_PEAK * 1.01))
    write(tmp_path, "both.wav", tone(10, SILENT_PEAK / 2))
    names = ("long", "short", "quiet", "heard", "both", "gone")
    manifest = Manifest(tuple(ManifestEntry(f"{n}.wav", "ana", n) for n in names), tmp_path)
    found = validate(manifest)
    assert [(f.path, f.kind, f.detail) for f in found[:3]] == [
        ("short.wav", "too short", "0.0499 s, at least 0.05 s are needed"),
        ("quiet.wav", "silent", "largest sample 0.00099 of full scale"),
        ("both.wav", "silent", "largest sample 0.0005 of full scale"),
    ]
    assert [(f.entry, f.kind) for f in found[3:]] == [(5, "unreadable")]
    assert total_samples(manifest) == 400 + 399 + 800 + 800 + 10


def test_files_are_counted_once_and_entries_keep_their_order(tmp_path: Path) -> None:
    write(tmp_path, "b.wav", tone(1600))
    write(tmp_path, "a.wav", tone(1600, 0.25))
    spans = [("b.wav", 0.1, 0.2), ("a.wav", None, None), ("b.wav", 0.0, 0.1), ("c.wav", 0.0, 1.0)]
    manifest = Manifest(
        tuple(ManifestEntry(path, "ana", path, start_s=a, end_s=b) for path, a, b in spans),
        tmp_path,
    )
    done: list[int] = []
    found = inspect_entries(manifest, progress=done.append)
    assert done == [1, 3, 4]
    assert [one.duration_s for one in found] == [0.1, 0.2, 0.1, 0.0]
    assert [one.fault for one in found] == ["", "", "", "unreadable"]
    assert [(one.exact, one.content, one.sample_rate) for one in found[3:]] == [("", "", 0)]
    assert total_samples(manifest) == 3200


def test_what_is_measured_is_kept_where_a_folder_is_given(tmp_path: Path) -> None:
    write(tmp_path, "a.wav", tone(1600))
    manifest = Manifest((ManifestEntry("a.wav", "ana", "a"),), tmp_path)
    (alone,) = inspect_entries(manifest)
    assert not list(tmp_path.rglob("*.npz"))
    (kept,) = inspect_entries(manifest, cache=tmp_path / "kept")
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    assert (alone.exact, alone.content) == (kept.exact, kept.content)


def test_only_the_first_of_some_samples_keeps_what_was_found(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path, f"{name}.wav", tone(2 * RATE, 0.5 if name != "c" else 0.4))
    manifest = Manifest(tuple(ManifestEntry(f"{n}.wav", "x", n) for n in "bac"), tmp_path)
    second, first, other = inspect_entries(manifest)
    assert [one.is_first for one in (second, first, other)] == [False, True, True]
    assert second.exact == first.exact != other.exact
    assert second.anchors.hashes.size == second.prints.hashes.size == 0
    assert second.anchors.samples == first.anchors.samples == 2 * RATE
    assert first.anchors.hashes.size > 0
    assert other.anchors.hashes.size > 0


REPORT = AuditReport(
    paths=("a", "b", "c", "d", "e", "f"),
    singers=("ana", "luz", "ana", "ana", "eva", "eva"),
    recordings=("1", "1", "1", "2", "1", "1"),
    durations_s=(1800.0, 900.0, 450.0, 450.0, 0.0, 0.0),
    contents=("k", "k", "m", "k", "", "s"),
    faults=(
        Fault(4, "e", "unreadable", "why"),
        Fault(5, "f", "silent", "soft"),
        Fault(5, "f", "label", "odd"),
    ),
    timelines=np.array([0, 0, 1, 0, 2, 1]),
    starts=np.array([0.0, 5.0, -np.inf, 2.5, 1.0, 0.0]),
    ends=np.array([9.0, 9.5, np.inf, 4.0, 2.0, 1.0]),
    groups=("la-luz-1", "la-luz-1", "ana-1", "ana-2", "eva-1", "eva-1"),
    conflicts=(1,),
    near=(NearCopy(2, 4, -1.5, 14, 0.25),),
    min_shared=64,
    left_out=(("column", "none"),),
    ignored=(("x.txt", "no audio"),),
)


def test_copies_and_overlaps_are_sets_of_two_and_more() -> None:
    assert REPORT.duplicates == ((0, 1, 3),)
    assert REPORT.two_labels == ((0, 1, 3),)
    assert REPORT.overlapping == ((0, 1, 3), (2, 5))
    alone = replace(REPORT, singers=("ana",) * 6)
    assert alone.two_labels == ()
    silent = replace(REPORT, contents=("k", "s", "m", "s", "", "s"))
    assert silent.duplicates == ((1, 3),)


def test_the_summary_by_hand() -> None:
    assert REPORT.summary() == {
        "entries": 6,
        "singers": 3,
        "recordings": 4,
        "hours": 1.0,
        "distinct": 3,
        "copies": 2,
        "sharing_samples": 5,
        "two_labels": 1,
        "conflicts": 1,
        "near_copies": 1,
        "groups": {"ana": 2, "eva": 1, "la-luz": 1},
        "faults": {"unreadable": 1, "silent": 1, "too short": 0, "warned": 0, "label": 1},
        "ignored": 1,
        "min_shared_samples": 64,
        "near_sample": 1.0,
    }
    assert list(REPORT.summary()["groups"]) == ["ana", "eva", "la-luz"]


def test_the_tables_by_hand() -> None:
    tables = REPORT.tables()
    assert tables["groups"] == [
        {"group": "la-luz-1", "entries": 2, "singers": ["ana", "luz"], "recordings": ["1"]},
        {"group": "ana-1", "entries": 1, "singers": ["ana"], "recordings": ["1"]},
        {"group": "ana-2", "entries": 1, "singers": ["ana"], "recordings": ["2"]},
        {"group": "eva-1", "entries": 2, "singers": ["eva"], "recordings": ["1"]},
    ]
    assert tables["duplicates"] == [
        {"content": "k", "count": 3, "singers": ["ana", "luz"], "paths": ["a", "b", "d"]}
    ]
    assert tables["conflicts"] == [{"path": "b", "singer": "luz", "group": "la-luz-1"}]
    assert tables["near"] == [
        {"one": "c", "other": "e", "offset_s": -1.5, "common": 14, "share": 0.25}
    ]
    assert tables["left_out"] == [{"split": "column", "reason": "none"}]
    assert tables["ignored"] == [{"path": "x.txt", "reason": "no audio"}]
    assert [row["kind"] for row in tables["faults"]] == ["unreadable", "silent", "label"]
    assert tables["leaks"] == []


def test_a_place_that_is_not_known_is_none_in_json() -> None:
    rows = REPORT.to_json()["entries"]
    assert [(row["start"], row["end"]) for row in rows[:3]] == [
        (0.0, 9.0),
        (5.0, 9.5),
        (None, None),
    ]
    assert [row["strand"] for row in rows] == [0, 0, 1, 0, 2, 1]
    assert rows[3] == {
        "path": "d",
        "singer": "ana",
        "recording": "2",
        "group": "ana-2",
        "content": "k",
        "duration_s": 450.0,
        "strand": 0,
        "start": 2.5,
        "end": 4.0,
    }


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinity_is_never_written(infinite: float) -> None:
    report = replace(REPORT, starts=np.full(6, infinite), ends=np.full(6, infinite))
    assert all(row["start"] is row["end"] is None for row in report.to_json()["entries"])
