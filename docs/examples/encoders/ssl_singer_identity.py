"""Write an encoder of singers by Torres, Lattner and Richard (2023, 1000 numbers) for cantaor.

    git clone https://github.com/SonyCSLParis/ssl-singer-identity
    cd ssl-singer-identity && python .../ssl_singer_identity.py byol.ts
    cantaor train work --split recording --recipe robust --encoder byol.ts --trust

The weights are fetched from the Hugging Face hub.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from singer_identity import load_model


def main(path: Path) -> None:
    """Write the scripted network, which takes 44.1 kHz; its authors test it on 4 s."""
    network = load_model("byol", torchscript=True).eval()
    facts = {"sample_rate": "44100", "window_s": "4.0"}
    torch.jit.save(network, str(path), _extra_files=facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
