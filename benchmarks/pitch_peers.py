"""Accuracy of this tracker and its peers on the same singing, as a table.

Run ``python -m benchmarks.pitch_peers [FOLDER]`` from the repository's root; FOLDER is as in
``benchmarks.pitch_sensitivity``, whose voices these are. Every peer is told the same range. Rough
voices are a column for each kind; "strong second harmonic" is the opposite case: voices in which a
formant follows the second harmonic now and then, whose octave is not the one above.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pitch_sensitivity import (
    Sung,
    groups,
    octave_groups,
    scores,
    table_head,
    table_row,
)
from cantaor.bench.cases import singing
from cantaor.bench.cases.pitch import PEERS
from cantaor.bench.timing import available
from cantaor.pitch.tracker import extract_pitch


def accuracy(sung: Sung, track: Callable[[singing.Sung], Any]) -> tuple[float, float]:
    """Raw pitch accuracy and overall accuracy of a tracker on one recording."""
    frames = sung.audio.samples.size * 44_100 // (sung.audio.sample_rate * 256) + 1
    return scores(sung, track(singing.Sung(sung.audio, np.zeros(frames, np.float32))))


def main() -> None:
    columns = groups(Path(sys.argv[1]) if len(sys.argv) > 1 else None) | octave_groups()
    print(table_head("tracker", columns))
    trackers: dict[str, Callable[[singing.Sung], Any]] = {
        "cantaor": lambda sung: extract_pitch(sung.audio).hz,
        **{peer.name: peer.run for peer in PEERS if available(peer)},
    }
    for name, track in trackers.items():
        means = [
            np.mean([accuracy(one, track) for one in some], axis=0) for some in columns.values()
        ]
        print(table_row(name, means), flush=True)


if __name__ == "__main__":
    main()
