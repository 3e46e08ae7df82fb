"""Models for programs that know nothing of cantaor.

=========================  ==========================  ===============================
file                       takes                       gives
=========================  ==========================  ===============================
TorchScript ``.ts``        waveforms, lengths          probabilities, embeddings
torch.export ``.pt2``      waveforms, lengths          probabilities, embeddings
ONNX ``.onnx``, networks   features, lengths           probabilities
ONNX ``.onnx``, `robust`   waveforms, lengths          probabilities, embeddings
=========================  ==========================  ===============================

Waveforms are float32 (clips, samples) at the rate that ``cantaor.json`` names (``sample_rate``,
16 kHz unless the features are wide), features float32 (clips, channels, 128, frames) as
:mod:`cantaor.learn.features` makes them, lengths int64 (clips,), in samples or in frames. The
number of clips, samples and frames is open. ``outputs`` in ``cantaor.json`` names what is given: a
``robust`` model that was calibrated, or that knows enrolled singers, also gives ``calibrated``,
float32 (clips, singers and enrolled singers), and ``unknown``, bool (clips,), each clip read as if
it were a recording of its own. Every file is compared with the model before it gets its name, on
clips of 0.05 to 10 s, in a batch and alone.

A TorchScript file is a program, and so is a ``.pt2``: load only files that you trust. Upstream has
deprecated TorchScript; it is here for those who deploy with it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch._dynamo
from torch import Tensor, nn
from torch.export import Dim

from cantaor.errors import ModelError, require_extra
from cantaor.io.files import json_text, replacing
from cantaor.learn.export.bundle import describe_model
from cantaor.learn.export.deployed import (
    DECISION_OUTPUTS,
    OUTPUTS,
    Decision,
    DecisionRule,
    Deployed,
    DeployedDecision,
    EnsembleFromWaveforms,
    FromFeatures,
    FromWaveforms,
)
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.training.trained_model import TrainedModel

#: Name under which the description is found inside an exported file.
DESCRIPTION = "cantaor.json"
# Largest difference of a probability; ONNX runs other kernels.
_TOLERANCE, _ONNX_TOLERANCE = 1e-5, 1e-4
# Seconds of the clips that a file is compared on.
_COMPARED_S = (10.0, 0.05, 0.2, 1.7)
# Most samples of a program without a limit of its own.
_MAX_SAMPLES = 2**24

#: A file that was written, as a function.
Program = Callable[[Tensor, Tensor], Sequence[Tensor]]


def export_torchscript(
    trained: TrainedModel, path: str | Path, decision: Decision | None = None
) -> Path:
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
    decision
        How a ``robust`` model's probabilities are read, or None: they are given as they are.

    Returns
    -------
    The path.

    Raises
    ------
    ModelError
        The file cannot be written, or its output differs from the model's by more than 1e-5.
    """
    path = Path(path)
    with _written(path) as partial:
        scripted = torch.jit.script(_deployed(trained, decision))
        extra = {DESCRIPTION: _description(trained, decision)}
        torch.jit.save(scripted, str(partial), _extra_files=extra)
        _compare(path, trained, decision, torch.jit.load(str(partial)))  # type: ignore[no-untyped-call]
    return path


def export_pt2(trained: TrainedModel, path: str | Path, decision: Decision | None = None) -> Path:
    """Write a torch.export file that takes waveforms and returns probabilities and embeddings.

    In a Python without cantaor, ``program = torch.export.load(path, extra_files=extra)`` with
    ``extra = {"cantaor.json": ""}`` gives ``program.module()(waveforms, lengths)``: float32
    (clips, samples) and int64 (clips,); ``extra`` then holds labels, the waveforms' rate, settings
    and versions as JSON. A padded model takes up to 4.26 s.

    Parameters, return value and errors as in :func:`export_torchscript`; the file is usually named
    ``.pt2``.
    """
    path = Path(path)
    torch._dynamo.reset()  # Scans traced before would tie this one to their number of steps.
    with _written(path) as partial:
        program = torch.export.export(
            _program(trained, decision), _example(trained), dynamic_shapes=_sizes(trained)
        )
        with partial.open("wb") as file:
            extra = {DESCRIPTION: _description(trained, decision)}
            torch.export.save(program, file, extra_files=extra)
        with partial.open("rb") as file:
            loaded = torch.export.load(file).module()
        _compare(path, trained, decision, loaded)
    return path


def export_onnx(trained: TrainedModel, path: str | Path, decision: Decision | None = None) -> Path:
    """Write an ONNX file that takes features, or waveforms if the model is ``robust``.

    Inputs of a network: ``features`` float32 (clips, channels, 128, frames) in the features' own
    units, as the modules of :mod:`cantaor.learn.features` give them, and ``lengths`` int64
    (clips,), real frames of each clip; output ``probabilities`` float32 (clips, singers). A padded
    model takes 426 frames. Inputs of a ``robust`` model: ``waveforms`` and ``lengths`` as in
    :func:`export_pt2`, with the same outputs, by the names in ``outputs``. The metadata
    ``cantaor.json`` holds labels, settings and versions.

    Parameters and return value as in :func:`export_torchscript`; the file is usually named
    ``.onnx``.

    Raises
    ------
    MissingExtraError
        The ``onnx`` extra is not installed.
    ModelError
        The file cannot be written, or its output differs from the model's by more than 1e-4.
    """
    path = Path(path)
    for module in ("onnx", "onnxscript", "onnxruntime"):
        require_extra(module, "onnx")
    torch._dynamo.reset()  # As for torch.export.
    with _written(path) as partial:
        exported = _onnx_program(trained, decision)
        exported.model.metadata_props[DESCRIPTION] = _description(trained, decision)
        exported.save(str(partial))
        _compare(path, trained, decision, _onnx_runner(partial, trained.module), _ONNX_TOLERANCE)
    return path


