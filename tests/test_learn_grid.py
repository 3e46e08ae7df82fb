"""The grid: the paper's figures in their places, resuming, empty cells with reasons."""

from __future__ import annotations

import pytest

from cantaor.errors import ModelError, SplitError
from cantaor.learn.grid import Cell, grid_table, paper_figures, run_grid, table_2
from cantaor.learn.training import TrainingSettings
from tests.test_learn_training import singers

TINY = TrainingSettings(width=1, epochs=1, batch=16, device="cpu")


def test_all_27_cells_of_table_2_have_their_figures():
    cells = table_2()
    assert len(set(cells)) == 27
    assert all(paper_figures(cell) for cell in cells)
    for cell, figures in (
        (Cell("residual-blstm", "log-mel", "motifs", "paper"), (96.29, 94.42)),
        (Cell("crnn", "mfcc", "motifs", "paper"), (88.59, 87.66)),
        (Cell("residual50", "spectrogram", "motifs+segment", "paper"), (82.41, 81.11)),
        (Cell("residual-blstm", "mfcc", "random", "paper"), (82.19, 84.26)),
    ):
        assert paper_figures(cell) == figures
    assert paper_figures(Cell("crnn", "log-mel+mfcc", "motifs", "paper")) is None


def sides_of(data: str, protocol: str):
    if data == "motifs+segment":
        raise SplitError("no recording is long enough")
    return singers(18, 1), singers(9, 2), singers(9, 3 + (data == "random"))


def test_a_grid_resumes_and_says_why_cells_are_empty(tmp_path):
    cells = [Cell("residual-blstm", "mfcc", data, "paper") for data in ("motifs", "random")]
    cells.append(Cell("residual-blstm", "mfcc", "motifs+segment", "paper"))
    short = run_grid(cells, sides_of, TINY, tmp_path, go_on=lambda: not list(tmp_path.iterdir()))
    assert "accuracy" in short[0]
    assert short[1]["empty"] == "no time was left"
    seen = []
    records = run_grid(
        cells, sides_of, TINY, tmp_path, progress=lambda cell, record: seen.append(cell)
    )
    assert seen == cells
    assert records[0] == short[0]
    assert records[1]["gap"] == records[1]["train_accuracy"] - records[1]["accuracy"]
    assert records[2]["empty"] == "no recording is long enough"
    table = grid_table(records)
    assert table.count("\n") == 5
    assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "94.78 / 92.02" in table
    assert "empty: no recording is long enough" in table


def test_a_damaged_result_is_named(tmp_path):
    cells = [Cell("residual-blstm", "mfcc", "motifs", "paper")]
    run_grid(cells, sides_of, TINY, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text("{")
    with pytest.raises(ModelError, match=rf"{file.name} is damaged"):
        run_grid(cells, sides_of, TINY, tmp_path)
