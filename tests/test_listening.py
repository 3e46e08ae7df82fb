"""Many recordings through one model: the answers of one-by-one calls, whole files, and resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
import torch

from cantaor.chain import MotifFinder
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.errors import ArgumentError, CantaorError, CorpusError, WorkspaceError
from cantaor.inference.batch import Input, find_inputs, infer_recordings
from cantaor.inference.prediction_files import open_predictions
from cantaor.io.audio import read_audio, write_audio
from cantaor.io.files import read_table
from cantaor.learn.export.bundle import Bundle, load_bundle, save_bundle
from cantaor.learn.identification.evidence import ClipPredictions
from cantaor.learn.identification.identification import predict_clips
from cantaor.learn.identification.saved_finder import finder_arrays, finder_facts
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.parallel.workers import WorkerPool
from cantaor.workspace.workspace import Workspace

_MANY = 60
SCHEMA = pa.schema([("path", pa.string()), ("error", pa.string()), ("x", pa.int64())])


@pytest.fixture(scope="module")
def model(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the weights it began with: its answers are arbitrary, and always the same."""
    torch.manual_seed(3)
    settings = TrainingSettings(width=4, device="cpu")
    trained = TrainedModel(build_classifier(settings, 3).eval(), ("V1", "V2", "V3"), settings, ())
    dictionary = MotifDictionary.from_arrow(small_workspace.table("motifs"))
    finder = MotifFinder(small_workspace.clusters(), dictionary.union(), small_workspace.settings)
    facts = {"finder": finder_facts(finder), "data": "motifs", "protocol": "paper", "notes": []}
    folder = tmp_path_factory.mktemp("model") / "m"
    return save_bundle(folder, trained, finder_arrays(finder), facts)


@pytest.fixture(scope="module")
def bundle(model: Path) -> Bundle:
    return load_bundle(model)