def _onnx_program(trained: TrainedModel, decision: Decision | None) -> Any:
    if not isinstance(trained.module, SingerClassifier):
        return torch.onnx.export(
            _program(trained, decision),
            _example(trained),
            dynamo=True,
            verbose=False,
            input_names=["waveforms", "lengths"],
            output_names=[*_outputs(decision)],
            dynamic_shapes=_sizes(trained),
        )
    singer = trained.module
    clips, frames = Dim("clips", min=1, max=65_536), Dim("frames", min=1, max=2**20)
    image = {0: clips} if singer.padded else {0: clips, 3: frames}
    return torch.onnx.export(
        FromFeatures(singer),
        (torch.zeros(3, len(singer.features), 128, 426), torch.tensor([426, 1, 9])),
        dynamo=True,
        verbose=False,
        input_names=["features", "lengths"],
        output_names=["probabilities"],
        dynamic_shapes={"features": image, "lengths": {0: clips}},
    )


def _onnx_runner(path: Path, module: nn.Module) -> Program:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(waveforms: Tensor, lengths: Tensor) -> list[Tensor]:
        inputs = {"waveforms": waveforms, "lengths": lengths}
        if isinstance(module, SingerClassifier):
            frames = 426 if module.padded else 1 + waveforms.shape[-1] // module.hop_length
            images = [feature(waveforms, lengths, frames) for feature in module.features]
            counts = 1 + torch.div(lengths, module.hop_length, rounding_mode="floor")
            inputs = {"features": torch.stack(images, dim=1), "lengths": counts}
        given = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        return [torch.from_numpy(values) for values in given]

    return run


def _deployed(trained: TrainedModel, decision: Decision | None) -> nn.Module:
    classes, description = list(trained.classes), _description(trained, decision)
    module, rate = trained.module, trained.module.sample_rate
    if decision is None:
        return Deployed(module, classes, description, rate).eval()
    rule = DecisionRule(decision)
    return DeployedDecision(module, rule, classes, description, rate).eval()


def _program(trained: TrainedModel, decision: Decision | None) -> nn.Module:
    if isinstance(trained.module, SingerClassifier):
        return FromWaveforms(trained.module)
    rule = None if decision is None else DecisionRule(decision)
    return EnsembleFromWaveforms(trained.module, rule).eval().requires_grad_(False)


def _example(trained: TrainedModel) -> tuple[Tensor, Tensor]:
    return torch.zeros(3, 8_000), torch.tensor([8_000, 1, 900])


def _sizes(trained: TrainedModel) -> dict[str, dict[int, Any]]:
    clips = Dim("clips", min=1, max=65_536)
    samples = Dim("samples", min=1, max=_limit(trained) or _MAX_SAMPLES)
    return {"waveforms": {0: clips, 1: samples}, "lengths": {0: clips}}


def _limit(trained: TrainedModel) -> int | None:
    """Most samples that a model takes, or None."""
    module = trained.module
    return module.max_samples if isinstance(module, SingerClassifier) and module.padded else None


def _outputs(decision: Decision | None) -> tuple[str, ...]:
    return OUTPUTS if decision is None else OUTPUTS + DECISION_OUTPUTS


def _description(trained: TrainedModel, decision: Decision | None) -> str:
    record = {**describe_model(trained), "outputs": list(_outputs(decision))}
    if decision is not None:
        kept = asdict(decision)
        record["decision"] = {name: kept[name] for name in ("temperature", "unknown_below")}
        record["enrolled"] = list(decision.names)
    return json_text(record, ensure_ascii=False)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes it when all went well.

    torch's advice about its own deprecations and exporters is kept off the terminal.
    """
    with replacing(path, ModelError) as draft:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _calm():
                warnings.simplefilter("ignore")
                yield draft
        except RuntimeError as error:  # torch's own writers raise it where a disk is full
            raise ModelError(f"{path}: cannot be written: {error}") from error


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


def _compare(
    path: Path,
    trained: TrainedModel,
    decision: Decision | None,
    exported: Program,
    tolerance: float = _TOLERANCE,
) -> None:
    """Raise unless the exported program gives the outputs of the model, in a batch and alone."""
    waveforms, lengths = _compared_clips(trained)
    eager = _deployed(trained, decision)
    with torch.inference_mode():
        _require_equal(path, eager(waveforms, lengths), exported(waveforms, lengths), tolerance)
        for row, length in zip(waveforms, lengths, strict=True):
            clip = row[None, : int(length)], length[None]
            _require_equal(path, eager(*clip), exported(*clip), tolerance)


def _compared_clips(trained: TrainedModel) -> tuple[Tensor, Tensor]:
    """Noise that ends in silence, as long as a model may be asked for."""
    most = _limit(trained) or _MAX_SAMPLES
    samples = [min(most, int(s * trained.module.sample_rate)) for s in _COMPARED_S]
    generator = torch.Generator().manual_seed(0)
    waveforms = torch.randn(len(samples) + 1, max(samples), generator=generator) * 0.1
    return waveforms, torch.tensor([*samples, 1])


def _require_equal(
    path: Path, expected: Sequence[Tensor], given: Sequence[Tensor], tolerance: float
) -> None:
    for name, mine, theirs in zip((*OUTPUTS, *DECISION_OUTPUTS), expected, given, strict=False):
        # Embeddings have no unit; their own size is the measure.
        size = mine.abs().amax().clamp(min=1.0) if name == "embeddings" else 1.0
        difference = float(((mine.float() - theirs.float()).abs() / size).max())
        if not difference <= tolerance:
            raise ModelError(f"{path}: {name} would differ from the model's by {difference:.1e}")
