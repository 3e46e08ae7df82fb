"""Files that fuzzing broke a reader with: each is refused with an error that names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cantaor.corpus.manifest_files import read_manifest
from cantaor.errors import AudioError, CorpusError, ModelError
from cantaor.io.audio import open_audio, probe, read_audio
from cantaor.learn.export.bundle import load_bundle, save_bundle
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier


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


def test_a_table_whose_column_names_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "m.parquet"
    pq.write_table(pa.table({"path": ["a.wav"], "singer": ["A"]}), file, store_schema=False)
    file.write_bytes(file.read_bytes().replace(b"singer", b"sin\xff\xffr"))
    with pytest.raises(CorpusError, match=r"m\.parquet"):
        read_manifest(file)


@pytest.mark.parametrize("name", ["features", "model", "augmentation", "width", "epochs", "seed"])
@pytest.mark.parametrize("value", [{}, [[]], 2**70, 1e308, "", "\ud800"], ids=repr)
def test_a_model_with_settings_of_another_kind(tmp_path: Path, name: str, value: object) -> None:
    settings = TrainingSettings(width=2, device="cpu")
    trained = TrainedModel(build_classifier(settings, 2).eval(), ("V1", "V2"), settings, ())
    folder = save_bundle(tmp_path / "m", trained)
    record = json.loads((folder / "model.json").read_text())
    record["settings"][name] = value
    (folder / "model.json").write_text(json.dumps(record))
    try:
        load_bundle(folder)
    except ModelError as error:
        assert str(folder) in str(error)  # noqa: PT017 - some of them do no harm
