"""What is the same audio, what is one recording: keys, names, and what leaks are said of files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from cantaor.cli import app
from cantaor.corpus.identity import (
    SamplesHash,
    hash_entries,
    match_keys,
    place_clips,
    samples_hash,
    unique_recordings,
)
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.manifest_files import read_clips, read_manifest
from cantaor.corpus.splits.protocols import split_clips
from cantaor.corpus.splits.split_assignment import read_split_assignment
from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import AudioError, SplitError
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_model
from cantaor.experiments.learnt_audio import name_subsets
from cantaor.experiments.train_evaluate import train_clips
from cantaor.learn.training.settings import TrainingSettings
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import Workspace

RATE = 16_000
TINY = TrainingSettings(width=1, epochs=1, batch=8, device="cpu")
RECORDING_SPLITS = ("recording", "group")


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Sixteen-bit noise as float32."""
    whole = np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 5000
    return (np.rint(whole).clip(-32768, 32767) / 32768).astype(np.float32)


def table(folder: Path, *lines: str, header: str = "path,start_s,end_s,singer,recording,split"):
    (folder / "clips.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder / "clips.csv"


def test_a_key_does_not_depend_on_blocks() -> None:
    samples = noise(0, 3.0)
    for size in (1, 777, 16_384, 16_385):
        pieces = SamplesHash()
        for first in range(0, 20_000 if size == 1 else samples.size, size):
            pieces.update(samples[first : first + size])
        assert pieces.key() == samples_hash(samples[: 20_000 if size == 1 else None])


def test_encodings_of_the_same_samples_have_one_key(tmp_path: Path) -> None:
    # Not whole numbers of 16 bits: each encoding rounds them in its own way.
    samples = np.random.default_rng(1).standard_normal(30_000) * 0.2
    for name, subtype in (("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("b.flac", "PCM_24")):
        soundfile.write(tmp_path / name, samples, RATE, subtype=subtype)
    soundfile.write(tmp_path / "c.wav", samples, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "d.wav", np.stack([samples, samples], 1), RATE, subtype="PCM_24")
    keys = [
        samples_hash(soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1))
        for path in sorted(tmp_path.iterdir())
    ]
    assert len(set(match_keys(keys))) == 1
    others = [samples_hash(s) for s in (noise(2), noise(3), noise(2) * 0.5, noise(2)[1:])]
    assert len(set(match_keys(others))) == 4
    assert match_keys(["", "", "any"]) == ["", "", "any"]


def test_a_recording_with_a_changed_end_is_another() -> None:
    one, other = noise(4, 20.0), noise(4, 20.0)
    other[-RATE:] = noise(5, 1.0)
    assert len(set(match_keys([samples_hash(one), samples_hash(other)]))) == 2


def test_a_file_that_is_a_span_of_another_lies_in_its_place(tmp_path: Path) -> None:
    samples = noise(6, 6.0)
    soundfile.write(tmp_path / "long.wav", samples, RATE)
    soundfile.write(tmp_path / "part.flac", samples[2 * RATE : 5 * RATE], RATE)
    entries = (
        ManifestEntry("long.wav", "AM", "x", start_s=2.0, end_s=5.0),
        ManifestEntry("long.wav", "AM", "y", start_s=3.0, end_s=3.5),
        ManifestEntry("part.flac", "EC", "z"),
        ManifestEntry("part.flac", "EC", "w", start_s=1.2, end_s=1.4),
        ManifestEntry("part.flac", "EC", "v", start_s=2.5, end_s=2.9),
    )
    hashed = hash_entries(Manifest(entries, tmp_path)).entries
    places = place_clips(
        [e.source_hash for e in hashed],
        [e.content_hash for e in hashed],
        [e.span[0] for e in hashed],
    )
    assert len(set(places.tracks)) == 1
    starts = np.array([e.span[0] for e in hashed]) + places.shifts_s
    assert np.ptp(starts - [2.0, 3.0, 2.0, 3.2, 4.5]) < 1e-9
    column = ["validation", "train", "validation", "test", "test"]
    split = split_clips(Manifest(entries, tmp_path), protocol="column", column=column)
    assert split.shared_audio == 0.5
    assert "training and test share audio: 50 % of the test clips" in split.notes


def test_a_span_past_the_end_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1), RATE)
    entries = (ManifestEntry("a.wav", "AM", "a", start_s=5.0, end_s=6.0),)
    with pytest.raises(AudioError, match=r"span from 5.000 s lies past its end"):
        hash_entries(Manifest(entries, tmp_path))


