"""Whatever goes wrong, the command line answers in lines for people."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from cantaor import cli
from cantaor.clips.batches import cut_clips
from cantaor.errors import ArgumentError, AudioError
from cantaor.io.audio import read_audio, write_audio
from cantaor.types import Audio


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """The command line in this process: exit code, output, and what went to stderr."""
    monkeypatch.setattr(sys, "argv", ["cantaor", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return int(ended.value.code or 0), out, err


def test_an_unforeseen_error_says_what_and_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("so [bold]much[/bold] :cat: \x1b[31m")

    monkeypatch.setattr("cantaor.cli.mining.read_status", fail)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("COLUMNS", "1000")
    code, out, err = run(monkeypatch, capsys, "status", "my work")
    assert (code, out) == (1, "")
    assert "cantaor status 'my work' stopped: ZeroDivisionError" in err
    assert "so [bold]much[/bold] :cat: \\x1b[31m" in err
    log = re.search(r"details are in (\S+)", err)
    assert log
    text = Path(log[1]).read_text()
    assert "Traceback" in text
    assert "status 'my work'" in text


@pytest.mark.parametrize("name", ["x[", "song [live]", "[/red]", "a:cat:b"])
def test_names_in_errors_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(monkeypatch, capsys, "status", name)
    assert code == 1
    assert name in err


@pytest.mark.parametrize("seed", ["-1", str(2**32), "x"])
@pytest.mark.parametrize("command", ["train", "audit", "demo", "evaluate"])
def test_a_seed_out_of_range_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, seed: str
) -> None:
    words = {"demo": []}.get(command, ["somewhere"])
    code, _, err = run(monkeypatch, capsys, command, *words, "--seed", seed)
    assert code == 2
    assert "--seed" in err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--protocols", "recordng"),
        ("--protocols", "paper,album"),
        ("--features", "mel"),
        ("--models", "svm"),
        ("--data", "songs"),
        ("--fractions", "0"),
        ("--fractions", "nan"),
    ],
)
def test_unknown_names_of_a_grid_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: str,
    value: str,
) -> None:
    arguments = ("evaluate", tmp_path, "--grid", option, value, "--out", tmp_path / "g")
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 1
    assert option[2:] in err or value in err
    assert not (tmp_path / "g").exists()


def test_audit_answers_in_json_and_spares_its_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).standard_normal(30_000).astype("f4") * 0.1
    write_audio(tmp_path / "Niña-[1].wav", noise, 16_000)
    (tmp_path / "c.csv").write_text("path,singer\nNiña-[1].wav,Niña\n", encoding="utf-8")
    before = (tmp_path / "c.csv").read_bytes()
    code, _, err = run(
        monkeypatch, capsys, "audit", tmp_path / "c.csv", "--fix", tmp_path / "c.csv"
    )
    assert (code, (tmp_path / "c.csv").read_bytes()) == (1, before)
    assert "is the corpus itself" in err
    _, out, _ = run(monkeypatch, capsys, "audit", tmp_path / "c.csv", "--json")
    assert json.loads(out)["entries"][0]["singer"] == "Niña"


def test_edges_of_rates_and_times(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.full(800, 0.1, "f4"), 8_000)
    for rate in (0, -1, float("nan")):
        with pytest.raises(ArgumentError, match="sample_rate must be positive"):
            read_audio(tmp_path / "a.wav", sample_rate=rate)  # type: ignore[arg-type]
    audio = Audio(np.arange(100, dtype=np.float32), 10)
    for end in (10.0, 1e15, 1e300, 1.7e308):
        clips, lengths = cut_clips(audio, [0.0], [end])
        assert lengths.tolist() == [100]
        assert clips.shape == (1, 100)
    with pytest.raises(AudioError):
        read_audio(tmp_path / "missing.wav")
