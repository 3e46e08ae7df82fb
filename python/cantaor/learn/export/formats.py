"""One file for a model, in the format that its extension names."""

from __future__ import annotations

import os
from pathlib import Path

from cantaor.errors import ModelError
from cantaor.learn.export.deployed import Decision
from cantaor.learn.export.export import DESCRIPTION, export_onnx, export_pt2, export_torchscript
from cantaor.learn.networks.ensemble import EncoderClassifier
from cantaor.learn.training.trained_model import TrainedModel

_WRITERS = {".ts": export_torchscript, ".pt2": export_pt2, ".onnx": export_onnx}


def export_model(
    trained: TrainedModel, path: str | os.PathLike[str], decision: Decision | None = None
) -> Path:
    """Write a trained model as one file that runs without cantaor.

    Parameters
    ----------
    trained
        The model.
    path
        File to write: ``.ts`` (TorchScript) and ``.pt2`` (torch.export) take waveforms, ``.onnx``
        takes features, or waveforms of a ``robust`` model.
    decision
        How a ``robust`` model's probabilities are read, or None: they are given as they are.

    Returns
    -------
    Path
        The file, complete.

    Raises
    ------
    ModelError
        The extension names no format, the model takes an encoder's embeddings, the file is there
        and is no export, or the export failed.
    """
    target = Path(path)
    if target.suffix not in _WRITERS:
        raise ModelError(
            f"{target}: {target.suffix or 'no extension'} is no format to export to; "
            f"known are {', '.join(_WRITERS)}"
        )
    if isinstance(trained.module, EncoderClassifier):
        raise ModelError(
            f"{target}: the model takes the embeddings of an encoder, which is a file of its own; "
            "only models without one are exported"
        )
    _require_export(target)
    return _WRITERS[target.suffix](trained, target, decision)


def _require_export(path: Path) -> None:
    """Raise ModelError unless nothing is there, or a file that an export wrote."""
    if not path.exists():
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error}") from error
    # Text has no byte 0; every export names its description.
    if content and not (b"\0" in content and DESCRIPTION.encode() in content):
        raise ModelError(f"{path} is there and no export of cantaor; name another file")
