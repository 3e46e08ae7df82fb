"""Write Resemblyzer's speaker encoder (GE2E, 256 numbers) as an encoder for cantaor.

    pip install resemblyzer
    python ge2e.py ge2e.ts
    cantaor train work --split recording --recipe robust --encoder ge2e.ts --trust

The weights come with the package.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from resemblyzer import VoiceEncoder
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram


class Encoder(nn.Module):
    """Waveforms (batch, samples) at 16 kHz to embeddings (batch, 256) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        voice = VoiceEncoder("cpu", verbose=False)
        self.mel = MelSpectrogram(
            16_000, n_fft=400, hop_length=160, n_mels=40, pad_mode="constant",
            norm="slaney", mel_scale="slaney",
        )  # fmt: skip
        self.lstm, self.linear = voice.lstm, voice.linear

    def forward(self, waveforms: Tensor) -> Tensor:
        """As ``VoiceEncoder.embed_utterance`` embeds a part of 1.6 s."""
        level = waveforms.square().mean(dim=1, keepdim=True).sqrt()
        # Quiet recordings are raised to -30 dB of full scale, loud ones stay.
        raised = waveforms * (10**-1.5 / level.clamp(min=1e-6)).clamp(min=1.0)
        _, (hidden, _) = self.lstm(self.mel(raised).transpose(1, 2))
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])))


def main(path: Path) -> None:
    """Write the file, with what it takes."""
    facts = {"sample_rate": "16000", "window_s": "1.6"}
    torch.jit.save(torch.jit.script(Encoder().eval()), str(path), _extra_files=facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
