"""How much of the published motif instances the authors' settings bring back.

    python benchmarks/fidelity.py DATA [--hop 128] [--margin 60] [--min-frames 1]

``DATA`` is a clone of the published clips, or a folder with ``instances.csv`` and
``recordings/``. The logic is that of ``cantaor reproduce fidelity``; here its settings can be
changed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cantaor.experiments.reproduction.fidelity import fidelity_table, verdicts
from cantaor.experiments.reproduction.published import read_published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--hop", type=int, default=128, help="samples at 44.1 kHz")
    parser.add_argument("--margin", type=float, default=60.0, help="cents")
    parser.add_argument("--min-frames", type=int, default=1)
    options = parser.parse_args()
    found = verdicts(
        read_published(options.data),
        hop=options.hop,
        margin=options.margin,
        min_frames=options.min_frames,
    )
    print(fidelity_table(found))


if __name__ == "__main__":
    main()
