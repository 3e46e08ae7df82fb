"""Whatever a recording or its name can do, it stops nothing but itself."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cantaor.chain import MotifFinder
from cantaor.cli import app
from cantaor.corpus.audit.audit import audit
from cantaor.corpus.loaders import read_entries
from cantaor.errors import AudioError, CantaorError
from cantaor.inference.batch import find_inputs, infer_recordings
from cantaor.io import audio as audio_files
from cantaor.io.audio import write_audio
from cantaor.io.locations import printable
from cantaor.learn.export.bundle import Bundle, load_bundle, save_bundle
from cantaor.learn.identification.identification import predict_clips
from cantaor.learn.identification.saved_finder import finder_arrays, finder_facts
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.pipeline import recordings
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import Workspace, open_workspace
from tests.hostile import hostile_corpus

#: How long to go on; two seeds are always tried.
SECONDS = float(os.environ.get("CANTAOR_FUZZ_SECONDS", "0"))
SEEDS = 2
SETTINGS = {"min_length": 2, "min_support": 2, "k": 5}


@pytest.fixture(scope="module")
def bundle(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model with the weights it began with."""
    torch.manual_seed(3)
    settings = TrainingSettings(width=4, device="cpu")
    trained = TrainedModel(build_classifier(settings, 3).eval(), ("V1", "V2", "V3"), settings, ())
    dictionary = MotifDictionary.from_arrow(small_workspace.table("motifs"))
    finder = MotifFinder(small_workspace.clusters(), dictionary.union(), small_workspace.settings)
    facts = {"finder": finder_facts(finder), "data": "motifs", "protocol": "paper", "notes": []}
    folder = tmp_path_factory.mktemp("model") / "m"
    return load_bundle(save_bundle(folder, trained, finder_arrays(finder), facts))


def check_mine(folder: Path, made: list[Path], work: Path) -> None:
    """Every file is mined or has a reason, and the good ones are mined."""
    workspace = mine(folder, work, clips="all", **SETTINGS)
    mined = {printable(path) for path in workspace.table("recordings")["path"].to_pylist()}
    failed = {row["path"]: row["reason"] for row in workspace.table("failures").to_pylist()}
    for path in made:
        if path.is_dir():
            continue
        assert printable(str(path)) in mined | set(failed), path
        assert path.name[:4] != "GOOD" or str(path) in mined
    assert all(reason.strip() for reason in failed.values())
    open_workspace(work)
    assert not list(folder.parent.glob("*.part"))


def check_listening(folder: Path, bundle: Bundle) -> None:
    """Every file is answered or has a reason: `identify` and `embed`, and alone as for `enrol`."""
    inputs = find_inputs([folder])
    outcomes = dict(infer_recordings(bundle, inputs, device="cpu"))
    assert set(outcomes) == set(inputs)
    for one, outcome in outcomes.items():
        if isinstance(outcome, CantaorError):
            assert isinstance(outcome, AudioError), outcome
            with pytest.raises(AudioError):
                predict_clips(bundle, one.location)


def test_folders_of_broken_recordings_stop_nothing(bundle: Bundle, tmp_path: Path) -> None:
    end = time.monotonic() + SECONDS
    for seed in count():
        if seed >= SEEDS and time.monotonic() >= end:
            return
        folder = tmp_path / f"c{seed}"
        made = hostile_corpus(folder, seed)
        try:
            check_mine(folder, made, tmp_path / f"w{seed}")
            manifest = read_entries(folder)
            assert len(audit(manifest).durations_s) == len(manifest)
            check_listening(folder, bundle)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ZeroDivisionError("0"),
        UnicodeError("bad"),
        OSError(5, "Input/output error"),
        RecursionError(),
        AssertionError(),
        StopIteration(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_decoders_may_raise_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made = hostile_corpus(tmp_path / "c", 0, files=0)
    decoded = audio_files.AudioStream._decoded

    def broken(self: audio_files.AudioStream, first: int, last: int | None) -> Iterator[np.ndarray]:
        if "GOOD-1" in self._name:
            raise error
        return decoded(self, first, last)

    monkeypatch.setattr(audio_files.AudioStream, "_decoded", broken)
    workspace = mine(tmp_path / "c", tmp_path / "w", **SETTINGS)
    (failure,) = workspace.table("failures").to_pylist()
    assert failure["path"] == str(made[1])
    assert "GOOD-1.wav" in failure["reason"]
    assert workspace.table("recordings").num_rows == 1


def test_the_table_of_faults(tmp_path: Path) -> None:
    hostile_corpus(tmp_path / "c", 0, files=0)
    sung = np.sin(np.arange(9000)).astype("f4")
    write_audio(tmp_path / "c" / "LOW-1.wav", sung, 3000)
    long = tmp_path / "c" / f"{'歌' * 30}-{'字' * 50}.wav"
    (tmp_path / "c" / "GOOD-1.wav").rename(long)
    (tmp_path / "c" / "nobody.wav").write_bytes(b"x")
    workspace = mine(tmp_path / "c", tmp_path / "w", clips="all", **SETTINGS)
    reasons = {
        Path(row["path"]).name: row["reason"] for row in workspace.table("failures").to_pylist()
    }
    assert set(reasons) == {"LOW-1.wav", "nobody.wav"}
    assert "LOW-1.wav" in reasons["LOW-1.wav"]
    assert "4000" in reasons["LOW-1.wav"]
    assert "cannot tell the singer" in reasons["nobody.wav"]
    assert str(long) in workspace.table("recordings")["path"].to_pylist()
    done = CliRunner().invoke(app, ["mine", str(tmp_path / "c"), "--out", str(tmp_path / "v")])
    assert done.exit_code == 3


def test_recordings_may_vanish_while_they_are_mined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile_corpus(tmp_path / "c", 0, files=0)
    for index in range(4):
        write_audio(tmp_path / "c" / f"GONE-{index}.wav", np.ones(8000, "f4"), 8000)
    hashed, lock = recordings.file_hash, threading.Lock()

    def vanish(location: str) -> str:
        found = hashed(location)
        with lock:
            if "GONE" in location:
                Path(location).unlink()
        return found

    monkeypatch.setattr(recordings, "file_hash", vanish)
    workspace = mine(tmp_path / "c", tmp_path / "w", **SETTINGS)
    assert workspace.table("failures").num_rows == 4
    assert workspace.table("recordings").num_rows == 2
