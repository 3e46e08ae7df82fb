"""The GPU benchmark's own steps, tiny and on the CPU."""

from __future__ import annotations

import json

import pytest

from benchmarks.gpu import main


def test_smoke_run_writes_a_dated_table(tmp_path):
    assert main(["--smoke", "--device", "cpu", "--out", str(tmp_path)]) == 0
    (table,) = tmp_path.glob("gpu-*.md")
    (record,) = tmp_path.glob("gpu-*.json")
    report = json.loads(record.read_text())
    assert [row["agrees"] for row in report["agreement"]] == [True] * 3
    assert min(row["training"] for row in report["throughput"]) > 0
    assert [row["compiled"] for row in report["throughput"]] == [False, False, False, True] * 3
    assert report["features"][0]["agrees"]
    assert [("empty" in cell) for cell in report["grid"]] == [False, False, True]
    assert "smoke run" in table.read_text()


def test_the_data_folder_is_asked_for(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path)])
    assert "DATA is needed" in capsys.readouterr().err


@pytest.mark.gpu
def test_cpu_and_gpu_agree(tmp_path):
    assert main(["--smoke", "--device", "cuda", "--out", str(tmp_path)]) == 0