def test_a_span_of_less_than_a_sample_is_one(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 100).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 1000, subtype="FLOAT")
    spans = ((0.02, 0.0202), (0.02, 0.021), (0.02, 0.022))
    entries = tuple(ManifestEntry("a.wav", "A", "a", start_s=s, end_s=e) for s, e in spans)
    short, one, two = (e.content_hash for e in hash_entries(Manifest(entries, tmp_path)).entries)
    assert short == one == samples_hash(samples[20:21])
    assert two == samples_hash(samples[20:22])


def test_a_manifest_whose_files_are_gone_says_so(tmp_path: Path) -> None:
    entries = tuple(ManifestEntry(f"{n}.wav", n[0], n) for n in ("a1", "a2", "b1", "b2"))
    split = split_clips(Manifest(entries, tmp_path), protocol="recording")
    assert split.notes == ("4 of 4 files cannot be read: copies of them are not recognised",)


def test_recordings_have_names_of_their_own() -> None:
    pairs = [("V1", "take"), ("V2", "take"), ("V3", "V1/take"), ("V3", "b"), ("V1", "take")]
    entries = tuple(ManifestEntry("a.wav", singer, name) for singer, name in pairs)
    named = [e.recording for e in unique_recordings(Manifest(entries, Path())).entries]
    assert named[3] == "b"
    assert named[2] == "V1/take"
    assert named[0] == named[4]
    assert len(set(named)) == 4
    again = Manifest(
        tuple(replace(e, recording=n) for e, n in zip(entries, named, strict=True)), Path()
    )
    assert [e.recording for e in unique_recordings(again).entries] == named


def test_odd_files_are_known_or_taken_for_what_they_are(tmp_path: Path) -> None:
    samples, other = noise(1, 3.0), noise(2, 3.0)
    time = np.arange(2 * RATE) / RATE
    made = {
        "a.wav": samples,
        "left.wav": np.stack([samples, other], 1),
        "mono.wav": (samples + other) / 2,
        "dither.wav": samples + np.random.default_rng(3).uniform(-1, 1, samples.size) / 32768,
        "tone.wav": 0.3 * np.sin(2 * np.pi * 220 * time),
        "tone of another phase.wav": 0.3 * np.sin(2 * np.pi * 220 * time + 1),
        "silence.wav": np.zeros(RATE),
        "another silence.wav": np.zeros(RATE),
        "quieter.wav": samples / 2,
    }
    for name, sound in made.items():
        soundfile.write(tmp_path / name, sound, RATE)
    soundfile.write(tmp_path / "song.mp3", samples, RATE)
    tag = b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10)
    (tmp_path / "tagged.mp3").write_bytes(tag + (tmp_path / "song.mp3").read_bytes())
    for one, another, share in (
        ("a.wav", "./a.wav", 1),
        ("a.wav", (tmp_path / "a.wav").as_uri(), 1),
        ("left.wav", "mono.wav", 1),
        ("a.wav", "dither.wav", 1),
        ("song.mp3", "tagged.mp3", 1),
        ("a.wav", "quieter.wav", 0),
        ("a.wav", "song.mp3", 0),
        ("tone.wav", "tone of another phase.wav", 0),
        ("silence.wav", "another silence.wav", 0),
        ("silence.wav", "silence.wav", 1),
    ):
        pair = (ManifestEntry(one, "AM", "a"), ManifestEntry(another, "EC", "b"))
        split = split_clips(Manifest(pair, tmp_path), protocol="column", column=["train", "test"])
        assert split.shared_audio == share, (one, another)


def test_clips_that_touch_on_a_shifted_source_share_nothing() -> None:
    places = place_clips(["long", "part"], ["same", "same"], [0.1, 0.0])
    assert places.times([0.1, 0.2]).tolist() == [0.1, 0.3]


