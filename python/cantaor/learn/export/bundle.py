"""Our own model format: a directory of safetensors and JSON; reading it runs no code.

``model.safetensors`` holds the weights, ``model.json`` all else that makes the model, and
``arrays.safetensors`` arrays that belong to it, such as dictionaries and clusters. The JSON holds
digests of the other two, so files of different models cannot be mixed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safe_numpy
from safetensors import torch as safe_torch

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier

_FORMAT, _VERSION = "cantaor-model", 1
_MODEL, _WEIGHTS, _ARRAYS = "model.json", "model.safetensors", "arrays.safetensors"


@dataclass(frozen=True, eq=False, slots=True)
class Bundle:
    """A model as it was saved.

    Attributes
    ----------
    trained
        The model.
    arrays
        Arrays saved with it, by name.
    extra
        Plain values saved with it, by name.
    """

    trained: TrainedModel
    arrays: Mapping[str, NDArray[Any]]
    extra: Mapping[str, Any]


def save_bundle(
    path: str | Path,
    trained: TrainedModel,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model to a directory, complete or not at all.

    Parameters
    ----------
    path
        The directory; an earlier bundle there is replaced, anything else is not.
    trained
        The model.
    arrays
        Numeric arrays to keep with it.
    extra
        Values that JSON can hold to keep with it.

    Returns
    -------
    The path.

    Raises
    ------
    ArgumentError
        An array is not numeric or a value does not fit JSON.
    ModelError
        The path cannot be written, or holds something that is not a bundle.
    """
    path = Path(path)
    weights = safe_torch.save(
        {name: value.contiguous() for name, value in trained.module.state_dict().items()},
        metadata={"classes": json.dumps(trained.classes)},
    )
    kept = _array_bytes(arrays or {})
    text = _describe(trained, extra or {}, weights, kept)
    if path.exists() and not (path / _MODEL).is_file():
        raise ModelError(f"{path} exists and is not a model; remove it or choose another path")
    try:
        _write(path, {_MODEL: text.encode(), _WEIGHTS: weights, _ARRAYS: kept})
    except OSError as error:
        raise ModelError(f"cannot write model {path}: {error}") from error
    return path


def load_bundle(path: str | Path) -> Bundle:
    """Read a model that :func:`save_bundle` wrote.

    Raises
    ------
    ModelError
        Files are missing, damaged, of another model or of a newer version; the message names the
        path and what is wrong.
    """
    path = Path(path)
    record, weights, kept = _read(path)
    _check_classes(path, record, weights)
    try:
        trained = TrainedModel(
            build_classifier(TrainingSettings(**record["settings"]), len(record["classes"])).eval(),
            tuple(record["classes"]),
            TrainingSettings(**record["settings"]),
            tuple(record["history"]),
        )
        trained.module.load_state_dict(_current_names(safe_torch.load(weights)))
        arrays = safe_numpy.load(kept)
        return Bundle(trained, arrays, record["extra"])
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"model {path} does not fit together: {error}") from error


def _current_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under today's names: up to version 0.1 the ensemble's began with "committee"."""
    return {name.replace("committee.", "ensemble.", 1): value for name, value in weights.items()}


def model_channel(bundle: Bundle) -> str | int:
    """The channel of its recordings that a model was trained on."""
    facts = bundle.extra.get("finder", {}).get("settings", {})
    channel: str | int = bundle.extra.get("channel", facts.get("channel", "mean"))
    return channel


def companions(path: Path) -> list[Path]:
    """Files in a bundle's folder that are not the bundle's own, such as its list of clips."""
    own = (_MODEL, _WEIGHTS, _ARRAYS)
    return sorted(file for file in path.iterdir() if file.is_file() and file.name not in own)


def _array_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind not in "biuf":
            raise ArgumentError(f"array {name!r} must be numeric; got {np.asarray(array).dtype}")
    kept = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content: bytes = safe_numpy.save(kept)
    return content


def describe_model(trained: TrainedModel) -> dict[str, Any]:
    """What makes a model apart from its weights, as plain values."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "cantaor": version("cantaor"),
        "torch": torch.__version__,
        "classes": list(trained.classes),
        "sample_rate": trained.module.sample_rate,
        "settings": asdict(trained.settings),
        "history": [dict(epoch) for epoch in trained.history],
    }


def _describe(trained: TrainedModel, extra: Mapping[str, Any], weights: bytes, kept: bytes) -> str:
    record = {
        **describe_model(trained),
        "extra": dict(extra),
        "sha256": {_WEIGHTS: _digest(weights), _ARRAYS: _digest(kept)},
    }
    try:
        return json.dumps(record, indent=2, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"extra must fit JSON: {error}") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside ``path``, then rename the directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        partial.chmod(0o755)
        for name, content in files.items():
            (partial / name).write_bytes(content)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            path.replace(old)
            partial.replace(path)
            shutil.rmtree(old)
        else:
            partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """The checked content of a bundle's three files."""
    if not path.is_dir():
        raise ModelError(f"model {path} {'is not a directory' if path.exists() else 'is missing'}")
    content = {}
    for name in (_MODEL, _WEIGHTS, _ARRAYS):
        try:
            content[name] = (path / name).read_bytes()
        except OSError as error:
            raise ModelError(f"model {path} lacks {name}: {error}") from error
    record = _parse(path, content[_MODEL])
    for name in (_WEIGHTS, _ARRAYS):
        if record.get("sha256", {}).get(name) != _digest(content[name]):
            raise ModelError(f"model {path}: {name} is damaged or belongs to another model")
    return record, content[_WEIGHTS], content[_ARRAYS]


def _check_classes(path: Path, record: Mapping[str, Any], weights: bytes) -> None:
    """Raise unless the record names the singers that the weights were saved with, in order."""
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    own = json.loads(header.get("__metadata__", {}).get("classes", "[]"))
    if record.get("classes") != own:
        raise ModelError(
            f"model {path} does not fit together: {_MODEL} names the singers "
            f"{record.get('classes')}, {_WEIGHTS} was saved with {own}"
        )


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        record = json.loads(content)
    except ValueError as error:
        raise ModelError(f"model {path}: {_MODEL} is damaged: {error}") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise ModelError(f"model {path}: {_MODEL} is not of a cantaor model")
    if record.get("version") != _VERSION:
        raise ModelError(
            f"model {path} has version {record.get('version')} of the format; "
            f"this cantaor reads version {_VERSION}"
        )
    return record
