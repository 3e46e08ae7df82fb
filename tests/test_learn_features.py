"""Features: agreement with librosa and the definition, padding, errors, scripting, gradients."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from torch.export import Dim

from cantaor.errors import ArgumentError
from cantaor.learn.features.spectrograms import (
    FEATURES,
    WIDE_RATE,
    LogMel,
    Mfcc,
    Spectrogram,
    build_features,
)
from tests.reference import learn as reference

KINDS = [LogMel, Mfcc, Spectrogram]
# Float32 against librosa, which takes the mel filters and the window in float64.
DECIBELS = 0.02


def voice(rng: np.random.Generator, samples: int) -> np.ndarray:
    """A harmonic tone with noise 60 dB below it: levels over the whole range."""
    time = np.arange(samples) / 16_000
    tone = sum(np.sin(2 * np.pi * 220 * k * time) / k**2 for k in range(1, 30))
    return (0.1 * tone + 1e-4 * rng.standard_normal(samples)).astype(np.float32)


def librosa_log_mel(clip: np.ndarray, n_fft: int = 512) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=clip,
        sr=16_000,
        n_fft=n_fft,
        hop_length=160,
        win_length=400,
        n_mels=128,
        pad_mode="constant",
    )
    return librosa.power_to_db(mel, ref=np.max, top_db=80.0)


@pytest.mark.parametrize("samples", [1, 100, 159, 160, 4_800, 48_000, 68_159])
def test_log_mel_and_mfcc_agree_with_librosa(rng, samples):
    clip = voice(rng, samples) + np.float32(1e-3)
    expected = librosa_log_mel(clip)
    frames = expected.shape[1]
    mine = LogMel()(torch.from_numpy(clip), frames=frames).numpy()
    np.testing.assert_allclose(mine, expected, atol=DECIBELS)
    cepstra = librosa.feature.mfcc(S=expected, n_mfcc=40)
    mine = Mfcc()(torch.from_numpy(clip), frames=frames).numpy()
    np.testing.assert_allclose(mine[:40], cepstra, atol=DECIBELS)
    assert not mine[40:].any()


def test_the_papers_literal_transform_agrees_with_librosa(rng):
    clip = voice(rng, 8_000)
    (paper,) = build_features("paper-log-mel")
    mine = paper(torch.from_numpy(clip), frames=51).numpy()
    np.testing.assert_allclose(mine, librosa_log_mel(clip, 400), atol=DECIBELS)


@pytest.mark.parametrize("samples", [1, 219, 220, 6_615, 93_719])
def test_wide_features_agree_with_librosa(rng, samples):
    clip = voice(rng, samples) + np.float32(1e-3)
    mel = librosa.feature.melspectrogram(
        y=clip,
        sr=22_050,
        n_fft=768,
        hop_length=220,
        win_length=551,
        n_mels=128,
        pad_mode="constant",
    )
    expected = librosa.power_to_db(mel, ref=np.max, top_db=80.0)
    frames = expected.shape[1]
    log_mel, mfcc = (build_features(name)[0] for name in ("wide-log-mel", "wide-mfcc"))
    mine = log_mel(torch.from_numpy(clip), frames=frames).numpy()
    np.testing.assert_allclose(mine, expected, atol=DECIBELS)
    mine = mfcc(torch.from_numpy(clip), frames=frames).numpy()
    np.testing.assert_allclose(
        mine[:40], librosa.feature.mfcc(S=expected, n_mfcc=40), atol=DECIBELS
    )


def test_the_wide_spectrogram_averages_equal_shares_of_the_bins():
    (wide,) = build_features("wide-spectrogram")
    assert wide.sample_rate == WIDE_RATE
    assert wide.bands.shape == (128, 385)
    torch.testing.assert_close(wide.bands.sum(dim=1), torch.ones(128))
    torch.testing.assert_close(wide.bands.sum(dim=0)[1:], torch.full((384,), 128 / 384))


@pytest.mark.parametrize(
    ("n_fft", "sample_rate", "area"),
    [(512, 16_000, 0.89), (400, 16_000, 0.50), (768, WIDE_RATE, 0.93)],
)
def test_share_of_its_area_that_the_worst_served_mel_band_gets(n_fft, sample_rate, area):
    shares = LogMel(n_fft, sample_rate=sample_rate).bands.sum(dim=1) * sample_rate / n_fft
    assert float(shares.min()) == pytest.approx(area, abs=0.01)


def test_spectrogram_is_the_mean_of_two_bins(rng):
    clip = voice(rng, 3_000)
    power = reference.power_spectrum(clip.astype(np.float64))
    expected = reference.decibels(reference.pairs_of_bins(power))
    mine = Spectrogram()(torch.from_numpy(clip), frames=expected.shape[1]).numpy()
    np.testing.assert_allclose(mine, expected, atol=DECIBELS)


def test_rows_of_the_literal_spectrogram_are_averages():
    bands = Spectrogram(n_fft=400).bands
    assert bands.shape == (128, 201)
    torch.testing.assert_close(bands.sum(dim=1), torch.ones(128))
    assert not bands[:, 0].any()
    torch.testing.assert_close(bands.sum(dim=0)[1:], torch.full((200,), 128 / 200))


@pytest.mark.parametrize("kind", KINDS)
def test_shape_and_frame_counts(kind):
    module = kind()
    assert module(torch.zeros(2, 3, 500)).shape == (2, 3, 128, 426)
    assert module(torch.zeros(500), frames=9).shape == (128, 9)
    counts = module.frame_counts(torch.tensor([1, 159, 160, 64_000, 68_159]))
    assert counts.tolist() == [1, 1, 2, 401, 426]


@pytest.mark.parametrize("kind", KINDS)
def test_silence_is_what_clips_are_padded_with(kind, rng):
    module = kind()
    sounding = module(torch.from_numpy(voice(rng, 1_600)), frames=20)
    torch.testing.assert_close(sounding[:, 11:], module.silence.expand(-1, 9))
    silent = module(torch.zeros(3_200), frames=21)
    torch.testing.assert_close(silent, module.silence.expand(-1, 21), atol=2e-3, rtol=0)


def test_silence_of_log_mel_is_its_floor():
    assert torch.equal(LogMel().silence, torch.full((128, 1), -80.0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_does_not_depend_on_its_batch_nor_on_what_follows_it(kind, rng):
    module = kind()
    clip = torch.from_numpy(voice(rng, 2_345))
    batch = torch.randn(3, 9_000, generator=torch.Generator().manual_seed(1)) * 100
    batch[1, :2_345] = clip
    batch[1, 2_345:] = float("nan")
    alone = module(clip, frames=60)
    together = module(batch, torch.tensor([9_000, 2_345, 5]), frames=60)[1]
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_gain_does_not_matter(kind, rng):
    clip = torch.from_numpy(voice(rng, 2_000))
    module = kind()
    torch.testing.assert_close(module(clip), module(clip * 0.25), atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_too_long_is_an_error_or_is_cropped(kind):
    module, clip = kind(), torch.randn(2, 68_160)
    with pytest.raises(ArgumentError, match=r"68160 samples has 427 frames.*426.*crop=True"):
        module(clip)
    assert module(clip, crop=True).shape == (2, 128, 426)
    assert module(clip, torch.tensor([68_159, 3])).shape == (2, 128, 426)
    scripted = torch.jit.script(module)
    with pytest.raises(torch.jit.Error, match="427 frames"):
        scripted(clip)


def test_as_many_lengths_as_clips():
    with pytest.raises(ArgumentError, match=r"lengths \(3\) must match clips \(2\)"):
        LogMel()(torch.zeros(2, 100), torch.tensor([1, 2, 3]))


@pytest.mark.parametrize("name", FEATURES)
def test_scripted_equals_eager(name):
    (module,) = build_features(name)
    clips, lengths = torch.randn(2, 4, 4_000), torch.tensor([[1, 800, 4_000, 77], [9, 8, 7, 6]])
    scripted = torch.jit.script(module)
    torch.testing.assert_close(scripted(clips, lengths), module(clips, lengths))


@pytest.mark.parametrize("name", ["wide-log-mel", "mfcc", "paper-spectrogram"])
def test_exported_equals_eager_at_other_sizes(name):
    (module,) = build_features(name)
    clips, samples = Dim("clips", min=1, max=1024), Dim("samples", min=480, max=67_000)
    shapes = {"waveforms": {0: clips, 1: samples}, "lengths": {0: clips}}
    example = torch.randn(3, 4_000), torch.tensor([4_000, 1, 900])
    program = torch.export.export(module, example, dynamic_shapes=shapes).module()
    scripted = torch.jit.script(module)
    for count, samples in ((1, 480), (2, 799), (40, 4_801)):
        waveforms = torch.randn(count, samples) * 0.1
        lengths = torch.randint(1, samples + 1, (count,))
        eager = module(waveforms, lengths)
        torch.testing.assert_close(program(waveforms, lengths), eager, atol=1e-5, rtol=0)
        torch.testing.assert_close(scripted(waveforms, lengths), eager, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [1, 2, 159, 399, 401, 4_801])
def test_a_clip_alone_equals_the_same_clip_in_a_batch(kind, samples, rng):
    module, clip = kind(), torch.from_numpy(voice(rng, samples))
    alone = module(clip)
    batch = torch.randn(40, 9_000, generator=torch.Generator().manual_seed(1))
    batch[17, :samples] = clip
    lengths = torch.full((40,), 9_000)
    lengths[17] = samples
    torch.testing.assert_close(module(batch, lengths)[17], alone, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("sample_rate", "n_fft"),
    [(8_000, 512), (11_025, 512), (22_050, 768), (32_000, 1024), (44_100, 2048), (48_000, 2048)],
)
def test_other_rates_agree_with_librosa(sample_rate, n_fft, rng):
    hop = sample_rate // 100
    for samples in (1, hop, 3 * n_fft + 5):
        clip = voice(rng, samples) + np.float32(1e-3)
        mel = librosa.feature.melspectrogram(
            y=clip,
            sr=sample_rate,
            n_fft=n_fft,
            hop_length=hop,
            win_length=sample_rate // 40,
            n_mels=128,
            pad_mode="constant",
        )
        expected = librosa.power_to_db(mel, ref=np.max, top_db=80.0)
        module = LogMel(n_fft, hop, sample_rate=sample_rate)
        mine = module(torch.from_numpy(clip), frames=expected.shape[1]).numpy()
        np.testing.assert_allclose(mine, expected, atol=DECIBELS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_without_samples_is_an_error(kind):
    with pytest.raises(ArgumentError, match="at least one sample"):
        kind()(torch.zeros(2, 0))
    with pytest.raises(ArgumentError, match=r"lengths must be 1\.\.100.*got 0"):
        kind()(torch.zeros(2, 100), torch.tensor([100, 0]))
    with pytest.raises(ArgumentError, match=r"lengths must be 1\.\.100.*got 101"):
        kind()(torch.zeros(2, 100), torch.tensor([100, 101]))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_the_waveform(kind, rng):
    clip = torch.from_numpy(voice(rng, 1_600)).requires_grad_()
    kind()(clip, frames=12).sum().backward()
    assert clip.grad is not None
    assert torch.isfinite(clip.grad).all()
    assert clip.grad.abs().max() > 0
    silent = torch.zeros(1_600, requires_grad=True)
    kind()(silent, frames=12).sum().backward()
    assert torch.isfinite(silent.grad).all()


def test_features_of_one_network_hear_one_rate():
    with pytest.raises(ArgumentError, match=r"'log-mel\+wide-mfcc' takes 16000 and 22050 Hz"):
        build_features("log-mel+wide-mfcc")


def test_a_window_fits_its_transform():
    with pytest.raises(ArgumentError, match=r"n_fft \(512\) must be at least the window's 551"):
        LogMel(sample_rate=WIDE_RATE)


def test_unknown_features_are_named():
    with pytest.raises(ArgumentError, match="'log-mel\\+cqt'"):
        build_features("log-mel+cqt")
