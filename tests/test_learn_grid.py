"""The grid: the paper's figures in their places, resuming, empty cells with reasons."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cantaor.cli import app
from cantaor.corpus.manifest_files import read_manifest
from cantaor.errors import ArgumentError, ModelError, SplitError
from cantaor.experiments.grid import (
    GridPlan,
    default_protocols,
    plan_of,
    run_clips_grid,
    run_workspace_grid,
)
from cantaor.io.audio import write_audio
from cantaor.learn.evaluation.grid import (
    Cell,
    run_grid,
    table_2,
    thin_clips,
    with_fractions,
    with_noise,
)
from cantaor.learn.evaluation.grid_tables import curve_table, grid_table
from cantaor.learn.training.settings import TrainingSettings
from cantaor.metrics.paper_table import DATA, FEATURES, MODELS, paper_figures
from cantaor.plotting.learning_curves import plot_robustness
from tests.test_learn_training import singers

TINY = TrainingSettings(width=1, epochs=1, batch=16, device="cpu")


def test_all_27_cells_of_table_2_have_their_figures():
    cells = table_2()
    assert len(set(cells)) == 27
    assert all(paper_figures(cell.model, cell.features, cell.data) for cell in cells)
    for cell, figures in (
        (Cell("residual-blstm", "log-mel", "motifs", "paper"), (96.29, 94.42)),
        (Cell("crnn", "mfcc", "motifs", "paper"), (88.59, 87.66)),
        (Cell("residual50", "spectrogram", "motifs+segment", "paper"), (82.41, 81.11)),
        (Cell("residual-blstm", "mfcc", "random", "paper"), (82.19, 84.26)),
    ):
        assert paper_figures(cell.model, cell.features, cell.data) == figures
    assert paper_figures("crnn", "log-mel+mfcc", "motifs") is None


def load_subsets(data: str, protocol: str, _sample_rate: int):
    if data == "motifs+segment":
        raise SplitError("no recording is long enough")
    return singers(18, 1), singers(9, 2), singers(9, 3 + (data == "random"))


def test_a_grid_resumes_and_says_why_cells_are_empty(tmp_path):
    cells = [Cell("residual-blstm", "mfcc", data, "paper") for data in ("motifs", "random")]
    cells.append(Cell("residual-blstm", "mfcc", "motifs+segment", "paper"))
    short = run_grid(
        cells, load_subsets, TINY, tmp_path, go_on=lambda: not list(tmp_path.glob("*.json"))
    )
    assert "accuracy" in short[0]
    assert short[1]["empty"] == "no time was left"
    seen = []
    records = run_grid(
        cells, load_subsets, TINY, tmp_path, progress=lambda cell, record: seen.append(cell)
    )
    assert seen == cells
    assert records[0]["accuracy"] == short[0]["accuracy"]
    assert records[1]["gap"] == records[1]["train_accuracy"] - records[1]["accuracy"]
    assert records[2]["empty"] == "no recording is long enough"
    table = grid_table(records)
    assert table.count("\n") == 5
    assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "94.78 / 92.02" in table
    assert "empty: no recording is long enough" in table
    assert records[0]["paper"] == (0.9478, 0.9202)
    assert records[0]["gain_over_random"] == records[0]["accuracy"] - records[1]["accuracy"]


def test_fewer_clips_and_noise_are_measured(tmp_path):
    cells = with_fractions([Cell("residual-blstm", "mfcc", "motifs", "paper")], (1, 0.5))
    records = run_grid(cells, load_subsets, TINY, tmp_path)
    assert [record["fraction"] for record in records] == [1, 0.5]
    assert [set(record["noise"]) for record in records] == [{"30", "20", "10", "0"}] * 2
    assert grid_table(records).count("\n") == 3
    assert curve_table(records).count("\n") == 4
    noises, fractions = plot_robustness(records).axes
    assert [len(noises.lines), len(fractions.lines)] == [1, 1]
    assert list(fractions.lines[0].get_xdata()) == [0.5, 1]


def test_a_picture_of_a_whole_grid_has_room_for_its_legend():
    noise = {"30": 0.9, "10": 0.5}
    records = [
        {**asdict(cell), "accuracy": 0.9, "noise": noise}
        for cell in (
            Cell(model, features, data, "paper")
            for model in MODELS
            for features in FEATURES
            for data in DATA
        )
    ]
    figure = plot_robustness(records)
    assert [len(axes.lines) for axes in figure.axes] == [9, 9, 9]
    figure.draw_without_rendering()
    (legend,) = figure.legends
    right = legend.get_window_extent().x0
    assert all(axes.get_window_extent().x1 < right for axes in figure.axes)
    with pytest.raises(ArgumentError, match="every cell is empty"):
        plot_robustness([{**records[0], "empty": "no time was left"}])


def test_a_share_of_the_clips_is_nested_and_holds_every_singer():
    clips = singers(30, 1)
    half, tenth = thin_clips(clips, 0.5, 3), thin_clips(clips, 0.1, 3)
    assert np.bincount(half.labels).tolist() == [5, 5, 5]
    assert {clip.tobytes() for clip in map(tenth.__getitem__, range(3))} <= {
        clip.tobytes() for clip in map(half.__getitem__, range(15))
    }
    assert thin_clips(clips, 1, 3) is clips
    with pytest.raises(ArgumentError, match="fraction must be above 0"):
        thin_clips(clips, 0, 3)


@pytest.mark.parametrize("level", [30.0, 0.0])
def test_noise_is_as_loud_as_asked_for(level):
    clips = singers(6, 1)
    noisy = with_noise(clips, level, 0)
    for index in range(6):
        added = noisy[index] - clips[index]
        ratio = np.mean(np.square(clips[index])) / np.mean(np.square(added))
        assert 10 * np.log10(ratio) == pytest.approx(level, abs=1)


def listed_clips(folder: Path) -> Path:
    """A file of clips with their sides, beside the one recording that they are cut from."""
    clips = singers(18, 1)
    write_audio(folder / "tones.wav", clips.samples, 16_000)
    lines = ["path,start_s,end_s,singer,split"]
    for index, label in enumerate(clips.labels):
        start, end = clips.offsets[index : index + 2] / 16_000
        side = ("train", "train", "validation", "test")[index // 3 % 4]
        lines.append(f"tones.wav,{start:.6f},{end:.6f},{clips.classes[label]},{side}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder / "clips.csv"


def test_the_grid_runs_from_the_command_line_and_goes_on(tmp_path):
    out = tmp_path / "grid"
    command = ["evaluate", "--clips", str(listed_clips(tmp_path)), "--grid", "--out", str(out)]
    command += ["--protocols", "file", "--width", "1", "--epochs", "1", "--device", "cpu"]
    first = CliRunner().invoke(app, [*command, "--json"])
    assert first.exit_code == 0, first.output
    records = json.loads(first.stdout)
    assert len(records) == 36
    assert sum("empty" in record for record in records) == 24
    assert "mine a workspace" in records[-1]["empty"]
    assert records == json.loads((out / "grid.json").read_text())
    assert (out / "curves.png").stat().st_size > 1_000
    again = CliRunner().invoke(app, command)
    assert "94.78 / 92.02" in again.stdout
    assert records == json.loads((out / "grid.json").read_text())


def test_the_grid_of_a_workspace_cuts_its_own_sides(small_workspace, tmp_path):
    plan = GridPlan(("residual-blstm",), ("mfcc",), ("random",), ("recording",))
    (record,) = run_workspace_grid(small_workspace, plan, TINY, tmp_path, max_clips=12)
    assert record["n"] > 0
    assert record["protocol"] == "recording"
    assert record["gain_over_random"] == 0


def test_clips_without_a_test_side_have_no_grid(tmp_path):
    clips = listed_clips(tmp_path)
    clips.write_text(clips.read_text().replace(",test", ",train"))
    with pytest.raises(SplitError, match="names no test side"):
        run_clips_grid(read_manifest(clips), GridPlan(protocols=("file",)), TINY, tmp_path / "grid")


def clips_of_recordings(folder: Path) -> Path:
    """Clips of three singers from two recordings in each of two source groups; no sides named."""
    lines = ["path,start_s,end_s,singer,recording,group"]
    for singer, group, number in product("abc", (0, 1), (0, 1)):
        clips = singers(6, ord(singer) + 10 * group + number)
        name = f"{singer}-{group}-{number}"
        write_audio(folder / f"{name}.wav", clips.samples, 16_000)
        for index in range(6):
            start, end = clips.offsets[index : index + 2] / 16_000
            lines.append(f"{name}.wav,{start:.6f},{end:.6f},{singer},{name},{singer}-{group}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder / "clips.csv"


def test_the_papers_protocols_are_cut_from_a_file_without_sides(tmp_path):
    clips, out = clips_of_recordings(tmp_path), tmp_path / "grid"
    command = ["evaluate", "--clips", str(clips), "--grid", "--out", str(out), "--json"]
    command += ["--models", "residual50,crnn", "--features", "mfcc", "--data", "motifs"]
    command += ["--width", "1", "--epochs", "2", "--device", "cpu", "--seed", "3"]
    command += ["--protocols", "paper,audio,group"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    records = json.loads(first.stdout)
    assert [(r["protocol"], r["model"]) for r in records] == list(
        product(("paper", "audio", "group"), ("residual50", "crnn"))
    )
    by_protocol = {r["protocol"]: r["n"] for r in records}
    assert by_protocol["group"] == 36  # One of two source groups of each singer.
    for record in records:
        assert record["date"] == str(datetime.date.today())
        assert record["machine"]["torch"] == torch.__version__
        assert record["seed"] == 3
        assert record["epochs"] == len(record["history"]) == 2
        assert record["seconds"] == sum(epoch["seconds"] for epoch in record["history"])
    # Cheap networks first: the files of the second network are the younger ones.
    born = {file.name: file.stat().st_mtime_ns for file in out.glob("*_*.json")}
    last_cheap = max(time for name, time in born.items() if "crnn" in name)
    assert last_cheap < min(time for name, time in born.items() if "residual50" in name)
    again = CliRunner().invoke(app, command)
    assert json.loads(again.stdout) == records


def test_protocols_of_a_file_are_named(tmp_path):
    manifest = read_manifest(listed_clips(tmp_path))
    with pytest.raises(ArgumentError, match=r"paper, audio, recording, group, file; got album"):
        run_clips_grid(manifest, GridPlan(protocols=("album",)), TINY, tmp_path / "grid")
    assert default_protocols(manifest) == "file"
    assert default_protocols(None) == "paper"


def test_wrong_plans_are_named():
    for change, message in (
        ({"models": "svm"}, "models must be of crnn, residual50, residual-blstm; got 'svm'"),
        ({"data": "all"}, "data must be of motifs"),
        ({"fractions": "2"}, "fractions must be numbers above 0 and at most 1; got '2'"),
        ({"protocols": ","}, "protocols must be"),
    ):
        names = {"models": None, "features": None, "data": None, "protocols": "paper"}
        with pytest.raises(ArgumentError, match=message):
            plan_of(**{**names, "fractions": "1", **change})
    assert len(plan_of(None, None, None, "paper", "1").cells()) == 36


def test_a_damaged_result_is_named(tmp_path):
    cells = [Cell("residual-blstm", "mfcc", "motifs", "paper")]
    run_grid(cells, load_subsets, TINY, tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_text("{")
    with pytest.raises(ModelError, match=rf"{file.name} is damaged"):
        run_grid(cells, load_subsets, TINY, tmp_path)