def test_takes_of_two_singers_are_split_and_voted_on_apart(tmp_path: Path) -> None:
    lines = []
    for seed, (singer, take) in enumerate((s, t) for s in ("V1", "V2") for t in range(4)):
        soundfile.write(tmp_path / f"{singer}-{take}.wav", noise(seed), RATE)
        side = "test" if take == 3 else ""
        lines += [
            f"{singer}-{take}.wav,{start},{start + 0.5},{singer},take 0{take},{side}"
            for start in (0.0, 0.5, 1.0, 1.5)
        ]
    clips = read_clips(table(tmp_path, *lines))
    held = set()
    for seed in range(6):
        named, notes, shared = name_subsets(clips, replace(TINY, seed=seed))
        assert shared == {"test": 0.0, "validation": 0.0}
        assert not [note for note in notes if "share audio" in note]
        by_singer = [
            {e.recording for e in named.entries if (e.singer, e.split) == (who, "validation")}
            for who in ("V1", "V2")
        ]
        assert all(len(names) == 1 for names in by_singer)
        held.add(len({name.rpartition("/")[2] for names in by_singer for name in names}))
    assert held == {1, 2}
    model = train_clips(clips, TINY, tmp_path / "model")
    votes = evaluate_model(model).by_recording
    assert {name: vote.singer for name, vote in votes.items()} == {
        "V1/take 03": "V1",
        "V2/take 03": "V2",
    }


