"""Models for programs that know nothing of cantaor.

========================  ======================================  ================================
file                      takes                                   gives
========================  ======================================  ================================
TorchScript ``.ts``       waveforms, lengths in samples           probabilities, embeddings
torch.export ``.pt2``     waveforms, lengths in samples           probabilities, embeddings
ONNX ``.onnx``            features, lengths in frames             probabilities
========================  ======================================  ================================

Waveforms are float32 (clips, samples) at the rate that ``cantaor.json`` names (``sample_rate``,
16 kHz unless the features are wide), features float32 (clips, channels, 128, frames) as
:mod:`cantaor.learn.features` makes them, lengths int64 (clips,). The number of clips, samples and
frames is open. Every file is compared with the model before it gets its name.

A TorchScript file is a program, and so is a ``.pt2``: load only files that you trust. Upstream has
deprecated TorchScript; it is here for those who deploy with it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch._dynamo
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.functional import pad

from cantaor.errors import ModelError, require_extra
from cantaor.io.files import json_text
from cantaor.learn.export.bundle import describe_model
from cantaor.learn.export.scan_rnn import with_scans
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.training.trained_model import TrainedModel

#: Name under which the description is found inside an exported file.
DESCRIPTION = "cantaor.json"
_TOLERANCE = 1e-5
# Frames of padding that give the program at least two steps after every stride; never seen by a
# network that knows its lengths.
_SPARE_FRAMES = 32


class _Deployed(nn.Module):
    """The singer with its labels and description as attributes."""

    def __init__(self, singer: SingerClassifier, classes: list[str], description: str) -> None:
        super().__init__()
        self.singer = singer
        self.classes = classes
        self.description = description
        self.sample_rate = singer.sample_rate

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        answer: tuple[Tensor, Tensor] = self.singer(waveforms, lengths)
        return answer


class _FromWaveforms(nn.Module):
    """The singer as a program over a fixed rank, for torch.export."""

    def __init__(self, singer: SingerClassifier) -> None:
        super().__init__()
        self.singer = with_scans(singer)
        self.spare = singer.longest if singer.padded else _SPARE_FRAMES * singer.hop_length

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        waveforms = pad(waveforms, (0, self.spare))
        if self.singer.padded:
            waveforms = waveforms[:, : self.singer.longest]
        answer: tuple[Tensor, Tensor] = self.singer(waveforms, lengths)
        return answer


class _FromFeatures(nn.Module):
    """The singer from unscaled features to probabilities."""

    def __init__(self, singer: SingerClassifier) -> None:
        super().__init__()
        self.singer = with_scans(singer)
        self.spare = 0 if singer.padded else _SPARE_FRAMES

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        images = (pad(features, (0, self.spare)) - self.singer.mean) * self.singer.scale
        logits, _ = self.singer.classify(images, lengths)
        return logits.softmax(dim=-1)


def export_torchscript(trained: TrainedModel, path: str | Path) -> Path:
    """Write a TorchScript file that takes waveforms and returns probabilities and embeddings.

    In a Python without cantaor, ``model = torch.jit.load(path)`` gives ``model(waveforms,
    lengths)``: float32 (samples,) or (clips, samples) at ``model.sample_rate`` and int64 (clips,)
    samples of each clip (may be left out). ``model.classes`` names the singers,
    ``model.description`` is JSON with settings and versions, also to be read as the extra file
    ``cantaor.json``.

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
    description = _description(trained)
    singer = _network(trained)
    deployed = _Deployed(singer, list(trained.classes), description).eval()
    with _written(path) as partial:
        scripted = torch.jit.script(deployed)
        torch.jit.save(scripted, str(partial), _extra_files={DESCRIPTION: description})
        loaded = torch.jit.load(str(partial))  # type: ignore[no-untyped-call]
        _compare(path, singer, lambda *clips: loaded(*clips)[0])
    return path


