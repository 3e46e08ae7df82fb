"""Manifests: entries are checked, tables keep them, errors name file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cantaor.corpus.manifest import (
    Manifest,
    ManifestEntry,
    require_unique_recordings,
    select_singers,
)
from cantaor.corpus.manifest_files import read_manifest, write_manifest
from cantaor.errors import CorpusError

ENTRIES = (
    ManifestEntry("AM-1.flac", "AM", "AM-1", group="g1", style="debla", duration_s=3.25),
    ManifestEntry("EC/a, b\n.wav", "EC", "EC ñ", start_s=0.5, end_s=1.25, split="test"),
    ManifestEntry("EC/c.wav", "EC", "EC-c", style="toná", content_hash="00ff"),
)


def csv(folder: Path, text: str) -> Path:
    file = folder / "corpus.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["corpus.csv", "corpus.parquet"])
def test_a_manifest_survives_being_written(tmp_path: Path, name: str) -> None:
    manifest = Manifest(ENTRIES, tmp_path)
    assert read_manifest(write_manifest(manifest, tmp_path / name)) == manifest
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_paths_follow_the_audio_when_written_elsewhere(tmp_path: Path) -> None:
    manifest = Manifest(ENTRIES[:1], tmp_path / "corpus")
    above = read_manifest(write_manifest(manifest, tmp_path / "all.csv"))
    assert above.entries[0].path == "corpus/AM-1.flac"
    aside = read_manifest(write_manifest(manifest, tmp_path / "other" / "all.csv"))
    assert aside.entries[0].path == (tmp_path.resolve() / "corpus" / "AM-1.flac").as_posix()
    for other in (above, aside):
        assert other.file(other.entries[0]).resolve() == (tmp_path / "corpus/AM-1.flac").resolve()


def test_path_and_singer_are_enough(tmp_path: Path) -> None:
    file = csv(tmp_path, "\ufeffsinger,path,note\nAM,a/b.c.wav,any\nEC, d.wav,\n")
    assert [(e.path, e.singer, e.recording) for e in read_manifest(file).entries] == [
        ("a/b.c.wav", "AM", "a/b.c"),
        (" d.wav", "EC", " d"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path;singer\na.wav;AM\n", "path and singer missing; found: path;singer"),
        ("", "found: nothing, the file is empty"),
        ("path,singer\n", "no rows"),
        ("path,singer\na.wav,AM\nb.wav,\n", "line 3: singer is empty"),
        ("path,singer\n,AM\n", "line 2: path is empty"),
        ("path,singer\na.wav\n", "line 2: the row must have 2 columns"),
        ("path,singer\na.wav,AM,x\n", "line 2: the row must have 2 columns"),
        ("path,singer,start_s,end_s\na.wav,AM,2,2\n", "line 2: start_s .2.0. of 'a.wav' must be"),
        ("path,singer,start_s\na.wav,AM,soon\n", "start_s must be seconds, not 'soon'"),
        ("path,singer,start_s\na.wav,AM,nan\n", "line 2: start_s of 'a.wav' must be a time"),
        ("path,singer,start_s\na.wav,AM,-1\n", "line 2: start_s of 'a.wav' must be a time"),
        ("path,singer\na.wav,AM\na.wav,AM\n", "rows 0 and 1 .*are the same"),
    ],
)
def test_a_wrong_table_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    file = csv(tmp_path, text)
    with pytest.raises(CorpusError, match=message) as caught:
        read_manifest(file)
    assert str(file) in str(caught.value)


def test_files_that_are_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no table at"):
        read_manifest(tmp_path / "none.csv")
    for name, content in (("a.parquet", b"PAR1"), ("a.csv", b"path,singer\n\xff\xfe,AM\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CorpusError, match="is not a"):
            read_manifest(tmp_path / name)
    for action in (read_manifest, lambda file: write_manifest(Manifest(ENTRIES, tmp_path), file)):
        (tmp_path / "a.txt").write_text("x")
        with pytest.raises(CorpusError, match=r"\.csv or \.parquet"):
            action(tmp_path / "a.txt")
    with pytest.raises(CorpusError, match="cannot write"):
        write_manifest(Manifest(ENTRIES, tmp_path), tmp_path / "a.txt" / "corpus.csv")


def test_names_that_no_table_can_hold_are_refused() -> None:
    with pytest.raises(CorpusError, match="not valid UTF-8"):
        ManifestEntry("AM-\udcff.wav", "AM", "AM-1")


def test_recording_names_must_differ_where_asked(tmp_path: Path) -> None:
    twins = Manifest((ENTRIES[0], ManifestEntry("AM-1.wav", "AM", "AM-1")), tmp_path)
    with pytest.raises(CorpusError, match=r"'AM-1': 'AM-1.flac' and 'AM-1.wav'"):
        require_unique_recordings(twins)


def test_singers_are_selected_as_the_paper_does() -> None:
    manifest = Manifest(ENTRIES, Path())
    assert select_singers(manifest, min_recordings=2).singers == ("EC",)
    assert select_singers(manifest, styles=["Debla", "TONÁ"]).recordings == ("AM-1", "EC-c")
    with pytest.raises(CorpusError, match="no singer has 3 recordings; found AM: 1, EC: 2"):
        select_singers(manifest, min_recordings=3)
    with pytest.raises(CorpusError, match=r"no entry has style soleá; found: \(none\), debla"):
        select_singers(manifest, styles=["soleá"])


def test_two_clips_of_one_recording_count_once() -> None:
    clips = tuple(ManifestEntry("a.wav", "AM", "a", start_s=s, end_s=s + 1.0) for s in (0.0, 1.0))
    with pytest.raises(CorpusError, match="found AM: 1"):
        select_singers(Manifest(clips, Path()), min_recordings=2)
