"""Mining a corpus: its tables agree with each other, do not depend on workers, and are resumed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.errors import ArgumentError, CorpusError, WorkspaceError
from cantaor.io.audio import probe, read_audio, write_audio
from cantaor.pipeline.clip_files import EXAMPLES
from cantaor.pipeline.mine import mine
from cantaor.pipeline.stages import STAGES
from cantaor.workspace.journal import read_status
from cantaor.workspace.workspace import Workspace, lock, open_workspace


def counts(workspace: Workspace, stage: str) -> tuple[int, int, int]:
    """What the last run computed, re-used and gave up in a stage."""
    found = {count["stage"]: count for count in read_status(workspace.path)["stages"]}[stage]
    return found["computed"], found["reused"], found["failed"]


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


TABLES = ("recordings", "clusters", "motifs", "instances", "failures")


def test_every_instance_is_a_motif_in_a_recording(small_workspace: Workspace) -> None:
    motifs = {row["motif"]: row for row in small_workspace.table("motifs").to_pylist()}
    recordings = {row["recording"]: row for row in small_workspace.table("recordings").to_pylist()}
    instances = small_workspace.table("instances").to_pylist()
    assert len(instances) > 50
    counts: dict[str, int] = {}
    for row in instances:
        assert motifs[row["motif"]]["singer"] == row["singer"]
        assert recordings[row["recording"]]["singer"] == row["singer"]
        assert 0 <= row["start_s"] < row["end_s"]
        assert row["end_s"] <= recordings[row["recording"]]["duration_s"] + 0.01
        counts[row["motif"]] = counts.get(row["motif"], 0) + 1
    for name, motif in motifs.items():
        assert motif["support"] >= small_workspace.settings.min_support
        assert len(motif["symbols"]) >= small_workspace.settings.min_length
        assert motif["occurrences"] == counts[name] >= motif["support"]


def test_clips_are_those_of_the_first_instances_of_every_motif(small_workspace: Workspace) -> None:
    has_clip: dict[str, list[bool]] = {}
    for row in small_workspace.table("instances").to_pylist():
        has_clip.setdefault(row["motif"], []).append(row["clip"] is not None)
    assert len(has_clip) > 10
    for written in has_clip.values():
        assert written == [index < EXAMPLES for index in range(len(written))]


def test_clips_are_the_audio_of_the_instances(
    small_corpus: SyntheticCorpus, small_workspace: Workspace, tmp_path: Path
) -> None:
    rows = [row for row in small_workspace.table("instances").to_pylist() if row["clip"]]
    check_clips(small_workspace, rows)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for file in sorted(small_corpus.folder.glob("V1-*.flac")):
        shutil.copy(file, corpus)
    every = mine(corpus, tmp_path / "w", clips="all")
    check_clips(every, every.table("instances").to_pylist())
    few = mine(corpus, tmp_path / "w")
    kept = few.table("instances")["clip"].drop_null().to_pylist()
    assert 0 < len(kept) < every.table("instances").num_rows
    assert sorted(kept) == sorted(
        str(path.relative_to(few.path / "clips")) for path in few.path.rglob("*.wav")
    )
    none = mine(corpus, tmp_path / "none", clips=False)
    assert not (none.path / "clips").exists()
    assert none.table("instances")["clip"].null_count == none.table("instances").num_rows > 0
    with pytest.raises(ArgumentError, match='clips must be True, False or "all"'):
        mine(corpus, tmp_path / "w", clips="some")  # type: ignore[arg-type]


def check_clips(workspace: Workspace, rows: list[dict[str, Any]]) -> None:
    for row in rows[:: max(1, len(rows) // 20)]:
        clip = read_audio(workspace.path / "clips" / row["clip"])
        assert clip.duration_s == pytest.approx(row["end_s"] - row["start_s"], abs=0.004)
        whole = read_audio(row["path"])
        first = round(row["start_s"] * whole.sample_rate)
        np.testing.assert_allclose(
            clip.samples, whole.samples[first : first + clip.samples.size], atol=2e-4
        )
    files = list((workspace.path / "clips").rglob("*.wav"))
    assert len(files) == len(rows)


def test_workers_do_not_change_the_tables(
    small_corpus: SyntheticCorpus, small_workspace: Workspace, tmp_path: Path
) -> None:
    other = mine(small_corpus.folder, tmp_path / "w", workers=2)
    for name in TABLES:
        assert other.table(name).equals(small_workspace.table(name)), name
    assert files_below(other.path / "clips") == files_below(small_workspace.path / "clips")


def test_only_what_changed_is_tracked_again(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name in ("V1-01", "V1-02", "V2-01"):
        shutil.copy(small_corpus.folder / f"{name}.flac", corpus)
    first = mine(corpus, tmp_path / "w")
    assert counts(first, "pitch") == (3, 0, 0)
    shutil.copy(small_corpus.folder / "V2-02.flac", corpus)
    again = mine(corpus, tmp_path / "w")
    assert counts(again, "pitch") == (1, 3, 0)
    same = mine(corpus, tmp_path / "w")
    for stage in STAGES:
        assert counts(same, stage)[0] == counts(same, stage)[2] == 0, stage
    fresh = mine(corpus, tmp_path / "fresh")
    assert files_below(again.path / "clips") == files_below(fresh.path / "clips")
    for name in ("clusters", "motifs", "instances"):
        assert again.table(name).equals(fresh.table(name)), name


def test_progress_reaches_its_total(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}
    mine(
        small_corpus.folder,
        tmp_path / "w",
        progress=lambda stage, done, total: seen.__setitem__(stage, (done, total)),
    )
    assert tuple(seen) == STAGES
    assert all(done == total for done, total in seen.values())


def test_bad_recordings_are_journalled_and_the_others_mined(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name in ("V1-01", "V1-02", "V2-01", "V2-02"):
        shutil.copy(small_corpus.folder / f"{name}.flac", corpus)
    (corpus / "V1-text.wav").write_text("not audio")
    (corpus / "V1-empty.flac").touch()
    write_audio(corpus / "V2-silent.wav", np.zeros(44100, "f4"), 44100)
    workspace = mine(corpus, tmp_path / "w", clips=False)
    failures = {Path(r["path"]).name: r["reason"] for r in workspace.table("failures").to_pylist()}
    assert set(failures) == {"V1-text.wav", "V1-empty.flac", "V2-silent.wav"}
    assert "not readable as audio" in failures["V1-text.wav"]
    assert "empty" in failures["V1-empty.flac"]
    assert "silent" in failures["V2-silent.wav"]
    assert workspace.table("recordings").num_rows == 4


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "AM-1.wav").write_text("not audio")
    with pytest.raises(CorpusError, match=r"none of 1 recordings.*AM-1\.wav"):
        mine(tmp_path / "corpus", tmp_path / "w")
    with pytest.raises(WorkspaceError, match="not finished"):
        open_workspace(tmp_path / "w")


def test_bad_settings_are_refused_before_any_work(
    small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match="min_support"):
        mine(small_corpus.folder, tmp_path / "w", min_support=0)
    assert not (tmp_path / "w").exists()


def test_a_workspace_in_use_is_left_alone(
    small_corpus: SyntheticCorpus, small_workspace: Workspace, tmp_path: Path
) -> None:
    copy = Workspace(tmp_path / "w")
    shutil.copytree(small_workspace.path, copy.path)
    with lock(copy), pytest.raises(WorkspaceError, match="another run"):
        mine(small_corpus.folder, copy.path, k=9)
    assert copy.settings == small_workspace.settings


def test_other_formats_and_rates_give_the_same_answer_roughly(
    small_corpus: SyntheticCorpus, small_workspace: Workspace, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for index, entry in enumerate(small_corpus.manifest.entries):
        audio = read_audio(small_corpus.manifest.file(entry), sample_rate=48000)
        stereo = np.repeat(audio.samples[:, None], 2, axis=1)
        suffix = ".mp3" if index % 2 else ".wav"
        write_audio(corpus / f"{entry.recording}{suffix}", stereo, 48000)
    assert probe(corpus / "V1-01.wav").channels == 2
    workspace = mine(corpus, tmp_path / "w", clips=False)
    ours, theirs = (w.table("instances").num_rows for w in (workspace, small_workspace))
    assert ours == pytest.approx(theirs, rel=0.25)
