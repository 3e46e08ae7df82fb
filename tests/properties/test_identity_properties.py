"""No split of files shares audio in silence, whatever the files and recordings are called."""

from __future__ import annotations

import os
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cantaor.corpus.identity import hash_entries, recording_key
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.columns import clip_columns
from cantaor.corpus.splits.overlap import encode_columns, shared_audio
from cantaor.corpus.splits.protocols import PROTOCOLS, Split, split_clips
from cantaor.corpus.splits.split_assignment import read_split_assignment
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import SplitError
from tests.reference.same_audio import MadeClip, known

RATE, SAMPLES, TAKES = 8000, 400, 6
SPANS = ((None, None), (0, 200), (100, 300), (200, 400), (250, None))
#: How a file of a take comes about: an encoding, or a copy of the first file under another name.
KINDS = ("wav", "flac", "24", "float", "stereo", "copy", "link", "hard", "nfc", "nfd")
ENCODINGS = {
    "wav": (".wav", "PCM_16"),
    "flac": (".flac", "PCM_16"),
    "24": (".wav", "PCM_24"),
    "float": (".wav", "FLOAT"),
    "stereo": (".wav", "PCM_16"),
}


@dataclass(frozen=True)
class Row:
    """One clip to make: its take, the kind of its file, and what it is called."""

    take: int
    kind: str
    span: tuple[int | None, int | None]
    singer: str
    recording: str
    group: str
    side: str


rows = st.builds(
    Row,
    take=st.integers(0, TAKES - 1),
    kind=st.sampled_from(KINDS),
    span=st.sampled_from(SPANS),
    singer=st.sampled_from(["V1", "V2"]),
    recording=st.sampled_from(
        ["take 01", "take 02", "Soleá", unicodedata.normalize("NFD", "Soleá")]
    ),
    group=st.sampled_from(["", "", "g", "h"]),
    side=st.sampled_from(["train", "test", "validation"]),
)


@pytest.fixture(scope="module")
def files() -> dict[tuple[int, str], Path]:
    """Every take as a file of every kind."""
    folder = Path(tempfile.mkdtemp(prefix="takes"))
    made = {}
    for take in range(TAKES):
        rng = np.random.default_rng(take)
        samples = (rng.standard_normal(SAMPLES) * 6000).clip(-32768, 32767).astype(np.int16)
        for kind, (suffix, subtype) in ENCODINGS.items():
            path = folder / f"{take}-{kind}{suffix}"
            sound = np.stack([samples, samples], axis=1) if kind == "stereo" else samples
            soundfile.write(path, sound / 32768, RATE, subtype=subtype)
            made[take, kind] = path
        first = made[take, "wav"]
        names = {kind: folder / f"{take} {kind} other.wav" for kind in ("copy", "link", "hard")}
        names["nfc"] = folder / unicodedata.normalize("NFC", f"{take} Soleá.wav")
        names["nfd"] = folder / unicodedata.normalize("NFD", f"{take} Soleá.wav")
        for kind, path in names.items():
            make = {"link": os.symlink, "hard": os.link}.get(kind, shutil.copyfile)
            make(first, path)
            made[take, kind] = path
    yield made
    shutil.rmtree(folder)


def manifest_of(table: list[Row], files: dict[tuple[int, str], Path]) -> Manifest:
    root = next(iter(files.values())).parent
    entries = tuple(
        ManifestEntry(
            files[row.take, row.kind].name,
            row.singer,
            row.recording,
            group=row.group,
            start_s=None if row.span[0] is None else row.span[0] / RATE,
            end_s=None if row.span[1] is None else row.span[1] / RATE,
            split=row.side,
        )
        for row in table
    )
    return Manifest(entries, root)


def made_clips(table: list[Row]) -> list[MadeClip]:
    return [
        MadeClip(row.take, row.span[0] or 0, SAMPLES if row.span[1] is None else row.span[1])
        for row in table
    ]


def says(split: Split, made: list[MadeClip], inner: bool = False) -> None:
    """A split says what its sides share, and how much of it."""
    share = known(made, split.test.tolist(), split.train.tolist())
    assert split.shared_audio == pytest.approx(share)
    assert split.leaks == (share > 0 or split.protocol == "paper")
    name = "validation" if inner else "test"
    said = f"training and {name} share audio: {100 * share:.3g} % of the {name} clips"
    assert (said in split.notes) == (share > 0)


def check(table: list[Row], files: dict[tuple[int, str], Path], protocol: str, seed: int) -> None:
    manifest, made = manifest_of(table, files), made_clips(table)
    columns = clip_columns(hash_entries(manifest))
    sides = [row.side for row in table]
    expected = {}
    train, validation, test = ([i for i, s in enumerate(sides) if s == n] for n in SIDE_NAMES)
    if test:
        expected["test"] = known(made, test, train + validation)
    if validation:
        expected["validation"] = known(made, validation, train)
    assert shared_audio(encode_columns(**columns), sides) == pytest.approx(expected)
    try:
        split = split_clips(**columns, protocol=protocol, seed=seed, column=sides)
    except SplitError:
        assume(False)
    says(split, made)
    if protocol in ("audio", "recording", "group"):
        assert not split.leaks
    if protocol in ("recording", "group"):
        held, learnt = (
            {recording_key(manifest.entries[i]) for i in side} for side in (split.test, split.train)
        )
        assert not held & learnt
    try:
        inner = validation_split(split, **columns, seed=seed)
    except SplitError:
        return
    says(inner, made, inner=True)


SIDE_NAMES = ("train", "validation", "test")
tables = st.lists(rows, min_size=4, max_size=10)
quick = settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])


@quick
@given(tables, st.sampled_from(PROTOCOLS), st.integers(0, 3))
def test_no_split_of_files_shares_audio_in_silence(
    files: dict[tuple[int, str], Path], table: list[Row], protocol: str, seed: int
) -> None:
    check(table, files, protocol, seed)


@pytest.mark.slow
@settings(quick, max_examples=5000)
@given(tables, st.sampled_from(PROTOCOLS), st.integers(0, 3))
def test_no_split_of_files_shares_audio_in_silence_at_length(
    files: dict[tuple[int, str], Path], table: list[Row], protocol: str, seed: int
) -> None:
    check(table, files, protocol, seed)


@settings(quick, max_examples=50)
@given(tables)
def test_no_split_from_a_file_shares_audio_in_silence(
    files: dict[tuple[int, str], Path], table: list[Row]
) -> None:
    manifest = manifest_of(table, files)
    # A table of recordings puts all of a recording on the side that its first clip names.
    sides = {recording_key(e): e.split for e in reversed(manifest.entries)}
    placed = [
        replace(row, side=sides[recording_key(e)])
        for row, e in zip(table, manifest.entries, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sides.csv")
        lines = [f"{row.singer},{row.recording},{row.side}" for row in placed]
        path.write_text("\n".join(["singer,recording,split", *lines]), encoding="utf-8")
        column = read_split_assignment(path, manifest)
    assert list(column) == [row.side for row in placed]
    try:
        split = split_clips(manifest, protocol="column", column=column)
    except SplitError:
        assume(False)
    says(split, made_clips(placed))
