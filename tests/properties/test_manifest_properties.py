"""Whatever a file or a singer is called, a manifest keeps it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.manifest_files import read_manifest, write_manifest

# Names are kept without surrounding blanks; paths are kept to the letter.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
name = text.map(str.strip).filter(bool)
part = text.map(lambda s: s.replace("/", "").strip(".")).filter(lambda s: bool(s.strip()))
seconds = st.one_of(st.none(), st.floats(0, 1e6, exclude_min=True))


@st.composite
def entries(draw: st.DrawFn) -> ManifestEntry:
    start, end = draw(seconds), draw(seconds)
    if start is not None and end is not None and start >= end:
        start, end = None, end
    return ManifestEntry(
        path="/".join(draw(st.lists(part, min_size=1, max_size=3))),
        singer=draw(name),
        recording=draw(name),
        group=draw(text.map(str.strip)),
        style=draw(text.map(str.strip)),
        start_s=start,
        end_s=end,
        duration_s=draw(seconds),
        split=draw(st.sampled_from(["", "train", "test"])),
    )


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
@settings(max_examples=50)
@given(rows=st.lists(entries(), min_size=1, max_size=5, unique_by=lambda e: e.recording))
def test_a_manifest_survives(extension: str, rows: list[ManifestEntry]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manifest = Manifest(tuple(rows), Path(folder))
        assert read_manifest(write_manifest(manifest, Path(folder) / f"m{extension}")) == manifest
