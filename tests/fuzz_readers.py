"""Coverage-guided fuzzing of whatever reads files of others: only a CantaorError may come out.

    python tests/fuzz_readers.py READER [LIBFUZZER OPTION...]

Needs atheris (PyPI) beside cantaor, whose Python code is instrumented. Readers: see
``READERS``. What was learned stays in ``build/fuzz/corpus/READER``.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import atheris  # noqa: E402
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402

with atheris.instrument_imports(include=["cantaor"]):
    from cantaor.corpus.manifest_files import read_clips, read_manifest
    from cantaor.errors import CantaorError
    from cantaor.io.audio import open_audio, probe, read_audio
    from cantaor.io.sequence_files import read_sequences
    from cantaor.learn.export.bundle import load_bundle, save_bundle
    from cantaor.learn.training.settings import TrainingSettings
    from cantaor.learn.training.trained_model import TrainedModel, build_classifier
    from cantaor.settings import read_settings, settings_to_toml

PLACE = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def audio_seeds() -> Iterator[bytes]:
    t = np.arange(2400) / 8000
    samples = np.stack([np.sin(2 * np.pi * 220 * t), np.sin(2 * np.pi * 330 * t)], axis=1) / 2
    for form in ("WAV", "WAVEX", "W64", "RF64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF"):
        target = io.BytesIO()
        soundfile.write(target, samples[:, : 1 + len(form) % 2], 8000, format=form)
        yield target.getvalue()


def read_sound(content: bytes) -> None:
    file = PLACE / "a"
    file.write_bytes(content)
    probe(file)
    audio = read_audio(file, channel="loudest")
    assert audio.samples.size >= 1
    assert np.isfinite(audio.samples).all()
    with open_audio(file) as stream:
        for block in stream.blocks(0.01, 0.02):
            assert np.isfinite(block).all()


ROWS = [
    {"path": "a.wav", "singer": "A", "recording": "a", "start_s": 0.5, "end_s": 1.0},
    {"path": "b/ñ.flac", "singer": "B", "recording": "b", "start_s": 0.0, "end_s": 2.0},
]


def manifest_seeds() -> Iterator[bytes]:
    yield b"path,singer\na.wav,A\nb.wav,B\n"
    yield b'path,singer,recording,start_s,end_s,split\n"a, b.wav",A,r,0,1.5,train\nb.wav,B,,,,\n'
    yield "path,singer,group,style,duration_s,content_hash\nñ.wav,A,g,soleá,3,00ff\n".encode()


def read_csv_manifest(content: bytes) -> None:
    file = PLACE / "m.csv"
    file.write_bytes(content)
    read_manifest(file)
    read_clips(file)


def parquet_seeds() -> Iterator[bytes]:
    for compression in ("none", "zstd"):
        target = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(ROWS), target, compression=compression)
        yield target.getvalue()


def read_parquet_manifest(content: bytes) -> None:
    file = PLACE / "m.parquet"
    file.write_bytes(content)
    read_clips(file)


def settings_seeds() -> Iterator[bytes]:
    from cantaor.settings import Settings

    yield settings_to_toml(Settings()).encode()
    yield b'k = "auto"\ngap = [0, 2]\nmin_support = 0.5\nchannel = 1\n'


def read_toml(content: bytes) -> None:
    file = PLACE / "cantaor.toml"
    file.write_bytes(content)
    read_settings(file)


def sequence_seeds() -> Iterator[bytes]:
    yield b"1 -1 2 -1 3 -1 -2\n2 -1 3 -1 -2\n"
    yield b"@CONVERTED_FROM_TEXT\n@ITEM=1=a\n1 -1 -2\n"
    yield b"a b c\nb c\n"


def read_text_sequences(content: bytes) -> None:
    file = PLACE / "s.txt"
    file.write_bytes(content)
    for form in (None, "spmf", "tokens"):
        with suppress(CantaorError):
            read_sequences(file, form)


def saved_model() -> Path:
    """A small model, made once; readers get one of its files replaced."""
    folder = PLACE / "model"
    if not folder.exists():
        torch.manual_seed(3)
        settings = TrainingSettings(width=2, device="cpu")
        classifier = build_classifier(settings, 2).eval()
        trained = TrainedModel(classifier, ("V1", "V2"), settings, ())
        save_bundle(folder, trained, {"x": np.arange(3)}, {"finder": {"a": 1}})
    return folder


#: What no program writes in place of a value, but somebody may.
ODD = (None, True, -1, 0, 3, 2**70, 1.5, 1e308, float("inf"), float("nan"), "", "\ud800", "V1")
ODD_HOLDERS: tuple[object, ...] = ([], {}, [[]], {"": []}, ["V1", "V1"], [None], "x" * 5000)


def places_in(value: object) -> Iterator[tuple[Any, Any]]:
    """Every holder in a JSON value with each of its keys."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places_in(value[key])


def read_model_of_odd_values(content: bytes) -> None:
    """The record of a model, up to three of its values replaced."""
    choice = atheris.FuzzedDataProvider(content)
    record = json.loads(pristine_model()["model.json"])
    for _ in range(choice.ConsumeIntInRange(1, 3)):
        holder, key = choice.PickValueInList(list(places_in(record)))
        holder[key] = choice.PickValueInList([*ODD, *ODD_HOLDERS])
    write_model({"model.json": json.dumps(record).encode()})
    load_bundle(saved_model())


def model_reader(name: str) -> Callable[[bytes], None]:
    """Reads a model one of whose files is replaced; its record then holds that file's digest."""

    def read(content: bytes) -> None:
        files = {name: content}
        if name != "model.json":
            record = json.loads(pristine_model()["model.json"])
            record["sha256"][name] = hashlib.sha256(content).hexdigest()
            files["model.json"] = json.dumps(record).encode()
        write_model(files)
        load_bundle(saved_model())

    return read


@cache
def pristine_model() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in saved_model().iterdir()}


def write_model(files: dict[str, bytes]) -> None:
    for name, content in {**pristine_model(), **files}.items():
        (saved_model() / name).write_bytes(content)


def model_seeds(name: str) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([pristine_model()[name]])


@dataclass(frozen=True)
class Reader:
    """What reads the bytes of a file, and files to begin with."""

    read: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


READERS = {
    "audio": Reader(read_sound, audio_seeds),
    "manifest": Reader(read_csv_manifest, manifest_seeds),
    "parquet": Reader(read_parquet_manifest, parquet_seeds),
    "settings": Reader(read_toml, settings_seeds),
    "sequences": Reader(read_text_sequences, sequence_seeds),
    "model": Reader(model_reader("model.json"), model_seeds("model.json")),
    "model-values": Reader(read_model_of_odd_values, lambda: iter([bytes(64), bytes(range(64))])),
    "model-arrays": Reader(model_reader("arrays.safetensors"), model_seeds("arrays.safetensors")),
    "model-weights": Reader(model_reader("model.safetensors"), model_seeds("model.safetensors")),
}


def main(name: str, options: list[str]) -> None:
    """Fuzz a reader until the options' time is over."""
    reader = READERS[name]
    corpus, seeds = (ROOT / "build" / "fuzz" / kind / name for kind in ("corpus", "seeds"))
    for folder in (corpus, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for index, content in enumerate(reader.seeds()):
        (seeds / f"seed-{index:02}").write_bytes(content)

    def one_input(content: bytes) -> None:
        with suppress(CantaorError):
            reader.read(content)

    atheris.Setup([sys.argv[0], *options, str(corpus), str(seeds)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