@pytest.fixture(scope="module")
def files(small_corpus: SyntheticCorpus, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Excerpts of six seconds."""
    folder = tmp_path_factory.mktemp("files")
    found = []
    for entry in small_corpus.manifest.entries[:5]:
        audio = read_audio(small_corpus.manifest.file(entry))
        found.append(folder / f"{entry.recording}.flac")
        middle = audio.samples[3 * audio.sample_rate : 9 * audio.sample_rate]
        write_audio(found[-1], middle, audio.sample_rate)
    return found


def predictions_of(
    outcomes: Iterable[tuple[Input, ClipPredictions | CantaorError]],
) -> dict[str, ClipPredictions | CantaorError]:
    return {one.name: outcome for one, outcome in outcomes}


@pytest.mark.parametrize("threads", [None, 3])
def test_together_and_one_by_one_are_the_same(
    bundle: Bundle, files: list[Path], threads: int | None
) -> None:
    pool = None if threads is None else WorkerPool(ThreadPoolExecutor(threads), threads)
    together = predictions_of(infer_recordings(bundle, find_inputs(files), pool))
    assert len(together) == len(files)
    for file in files:
        alone, batched = predict_clips(bundle, file), together[str(file)]
        assert isinstance(batched, ClipPredictions)
        assert batched.motifs == alone.motifs
        np.testing.assert_array_equal(batched.start_s, alone.start_s)
        np.testing.assert_allclose(batched.probabilities, alone.probabilities, atol=1e-5)
        np.testing.assert_allclose(batched.embeddings, alone.embeddings, atol=1e-4)


def test_samples_and_files_are_the_same(bundle: Bundle, files: list[Path]) -> None:
    whole, streamed = predict_clips(bundle, read_audio(files[0])), predict_clips(bundle, files[0])
    np.testing.assert_array_equal(whole.probabilities, streamed.probabilities)


def test_inputs_from_folders_tables_and_spans(files: list[Path], tmp_path: Path) -> None:
    folder = files[0].parent
    assert {one.name for one in find_inputs([folder])} == {str(file) for file in files}
    table = folder / "parts.csv"
    table.write_text(f"path,start_s,end_s\n{files[0].name},1,4.5\n{files[0].name},2,\n")
    try:
        spans = find_inputs([table, files[1], files[1]])
    finally:
        table.unlink()
    names = [f"{files[0]}#t=1,4.5", f"{files[0]}#t=2", str(files[1])]
    assert [one.name for one in spans] == names
    with pytest.raises(CorpusError, match="no audio"):
        find_inputs([tmp_path])


def hostile_files(folder: Path) -> dict[str, str]:
    """Files that no model can use, with a piece of the reason that must be given."""
    rng = np.random.default_rng(1)
    (folder / "random.flac").write_bytes(rng.bytes(50_000))
    write_audio(folder / "whole.flac", rng.uniform(-0.5, 0.5, 200_000).astype("f4"), 44100)
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:100_000])
    (folder / "whole.flac").unlink()
    write_audio(folder / "one.wav", np.ones(1, "f4"), 44100)
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    (folder / "self").symlink_to(folder)
    write_audio(folder / "a name.wav", np.zeros(100, "f4"), 44100)
    write_audio(folder / "new\nline.wav", np.zeros(100, "f4"), 44100)
    undecodable = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.wav"))
    soundfile.write(folder / "t.wav", np.zeros(100), 44100)
    (folder / "t.wav").rename(undecodable)
    soundfile.write(folder / "many.wav", np.zeros((192_000, 8), "f4"), 192_000)
    return {
        "random.flac": "not readable",
        "cut.flac": "cut",
        "one.wav": "no voice",
        "loop.wav": "symbolic links",
        "a name.wav": "silent",
        "new\\nline.wav": "silent",
        "\\udcff\\udcfe.wav": "silent",
        "many.wav": "silent",
    }


def test_hostile_files_are_each_reported(bundle: Bundle, files: list[Path], tmp_path: Path) -> None:
    reasons = hostile_files(tmp_path)
    found = predictions_of(
        infer_recordings(bundle, [*find_inputs([tmp_path]), Input(str(files[0]))])
    )
    assert isinstance(found.pop(str(files[0])), ClipPredictions)
    assert {Path(name).name for name in found} == set(reasons)
    for name, outcome in found.items():
        assert reasons[Path(name).name] in str(outcome)
        name.encode("utf-8")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_answers_are_completed_and_errors_asked_again(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"answers{suffix}"
    first = open_predictions(out, "m1", SCHEMA)
    assert first.done == frozenset()
    for name in ("a", "b"):
        first.add({"path": name, "x": 1}, [{"path": name, "x": 1}])
    first.add({"path": "c", "error": "no"}, [{"path": "c", "error": "no"}])
    first.close()
    if suffix == ".jsonl":
        with out.open("a") as handle:
            handle.write('{"path": "d", "x"')  # a run that was killed as it wrote
    second = open_predictions(out, "m1", SCHEMA)
    assert second.done == {"a", "b"}
    second.add({"path": "c", "x": 2}, [{"path": "c", "x": 2}])
    second.close()
    assert predictions_in(out) == {"a": 1, "b": 1, "c": 2}
    with pytest.raises(ArgumentError, match="another model"):
        open_predictions(out, "m2", SCHEMA)
    assert predictions_in(out) == {"a": 1, "b": 1, "c": 2}
    anew = open_predictions(out, "m2", SCHEMA, force=True)
    anew.close()
    assert predictions_in(out) == {}
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def predictions_in(path: Path) -> dict[str, int]:
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = read_table(path).to_pylist()
    return {row["path"]: row["x"] for row in rows}


def test_parts_of_a_killed_run_are_found(tmp_path: Path) -> None:
    killed = open_predictions(tmp_path / "a.parquet", "m", SCHEMA)
    killed.add({}, [{"path": f"{i}", "x": i} for i in range(5000)])
    with pytest.raises(WorkspaceError, match="another run writes it"):
        open_predictions(tmp_path / "a.parquet", "m", SCHEMA)
    del killed  # the system releases the lock of a process that died
    again = open_predictions(tmp_path / "a.parquet", "m", SCHEMA)
    assert len(again.done) == 5000
    again.close()
    assert read_table(tmp_path / "a.parquet").num_rows == 5000


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.jsonl").write_text("my thesis\n")
    with pytest.raises(ArgumentError, match="line 1: not an answer"):
        open_predictions(tmp_path / "thesis.jsonl", "m", SCHEMA)
    assert (tmp_path / "thesis.jsonl").read_text() == "my thesis\n"
    with pytest.raises(ArgumentError, match=r"\.jsonl or \.parquet"):
        open_predictions(tmp_path / "a.txt", "m", SCHEMA)


def test_ctrl_c_leaves_a_partial_answer_that_a_second_run_completes(
    model: Path, files: list[Path], tmp_path: Path
) -> None:
    for number in range(_MANY):
        (tmp_path / f"{number:03d}.flac").symlink_to(files[number % len(files)])
    out = tmp_path / "answers.jsonl"
    # One at a time, so that answers come before the last of them.
    command = [sys.executable, "-m", "cantaor", "identify", str(model), str(tmp_path)]
    command += ["--out", str(out), "--workers", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        until = time.monotonic() + 120
        while run.poll() is None and time.monotonic() < until:
            if out.exists() and out.read_text().count("\n") >= 2:
                run.send_signal(signal.SIGINT)
                break
            time.sleep(0.02)
        run.wait(60)
        assert run.returncode == 130, run.stderr.read().decode() if run.stderr else ""
    partial = [json.loads(line)["path"] for line in out.read_text().splitlines()]
    assert 2 <= len(partial) < _MANY
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    summary = json.loads(done.stdout)
    assert summary["reused"] == len(partial)
    assert summary["recordings"] == _MANY - len(partial)
    paths = [json.loads(line)["path"] for line in out.read_text().splitlines()]
    assert len(set(paths)) == len(paths) == _MANY
