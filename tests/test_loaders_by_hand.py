"""Corpora behind URLs, in public data sets and in odd places, without audio."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest

from cantaor.corpus import loaders
from cantaor.corpus.loaders import (
    audio_urls,
    published_motif,
    read_corpus,
    read_entries,
    read_mirdata,
)
from cantaor.errors import CorpusError

URL = "memory://by-hand"


@pytest.fixture
def place() -> Iterator[Any]:
    """A folder behind a URL; its files are empty."""
    system = fsspec.filesystem("memory")
    if system.exists("/by-hand"):
        system.rm("/by-hand", recursive=True)
    yield lambda name, text="": system.pipe(f"/by-hand/{name}", text.encode())
    if system.exists("/by-hand"):
        system.rm("/by-hand", recursive=True)


def test_a_folder_behind_a_url_is_a_corpus(place: Any) -> None:
    for name in ("ana/b.flac", "ana/a.WAV", "luz-1.ogg", "ana/notes.docx", "nobody.wav"):
        place(name)
    for name in ("recordings.parquet", "cantaor.toml", "clips/ana/c.wav"):
        place(f"work/{name}")
    found = read_entries(URL)
    assert [(e.path, e.singer, e.recording) for e in found.entries] == [
        (f"{URL}/ana/a.WAV", "ana", "ana/a"),
        (f"{URL}/ana/b.flac", "ana", "ana/b"),
        (f"{URL}/luz-1.ogg", "luz", "luz-1"),
    ]
    assert found.root == Path()
    assert ("ana/notes.docx", "no audio by its extension") in found.ignored
    assert [path for path, _ in found.passed_over] == [f"{URL}/work"]
    ((skipped, why),) = found.skipped
    assert skipped == f"{URL}/nobody.wav"
    assert why.startswith(f"cannot tell the singer of 'nobody.wav' in {URL}: name it SINGER-")
    listed = [str(name) for name in audio_urls(URL)]
    assert listed == ["ana/a.WAV", "ana/b.flac", "luz-1.ogg", "nobody.wav", "work/clips/ana/c.wav"]


def test_a_table_behind_a_url_is_read_as_one(place: Any) -> None:
    place("list.CSV", "path,singer,recording\nsongs/a.wav,ana,a\n")
    (entry,) = read_entries(f"{URL}/list.CSV").entries
    assert (entry.path, entry.singer) == (f"{URL}/songs/a.wav", "ana")


def test_no_audio_behind_a_url_is_said(place: Any) -> None:
    place("notes.txt")
    with pytest.raises(CorpusError, match=f"^no audio at {URL}$"):
        read_entries(URL)
    place("work/cantaor.toml")
    place("work/recordings.parquet")
    place("work/a.wav")
    with pytest.raises(CorpusError, match=f"no audio at {URL}; {URL}/work: "):
        read_entries(URL)
    place("nobody.wav")
    with pytest.raises(CorpusError, match=f"no audio at {URL}; .*nobody"):
        read_entries(URL)


def test_a_url_that_cannot_be_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise OSError("no way")

    monkeypatch.setattr(loaders, "list_names", fail)
    with pytest.raises(CorpusError, match=f"no corpus at {URL}: no way"):
        read_entries(URL)


def test_a_layout_is_for_folders_of_this_machine(place: Any, tmp_path: Path) -> None:
    place("ana/a.wav")
    with pytest.raises(CorpusError, match="a layout is for folders of this machine"):
        read_entries(URL, "{singer}/{recording}.wav")
    (tmp_path / "list.csv").write_text("path,singer,recording\na.wav,ana,a\n")
    assert len(read_entries(tmp_path / "list.csv").entries) == 1
    with pytest.raises(CorpusError):
        read_entries(tmp_path / "list.csv", "{singer}/{recording}.wav")


def test_a_folder_that_follows_a_layout(tmp_path: Path) -> None:
    for name in ("ana/seguiriya/1.wav", "luz/solea/2.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    found = read_entries(tmp_path, "{singer}/{style}/{recording}.wav").entries
    assert [(e.singer, e.style, e.recording) for e in found] == [
        ("ana", "seguiriya", "1"),
        ("luz", "solea", "2"),
    ]
    for layout, message in (
        ("{style}.wav", "has no {singer}"),
        ("{singer}/{singer}.wav", "names a field twice"),
        ("{singer}.wav", "2 of 2 audio files in .* do not follow"),
    ):
        with pytest.raises(CorpusError, match=message):
            read_entries(tmp_path, layout)


def test_steps_of_a_published_clip() -> None:
    assert published_motif("AM/M1038_intervals_-1 +1 2_0ab3.wav") == (-1, 1, 2)
    for wrong in ("AM/song.wav", "AM/M1038_intervals__0ab3.wav"):
        with pytest.raises(CorpusError, match="does not follow"):
            published_motif(wrong)


class Track(SimpleNamespace):
    """A track of a public data set."""


def data_set(folder: Path, **tracks: Track) -> Any:
    return SimpleNamespace(name="made-up", data_home=str(folder), load_tracks=lambda: tracks)


def test_a_public_data_set_is_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "2.wav").touch()
    found = read_mirdata(
        data_set(
            tmp_path,
            one=Track(audio_path=str(tmp_path / "audio" / "1.wav"), singer="ana", style="solea"),
            two=Track(audio_path=str(tmp_path / "2.wav"), artist="luz", style=None),
            three=Track(audio_path="/elsewhere/3.wav", singer="", artist="eva"),
            four=Track(audio_path=None, singer="ana"),
        )
    )
    assert [(e.path, e.singer, e.recording, e.style) for e in found.entries] == [
        ("audio/1.wav", "ana", "one", "solea"),
        ("/elsewhere/3.wav", "eva", "three", ""),
        ("2.wav", "luz", "two", ""),
    ]
    assert found.root == tmp_path


def test_a_public_data_set_without_names_or_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="track one of made-up names neither a singer nor"):
        read_mirdata(data_set(tmp_path, one=Track(audio_path="1.wav")))
    with pytest.raises(CorpusError, match="made-up"):
        read_mirdata(data_set(tmp_path, one=Track(audio_path=None, singer="ana")))


def test_a_folder_without_audio_is_named_with_its_layout(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CorpusError, match=r"no audio in .*: looked for \{singer\}\.wav"):
        read_entries(tmp_path, "{singer}.wav")


def test_a_name_that_is_no_text_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "ana-1.wav").touch()
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/ana-\xff.wav")).touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    found = read_entries(tmp_path)
    assert [entry.path for entry in found.entries] == ["ana-1.wav"]
    place = f"{tmp_path}/ana-\\udcff.wav"
    assert found.skipped == ((place, f"{place}: the name is not valid UTF-8; rename it"),)


def test_what_cantaor_wrote_is_no_corpus(tmp_path: Path) -> None:
    for name in ("cantaor.toml", "recordings.parquet", "ana-1.wav"):
        (tmp_path / name).touch()
    for read in (read_entries, read_corpus):
        with pytest.raises(CorpusError, match="is a workspace of cantaor, no corpus"):
            read(tmp_path)