def export_pt2(trained: TrainedModel, path: str | Path) -> Path:
    """Write a torch.export file that takes waveforms and returns probabilities and embeddings.

    In a Python without cantaor, ``program = torch.export.load(path, extra_files=extra)`` with
    ``extra = {"cantaor.json": ""}`` gives ``program.module()(waveforms, lengths)``: float32
    (clips, samples) and int64 (clips,); ``extra`` then holds labels, the waveforms' rate, settings
    and versions as JSON. A padded model takes up to 4.26 s.

    Parameters, return value and errors as in :func:`export_torchscript`; the file is usually named
    ``.pt2``.
    """
    path = Path(path)
    singer = _network(trained)
    longest = singer.longest if singer.padded else 2**24
    clips, samples = Dim("clips", min=1, max=65_536), Dim("samples", min=1, max=longest)
    example = torch.zeros(3, 8_000), torch.tensor([8_000, 1, 900])
    shapes = {"waveforms": {0: clips, 1: samples}, "lengths": {0: clips}}
    torch._dynamo.reset()  # Scans traced before would tie this one to their number of steps.
    with _written(path) as partial:
        program = torch.export.export(_FromWaveforms(singer), example, dynamic_shapes=shapes)
        extra = {DESCRIPTION: _description(trained)}
        with partial.open("wb") as file:
            torch.export.save(program, file, extra_files=extra)
        with partial.open("rb") as file:
            loaded = torch.export.load(file).module()
        _compare(path, singer, lambda *clips: loaded(*clips)[0])
    return path


def export_onnx(trained: TrainedModel, path: str | Path) -> Path:
    """Write an ONNX file that takes features and returns probabilities.

    Inputs ``features`` float32 (clips, channels, 128, frames) in the features' own units, as the
    modules of :mod:`cantaor.learn.features` give them, and ``lengths`` int64 (clips,), real frames
    of each clip; output ``probabilities`` float32 (clips, singers). A padded model takes 426
    frames. The metadata ``cantaor.json`` holds labels, settings and versions.

    Parameters and return value as in :func:`export_torchscript`; the file is usually named
    ``.onnx``.

    Raises
    ------
    MissingExtraError
        The ``onnx`` extra is not installed.
    ModelError
        As in :func:`export_torchscript`.
    """
    path = Path(path)
    for module in ("onnx", "onnxscript", "onnxruntime"):
        require_extra(module, "onnx")
    singer = _network(trained)
    program = _FromFeatures(singer)
    example = torch.zeros(3, len(singer.features), 128, 426), torch.tensor([426, 1, 9])
    clips, frames = Dim("clips", min=1, max=65_536), Dim("frames", min=1, max=2**20)
    image = {0: clips} if singer.padded else {0: clips, 3: frames}
    torch._dynamo.reset()  # As for torch.export.
    with _written(path) as partial:
        exported: Any = torch.onnx.export(
            program,
            example,
            dynamo=True,
            verbose=False,
            input_names=["features", "lengths"],
            output_names=["probabilities"],
            dynamic_shapes={"features": image, "lengths": {0: clips}},
        )
        exported.model.metadata_props[DESCRIPTION] = _description(trained)
        exported.save(str(partial))
        _compare(path, singer, lambda *clips: _run_onnx(partial, singer, *clips))
    return path


def _run_onnx(path: Path, singer: SingerClassifier, waveforms: Tensor, lengths: Tensor) -> Tensor:
    import onnxruntime

    frames = 426 if singer.padded else 1 + waveforms.shape[-1] // singer.hop_length
    images = [feature(waveforms, lengths, frames) for feature in singer.features]
    counts = 1 + torch.div(lengths, singer.hop_length, rounding_mode="floor")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {"features": torch.stack(images, dim=1).numpy(), "lengths": counts.numpy()}
    return torch.from_numpy(session.run(None, inputs)[0])


def _network(trained: TrainedModel) -> SingerClassifier:
    if isinstance(trained.module, SingerClassifier):
        return trained.module
    raise ModelError(
        f"the model {trained.settings.model!r} has no export yet: keep its folder, which is "
        "safetensors and JSON, or train another recipe"
    )


def _description(trained: TrainedModel) -> str:
    return json_text(describe_model(trained), ensure_ascii=False)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes it when all went well.

    torch's advice about its own deprecations and exporters is kept off the terminal.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _calm():
            warnings.simplefilter("ignore")
            yield partial
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"cannot write {path}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _compare(path: Path, singer: SingerClassifier, exported: Any) -> None:
    """Raise unless the exported program answers as the model does, in a batch and alone."""
    generator = torch.Generator().manual_seed(0)
    waveforms = torch.randn(4, 9_000, generator=generator) * 0.1
    lengths = torch.tensor([9_000, 1, 800, 4_000])
    with torch.inference_mode():
        expected, _ = singer(waveforms, lengths)
        answers = [exported(waveforms, lengths), exported(waveforms[2:3, :800], lengths[2:3])]
    difference = max(
        float((expected - answers[0]).abs().max()), float((expected[2:3] - answers[1]).abs().max())
    )
    if not difference <= _TOLERANCE:
        raise ModelError(f"{path} would differ from the model by {difference:.1e}")
