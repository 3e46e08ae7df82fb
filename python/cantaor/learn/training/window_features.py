"""What the ensemble is trained on: the profiles of short windows of clips."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch

from cantaor.errors import ArgumentError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.cache import EmbeddingCache
from cantaor.learn.networks.ensemble import (
    PROFILE,
    PROFILE_RATE,
    EnsembleClassifier,
    MeanSpectralFeatures,
    view_sizes,
)
from cantaor.types import Float32Array, Int32Array, Int64Array

#: Samples of a training window, 0.2 s: clips are cut into windows, so their length says nothing.
WINDOW = PROFILE_RATE // 5


@dataclass(frozen=True, eq=False, slots=True)
class WindowFeatures:
    """Training windows as profiles.

    Attributes
    ----------
    values
        float32 (n, size); 96 of a profile.
    labels
        int32 (n,), singers.
    groups
        int32 (n,), source groups.
    views
        Lengths of the views that stand side by side in ``values``.
    """

    values: Float32Array
    labels: Int32Array
    groups: Int32Array
    views: tuple[int, ...] = (MeanSpectralFeatures.size,)


def extract_window_features(
    clips: ClipSet,
    batch: int = 256,
    view: str = PROFILE,
    cache: EmbeddingCache | None = None,
) -> WindowFeatures:
    """Profiles of the 0.2 s windows of clips.

    Parameters
    ----------
    clips
        Clips at 22,050 Hz whose ``recording`` is the source group.
    batch
        Windows at a time; the result does not depend on it.
    view
        One of :data:`~cantaor.learn.networks.ensemble.VIEWS`.
    cache
        Profiles that were computed before, see :func:`profile_cache`; gets the new ones.

    Returns
    -------
    WindowFeatures
        As many windows of each clip as fit side by side, around its middle; a shorter clip is one
        window. Each has its clip's embedding behind its profile; without profiles a clip counts
        once.

    Raises
    ------
    ArgumentError
        The view has an encoder and the clips have no embeddings.
    """
    if view == PROFILE:
        return _profiles(clips, batch, cache)[0]
    if clips.embeddings is None:
        raise ArgumentError(f"view {view!r} takes an embedding of every clip, and clips have none")
    views = view_sizes(view, clips.embeddings.shape[1])
    if len(views) == 1:
        return WindowFeatures(clips.embeddings, clips.labels, clips.recording, views)
    profiles, source = _profiles(clips, batch, cache)
    values = np.concatenate([profiles.values, clips.embeddings[source]], axis=1)
    return WindowFeatures(values, profiles.labels, profiles.groups, views)


def _profiles(
    clips: ClipSet, batch: int, cache: EmbeddingCache | None
) -> tuple[WindowFeatures, Int64Array]:
    """Profiles of windows, and the clip of each."""
    source, starts, sizes = windows_of(clips)
    values = np.empty((source.size, MeanSpectralFeatures.size), np.float32)
    windows = [
        clips.samples[first : first + size] for first, size in zip(starts, sizes, strict=True)
    ]
    keys = [] if cache is None else [blake2b(one.data, digest_size=16).digest() for one in windows]
    known = {} if cache is None else cache.get(list(dict.fromkeys(keys)))
    for row, key in enumerate(keys):
        if key in known:
            values[row] = known[key]
    missing = [row for row in range(len(windows)) if not keys or keys[row] not in known]
    extractor = EnsembleClassifier(1, 1).profile
    with torch.inference_mode():
        for first in range(0, len(missing), batch):
            part = missing[first : first + batch]
            waveforms = np.zeros((len(part), WINDOW), np.float32)
            for row, i in enumerate(part):
                waveforms[row, : sizes[i]] = windows[i]
            values[part] = extractor(torch.from_numpy(waveforms), torch.from_numpy(sizes[part]))
    if cache is not None and missing:
        cache.put({keys[row]: values[row] for row in missing})
    return WindowFeatures(values, clips.labels[source], clips.recording[source]), source


def profile_cache() -> EmbeddingCache:
    """Where the profiles of windows are kept between runs, by the windows' samples.

    The file is named after what profiles of some noise are, so that another version or platform
    that gives others has a file of its own.
    """
    extractor = EnsembleClassifier(1, 1).profile
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, WINDOW)).astype(np.float32)
    with torch.inference_mode():
        found = extractor(torch.from_numpy(noise), torch.tensor([WINDOW, 100])).float().numpy()
    return EmbeddingCache(
        f"profile-{blake2b(found.data, digest_size=8).hexdigest()}", found.shape[1]
    )


def windows_of(clips: ClipSet) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Clip, first sample in ``clips.samples`` and length of every 0.2 s window, int64 (n,)."""
    counts = np.maximum(clips.lengths // WINDOW, 1)
    source = np.repeat(np.arange(len(clips)), counts)
    place = np.arange(source.size) - np.repeat(np.cumsum(counts) - counts, counts)
    sizes = np.minimum(clips.lengths, WINDOW)
    before = (clips.lengths - counts * sizes) // 2
    starts = clips.offsets[:-1][source] + before[source] + place * WINDOW
    return source, starts, sizes[source]
