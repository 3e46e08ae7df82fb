"""Files that fuzzing broke a reader with: each is refused with an error that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cantaor.corpus.manifest_files import read_manifest
from cantaor.errors import AudioError, CorpusError
from cantaor.io.audio import open_audio, probe, read_audio


@pytest.mark.parametrize("read", [probe, read_audio, lambda path: open_audio(path).__enter__()])
def test_an_ogg_file_whose_pages_are_all_later_ones(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    file = tmp_path / "later.ogg"
    file.write_bytes(b"OggS" + bytes(60))
    with pytest.raises(AudioError, match=r"later\.ogg"):
        read(file)


def text_that_is_no_utf8() -> pa.Array:
    bounds = np.array([0, 1, 2], np.int32)
    return pa.StringArray.from_buffers(2, pa.py_buffer(bounds), pa.py_buffer(b"\xffa"))


@pytest.mark.parametrize("column", ["path", "singer", "start_s", "split"])
@pytest.mark.parametrize(
    "values",
    [
        text_that_is_no_utf8(),
        pa.array([2**62, 1], pa.timestamp("us")),
        pa.array([0, 1], pa.timestamp("us", "Nowhere/Nope")),
        pa.array([2**31 - 1, 1], pa.date32()),
        pa.array([2**62, 1], pa.duration("s")),
    ],
    ids=lambda values: str(values.type),
)
def test_a_table_with_values_that_python_cannot_hold(
    tmp_path: Path, column: str, values: pa.Array
) -> None:
    file = tmp_path / "m.parquet"
    names = pa.array(["a.wav", "b.wav"])
    columns = {"path": names, "singer": names, **{column: values}}
    pq.write_table(pa.table(columns), file)
    with pytest.raises(CorpusError, match=r"m\.parquet"):
        read_manifest(file)
