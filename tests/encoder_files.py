"""Files from waveforms to embeddings for tests: good ones, told by hand, and bad ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

RATE = 16_000


class Bands(nn.Module):
    """Level of eight bands of a waveform: an encoder that can be told by hand."""

    def forward(self, waveforms: Tensor) -> Tensor:
        power = torch.fft.rfft(waveforms).abs().square()[:, : waveforms.shape[1] // 2 // 8 * 8]
        return power.reshape(waveforms.shape[0], 8, -1).mean(-1).clamp(min=1e-9).log()


class Steps(Bands):
    """An embedding a frame, as networks without pooling give."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms.unfold(1, 400, 160)


class Bits(Bands):
    """Signs as whole numbers."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return (waveforms[:, :4] > 0).long()


class OneOfBatch(Bands):
    """One embedding for the whole batch."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms[:1, :4]


class Neighbours(Bands):
    """What a normalisation over the batch does."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms[:, :4] - waveforms[:, :4].mean(0, keepdim=True)


class Growing(Bands):
    """As many numbers as there are samples."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms[:, ::2]


class Undefined(Bands):
    """Not a number."""

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms[:, :4] * float("nan")


FACTS = {"sample_rate": str(RATE), "window_s": "0.5"}


def script(path: Path, module: nn.Module, facts: dict[str, str] | None = None) -> Path:
    torch.jit.save(torch.jit.script(module.eval()), str(path), _extra_files=facts or {})
    return path


class Convolved(nn.Module):
    """Eight filters and their mean size; ONNX has no Fourier transform that torch writes."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.filters = nn.Conv1d(1, 8, 32, 16)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.filters(waveforms[:, None]).abs().mean(-1)
