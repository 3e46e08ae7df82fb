"""Rate, hop and transform of 25 ms windows, by accuracy on clips of the training side.

    python -m benchmarks.hops DATA

Distinct clips, no phrase shared; the test side of seed 0 is not looked at. What is left is split
anew over phrases, 80/20, five times; an RBF machine learns from mean and deviation of each band's
log-mel levels. A machine instead of a network because nine settings times five splits are over in
minutes and differ by less than two trainings of a network with different seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.instances import Instances, hold_out, read_instances
from cantaor.learn.features.spectrograms import SAMPLE_RATE, WIDE_RATE, LogMel
from cantaor.types import Float32Array

SETTINGS = {
    SAMPLE_RATE: [(n_fft, hop) for n_fft in (400, 512, 1024) for hop in (80, 160, 320)],
    WIDE_RATE: [(n_fft, 220) for n_fft in (551, 768, 1024)],
}
SPLITS = 5


def main() -> int:
    """Print one row for each setting."""
    print(
        "| Hz | points | hop | frames of 0.3 s | accuracy % (5 splits, range) |\n"
        + "|---" * 5
        + "|"
    )
    for rate, settings in SETTINGS.items():
        known = training_side(read_instances(Path(sys.argv[1]), sample_rate=rate))
        for n_fft, hop in settings:
            feature = LogMel(n_fft, hop, sample_rate=rate)
            found = 100 * accuracies(known, statistics(known, feature))
            spread = f"{found.mean():.2f} ({found.min():.2f} to {found.max():.2f})"
            print(
                f"| {rate} | {n_fft} | {hop} | {1 + 3 * rate // 10 // hop} | {spread} |", flush=True
            )
    return 0


def training_side(instances: Instances) -> Instances:
    """Distinct instances of the phrases that seed 0 does not test on."""
    distinct = instances.distinct()
    group = np.unique(distinct.phrase, return_inverse=True)[1]
    rng = np.random.default_rng([0, 2020])
    return distinct.select(hold_out(np.arange(group.size), group, 0.2, rng)[0])


def accuracies(known: Instances, rows: Float32Array) -> np.ndarray:
    """Share of unseen clips named right in each split."""
    group = np.unique(known.phrase, return_inverse=True)[1]
    shares = []
    for seed in range(SPLITS):
        learned, tested = hold_out(
            np.arange(group.size), group, 0.2, np.random.default_rng([seed, 7])
        )
        machine = make_pipeline(StandardScaler(), SVC(C=10))
        machine.fit(rows[learned], known.clips.labels[learned])
        shares.append(machine.score(rows[tested], known.clips.labels[tested]))
    return np.array(shares)


def statistics(known: Instances, feature: LogMel) -> Float32Array:
    """Mean and deviation of every band over each clip, float32 (n, 256)."""
    rows = []
    for index in range(len(known.clips)):
        clip = torch.from_numpy(known.clips[index])
        levels = feature(clip, frames=1 + clip.numel() // feature.hop_length).numpy()
        rows.append(np.concatenate([levels.mean(axis=1), levels.std(axis=1)]))
    return np.array(rows)


if __name__ == "__main__":
    sys.exit(main())
