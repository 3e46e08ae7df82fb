"""Mining and an audit out of one decoding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from typer.testing import CliRunner

from cantaor import audit, mine
from cantaor.cli import app
from cantaor.corpus.audit import measurement_files
from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.manifest import Manifest
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.io.audio import read_audio


@pytest.fixture
def corpus(small_corpus: SyntheticCorpus, tmp_path: Path) -> Path:
    """Recordings at several rates and in several containers, one of them a copy."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, path in enumerate(sorted(small_corpus.folder.glob("V*.*"))):
        audio = read_audio(path, sample_rate=(44_100, 22_050, 48_000)[number % 3])
        suffix = ("flac", "wav", "ogg")[number % 3]
        soundfile.write(folder / f"{path.stem}.{suffix}", audio.samples, audio.sample_rate)
    first = sorted(folder.glob("*.flac"))[0]
    soundfile.write(folder / "V9-copy.mp3", read_audio(first).samples, 44_100)
    return folder


def test_an_audit_after_mining_decodes_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = audit(corpus).to_json()
    plain = mine(corpus, tmp_path / "plain", clips=False)
    both = mine(corpus, tmp_path / "both", clips=False, audit_cache=tmp_path / "cache")
    for name in ("recordings", "motifs", "instances"):
        one, other = (pq.read_table(w.path / f"{name}.parquet") for w in (plain, both))
        assert one.equals(other)

    def refuse(*_: object) -> None:
        raise AssertionError("the audit decodes again")

    monkeypatch.setattr(measurement_files, "measure_entries", refuse)
    assert audit(corpus, cache=tmp_path / "cache").to_json() == alone


def test_what_is_kept_is_what_an_audit_keeps(corpus: Path, tmp_path: Path) -> None:
    audit(corpus, cache=tmp_path / "audit")
    mine(corpus, tmp_path / "work", clips=False, workers=2, audit_cache=tmp_path / "mine")
    kept = [
        {
            file.relative_to(tmp_path / name): file.read_bytes()
            for file in (tmp_path / name).rglob("*.npz")
        }
        for name in ("audit", "mine")
    ]
    assert len(kept[0]) == len(read_corpus(corpus))
    assert kept[0].keys() == kept[1].keys()
    for name in kept[0]:
        with np.load(tmp_path / "audit" / name) as one, np.load(tmp_path / "mine" / name) as other:
            assert one.files == other.files
            assert all(np.array_equal(one[array], other[array]) for array in one.files)


def test_parts_of_a_file_are_left_to_the_audit(corpus: Path, tmp_path: Path) -> None:
    entries = read_corpus(corpus).entries
    half = replace(entries[0], recording="half", end_s=2.0)
    rest = replace(entries[0], recording="rest", start_s=2.0)
    manifest = Manifest((half, rest, *entries[1:]), corpus)
    mine(manifest, tmp_path / "work", clips=False, audit_cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == len(entries) - 1
    cached = audit(manifest, cache=tmp_path / "cache").to_json()
    assert cached == audit(manifest).to_json()


def test_the_command(corpus: Path, tmp_path: Path) -> None:
    command = [
        "mine",
        str(corpus),
        "--out",
        str(tmp_path / "work"),
        "--no-clips",
        "--audit",
        "--json",
    ]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "work" / "audit").rglob("*.npz"))) == len(read_corpus(corpus))
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0, again.output
