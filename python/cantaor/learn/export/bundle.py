"""Our own model format: a directory of safetensors and JSON; reading it runs no code.

``model.safetensors`` holds the weights, ``model.json`` all else that makes the model, and
``arrays.safetensors`` arrays that belong to it, such as dictionaries and clusters. The JSON holds
digests of the other two, so files of different models cannot be mixed.

A model that replaces another waits in the folder ``.next`` until it is complete. From then on its
files count, and they move to their places one by one; other files of the folder are never touched.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safe_numpy
from safetensors import torch as safe_torch

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.encoders.sources import EmbeddingSource
from cantaor.learn.networks.ensemble import PROFILE, MeanSpectralFeatures
from cantaor.learn.training.settings import TrainingSettings, settings_facts
from cantaor.learn.training.trained_model import TrainedModel, build_classifier

_FORMAT, _VERSION = "cantaor-model", 1
_MODEL, _WEIGHTS, _ARRAYS = "model.json", "model.safetensors", "arrays.safetensors"
_OWN = (_MODEL, _WEIGHTS, _ARRAYS)
_NEXT, _DRAFT = ".next", ".draft-"
_PROFILE_SIZE = MeanSpectralFeatures.size
# What values of the wrong kind in a record lead to.
_MISFITS = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError),
    SafetensorError,
)


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
    path
        Its folder; empty where it has none.
    digest
        What tells the model apart: hash of its ``model.json``, 16 hexadecimal digits; empty where
        it has no folder.
    encoder
        Where the embeddings that the model takes come from; not saved with it, see
        :func:`~cantaor.learn.export.attached_encoder.attach_encoder`.
    """

    trained: TrainedModel
    arrays: Mapping[str, NDArray[Any]]
    extra: Mapping[str, Any]
    path: str = ""
    digest: str = ""
    encoder: EmbeddingSource | None = None


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
        The directory; an earlier model there is replaced, other files stay. A directory of other
        things is left alone.
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
        The path cannot be written, or holds something that is not a model; or a weight is NaN or
        infinite.
    """
    path = Path(path)
    _require_finite(f"model for {path}", trained)
    weights = safe_torch.save(
        {name: value.contiguous() for name, value in trained.module.state_dict().items()},
        metadata={"classes": json.dumps(trained.classes)},
    )
    kept = _array_bytes(arrays or {})
    text = _describe(trained, extra or {}, weights, kept)
    require_model_folder(path)
    try:
        _write(path, {_MODEL: text.encode(), _WEIGHTS: weights, _ARRAYS: kept})
    except OSError as error:
        raise ModelError(f"cannot write model {path}: {error}") from error
    return path


def require_model_folder(path: Path) -> None:
    """Raise unless a model can be written to a folder: there is none, or it is empty or a model's.

    Raises
    ------
    ModelError
        The path is a file, or a folder of other things; the message names it.
    """
    advice = "remove it or choose another path"
    try:
        if not path.exists() or (path.is_dir() and not any(map(_counts, path.iterdir()))):
            return
        if path.is_dir() and _file_of(path, _MODEL).is_file():
            _parse(path, _file_of(path, _MODEL).read_bytes())
            return
    except ModelError as error:
        raise ModelError(f"{path} exists and is not a model ({error}); {advice}") from error
    except OSError as error:
        raise ModelError(f"cannot write model {path}: {error}") from error
    raise ModelError(f"{path} exists and is not a model; {advice}")


def _counts(file: Path) -> bool:
    """Whether a file in a folder is more than the rest of a writer that was killed."""
    return not file.name.startswith(_DRAFT)


def load_bundle(path: str | Path) -> Bundle:
    """Read a model that :func:`save_bundle` wrote.

    Raises
    ------
    ModelError
        Files are missing, damaged, of another model or of a newer version; the message names the
        path and what is wrong.
    """
    path = Path(path)
    content = _read(path)
    record = _parse(path, content[_MODEL])
    _check_digests(path, record, content)
    try:
        weights = _current_names(safe_torch.load(content[_WEIGHTS]))
        arrays = safe_numpy.load(content[_ARRAYS])
        _check_classes(path, record, content[_WEIGHTS])
        settings = _settings_of(path, record, weights)
        first = weights.get("ensemble.first")
        # Profile and embedding stand side by side.
        inputs, hidden = (0, None) if first is None else map(int, first.shape[-2:])
        own = _PROFILE_SIZE if settings.view.startswith(PROFILE) else 0
        module = build_classifier(settings, len(record["classes"]), hidden, inputs - own).eval()
        module.load_state_dict(weights)
        history = tuple(record["history"])
        trained = TrainedModel(module, tuple(record["classes"]), settings, history)
    except _MISFITS as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"model {path} does not fit together: {error}") from error
    _require_finite(f"model {path}", trained)
    return Bundle(trained, arrays, record["extra"], str(path), _hash(content[_MODEL]))


def _current_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under today's names: up to version 0.1 the ensemble's began with "committee"."""
    return {name.replace("committee.", "ensemble.", 1): value for name, value in weights.items()}


def model_channel(bundle: Bundle) -> str | int:
    """The channel of its recordings that a model was trained on."""
    facts = bundle.extra.get("finder", {}).get("settings", {})
    channel: str | int = bundle.extra.get("channel", facts.get("channel", "mean"))
    return channel


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
        "settings": settings_facts(trained.settings),
        "history": [dict(epoch) for epoch in trained.history],
    }


