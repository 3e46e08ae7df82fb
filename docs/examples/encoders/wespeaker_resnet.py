"""Write a WeSpeaker network (VoxCeleb, 256 numbers) as an encoder for cantaor.

    pip install git+https://github.com/wenet-e2e/wespeaker.git
    python wespeaker_resnet.py resnet.ts
    cantaor train work --split recording --recipe robust --encoder resnet.ts --trust

The weights are fetched by WeSpeaker.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import wespeaker
from torch import Tensor, nn
from torchaudio.compliance.kaldi import get_mel_banks


class Network(nn.Module):
    """Bands (1, frames, 80) to the embedding (1, dim)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, bands: Tensor) -> Tensor:
        """Some networks give a pair whose last part is the embedding."""
        answer = self.network(bands)
        return answer[-1] if isinstance(answer, tuple) else answer


class Encoder(nn.Module):
    """Waveforms (batch, samples) at 16 kHz to embeddings (batch, dim)."""

    def __init__(self, network: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.network = network
        banks, _ = get_mel_banks(80, 512, 16_000.0, 20.0, 0.0, 100.0, -500.0, 1.0)
        self.register_buffer("banks", nn.functional.pad(banks, (0, 1)).T)
        self.register_buffer("window", torch.hann_window(400, periodic=False) ** 0.85)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Kaldi's 80 bands of 16-bit samples, less their mean, then the network."""
        frames = (waveforms * 32_768.0).unfold(1, 400, 160)
        frames = frames - frames.mean(dim=2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
        spectrum = torch.fft.rfft((frames - 0.97 * before) * self.window, n=512)
        bands = (spectrum.abs().square() @ self.banks).clamp(min=1.2e-7).log()
        bands = bands - bands.mean(dim=1, keepdim=True)
        return torch.cat([self.network(one[None]) for one in bands.unbind()])


def main(path: Path) -> None:
    """Trace the network, script what is before it, and write the file."""
    network = Network(wespeaker.load_model("english").model).eval()
    with torch.no_grad():
        # Traced for 298 frames, which are 3 s: a window of another length needs another trace.
        traced = torch.jit.trace(network, torch.randn(1, 298, 80))
    facts = {"sample_rate": "16000", "window_s": "3.0"}
    torch.jit.save(torch.jit.script(Encoder(traced)), str(path), _extra_files=facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
