"""Write SpeechBrain's ECAPA-TDNN (VoxCeleb, 192 numbers) as an encoder for cantaor.

    pip install speechbrain
    python ecapa.py ecapa.ts
    cantaor train work --split recording --recipe robust --encoder ecapa.ts --trust

The weights are fetched from the Hugging Face hub.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from speechbrain.inference.speaker import EncoderClassifier
from torch import Tensor, nn


class Encoder(nn.Module):
    """One waveform (1, samples) at 16 kHz to its embedding (1, 192)."""

    def __init__(self, modules: nn.ModuleDict) -> None:
        super().__init__()
        self.features = modules["compute_features"]
        self.embed = modules["embedding_model"]

    def forward(self, waveforms: Tensor) -> Tensor:
        """As ``EncoderClassifier.encode_batch``."""
        bands = self.features(waveforms)
        # What "mean_var_norm" does: every waveform's own mean is taken off.
        return self.embed(bands - bands.mean(dim=1, keepdim=True)).squeeze(1)


class OneByOne(nn.Module):
    """A traced encoder for batches: a trace is of one number of waveforms."""

    def __init__(self, one: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.one = one

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms (batch, samples) to embeddings (batch, dim)."""
        return torch.cat([self.one(row[None]) for row in waveforms.unbind()])


def main(path: Path) -> None:
    """Trace the encoder and write the file, with what it takes."""
    found = EncoderClassifier.from_hparams(source="speechbrain/spkrec-ecapa-voxceleb")
    encoder = Encoder(found.mods).eval()
    with torch.no_grad():
        # Traced for 3 s: a window of another length needs another trace.
        traced = torch.jit.trace(encoder, torch.rand(1, 48_000) - 0.5)
    facts = {"sample_rate": "16000", "window_s": "3.0"}
    torch.jit.save(torch.jit.script(OneByOne(traced)), str(path), _extra_files=facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
