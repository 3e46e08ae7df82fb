"""Loaders: which files become which entries, and what is said when there are none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.loaders import (
    read_corpus,
    read_entries,
    read_flamenco_motifs,
    read_mirdata,
    read_pattern,
)
from cantaor.corpus.manifest_files import write_manifest
from cantaor.errors import CorpusError
from cantaor.io.audio import write_audio
from cantaor.types import Audio


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def table(folder: Path) -> list[tuple[str, str, str]]:
    return [(e.path, e.singer, e.recording) for e in read_corpus(folder).entries]


def test_both_folder_layouts_at_once(tmp_path: Path) -> None:
    touch(tmp_path, "EC/deep/a b.MP3", "AM-2-take.flac", "AM-1.ogg", "EC/c.wav", "EC/notes.txt")
    assert table(tmp_path) == [
        ("AM-1.ogg", "AM", "AM-1"),
        ("AM-2-take.flac", "AM", "AM-2-take"),
        ("EC/c.wav", "EC", "EC/c"),
        ("EC/deep/a b.MP3", "EC", "EC/deep/a b"),
    ]


def test_odd_names_and_hidden_files(tmp_path: Path) -> None:
    touch(tmp_path, "A M- x\ny.wav", ".AM-1.wav", ".hidden/AM-1.wav", "ñ/ü .wav")
    assert [entry.singer for entry in read_corpus(tmp_path).entries] == ["A M", "ñ"]


def test_links_back_into_the_corpus_are_not_walked(tmp_path: Path) -> None:
    corpus, other = tmp_path / "corpus", tmp_path / "other"
    touch(corpus, "AM/a.wav")
    touch(other, "b.wav")
    (corpus / "AM" / "loop").symlink_to(corpus)
    (corpus / "BM").symlink_to(corpus / "AM")
    (corpus / "EC").symlink_to(other)
    (other / "back").symlink_to(corpus)
    assert [entry.path for entry in read_corpus(corpus).entries] == ["AM/a.wav", "EC/b.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="the file system decodes every name")
def test_a_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/AM-\xff.wav")).write_bytes(b"x")
    with pytest.raises(CorpusError, match=r"udcff.* not valid UTF-8"):
        read_corpus(tmp_path)


def test_what_was_looked_for_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no corpus at .*none"):
        read_corpus(tmp_path / "none")
    with pytest.raises(CorpusError, match=r"looked for SINGER-anything.ext or SINGER/anything.ext"):
        read_corpus(touch(tmp_path, "readme.txt"))
    with pytest.raises(CorpusError, match=r"cannot tell the singer of 'song.wav'"):
        read_corpus(touch(tmp_path, "song.wav"))
    with pytest.raises(CorpusError, match="no folder at"):
        read_pattern(tmp_path / "none", "{singer}.wav")


def test_the_same_recording_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"'AM-1': 'AM-1.flac' and 'AM-1.mp3'"):
        read_corpus(touch(tmp_path, "AM-1.flac", "AM-1.mp3"))


def test_a_table_is_a_corpus_too(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.csv").joinpath("corpus.csv").write_text("path,singer\na.wav,AM\n")
    assert table(tmp_path / "corpus.csv") == [("a.wav", "AM", "a")]


def test_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "AM/M_1_-1 2_0a.wav", "EC/X_1_77.wav")
    found = read_pattern(tmp_path, "{singer}/{recording}_{motif}_{uuid}.wav")
    assert [(e.singer, e.recording) for e in found.entries] == [("AM", "M_1"), ("EC", "X")]
    with pytest.raises(CorpusError, match=r"1 of 2 audio files .* do not follow .*'EC/X_1_77.wav'"):
        read_pattern(tmp_path, "{singer}/{recording}_{group}_{motif}_{uuid}.wav")
    for pattern in ("{recording}.wav", "{singer}/{singer}.wav"):
        with pytest.raises(CorpusError, match="pattern"):
            read_pattern(tmp_path, pattern)


def test_the_published_layout(tmp_path: Path) -> None:
    touch(tmp_path, "AM/M1036_intervals_-1_-1_1_0a-b.wav", "TP/D0011_intervals.txt_1 -1_ff.wav")
    found = read_flamenco_motifs(tmp_path)
    assert [(e.singer, e.recording) for e in found.entries] == [
        ("AM", "M1036_intervals"),
        ("TP", "D0011_intervals.txt"),
    ]
    with pytest.raises(CorpusError, match="SINGER/SET_MOTIF_UUID"):
        read_flamenco_motifs(touch(tmp_path, "AM/loose.wav"))


def test_clips_are_read_in_the_layout_they_have(tmp_path: Path) -> None:
    published, plain = tmp_path / "published", tmp_path / "plain"
    touch(published, "AM/D1_-1_2_0a1b2c.wav", "AM/D1_1_-2_0a1b2d.wav")
    touch(plain, "AM/D1_-1_2_0a1b2c.wav", "AM/take_1_final.wav")
    assert read_entries(published).recordings == ("D1",)
    assert read_entries(plain).recordings == ("AM/D1_-1_2_0a1b2c", "AM/take_1_final")
    assert read_entries(plain, "{singer}/{recording}_{motif}.wav").recordings == (
        "D1_-1_2",
        "take_1",
    )
    assert read_entries(plain, "flamenco-motifs").recordings == ("D1", "take")
    table = write_manifest(read_entries(published), tmp_path / "clips.csv")
    assert read_entries(table).recordings == ("D1",)
    with pytest.raises(CorpusError, match="is a table; the layout"):
        read_entries(table, "flamenco-motifs")
    with pytest.raises(CorpusError, match="layout must be flamenco-motifs or a pattern, not 'x'"):
        read_entries(plain, "x")
    with pytest.raises(CorpusError, match="no corpus at"):
        read_entries(tmp_path / "none")


SILENCE = Audio(np.zeros(4410, np.float32), 44100)
TAKES = {
    "01-D_AMairena": ("Antonio Mairena", SILENCE),
    "02-D_ElChocolate": ("El Chocolate", SILENCE),
}


def tonas_like(home: Path, version_index: Path, takes: dict[str, tuple[str, Audio]]) -> None:
    """A data set laid out and indexed like TONAS: audio, metadata, an index with checksums."""
    tracks = {}
    for name, (_, audio) in takes.items():
        file = home / "Deblas" / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_audio(file, audio.samples, audio.sample_rate)
        tracks[name] = {
            part: [f"Deblas/{name}{end}", ""]
            for part, end in (("audio", ".wav"), ("f0", ".f0.Corrected"), ("notes", ".notes"))
        }
    (home / "TONAS-Metadata.txt").write_text(
        "".join(f"{n}.wav\tDebla\tTitle\t{s}\n" for n, (s, _) in takes.items()), encoding="utf-8"
    )
    metadata = {"TONAS-Metadata": ["TONAS-Metadata.txt", ""]}
    version_index.write_text(
        json.dumps({"version": "1.0", "tracks": tracks, "metadata": metadata}), encoding="utf-8"
    )


def open_tonas(folder: Path, takes: dict[str, tuple[str, Audio]]) -> object:
    mirdata = pytest.importorskip("mirdata", reason="needs the extra 'mirdata'")
    home, index = folder / "tonas", folder / "index.json"
    home.mkdir()
    tonas_like(home, index, takes)
    dataset = mirdata.initialize("tonas", data_home=str(home))
    dataset.index_path = str(index)
    return dataset


@pytest.fixture
def tonas(tmp_path: Path) -> object:
    return open_tonas(tmp_path, TAKES)


def test_a_mirdata_corpus(tonas: object) -> None:
    found = read_mirdata(tonas)
    assert [(e.path, e.singer, e.recording, e.style) for e in found.entries] == [
        ("Deblas/01-D_AMairena.wav", "Antonio Mairena", "01-D_AMairena", "Debla"),
        ("Deblas/02-D_ElChocolate.wav", "El Chocolate", "02-D_ElChocolate", "Debla"),
    ]
    assert all(found.file(entry).is_file() for entry in found.entries)


def test_what_mirdata_cannot_give(tonas: object, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such loader"):
        read_mirdata("no_such_corpus")
    for file in (tmp_path / "tonas" / "Deblas").iterdir():
        file.unlink()
    with pytest.raises(CorpusError, match="none of the 2 tracks of tonas"):
        read_mirdata(tonas)
