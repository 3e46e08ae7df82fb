"""Files from waveforms to embeddings, opened as functions over arrays.

ONNX is a graph of known operations. TorchScript is code, and reading a ``.pt2`` runs what its
pickles and its expressions say (:func:`torch.export.load` reads tensors that are no plain data
without ``weights_only``, and symbols through sympy, which evaluates text), so both want trust.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cantaor.errors import CantaorError, ModelError, require_extra
from cantaor.types import Float32Array

#: What a file may say of itself.
FACTS = ("sample_rate", "window_s")
#: Extensions whose files run code of their own.
CODE = (".ts", ".pt2")
# Where exports of ours describe themselves, and the window that they are given.
_OWN, _OWN_WINDOW_S = "cantaor.json", 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Program:
    """An encoder's file as a function.

    Attributes
    ----------
    run
        float32 (batch, samples) to float32 (batch, dim); raises ModelError on anything else.
    facts
        What the file says of itself, of :data:`FACTS`, as text or numbers.
    """

    run: Callable[[Float32Array], Float32Array]
    facts: Mapping[str, Any]


def open_program(path: Path, content: bytes, trust: bool) -> Program:
    """Open a file's content in the format that its extension names.

    Parameters
    ----------
    path
        Its extension and name; it is not read again, so that what runs is what was hashed.
    content
        The whole file.
    trust
        Whether code may run.

    Raises
    ------
    ModelError
        The extension is none of these, the file runs code and is not trusted, or cannot be read.
    MissingExtraError
        It is ONNX and onnxruntime is not installed.
    """
    if path.suffix not in _OPENERS:
        raise ModelError(
            f"{path}: {path.suffix or 'no extension'} is no format of an encoder; known are "
            f"{', '.join(_OPENERS)}"
        )
    if path.suffix in CODE and not trust:
        raise ModelError(
            f"{path}: a {path.suffix} file runs code of its own; if you trust where it comes from, "
            "say --trust (trust=True), or use an .onnx file, which runs none"
        )
    try:
        call, facts = _OPENERS[path.suffix](content)
    except CantaorError:
        raise
    except Exception as error:  # A foreign file may raise anything.
        raise ModelError(f"{path}: cannot be read as an encoder: {_first_line(error)}") from error
    return Program(lambda waveforms: _checked(path, call, waveforms), facts)


def _checked(path: Path, call: Callable[[Float32Array], Any], waveforms: Float32Array) -> Any:
    """The embeddings of a batch, whatever the file does."""
    try:
        output = call(waveforms)
    except Exception as error:
        raise ModelError(
            f"{path}: fails on waveforms (batch, samples) {waveforms.shape}: {_first_line(error)}"
        ) from error
    if isinstance(output, (tuple, list, dict)):
        raise ModelError(f"{path}: gives {len(output)} outputs; an encoder gives one, (batch, dim)")
    array = output.cpu().numpy() if isinstance(output, torch.Tensor) else np.asarray(output)
    if array.dtype.kind != "f":
        raise ModelError(f"{path}: gives {array.dtype}; an encoder gives floating-point numbers")
    if array.ndim != 2 or len(array) != len(waveforms):
        raise ModelError(
            f"{path}: gives {array.shape} for waveforms {waveforms.shape}; an encoder gives "
            f"({len(waveforms)}, dim)"
        )
    if not np.isfinite(array).all():
        raise ModelError(f"{path}: gives an embedding that is not finite")
    return np.ascontiguousarray(array, dtype=np.float32)


def _torchscript(content: bytes) -> tuple[Callable[[Float32Array], Any], Mapping[str, Any]]:
    files = dict.fromkeys((*FACTS, _OWN), "")
    module = torch.jit.load(io.BytesIO(content), "cpu", _extra_files=files)  # type: ignore[no-untyped-call]
    module.eval()
    own = _own_export(files[_OWN])
    if own is not None:
        return _of_tensors(module, own.output), own.facts
    said = {name: files[name] or getattr(module, name, None) for name in FACTS}
    return _of_tensors(module), said


def _exported(content: bytes) -> tuple[Callable[[Float32Array], Any], Mapping[str, Any]]:
    files = dict.fromkeys((*FACTS, _OWN), "")
    module = torch.export.load(io.BytesIO(content), extra_files=files).module()
    own = _own_export(files[_OWN])
    return (
        (_of_tensors(module), files)
        if own is None
        else (_of_tensors(module, own.output), own.facts)
    )


def _of_tensors(module: Any, output: int | None = None) -> Callable[[Float32Array], Any]:
    """A torch module over arrays; with ``output`` it is an export of ours, which takes lengths."""

    def call(waveforms: Float32Array) -> Any:
        rows = torch.from_numpy(waveforms)
        # Otherwise the first calls compute in another order than later ones.
        with torch.inference_mode(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            if output is None:
                return module(rows)
            return module(rows, torch.full((len(rows),), rows.shape[1]))[output]

    return call


def _onnx(content: bytes) -> tuple[Callable[[Float32Array], Any], Mapping[str, Any]]:
    runtime = require_extra("onnxruntime", "onnx")
    # From memory: weights in a second file are refused, and the digest covers everything.
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), session.get_outputs()
    said: Mapping[str, Any] = session.get_modelmeta().custom_metadata_map
    own = _own_export(said.get(_OWN, ""))
    if own is not None and inputs[0].name == "features":
        raise ValueError(
            "a network that cantaor exported to ONNX takes features and gives no embeddings; "
            "export it to .ts or .pt2"
        )
    expected = (1, 1) if own is None else (2, own.outputs)
    if (len(inputs), len(outputs)) != expected:
        raise ValueError(
            f"it has {len(inputs)} inputs and {len(outputs)} outputs, not {expected[0]} and "
            f"{expected[1]}"
        )
    names, number = [one.name for one in inputs], 0 if own is None else own.output

    def call(waveforms: Float32Array) -> Any:
        given: dict[str, Any] = {names[0]: waveforms}
        if own is not None:
            given[names[1]] = np.full(len(waveforms), waveforms.shape[1], np.int64)
        return session.run(None, given)[number]

    return call, said if own is None else own.facts


@dataclass(frozen=True, slots=True)
class _Own:
    """What an export of ours gives: number of outputs, the place of embeddings, rate and window."""

    outputs: int
    output: int
    facts: Mapping[str, Any]


def _own_export(text: str) -> _Own | None:
    """What is said of a file that ``cantaor export`` wrote; None: it is none."""
    if not text:
        return None
    record = json.loads(text)
    names = record["outputs"]
    facts = {"sample_rate": record["sample_rate"], "window_s": _OWN_WINDOW_S}
    return _Own(len(names), names.index("embeddings"), facts)


def _first_line(error: BaseException) -> str:
    """The line of a message that says most; torch puts a trace before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line] or lines
    return (telling or [type(error).__name__])[-1 if telling is not lines else 0][:300]


_OPENERS = {".ts": _torchscript, ".pt2": _exported, ".onnx": _onnx}
