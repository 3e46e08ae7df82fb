"""Annotations open in the programs they are for and say what the tables say."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from cantaor.annotation.layers import Layers, recording_layers
from cantaor.annotation.write import annotate
from cantaor.contour import estimate_tonic
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import ArgumentError
from cantaor.pipeline.mine import mine
from cantaor.units import clock, note_cents, note_name
from cantaor.workspace.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("annotate")
    make_corpus(folder / "corpus", voices=2, recordings=2, seconds=10.0, seed=2)
    return mine(folder / "corpus", folder / "work", clips=False, min_support=2)


@pytest.fixture(scope="module")
def layers(workspace: Workspace) -> list[Layers]:
    return list(recording_layers(workspace))


def test_layers_are_the_tables(workspace, layers):
    rows = workspace.table("recordings").to_pylist()
    for row, one in zip(rows, layers, strict=True):
        contour = workspace.contour(row["contour_key"])
        assert [n.cents for n in one.notes] == contour.cents.tolist()
        assert [n.start_s for n in one.notes] == contour.start_s.tolist()
        assert one.hz.tolist() == workspace.track(row["pitch_key"]).hz.tolist()
        assert one.families
        assert one.tonic_cents == estimate_tonic(contour)


def test_textgrids_open_in_praat(workspace, layers, tmp_path):
    parselmouth = pytest.importorskip("parselmouth")
    call = parselmouth.praat.call
    for path, one in zip(annotate(workspace, "textgrid", tmp_path), layers, strict=True):
        grid = parselmouth.read(str(path))
        assert call(grid, "Get number of tiers") == 2 + len(one.families)
        assert call(grid, "Get end time") == one.end_s
        spans = [
            (
                call(grid, "Get start time of interval", 2, i),
                call(grid, "Get end time of interval", 2, i),
                text,
            )
            for i in range(1, call(grid, "Get number of intervals", 2) + 1)
            if (text := call(grid, "Get label of interval", 2, i))
        ]
        assert spans == [(n.start_s, n.end_s, n.name) for n in one.notes]
        assert call(grid, "Get number of points", 1) == int((one.hz > 0).sum())
        name, family = next(iter(one.families.items()))
        labels = [
            call(grid, "Get label of interval", 3, i)
            for i in range(1, call(grid, "Get number of intervals", 3) + 1)
        ]
        assert labels.count(name) == len(family)


def test_midi_notes_are_the_notes(workspace, layers, tmp_path):
    mido = pytest.importorskip("mido")
    for path, one in zip(annotate(workspace, "midi", tmp_path), layers, strict=True):
        at, bend, notes, began = 0.0, 0, [], {}
        for message in mido.MidiFile(path):
            at += message.time
            if message.type == "pitchwheel":
                bend = message.pitch
            elif message.type == "note_on":
                began[message.note] = (at, bend)
            elif message.type == "note_off":
                start, bent = began.pop(message.note)
                notes.append((start, at, message.note + bent / 4096))
        expected = [(n.start_s, n.end_s, n.midi) for n in one.notes]
        np.testing.assert_allclose(notes, expected, atol=1e-3)


def test_sonic_visualiser_layers_are_whole(workspace, layers, tmp_path):
    for path, one in zip(annotate(workspace, "sonic-visualiser", tmp_path), layers, strict=True):
        root = ElementTree.parse(path).getroot()
        models = {m.get("id"): m for m in root.iter("model")}
        sets = {d.get("id"): d for d in root.iter("dataset")}
        kinds = {layer.get("type"): models[layer.get("model")] for layer in root.iter("layer")}
        assert set(kinds) == {"timevalues", "notes", "regions"}
        notes = list(sets[kinds["notes"].get("dataset")])
        assert [int(p.get("frame")) for p in notes] == [round(n.start_s * 44100) for n in one.notes]
        np.testing.assert_allclose(
            [float(p.get("value")) for p in notes], [n.hz for n in one.notes], atol=1e-3
        )
        regions = list(sets[kinds["regions"].get("dataset")])
        assert len(regions) == sum(map(len, one.families.values()))
        assert len(sets[kinds["timevalues"].get("dataset")]) == int((one.hz > 0).sum())


def test_elan_tiers_are_in_order(workspace, layers, tmp_path):
    for path, one in zip(annotate(workspace, "elan", tmp_path), layers, strict=True):
        root = ElementTree.parse(path).getroot()
        times = {t.get("TIME_SLOT_ID"): int(t.get("TIME_VALUE")) for t in root.iter("TIME_SLOT")}
        tiers = {tier.get("TIER_ID"): tier for tier in root.iter("TIER")}
        assert set(tiers) == {"notes", *one.families}
        rows = [
            (times[a.get("TIME_SLOT_REF1")], times[a.get("TIME_SLOT_REF2")])
            for a in tiers["notes"].iter("ALIGNABLE_ANNOTATION")
        ]
        assert rows == [(round(1000 * n.start_s), round(1000 * n.end_s)) for n in one.notes]


def test_csv_holds_everything(workspace, layers, tmp_path):
    for path, one in zip(annotate(workspace, "csv", tmp_path), layers, strict=True):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        notes = [row for row in rows if row["layer"] == "note"]
        assert [float(row["cents"]) for row in notes] == [n.cents for n in one.notes]
        assert sum(row["layer"] == "f0" for row in rows) == one.hz.size
        tonic = next(row for row in rows if row["layer"] == "tonic")
        assert float(tonic["cents"]) == one.tonic_cents


def test_jams_reads_its_own(workspace, layers, tmp_path):
    jams = pytest.importorskip("jams")
    path = annotate(workspace, "jams", tmp_path)[0]
    document = jams.load(str(path))
    notes = document.search(namespace="note_hz")[0].data
    assert [n.time for n in notes] == pytest.approx([n.start_s for n in layers[0].notes])


def test_a_tonic_may_be_given(workspace):
    name = workspace.table("recordings")["recording"].to_pylist()[0]
    found = list(recording_layers(workspace, {name: "E3", "*": "D3 +20"}))
    assert [one.tonic_cents for one in found[:2]] == [note_cents("E3"), note_cents("D3 +20")]
    with pytest.raises(ArgumentError, match="not a note"):
        list(recording_layers(workspace, {"*": "H"}))


def test_unknown_formats_are_refused(workspace, tmp_path):
    with pytest.raises(ArgumentError, match="format must be"):
        annotate(workspace, "pdf", tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Exception, match="cannot be written"):
        annotate(workspace, "csv", Path(file))


def test_names_of_notes_and_times():
    for cents in np.arange(0.0, 4800.0, 7.0):
        assert note_cents(note_name(cents)) == pytest.approx(cents, abs=0.5)
    assert note_name(-120.0) == "G#1 -20"
    assert clock(59.999) == "1:00.00"
    assert clock(-1.5, 1) == "-0:01.5"
