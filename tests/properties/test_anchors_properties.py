"""Anchors equal their slow twin; timelines find every shared run that is long enough."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cantaor._core import find_anchors
from cantaor.corpus.audit.winnowing import clip_anchors, place_on_timelines
from tests.reference import anchors as reference


@given(
    st.lists(st.sampled_from([0.0, -0.0, 0.5, -0.25, 1.0, 1e-30]), max_size=60),
    st.integers(1, 8),
    st.integers(1, 12),
    st.integers(0, 4),
)
def test_the_kernel_equals_its_twin(
    samples: list[float], window: int, spread: int, min_values: int
) -> None:
    signal = np.array(samples, dtype=np.float32)
    hashes, positions = find_anchors(signal, window, spread, min_values)
    expected = reference.find_anchors(samples, window, spread, min_values)
    assert list(zip(hashes.tolist(), positions.tolist(), strict=True)) == expected


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 900), st.integers(1, 400)), max_size=12),
)
def test_timelines_hold_what_shares_samples(seed: int, cuts: list[tuple[int, int, int]]) -> None:
    rng = np.random.default_rng(seed)
    sources = rng.standard_normal((3, 1300)).astype(np.float32)
    clips = [sources[source, start : start + size] for source, start, size in cuts]
    timelines = place_on_timelines([clip_anchors(clip) for clip in clips])
    for i, (source, start, size) in enumerate(cuts):
        assert timelines.end[i] - timelines.start[i] == size
        for j, (other, begin, length) in enumerate(cuts[:i]):
            together = timelines.timeline[i] == timelines.timeline[j]
            if source != other:
                assert not together
            elif together:
                assert timelines.start[i] - timelines.start[j] == start - begin
            else:
                assert min(start + size, begin + length) - max(start, begin) < 64
