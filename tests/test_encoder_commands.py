"""An encoder from outside through the commands that train a model and those that use one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner, Result

from cantaor.cli import app
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.errors import CantaorError
from cantaor.learn.encoders.encoder import load_encoder
from cantaor.learn.encoders.encoding import encode
from cantaor.workspace.workspace import Workspace
from tests.encoder_files import FACTS, Bands, Convolved, script


def cantaor(*arguments: object) -> Result:
    """A command in this process: every other would load torch again."""
    return CliRunner().invoke(app, [*map(str, arguments)])


def refused(done: Result) -> str:
    """The sentence that a command ends with."""
    assert isinstance(done.exception, CantaorError), done.exception
    return str(done.exception)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANTAOR_CACHE", str(folder / "cache"))
        return script(folder / "bands.ts", Bands(), FACTS)


@pytest.fixture(autouse=True)
def cache(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all tests here, so that what one embeds the next one finds."""
    monkeypatch.setenv("CANTAOR_CACHE", str(encoder.parent / "cache"))


@pytest.fixture(scope="module")
def work(
    small_workspace: Workspace, encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A workspace with a model on profiles and embeddings; its test recordings were not met."""
    folder = tmp_path_factory.mktemp("encoded") / "w"
    shutil.copytree(small_workspace.path, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANTAOR_CACHE", str(encoder.parent / "cache"))
        done = cantaor(
            "train", folder, "--split", "recording", "--encoder", encoder, "--trust", "--json"
        )
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)["encoder"]
    assert (facts["file"], facts["size"], facts["sample_rate"]) == ("bands.ts", 8, 16_000)
    return folder


def test_every_command_takes_the_models_encoder(
    work: Path, encoder: Path, small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    path = {e.recording: small_corpus.manifest.file(e) for e in small_corpus.manifest.entries}
    given = ("--encoder", encoder, "--trust")
    done = cantaor("evaluate", work, *given, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["recording_accuracy"] == 1
    done = cantaor("evaluate", work, "--verification", *given, "--json")
    assert done.exit_code == 0, done.output
    assert 0 <= json.loads(done.stdout)["equal_error_rate"] <= 0.5
    done = cantaor("identify", work, path["V2-02"], *given, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["singer"] == "V2"
    table = tmp_path / "embeddings.parquet"
    done = cantaor("embed", work, path["V1-01"], path["V3-01"], "--out", table, *given)
    assert done.exit_code == 0, done.output
    assert len(pq.read_table(table)["embedding"][0]) == 96 + 8
    done = cantaor("nearest", work, table, path["V3-01"], *given, "--json")
    assert done.exit_code == 0, done.output
    assert Path(json.loads(done.stdout)["nearest"][0]["path"]).name.startswith("V3")
    model = tmp_path / "model"
    done = cantaor("enrol", work, path["V1-01"], "--singer", "New", "--out", model, *given)
    assert done.exit_code == 0, done.output
    # The enrolled model takes the same encoder.
    done = cantaor("identify", model, path["V1-02"], *given, "--json")
    assert done.exit_code == 0, done.output
    ranked = [row["singer"] for row in json.loads(done.stdout)["ranked"]]
    assert set(ranked[:2]) == {"V1", "New"}


def test_what_does_not_go_together_is_said_by_every_command(
    work: Path, encoder: Path, small_corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    audio = small_corpus.manifest.file(small_corpus.manifest.entries[0])
    other = script(tmp_path / "other.ts", Convolved(), FACTS)
    commands = (
        ("evaluate", work),
        ("identify", work, audio),
        ("embed", work, audio, "--out", tmp_path / "e.parquet"),
        ("enrol", work, audio, "--singer", "New", "--out", tmp_path / "m"),
        ("nearest", work, tmp_path / "e.parquet", audio),
    )
    for command in commands:
        for given, message in (
            ((), "takes encoder bands.ts"),
            (("--encoder", encoder), "runs code of its own"),
            (("--encoder", other, "--trust"), "but the model was trained with"),
            (("--encoder", encoder, "--trust", "--encoder-rate", 8_000), "takes 16000 Hz"),
            (("--trust",), "--trust without --encoder"),
        ):
            done = cantaor(*command, *given)
            assert message in refused(done), command
    assert not (tmp_path / "e.parquet").exists()
    assert not (tmp_path / "m").exists()
    done = cantaor("evaluate", work, "--grid", "--encoder", encoder, "--trust")
    assert "a grid is of networks" in refused(done)
    done = cantaor("export", work, "--out", tmp_path / "x.ts")
    assert "only models without one are exported" in refused(done)


def test_training_says_what_does_not_go_together(
    small_workspace: Workspace, encoder: Path, tmp_path: Path
) -> None:
    work, out = small_workspace.path, ("--out", tmp_path / "m")
    for given, message in (
        (("--encoder", encoder), "runs code of its own"),
        (("--encoder", encoder, "--trust", "--recipe", "accurate"), "for the recipe 'robust'"),
        (("--encoder-view", "alone"), "--encoder-view without --encoder"),
        (("--encoder", encoder, "--trust", "--encoder-view", "both"), "beside, alone, not 'both'"),
        (("--encoder", encoder, "--embeddings", encoder), "not both"),
        (("--encoder-window", 1), "--encoder-window without --encoder"),
    ):
        done = cantaor("train", work, *out, *given)
        assert message in refused(done), given
    assert not (tmp_path / "m").exists()


def test_embeddings_made_elsewhere_train_and_answer(
    work: Path, encoder: Path, small_workspace: Workspace, small_corpus: SyntheticCorpus,
    tmp_path: Path,
) -> None:  # fmt: skip
    paths = [small_corpus.manifest.file(e) for e in small_corpus.manifest.entries]
    table = tmp_path / "embeddings.parquet"
    done = cantaor("embed", work, *paths, "--out", table, "--encoder", encoder, "--trust")
    assert done.exit_code == 0, done.output
    model = tmp_path / "model"
    done = cantaor(
        "train", small_workspace.path, "--split", "recording", "--out", model,
        "--embeddings", table, "--encoder-view", "alone", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["encoder"] == {"kind": "table", "size": 104}
    done = cantaor("identify", model, paths[0], "--embeddings", table, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["singer"] == "V1"
    done = cantaor("identify", model, paths[0])
    assert "takes embeddings of size 104 from a table: --embeddings FILE" in refused(done)


def test_every_recording_is_left_out_with_an_encoder(
    small_corpus: SyntheticCorpus, encoder: Path, tmp_path: Path
) -> None:
    entries = [e for e in small_corpus.manifest.entries if e.singer in ("V1", "V2")]
    chosen = [e for s in ("V1", "V2") for e in [e for e in entries if e.singer == s][:2]]
    rows = [
        f"{small_corpus.manifest.file(e)},{start},{start + 0.5},{e.singer}"
        for e in chosen
        for start in (1, 2, 3, 4)
    ]
    clips = tmp_path / "clips.csv"
    clips.write_text("\n".join(["path,start_s,end_s,singer", *rows]) + "\n", encoding="utf-8")
    done = cantaor(
        "evaluate", "--clips", clips, "--leave-out", "recording", "--out", tmp_path / "folds",
        "--encoder", encoder, "--trust", "--encoder-view", "alone", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["groups_total"] == len(found["groups"]) == 4
    assert all(group["windows"] == 4 for group in found["groups"].values())
    # What was kept is of this encoder: with other windows every fold is new.
    kept = {path: path.read_text() for path in (tmp_path / "folds").iterdir()}
    done = cantaor(
        "evaluate", "--clips", clips, "--leave-out", "recording", "--out", tmp_path / "folds",
        "--encoder", encoder, "--trust", "--encoder-view", "alone", "--encoder-window", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert all(path.read_text() != text for path, text in kept.items())


def test_a_speaker_encoder_of_others_says_what_it_says_alone(tmp_path: Path) -> None:
    """The example of the documents, with weights that come with a package."""
    resemblyzer = pytest.importorskip("resemblyzer")
    from resemblyzer.audio import normalize_volume, wav_to_mel_spectrogram

    example = Path(__file__).parents[1] / "docs" / "examples" / "encoders" / "ge2e.py"
    written = tmp_path / "ge2e.ts"
    subprocess.run([sys.executable, example, written], check=True, capture_output=True)
    encoder = load_encoder(written, trust=True)
    assert (encoder.sample_rate, encoder.window_s, encoder.size) == (16_000, 1.6, 256)
    moment = np.arange(encoder.window) / 16_000
    for level in (0.002, 0.3):
        voice = level * np.sin(2 * np.pi * (200 * moment + 8 * np.sin(12 * moment)))
        clip = voice.astype(np.float32)
        bands = wav_to_mel_spectrogram(normalize_volume(clip, -30, increase_only=True))
        with torch.inference_mode():
            theirs = resemblyzer.VoiceEncoder("cpu", verbose=False)(torch.from_numpy(bands)[None])
        found = encode(encoder, [clip], 16_000).values
        np.testing.assert_allclose(found, theirs.numpy(), atol=1e-5)
