"""Which names of a folder are recordings, and why the others are not."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from cantaor.corpus.folders import FOLDER, HIDDEN, LINK, NO_AUDIO, list_folder, sort_names
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.manifest_files import read_manifest, write_manifest
from cantaor.errors import CorpusError
from tests.file_trees import put


def test_names_are_sorted_folder_by_folder_and_all_are_accounted_for(tmp_path: Path) -> None:
    for name in (
        *("b.wav", "a.FLAC", "luz/z.ogg", "ana/2.wav", "ana/1.wav", "ana/deep/0.wav"),
        *("notes.txt", "ana/cover.jpg", ".secret.wav", ".hidden/x.wav", "ana/._1.wav"),
        "odd.wav/inside.wav",
    ):
        put(tmp_path / name)
    found = list_folder(tmp_path)
    assert [str(name) for name in found.audio] == [
        *("a.FLAC", "b.wav", "ana/1.wav", "ana/2.wav", "ana/deep/0.wav", "luz/z.ogg"),
        "odd.wav/inside.wav",
    ]
    assert sorted(found.ignored) == [
        (".hidden", HIDDEN),
        (".secret.wav", HIDDEN),
        ("ana/._1.wav", HIDDEN),
        ("ana/cover.jpg", NO_AUDIO),
        ("notes.txt", NO_AUDIO),
        ("odd.wav", FOLDER),
    ]
    assert found.passed_over == ()


def test_results_of_cantaor_are_passed_over_and_named(tmp_path: Path) -> None:
    put(tmp_path / "ana" / "1.wav")
    put(tmp_path / "work" / "clips" / "ana" / "c.wav")
    for name in ("cantaor.toml", "recordings.parquet"):
        put(tmp_path / "work" / name)
    put(tmp_path / "cut" / ".cantaor-clips")
    put(tmp_path / "cut" / "c.wav")
    found = list_folder(tmp_path)
    assert [str(name) for name in found.audio] == ["ana/1.wav"]
    assert [path for path, _ in found.passed_over] == [f"{tmp_path}/cut", f"{tmp_path}/work"]
    assert found.passed_over[1][1] == "a workspace of cantaor"


def test_what_links_lead_to_is_read_once(tmp_path: Path) -> None:
    corpus, outside = tmp_path / "corpus", tmp_path / "outside"
    put(outside / "1.wav")
    put(corpus / "ana" / "2.wav")
    for name, target in (
        *(("first", outside), ("second", outside)),
        *(("back", corpus), ("same", corpus / "ana"), ("ana/up", corpus)),
    ):
        (corpus / name).symlink_to(target, target_is_directory=True)
    found = list_folder(corpus)
    assert [str(name) for name in found.audio] == ["ana/2.wav", "first/1.wav"]
    assert sorted(found.ignored) == [(name, LINK) for name in ("ana/up", "back", "same", "second")]


def test_names_alone_are_judged_alike() -> None:
    names = ["b/2.wav", ".a/1.wav", "b/.c/3.wav", "b/notes.docx", "c.Opus", "d"]
    found = sort_names([PurePosixPath(name) for name in names])
    assert [str(name) for name in found.audio] == ["b/2.wav", "c.Opus"]
    assert found.ignored == (
        (".a/1.wav", HIDDEN),
        ("b/.c/3.wav", HIDDEN),
        ("b/notes.docx", NO_AUDIO),
        ("d", NO_AUDIO),
    )


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"no folder at {tmp_path}/gone"):
        list_folder(tmp_path / "gone")


@pytest.mark.parametrize("ending", ["csv", "PARQUET"])
def test_a_manifest_is_written_where_no_folder_was(ending: str, tmp_path: Path) -> None:
    entry = ManifestEntry("a.wav", "ana", "a", start_s=0.5, end_s=None)
    path = tmp_path / "deep" / "er" / f"list.{ending}"
    assert write_manifest(Manifest((entry,), path.parent), path) == path
    assert read_manifest(path).entries == (entry,)
    with pytest.raises(CorpusError, match=r"ends in \.csv or \.parquet, not '\.txt'"):
        write_manifest(Manifest((entry,), tmp_path), tmp_path / "list.txt")
