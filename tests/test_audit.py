"""The audit finds what was planted, and nothing else."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.corpus.audit.audit import audit, fix
from cantaor.corpus.audit.inspection import validate
from cantaor.corpus.audit.landmarks import landmarks
from cantaor.corpus.audit.measuring import exact_hash
from cantaor.corpus.audit.near_copies import near_copies
from cantaor.corpus.audit.summary import AuditReport
from cantaor.corpus.audit.winnowing import MIN_SHARED, clip_anchors, place_on_timelines, shared_run
from cantaor.corpus.loaders import read_corpus, read_flamenco_motifs
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.protocols import split_clips
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import CorpusError
from cantaor.io.audio import read_audio, resample
from cantaor.types import Audio


def store(folder: Path, name: str, samples: np.ndarray, rate: int = 44100, **kind: object) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, samples, rate, **kind)


def store_float(folder: Path, name: str, samples: np.ndarray, rate: int = 44100) -> None:
    store(folder, name, samples, rate, subtype="FLOAT")


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Two recordings of 9 s of each of three voices."""
    folder = tmp_path_factory.mktemp("voices")
    corpus = make_corpus(folder, voices=3, recordings=2, seconds=9.0, seed=3)
    return {
        entry.recording: read_audio(corpus.manifest.file(entry)).samples
        for entry in corpus.manifest.entries
    }


@pytest.fixture(scope="module")
def planted(
    voices: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Manifest, AuditReport]:
    """The recordings, and copies of some of them with every kind of fault."""
    folder = tmp_path_factory.mktemp("planted")
    for name, samples in voices.items():
        store_float(folder, f"{name}.wav", samples)
    one = voices["V1-01"]
    store_float(folder, "V1-copy.wav", one)
    store_float(folder, "V1-offset.wav", one[100_003:180_000])
    store(folder, "V1-gain.flac", 0.3 * one, 44100)
    store(folder, "V2-codec.mp3", voices["V2-01"], 44100)
    store(folder, "V2-rate.wav", resample(Audio(voices["V2-02"], 44100), 16000).samples, 16000)
    store_float(folder, "V3-theft.wav", voices["V2-01"][50_000:90_000])
    store_float(folder, "V3-silent.wav", np.zeros(44100, np.float32))
    store_float(folder, "V2-silent.wav", np.zeros(44100, np.float32))
    store_float(folder, "V3-short.wav", voices["V3-01"][60_000:61_000])
    (folder / "V3-broken.wav").write_text("this is no audio")
    manifest = read_corpus(folder)
    return manifest, audit(manifest)


def names(manifest: Manifest, entries: object) -> set[str]:
    return {manifest.entries[i].recording for i in entries}  # type: ignore[attr-defined]


