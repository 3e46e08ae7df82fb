"""Tables of the paper from clips as published: sources found again, the same table twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from cantaor.cli import app
from cantaor.corpus.loaders import published_motif, read_flamenco_motifs
from cantaor.errors import ArgumentError, CorpusError, SplitError
from cantaor.experiments.reproduction.instances import (
    PROTOCOLS,
    cut_instances,
    split_instances,
    trainings,
)
from cantaor.experiments.reproduction.published import (
    PublishedClips,
    read_repository,
    read_table,
)
from cantaor.experiments.reproduction.run import reproduce
from cantaor.experiments.reproduction.table2 import groups_left_out
from cantaor.learn.training.settings import TrainingSettings
from tests.published import RATE, invented_tree, published_tree, voice, write_clip

TINY = TrainingSettings(width=1, epochs=1, device="cpu", model="residual-blstm")
SMALL = {"protocols": ("paper", "audio-disjoint"), "models": ("crnn",), "features": ("mfcc",)}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return invented_tree(tmp_path_factory.mktemp("published") / "flamenco-motifs")


@pytest.fixture(scope="module")
def published(tree: Path) -> PublishedClips:
    return read_repository(tree)


def test_sources_are_found_from_the_audio_alone(published):
    assert sorted(published.recordings) == [f"S{s}-{g}" for s in range(3) for g in (1, 2)]
    # Every invented group has two phrases, which the clip of both ends joins, and the wrong one.
    found = published.summary()
    assert found["label_conflicts"] == 1
    assert found["clips"] == 6 * 34 + 2
    assert found["distinct"] == 6 * 29 + 1
    sources = {(c.singer, c.file_set.partition("x")[2], c.recording) for c in published.clips}
    assert len({(s, f) for s, f, _ in sources}) == len(sources)
    (wrong,) = [clip for clip in published.clips if clip.label_conflict]
    assert (wrong.singer, wrong.recording[:2], wrong.motif) == ("S1", "S0", (1, -1, 1, 2, 1))


def test_a_clip_lies_where_its_audio_is(published, tree):
    manifest = read_flamenco_motifs(tree)
    for entry, clip in zip(manifest.entries, published.clips, strict=True):
        samples, _ = soundfile.read(manifest.location(entry), dtype="float32")
        first = round(clip.start_s * RATE)
        there = published.recordings[clip.recording].samples[first : first + samples.size]
        np.testing.assert_array_equal(there, samples)
        assert round(clip.end_s * RATE) == first + samples.size
        assert clip.motif == published_motif(entry.path)


def test_no_sample_is_on_two_sides_of_the_audio_disjoint_split(published):
    instances = cut_instances(published, sample_rate=RATE)
    sides = PROTOCOLS["audio-disjoint"](instances, 0)
    audio = [
        {clip[:64].tobytes() for clip in map(side.__getitem__, range(len(side)))} for side in sides
    ]
    assert not audio[0] & audio[2]
    assert sum(map(len, sides)) == len(instances.distinct().clips)
    everything = PROTOCOLS["paper"](instances, 0)
    assert sum(map(len, everything)) == len(published.clips)


def test_each_group_is_left_out_once(published, tree, tmp_path):
    instances = cut_instances(published, sample_rate=RATE)
    names = trainings("leave-one-out", published)
    assert names == [f"leave-one-out-S{s}-{g}" for s in range(3) for g in (1, 2)]
    for name in names:
        train, validation, test = split_instances(instances, name, 0)
        group = name.removeprefix("leave-one-out-")
        assert {test.recordings[number] for number in test.recording} == {group}
        rest = {
            side.recordings[number] for side in (train, validation) for number in side.recording
        }
        assert group not in rest
        assert len(train) + len(validation) + len(test) == len(instances.distinct().clips)
    few = {"models": ("crnn",), "features": ("mfcc",)}
    report = reproduce("table2", tree, tmp_path, TINY, protocols=("leave-one-out",), **few)
    (row,) = groups_left_out(report["results"])
    assert row["groups"] == 6
    answers = [one["by_recording"][one["protocol"][14:]] for one in report["results"]]
    assert row["groups_right"] == sum(one["answer"] == one["singer"] for one in answers)
    # Two groups a singer: the mean over all is the mean over singers.
    assert row["balanced_accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in answers]))
    table = (tmp_path / "table2.md").read_text()
    assert f"| motifs | crnn | mfcc | {row['groups_right']} of 6 |" in table


def test_a_group_without_another_of_its_singer_is_not_left_out(published):
    clips = tuple(clip for clip in published.clips if clip.recording != "S0-2")
    rest = {name: audio for name, audio in published.recordings.items() if name != "S0-2"}
    names = trainings("leave-one-out", PublishedClips(clips, rest))
    assert names == [f"leave-one-out-S{s}-{g}" for s in (1, 2) for g in (1, 2)]


def test_other_clips_of_the_same_recordings(published):
    around = cut_instances(published, "motifs+segment", 16_000)
    anywhere = cut_instances(published, "random", 16_000)
    motifs = cut_instances(published, "motifs", 16_000)
    assert (around.clips.lengths >= motifs.clips.lengths - 1).all()
    assert np.abs(anywhere.clips.lengths - motifs.clips.lengths).max() <= 1


@pytest.mark.parametrize(
    ("target", "choices"), [("table2", SMALL), ("groups", {}), ("fidelity", {})]
)
def test_the_same_table_twice(target, choices, tree, tmp_path):
    for out in ("one", "two"):
        reproduce(target, tree, tmp_path / out, TINY, **choices)
    for suffix in ("json", "md"):
        one, two = (tmp_path / out / f"{target}.{suffix}" for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    report = json.loads((tmp_path / "one" / f"{target}.json").read_text())
    assert report["clips"]["groups"].keys() == {f"S{s}-{g}" for s in range(3) for g in (1, 2)}
    results = report["results"]
    if target == "table2":
        assert [row["protocol"] for row in results] == ["paper", "audio-disjoint"]
        assert results[0]["paper"] == [0.8859, 0.8766]
        assert len(list((tmp_path / "one" / "cells").glob("*.json"))) == 2
    if target == "groups":
        assert results["all"]["draws"] == 8
        assert results["inner"] is None
        assert results["all"]["balanced"] > 0.5
    if target == "fidelity":
        assert sum(sum(counts.values()) for counts in results.values()) == 6 * 34 + 1


def test_the_command_line(tree, tmp_path):
    command = ["reproduce", "table2", str(tree), "--out", str(tmp_path), "--width", "1"]
    command += ["--epochs", "1", "--protocols", "paper", "--models", "crnn", "--device", "cpu"]
    done = CliRunner().invoke(app, [*command, "--features", "mfcc"])
    assert done.exit_code == 0, done.output
    assert "| paper | motifs | crnn | mfcc |" in done.stdout
    assert "10.48550/arXiv.2008.00198" in (tmp_path / "table2.md").read_text()


def test_what_cannot_be_reproduced_is_named(tree, tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(ArgumentError, match="target must be one of table2, groups, fidelity"):
        reproduce("table3", tree, tmp_path)
    with pytest.raises(ArgumentError, match="models: only table2"):
        reproduce("groups", tree, tmp_path, models=("crnn",))
    with pytest.raises(ArgumentError, match=r"protocols must be of paper.*got 'album'"):
        reproduce("table2", tree, tmp_path, TINY, protocols=("album",))
    with pytest.raises(CorpusError, match="no folder at"):
        reproduce("groups", tmp_path / "nothing", tmp_path)
    write_clip(tmp_path / "few", "S0", "M1_1 -1 1_ab01", voice(0, 0, 0.3, rng))
    with pytest.raises(SplitError, match="no singer has two source groups"):
        reproduce("groups", tmp_path / "few", tmp_path)
    soundfile.write(tmp_path / "few" / "S0" / "M2_1 -1 1_ab02.wav", np.ones(900) / 9, 16_000)
    with pytest.raises(CorpusError, match=r"at one rate; .* 22050 Hz, .* 16000 Hz"):
        reproduce("groups", tmp_path / "few", tmp_path)
    soundfile.write(tmp_path / "few" / "S0" / "notes.wav", np.ones(900) / 9, RATE)
    with pytest.raises(CorpusError, match=r"do not follow SINGER/SET_MOTIF_UUID\.wav: 'S0/notes"):
        reproduce("groups", tmp_path / "few", tmp_path)


@pytest.mark.slow
def test_sources_of_the_given_clips(shared_data, tmp_path):
    given = read_table(shared_data / "flamenco")
    tree = published_tree(tmp_path / "flamenco-motifs", given)
    found = read_repository(tree)
    names = [entry.path.rpartition("_")[2] for entry in read_flamenco_motifs(tree).entries]
    mine = dict(zip(names, found.clips, strict=True))
    pairs: Counter[tuple[str, str]] = Counter()
    for number, clip in enumerate(given.clips):
        same = mine[f"{number:08x}.wav"]
        pairs[clip.recording, same.recording] += 1
        assert (clip.motif, clip.label_conflict) == (same.motif, same.label_conflict)
    assert len(pairs) == len(given.recordings) == len(found.recordings)
