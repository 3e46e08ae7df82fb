"""A clip's features and logits are its own: alone, in any batch, padded to any length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cantaor.learn.data.clips import ClipSet, bucketed_batches
from cantaor.learn.features.spectrograms import FRAMES, LogMel, Mfcc, Spectrogram
from cantaor.learn.networks import MODELS
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.networks.masking import POOLINGS
from tests.reference import learn as reference
from tests.test_learn_models import lively

NETWORKS = {
    (name, pooling): lively(name, width=2, pooling=pooling)
    for name in MODELS
    for pooling in POOLINGS
}
SEEDS = st.integers(0, 2**16)


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=10)
@given(
    lengths=st.lists(st.integers(1, FRAMES), min_size=1, max_size=3),
    extra=st.integers(0, 40),
    seed=SEEDS,
)
def test_logits_are_the_same_alone_in_a_batch_and_padded(name, pooling, lengths, extra, seed):
    model = NETWORKS[name, pooling]
    frames = min(FRAMES, max(lengths) + extra)
    x = noise(seed, len(lengths), 1, 128, frames) * 3 + 1
    with torch.inference_mode():
        together = model(x, torch.tensor(lengths))
        for index, length in enumerate(lengths):
            alone = model(x[index : index + 1, :, :, :length])[0]
            torch.testing.assert_close(together[index], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("features", ["log-mel", "mfcc", "spectrogram", "log-mel+mfcc"])
@settings(max_examples=8)
@given(
    lengths=st.lists(st.integers(1, 12_000), min_size=1, max_size=4),
    extra=st.integers(0, 2_000),
    seed=SEEDS,
)
def test_probabilities_of_waveforms_are_a_clips_own(features, lengths, extra, seed):
    torch.manual_seed(0)
    singer = SingerClassifier("residual-blstm", features, 3, width=2).eval()
    singer.scale.fill_(0.05)
    waveforms = noise(seed, len(lengths), max(lengths) + extra)
    with torch.inference_mode():
        together, _ = singer(waveforms, torch.tensor(lengths))
        for index, length in enumerate(lengths):
            alone, _ = singer(waveforms[index, :length])
            torch.testing.assert_close(together[index], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [LogMel, Mfcc, Spectrogram])
@settings(max_examples=20)
@given(
    lengths=st.lists(st.integers(1, 5_000), min_size=1, max_size=4),
    seed=SEEDS,
)
def test_features_are_a_clips_own(kind, lengths, seed):
    module = kind()
    waveforms = noise(seed, len(lengths), max(lengths))
    together = module(waveforms, torch.tensor(lengths), frames=40)
    counts = module.frame_counts(torch.tensor(lengths))
    for index, length in enumerate(lengths):
        alone = module(waveforms[index, :length], frames=40)
        torch.testing.assert_close(together[index], alone, atol=1e-3, rtol=0)
        assert counts[index] == reference.frames_of(waveforms[index, :length].numpy())


@settings(max_examples=20)
@given(samples=st.integers(1, 4_000), loudness=st.floats(-4, 2), seed=SEEDS)
def test_log_mel_follows_the_definition(samples, loudness, seed):
    clip = noise(seed, samples) * 10**loudness
    module = LogMel()
    power = module.bands.double().numpy() @ reference.power_spectrum(clip.double().numpy())
    mine = module(clip, frames=power.shape[1]).numpy()
    np.testing.assert_allclose(mine, reference.decibels(power), atol=1e-3)


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 100), min_size=1, max_size=80),
    size=st.integers(2, 9),
    seed=SEEDS,
)
def test_batches_hold_every_clip_once_and_none_is_alone(lengths, size, seed):
    batches = bucketed_batches(lengths, size, np.random.default_rng(seed), chunk=3)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(lengths) == 1 or min(map(len, batches)) > 1
    assert max(map(len, batches)) <= size + 1


@settings(max_examples=60)
@given(data=st.data(), lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), seed=SEEDS)
def test_selecting_clips_is_indexing_them(data, lengths, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(n).astype(np.float32) for n in lengths]
    clips = ClipSet.from_arrays(arrays, rng.integers(0, 2, len(arrays)), ["a", "b"])
    index = data.draw(st.lists(st.integers(0, len(arrays) - 1), max_size=12))
    chosen = clips.select(np.array(index, dtype=np.int64))
    assert chosen.labels.tolist() == clips.labels[index].tolist()
    for mine, source in zip(range(len(index)), index, strict=True):
        assert np.array_equal(chosen[mine], arrays[source])