def _describe(trained: TrainedModel, extra: Mapping[str, Any], weights: bytes, kept: bytes) -> str:
    record = {
        **describe_model(trained),
        "extra": dict(extra),
        "sha256": {_WEIGHTS: _digest(weights), _ARRAYS: _digest(kept)},
    }
    try:
        return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"extra must fit JSON: {error}") from error


def _require_finite(what: str, trained: TrainedModel) -> None:
    """Raise ModelError if a weight is NaN or infinite: such a model answers nothing."""
    for name, values in trained.module.state_dict().items():
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            raise ModelError(f"{what}: weights {name} are not finite; the training diverged")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash(content: bytes) -> str:
    # The same as :func:`cantaor.io.locations.file_hash` of the file.
    return hashlib.blake2b(content, digest_size=16).hexdigest()[:16]


def _write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write all files to ``.next``, then move each to its place; see :func:`_file_of`."""
    made = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    _settle(path)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=path))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.replace(path / _NEXT)
        _settle(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if made:
            with suppress(OSError):
                path.rmdir()  # Only a folder that stayed empty goes.


def _settle(path: Path) -> None:
    """Finish what an earlier writer was killed in: a complete ``.next`` takes its places."""
    waiting = _waiting(path)
    if not waiting.is_dir():
        return
    for name in _OWN:
        if (waiting / name).exists():
            (waiting / name).replace(path / name)
    waiting.rmdir()


def _file_of(path: Path, name: str) -> Path:
    """Where a file of a model is: in ``.next`` if it has not moved to its place yet."""
    waiting = _waiting(path) / name
    return waiting if waiting.exists() else path / name


def _waiting(path: Path) -> Path:
    """The folder ``.next``; one that is a link would have files of another folder moved here."""
    if (path / _NEXT).is_symlink():
        raise ModelError(f"model {path}: {_NEXT} is a link: remove it")
    return path / _NEXT


def _read(path: Path) -> dict[str, bytes]:
    """Content of a bundle's three files."""
    if not path.is_dir():
        raise ModelError(f"model {path} {'is not a directory' if path.exists() else 'is missing'}")
    content = {}
    for name in _OWN:
        file = _file_of(path, name)
        try:
            if file.exists() and not file.is_file():
                raise ModelError(f"model {path}: {name} is no regular file")
            content[name] = file.read_bytes()
        except OSError as error:
            raise ModelError(f"model {path} lacks {name}: {error}") from error
    return content


def _check_digests(path: Path, record: Mapping[str, Any], content: Mapping[str, bytes]) -> None:
    for name in (_WEIGHTS, _ARRAYS):
        if record["sha256"].get(name) != _digest(content[name]):
            raise ModelError(f"model {path}: {name} is damaged or belongs to another model")


def _check_classes(path: Path, record: Mapping[str, Any], weights: bytes) -> None:
    """Raise unless the record names the singers that the weights were saved with, in order."""
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    own = json.loads(header.get("__metadata__", {}).get("classes", "[]"))
    if record["classes"] != own:
        raise ModelError(
            f"model {path} does not fit together: {_MODEL} names the singers "
            f"{record['classes']}, {_WEIGHTS} was saved with {own}"
        )


def _settings_of(
    path: Path, record: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> TrainingSettings:
    """Settings of a record; those of a network larger than its weights are refused unbuilt."""
    settings = TrainingSettings(**record["settings"])
    held = sum(values.numel() for values in weights.values())
    width = settings.width or 1
    # Every network has a layer of width x width weights.
    if width * width > held:
        raise ModelError(
            f"model {path} does not fit together: {_MODEL} names the width {width}, {_WEIGHTS} "
            f"holds {held} values"
        )
    return settings


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    """The checked record of a model."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model {path}: {_MODEL} is damaged: {error}") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise ModelError(f"model {path}: {_MODEL} is not of a cantaor model")
    if record.get("version") != _VERSION:
        raise ModelError(
            f"model {path} has version {record.get('version')} of the format; "
            f"this cantaor reads version {_VERSION}"
        )
    for name, kind in _KINDS.items():
        if not isinstance(record.get(name), kind):
            raise ModelError(
                f"model {path}: {name!r} in {_MODEL} must be {_SPOKEN[kind]}, not "
                f"{shortened(record.get(name))}"
            )
    classes = record["classes"]
    if not all(isinstance(name, str) and name for name in classes) or len(set(classes)) < len(
        classes
    ):
        raise ModelError(
            f"model {path}: 'classes' in {_MODEL} must be different names, not {shortened(classes)}"
        )
    for epoch in record["history"]:
        if not isinstance(epoch, dict) or not all(map(is_number, epoch.values())):
            raise ModelError(
                f"model {path}: 'history' in {_MODEL} must hold numbers, not {shortened(epoch)}"
            )
    return record


#: What the values of a record are.
_KINDS: Mapping[str, type] = {
    "classes": list,
    "settings": dict,
    "history": list,
    "extra": dict,
    "sha256": dict,
}
_SPOKEN: Mapping[type, str] = {list: "a list", dict: "an object"}


def is_number(value: object) -> TypeGuard[float]:
    """Whether a foreign value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def shortened(value: object, most: int = 80) -> str:
    """A foreign value as a message shows it."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
