"""Models for programs that know nothing of cantaor.

A TorchScript file is a program: load only files that you trust. Upstream has deprecated the
format; it is here for those who deploy with it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from cantaor.errors import ModelError
from cantaor.learn.bundle import describe_model
from cantaor.learn.singer import Singer
from cantaor.learn.training import TrainedModel

#: Name under which the description is found inside an exported file.
DESCRIPTION = "cantaor.json"
_TOLERANCE = 1e-5


class _Deployed(nn.Module):
    """The singer with its labels and description as attributes."""

    def __init__(self, singer: Singer, classes: list[str], description: str) -> None:
        super().__init__()
        self.singer = singer
        self.classes = classes
        self.description = description
        self.sample_rate = 16_000

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        answer: tuple[Tensor, Tensor] = self.singer(waveforms, lengths)
        return answer


def export_torchscript(trained: TrainedModel, path: str | Path) -> Path:
    """Write a TorchScript file that takes waveforms and returns probabilities and embeddings.

    In a Python without cantaor, ``model = torch.jit.load(path)`` gives ``model(waveforms,
    lengths)``: float32 (samples,) or (clips, samples) at 16 kHz and int64 (clips,) samples of
    each clip (may be left out). ``model.classes`` names the singers, ``model.description`` is
    JSON with settings and versions, also to be read as the extra file ``cantaor.json``.

    Parameters
    ----------
    trained
        The model.
    path
        The file, usually named ``.ts``; it is replaced.

    Returns
    -------
    The path.

    Raises
    ------
    ModelError
        The file cannot be written, or its answer differs from the model's by more than 1e-5.
    """
    path = Path(path)
    description = json.dumps(describe_model(trained), ensure_ascii=False)
    deployed = _Deployed(trained.module, list(trained.classes), description).eval()
    with _written(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.jit")
        scripted = torch.jit.script(deployed)
        torch.jit.save(scripted, str(partial), _extra_files={DESCRIPTION: description})
        loaded = torch.jit.load(str(partial))  # type: ignore[no-untyped-call]
        _compare(trained.module, loaded, path)
    return path


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes it when all went well."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"cannot write {path}: {error}") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _compare(singer: Singer, exported: nn.Module, path: Path) -> None:
    """Raise unless the exported module answers as the model does."""
    generator = torch.Generator().manual_seed(0)
    waveforms = torch.randn(3, 8000, generator=generator) * 0.1
    lengths = torch.tensor([8000, 1, 800])
    with torch.inference_mode():
        expected, _ = singer(waveforms, lengths)
        answer, _ = exported(waveforms, lengths)
    difference = float((expected - answer).abs().max())
    if not difference <= _TOLERANCE:
        raise ModelError(f"{path} would differ from the model by {difference:.1e}")