def test_exact_copies(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    assert [names(manifest, members) for members in report.duplicates] == [{"V1-01", "V1-copy"}]


def test_shared_samples_at_any_offset(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    assert [names(manifest, part) for part in report.overlapping] == [
        {"V1-01", "V1-copy", "V1-offset"},
        {"V2-01", "V3-theft"},
        {"V3-01", "V3-short"},
    ]
    place = {entry.recording: i for i, entry in enumerate(manifest.entries)}
    assert report.starts[place["V1-offset"]] - report.starts[place["V1-01"]] == 100_003


def test_copies_but_for_level_rate_or_codec(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    found = {frozenset(names(manifest, (pair.one, pair.other))) for pair in report.near}
    assert {
        frozenset({"V1-01", "V1-gain"}),
        frozenset({"V2-01", "V2-codec"}),
        frozenset({"V2-02", "V2-rate"}),
    } <= found
    for pair in found:
        assert (
            pair <= {"V1-01", "V1-gain", "V1-offset"}
            or len({n[:2] for n in pair}) == 1
            or (pair == {"V2-codec", "V3-theft"})
        )


def test_faults(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    found = {(manifest.entries[f.entry].recording, f.kind) for f in report.faults}
    assert found == {
        ("V3-broken", "unreadable"),
        ("V3-silent", "silent"),
        ("V2-silent", "silent"),
        ("V3-short", "too short"),
    }
    assert validate(manifest) == report.faults


def test_groups_join_what_shares_audio(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    groups: dict[str, set[str]] = {}
    for entry, group in zip(manifest.entries, report.groups, strict=True):
        groups.setdefault(group, set()).add(entry.recording)
    assert sorted(map(sorted, groups.values())) == [
        ["V1-01", "V1-copy", "V1-gain", "V1-offset"],
        ["V1-02"],
        ["V2-01", "V2-codec", "V3-theft"],
        ["V2-02", "V2-rate"],
        ["V2-silent"],
        ["V3-01", "V3-short"],
        ["V3-02"],
        ["V3-broken"],
        ["V3-silent"],
    ]


def test_contradicted_labels(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    assert names(manifest, report.conflicts) == {"V3-theft"}


def test_the_clean_corpus(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    clean = fix(manifest, report)
    gone = set(manifest.recordings) - set(clean.recordings)
    # The copy comes after its original, in the order of the manifest.
    assert gone == {"V1-copy", "V3-theft", "V3-broken", "V3-silent", "V2-silent"}
    assert all(entry.group and entry.content_hash and entry.duration_s for entry in clean.entries)
    again = audit(clean)
    assert not again.duplicates
    assert not again.conflicts
    with pytest.raises(CorpusError, match="the report is of 16 entries, not of these"):
        fix(clean, report)


def test_leak_figures(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, _ = planted
    sides = {"V1-copy": "test", "V1-offset": "test", "V2-codec": "test", "V3-02": "test"}
    marked = Manifest(
        tuple(replace(e, split=sides.get(e.recording, "train")) for e in manifest.entries),
        manifest.root,
    )
    report = audit(marked)
    (figures,) = [one for one in report.leaks if one.split == "split column"]
    assert (figures.test, figures.copies, figures.shared) == (4, 0.25, 0.5)
    # The copy and the cut of V1-01 have its quieter version in training.
    assert figures.near == 0.75
    assert figures.group == 0.75


def test_a_fair_split_by_the_groups_found_has_no_leak(
    planted: tuple[Manifest, AuditReport],
) -> None:
    manifest, report = planted
    clean = fix(manifest, report)
    split = split_clips(
        [entry.singer for entry in clean.entries],
        [entry.recording for entry in clean.entries],
        [entry.group for entry in clean.entries],
        protocol="group",
        seed=1,
    )
    figures = audit(clean, splits={"mine": split}).leaks[-1]
    assert figures.split == "mine"
    assert figures.copies == figures.shared == figures.near == figures.group == 0


def test_json_holds_everything(planted: tuple[Manifest, AuditReport]) -> None:
    manifest, report = planted
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert document["summary"]["entries"] == len(document["entries"]) == len(manifest)
    assert document["summary"]["faults"] == {
        "unreadable": 1,
        "silent": 2,
        "too short": 1,
        "label": 0,
        "warned": 0,
    }
    assert {"leaks", "groups", "faults", "duplicates", "conflicts", "near"} <= set(document)


def test_labels_in_doubt(tmp_path: Path, voices: dict[str, np.ndarray]) -> None:
    sound = voices["V1-01"]
    for i, name in enumerate(["EC-1.wav", "EC-2.wav", "AM-3.wav", "x.wav", "y.wav"]):
        store_float(tmp_path, name, sound[i * 50_000 : i * 50_000 + 40_000])
    store_float(tmp_path, "z.wav", sound[:40_000])
    rows = [("EC-1.wav", "EC"), ("EC-2.wav", "AM"), ("AM-3.wav", "AM"), ("x.wav", "ec ")]
    rows += [("y.wav", "JT"), ("z.wav", "JT")]
    manifest = Manifest(tuple(ManifestEntry(p, s, p) for p, s in rows), tmp_path)
    found = [(f.path, f.detail) for f in validate(manifest)]
    assert found == [
        ("EC-1.wav", "singer 'EC' is also spelt ec "),
        ("EC-1.wav", "singer 'EC' but the same audio is there as JT"),
        ("EC-2.wav", "singer 'AM' but the name says ec"),
        ("x.wav", "singer 'ec ' is also spelt EC"),
        ("z.wav", "singer 'JT' but the same audio is there as EC"),
    ]


def test_spans_are_cut_and_checked(tmp_path: Path, voices: dict[str, np.ndarray]) -> None:
    store_float(tmp_path, "a.wav", voices["V1-01"])
    spans = [(0.0, 2.0), (1.0, 3.0), (5.0, 6.0), (0.0, 2.0), (8.0, 9.5), (9.5, 10.0)]
    manifest = Manifest(
        tuple(
            ManifestEntry("a.wav", "V1", f"r{i}", start_s=a, end_s=b)
            for i, (a, b) in enumerate(spans)
        ),
        tmp_path,
    )
    report = audit(manifest)
    assert report.duplicates == ((0, 3),)
    assert report.overlapping == ((0, 1, 3),)
    assert [(f.entry, f.kind) for f in report.faults] == [(4, "unreadable"), (5, "unreadable")]
    assert "lies outside the file of 9.000 s" in report.faults[0].detail


def test_where_nobody_owns_the_audio_all_labels_are_dropped(
    tmp_path: Path, voices: dict[str, np.ndarray]
) -> None:
    for name, sound in (("AM-1", "V1-01"), ("EC-1", "V1-01"), ("EC-2", "V2-01")):
        store_float(tmp_path, f"{name}.wav", voices[sound])
    manifest = read_corpus(tmp_path)
    report = audit(manifest)
    assert report.two_labels == ((0, 1),)
    assert report.conflicts == (0, 1)
    assert fix(manifest, report).recordings == ("EC-2",)


def test_the_order_of_clips_does_not_matter(tmp_path: Path, voices: dict[str, np.ndarray]) -> None:
    store_float(tmp_path, "b.wav", voices["V1-01"])
    store_float(tmp_path, "a.wav", voices["V1-01"][50_000:150_000])
    spans = [("b.wav", 0.0, 2.0), ("a.wav", 0.5, 1.5), ("b.wav", 1.5, 3.0), ("b.wav", 5.0, 6.0)]
    rows = [
        ManifestEntry(p, "V1", f"r{i}", start_s=a, end_s=b) for i, (p, a, b) in enumerate(spans)
    ]
    rows.append(replace(rows[2], recording="r4"))
    for order in ([0, 1, 2, 3, 4], [3, 4, 1, 2, 0]):
        report = audit(Manifest(tuple(rows[i] for i in order), tmp_path))
        (found,) = [{order[i] for i in part} for part in report.overlapping]
        assert found == {0, 1, 2, 4}
        assert [{order[i] for i in members} for members in report.duplicates] == [{2, 4}]


def test_no_entries() -> None:
    with pytest.raises(CorpusError, match="no entries to audit"):
        audit(Manifest((), Path()))


def test_different_recordings_are_never_taken_for_copies(voices: dict[str, np.ndarray]) -> None:
    prints = [landmarks(Audio(samples, 44100)) for samples in voices.values()]
    assert min(one.hashes.size for one in prints) > 200
    assert near_copies(prints) == ()


def test_codec_copies_of_short_clips(voices: dict[str, np.ndarray], tmp_path: Path) -> None:
    """MP3 copies of clips of 3 s, cut elsewhere by some milliseconds, are all found."""
    clips = [s[a : a + 132_300] for s in voices.values() for a in (0, 90_000, 200_000)]
    copies = []
    for i, clip in enumerate(clips):
        store(tmp_path, f"{i}.mp3", clip, 44100, bitrate_mode="CONSTANT", compression_level=0.6)
        copies.append(read_audio(tmp_path / f"{i}.mp3").samples[321 + 7 * i :])
    prints = [landmarks(Audio(samples, 44100)) for samples in (*clips, *copies)]
    found = {(pair.one, pair.other) for pair in near_copies(prints)}
    assert {(i, i + len(clips)) for i in range(len(clips))} <= found


def test_a_coded_clip_is_found_in_a_long_recording(voices: dict[str, np.ndarray]) -> None:
    """A long recording keeps a sample of its landmarks; a part of it still has enough of them."""
    whole = Audio(np.concatenate([*voices.values(), *voices.values()]), 44100)
    assert landmarks(whole).hashes.size == 4000
    clip = resample(Audio(0.2 * voices["V2-02"][90_000:270_000], 44100), 22050)
    (pair,) = near_copies([landmarks(clip), landmarks(whole)])
    assert pair.share > 0.3


def test_where_a_near_copy_starts(voices: dict[str, np.ndarray]) -> None:
    sound = voices["V1-02"]
    late = Audio(0.5 * sound[44100:], 44100)
    (pair,) = near_copies([landmarks(Audio(sound, 44100)), landmarks(late)])
    assert pair.offset_s == pytest.approx(1.0, abs=0.02)


def test_repeated_samples_take_their_whole_timeline() -> None:
    rng = np.random.default_rng(1)
    loop = rng.standard_normal(500).astype(np.float32)
    other = rng.standard_normal(300).astype(np.float32)
    twice = np.concatenate([loop, other, loop])
    timelines = place_on_timelines([clip_anchors(twice), clip_anchors(loop)])
    assert timelines.timeline.tolist() == [0, 0]
    assert (timelines.start[0], timelines.end[0]) == (-np.inf, np.inf)


def test_quiet_converters_do_not_match() -> None:
    """The last bits of a converter have too few values to tell one recording from another."""
    rng = np.random.default_rng(2)
    noise = rng.integers(-1, 2, 200_000).astype(np.float32) / 32768
    assert clip_anchors(noise).hashes.size == 0


def test_the_shared_run_grows_with_the_corpus() -> None:
    assert shared_run(0) == shared_run(10**8) == MIN_SHARED
    assert shared_run(10**11) > 10_000


def test_a_hash_depends_on_every_sample() -> None:
    samples = np.linspace(-1, 1, 1000, dtype=np.float32)
    other = samples.copy()
    other[500] = np.nextafter(other[500], np.float32(1))
    assert exact_hash(samples) == exact_hash(samples.copy()) != exact_hash(other)


def test_the_published_clips(shared_data: Path, tmp_path: Path) -> None:
    """A part of the published layout: its copies, sources and contradictions are known."""
    rows = list(csv.DictReader((shared_data / "flamenco/instances.csv").open()))
    rows = [row for i, row in enumerate(rows) if i % 8 == 0]
    sources = {
        name: read_audio(shared_data / f"flamenco/recordings/{name}.flac")
        for name in {row["recording"] for row in rows}
    }
    for i, row in enumerate(rows):
        source = sources[row["recording"]]
        first, last = (round(float(row[k]) * source.sample_rate) for k in ("start_s", "end_s"))
        name = f"{row['published_set']}_{row['motif'].replace(' ', '_')}_{i:06x}.wav"
        path = f"{row['published_singer']}/{name}"
        store_float(tmp_path, path, source.samples[first:last], source.sample_rate)
    manifest = read_flamenco_motifs(tmp_path)
    truth = [rows[int(e.path.rpartition("_")[2][:6], 16)] for e in manifest.entries]
    report = audit(manifest)
    copies: dict[str, set[int]] = {}
    for i, row in enumerate(truth):
        copies.setdefault(row["audio_id"], set()).add(i)
    found = {frozenset(members) for members in report.duplicates}
    assert found == {frozenset(members) for members in copies.values() if len(members) > 1}
    pairs = {(group, row["recording"]) for group, row in zip(report.groups, truth, strict=True)}
    assert len(pairs) == len({group for group, _ in pairs}) == 13
    assert all(truth[i]["label_conflict"] == "1" for i in report.conflicts)
    assert {i for members in report.two_labels for i in members} & set(report.conflicts)
    for part in report.overlapping:
        assert len({truth[i]["recording"] for i in part}) == 1


def test_the_page_shows_every_kind_of_finding(
    planted: tuple[Manifest, AuditReport], tmp_path: Path
) -> None:
    pytest.importorskip("jinja2", reason="needs the extra 'plot'")
    from cantaor.report.audit_page import write_audit_page

    manifest, report = planted
    page = write_audit_page(report, tmp_path / "audit.html", "a <b> corpus").read_text()
    assert "a &lt;b&gt; corpus" in page
    for name, rows in report.tables().items():
        assert (f'<section id="{name}">' in page) == bool(rows)
    for path in ("V1-copy.wav", "V2-codec.mp3", "V3-theft.wav", "V3-broken.wav"):
        assert path in page
    assert "http" not in page
    assert len(manifest) == report.summary()["entries"]