@pytest.mark.parametrize("word", ["dev", "eval", "testing", "0"])
def test_a_side_that_there_is_not_is_refused_with_its_row(tmp_path: Path, word: str) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1), RATE)
    lines = ["a.wav,0,1,AM,a,TRAIN", f"a.wav,1,2,EC,a,{word}"]
    path = table(tmp_path, *lines)
    for arguments in (["train"], ["evaluate", "--grid"]):
        command = [*arguments, "--clips", str(path), "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, command)
        said = f"clips.csv, line 3: split must be train, validation, test or empty, not '{word}'"
        assert isinstance(result.exception, SplitError)
        assert said in str(result.exception)
    with pytest.raises(SplitError, match=rf"clip 1 \(a.wav\): split must be .* not '{word}'"):
        train_clips(read_manifest(path), TINY, tmp_path / "out")


def test_what_is_trained_and_tested_on_is_said_with_the_share(tmp_path: Path) -> None:
    for seed in range(8):
        soundfile.write(tmp_path / f"{seed}.wav", noise(seed), RATE)
    soundfile.write(tmp_path / "copy.flac", noise(0), RATE)
    (tmp_path / "link.wav").symlink_to("5.wav")
    lines = [f"{n}.wav,,,{'AM' if n % 2 else 'EC'},r{n},train" for n in range(6)]
    lines += ["6.wav,,,EC,r6,test", "7.wav,,,AM,r7,test"]
    lines += ["copy.flac,0.5,1,EC,other,test", "4.wav,0,1,EC,r4,test"]
    model = train_clips(read_clips(table(tmp_path, *lines)), TINY, tmp_path / "model")
    notes = json.loads((model / "model.json").read_text())["extra"]["notes"]
    assert "training and test share audio: 50 % of the test clips" in notes
    assert evaluate_model(model).shared_audio["test"] == 0.5
    asked = ["link.wav,1.5,1.9,AM,new,", "7.wav,,,AM,r1,", "copy.flac,,,EC,c,", "6.wav,,,EC,r0,"]
    moved = tmp_path / "elsewhere"
    shutil.move(model, moved)
    path = table(tmp_path, *asked)
    for number in range(6):
        if number != 5:
            (tmp_path / f"{number}.wav").unlink()
    result = CliRunner().invoke(app, ["evaluate", str(moved), "--clips", str(path), "--json"])
    assert json.loads(result.output)["shared_audio"] == {"test": 0.5}
    shown = CliRunner().invoke(app, ["evaluate", str(moved), "--clips", str(path)]).output
    assert "shared audio" in shown


def test_a_split_from_a_file_tells_takes_of_two_singers_apart(tmp_path: Path) -> None:
    entries = tuple(ManifestEntry(f"{s}.wav", s, "Soleá") for s in ("V1", "V2"))
    manifest, file = Manifest(entries, tmp_path), tmp_path / "sides.csv"
    file.write_text(
        "singer,recording,split\nV1,Solea\u0301,Train\nV2,Soleá,test\n", encoding="utf-8"
    )
    assert read_split_assignment(file, manifest) == ("train", "test")
    file.write_text("recording,split\nSoleá,train\nSoleá,test\n", encoding="utf-8")
    with pytest.raises(SplitError, match=r"line 3: .*on two sides.*a column singer tells them"):
        read_split_assignment(file, manifest)
    file.write_text("recording,split\nSoleá,dev\n", encoding="utf-8")
    with pytest.raises(SplitError, match="line 2: split must be train, validation, test"):
        read_split_assignment(file, manifest)


@pytest.fixture(scope="module")
def copied_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Recordings, each with a copy, a re-encoding, or another span of its file."""
    folder = tmp_path_factory.mktemp("copies")
    make_corpus(folder / "made", voices=2, recordings=4, seconds=8.0, seed=1)
    entries = []
    for singer in ("V1", "V2"):
        paths = [folder / "made" / f"{singer}-0{n}.flac" for n in (1, 2, 3, 4)]
        shutil.copy(paths[0], folder / f"{singer} copy.flac")
        samples, rate = soundfile.read(paths[1])
        soundfile.write(folder / f"{singer} again.wav", samples, rate, subtype="PCM_24")
        entries += [ManifestEntry(str(path), singer, path.stem) for path in paths[:2] + paths[3:]]
        entries += [
            ManifestEntry(f"{singer} {n}", singer, f"{singer} {n}")
            for n in ("copy.flac", "again.wav")
        ]
        for name, start, end in (("early", 0.0, 6.0), ("late", 3.0, None)):
            span = {"start_s": start, "end_s": end}
            entries.append(ManifestEntry(str(paths[2]), singer, f"{singer} {name}", **span))
    return mine(Manifest(tuple(entries), folder), folder / "work", clips=False, min_length=3)


def test_a_workspace_keeps_the_keys_of_its_audio(copied_workspace: Workspace) -> None:
    rows = {row["recording"]: row for row in copied_workspace.table("recordings").to_pylist()}
    for one, other, name in (
        ("V1-01", "V1 copy.flac", "samples_hash"),
        ("V1-02", "V1 again.wav", "samples_hash"),
        ("V1 early", "V1 late", "source_hash"),
    ):
        assert rows[one][name] == rows[other][name]
    assert rows["V1 early"]["samples_hash"] != rows["V1 late"]["samples_hash"]


@pytest.mark.parametrize("protocol", ["paper", "audio", *RECORDING_SPLITS])
def test_splits_of_a_workspace_keep_copies_together_or_say_so(
    copied_workspace: Workspace, protocol: str
) -> None:
    twins = {"copy.flac": "01", "again.wav": "02", "late": "early"}

    def audio_of(entry: ManifestEntry) -> str:
        name = entry.recording[3:]
        return entry.singer + twins.get(name, name)

    for seed in range(4):
        prepared = prepare_clips(copied_workspace, protocol, seed=seed)
        clips = prepared.clips.entries

        def share(some: str, others: tuple[str, ...], clips=clips) -> float:
            asked = [e for e in clips if e.split == some]
            learnt = [e for e in clips if e.split in others]
            hits = [
                any(
                    audio_of(a) == audio_of(b)
                    and max(a.span[0], b.span[0]) < min(a.span[1], b.span[1])
                    for b in learnt
                )
                for a in asked
            ]
            return float(np.mean(hits))

        expected = {
            "test": share("test", ("train", "validation")),
            "validation": share("validation", ("train",)),
        }
        assert prepared.shared_audio == pytest.approx(expected)
        said = [note for note in prepared.notes if "share audio" in note]
        assert len(said) == sum(value > 0 for value in expected.values())
        if protocol != "paper":
            assert expected == {"test": 0.0, "validation": 0.0}
        if protocol in RECORDING_SPLITS:
            held = {audio_of(e) for e in clips if e.split == "test"}
            assert not held & {audio_of(e) for e in clips if e.split != "test"}
