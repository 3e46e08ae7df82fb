"""Folders as people have them: every name is read, failed, warned of or ignored, by name."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cantaor.cli import app
from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.io.audio import read_audio, write_audio
from cantaor.pipeline.mine import mine
from tests.recordings import RATE, encode


@pytest.fixture(scope="module")
def messy(small_corpus: SyntheticCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sung recordings among all that gathers in a folder."""
    pytest.importorskip("av")
    folder = tmp_path_factory.mktemp("messy")
    files = [small_corpus.manifest.file(entry) for entry in small_corpus.manifest.entries]
    shutil.copy(files[0], folder / "V1-plain.flac")
    samples = read_audio(files[1], RATE).samples
    encode(folder / "V1-phone.m4a", "aac", samples)
    write_audio(folder / "V1-cut.mp3", samples, RATE)
    whole = (folder / "V1-cut.mp3").read_bytes()
    (folder / "V1-cut.mp3").write_bytes(whole[: len(whole) * 3 // 4])
    write_audio(folder / "V2-phase.wav", np.stack([samples, -samples], axis=1), RATE)
    for form, file in zip(("NFC", "NFD"), files[2:4], strict=True):
        shutil.copy(file, folder / unicodedata.normalize(form, "Niña-1.flac"))
    for name in ("notes.docx", ".DS_Store", "._V1-plain.flac", "Thumbs.db", "no-extension"):
        (folder / name).write_bytes(b"x")
    (folder / "V1-empty.wav").touch()
    (folder / "nameless.wav").write_bytes(b"RIFF")
    (folder / "x.wav").mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "V1-self.wav").symlink_to(folder / "V1-self.wav")
    return folder


def run(*arguments: object) -> tuple[int, dict[str, object]]:
    found = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return found.exit_code, json.loads(found.stdout)


def test_every_name_is_accounted_for(messy: Path, tmp_path: Path) -> None:
    code, facts = run("mine", messy, "--out", tmp_path / "w", "--workers", 1)
    assert code == 3
    counts = facts["counts"]
    assert isinstance(counts, dict)
    assert counts["found"] == len(list(messy.iterdir()))
    assert sum(n for name, n in counts.items() if name != "found") == counts["found"]
    by_kind = {
        kind: {Path(row["path"]).name for row in facts[kind]}  # type: ignore[attr-defined]
        for kind in ("failures", "warnings", "ignored", "hidden")
    }
    assert by_kind == {
        "failures": {"V1-empty.wav", "nameless.wav", "V1-self.wav", "V2-phase.wav"},
        "warnings": {"V1-cut.mp3"},
        "ignored": {"notes.docx", "Thumbs.db", "no-extension", "x.wav", "loop"},
        "hidden": {".DS_Store", "._V1-plain.flac"},
    }
    assert counts["read"] == 4
    reasons = {Path(row["path"]).name: row["reason"] for row in facts["failures"]}  # type: ignore[attr-defined]
    assert "channels cancel in the mean" in reasons["V2-phase.wav"]
    rows = facts["failures"] + facts["warnings"]  # type: ignore[operator]
    assert {row["kind"] for row in rows} == {"failed", "warned"}


def test_the_same_singer_however_the_name_is_spelt(messy: Path) -> None:
    singers = read_corpus(messy).singers
    assert singers == ("Niña", "V1", "V2")


def test_a_channel_that_is_named_and_strictness(messy: Path, tmp_path: Path) -> None:
    workspace = mine(messy, tmp_path / "w", channel="left", strict=True)
    rows = {Path(r["path"]).name: r for r in workspace.table("failures").to_pylist()}
    assert "V2-phase.wav" not in rows
    assert rows["V1-cut.mp3"]["kind"] == "failed"
    assert "truncated" in rows["V1-cut.mp3"]["reason"]
    assert workspace.settings.channel == "left"


def test_warnings_stay_when_pitch_is_used_again(messy: Path, tmp_path: Path) -> None:
    first = mine(messy, tmp_path / "w").table("failures").to_pylist()
    again = mine(messy, tmp_path / "w").table("failures").to_pylist()
    assert [row for row in first if row["kind"] == "warned"] == [
        row for row in again if row["kind"] == "warned"
    ]


def test_a_dry_run_reads_headers_and_stops(messy: Path, tmp_path: Path) -> None:
    code, facts = run("mine", messy, "--out", tmp_path / "w", "--dry-run")
    assert code == 3
    assert not (tmp_path / "w").exists()
    assert facts["recordings"] == 9
    assert facts["formats"]["MP4 aac"] == 1  # type: ignore[index]
    failed = {Path(row["path"]).name for row in facts["failures"]}  # type: ignore[attr-defined]
    assert failed == {"V1-empty.wav", "nameless.wav", "V1-self.wav"}
    assert [Path(row["path"]).name for row in facts["warnings"]] == ["V1-cut.mp3"]  # type: ignore[attr-defined]
    assert facts["expected_s"] > 0  # type: ignore[operator]
    assert 0 < facts["expected_bytes"] < facts["free_bytes"]  # type: ignore[operator]


def test_an_audit_warns_too(messy: Path) -> None:
    code, facts = run("audit", messy)
    assert code == 0
    faults = {Path(row["path"]).name: row["kind"] for row in facts["faults"]}  # type: ignore[attr-defined]
    assert faults["V1-cut.mp3"] == "warned"
    assert faults["V1-empty.wav"] == "unreadable"
    assert facts["summary"]["ignored"] == 7  # type: ignore[index]
    _, strict = run("audit", messy, "--strict")
    faults = {Path(row["path"]).name: row["kind"] for row in strict["faults"]}  # type: ignore[attr-defined]
    assert faults["V1-cut.mp3"] == "unreadable"


def test_formats_are_listed() -> None:
    found = CliRunner().invoke(app, ["formats", "--json"])
    assert any(".m4a" in row["extensions"] for row in json.loads(found.stdout))
