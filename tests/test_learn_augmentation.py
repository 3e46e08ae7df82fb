"""Augmentation: each change stays within its bounds, inside the clip, and follows the seed."""

from __future__ import annotations

import pytest
import torch

from cantaor.learn.data.augmentation import CHANGES, MASKS, augment, mask_image, mix_pairs

RATE = 16_000
LENGTHS = torch.tensor([4_000, 1, 900, 2_222])


@pytest.fixture
def waveforms() -> torch.Tensor:
    torch.manual_seed(4)
    clips = torch.randn(4, 4_000) * 0.1
    return clips.masked_fill(torch.arange(4_000) >= LENGTHS[:, None], 0.0)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_finite_seeded_and_ends_with_the_clip(name, waveforms):
    torch.manual_seed(1)
    changed, lengths = augment(waveforms, LENGTHS, (name,), 4_100, RATE)
    torch.manual_seed(1)
    assert torch.equal(augment(waveforms, LENGTHS, (name,), 4_100, RATE)[0], changed)
    assert torch.isfinite(changed).all()
    assert changed.shape[-1] >= lengths.max()
    for clip, length in zip(changed, lengths, strict=True):
        assert not clip[length:].any()
    torch.manual_seed(2)
    assert not torch.equal(augment(waveforms, LENGTHS, (name,), 4_100, RATE)[0], changed)


def test_nothing_is_changed_unless_asked_for(waveforms):
    changed, lengths = augment(waveforms, LENGTHS, (), 4_000, RATE)
    assert torch.equal(changed, waveforms)
    assert torch.equal(lengths, LENGTHS)


def test_speed_moves_pitch_and_length_by_at_most_6_per_cent():
    time = torch.arange(RATE) / RATE
    clips = torch.sin(2 * torch.pi * 440 * time).repeat(8, 1)
    torch.manual_seed(0)
    changed, lengths = CHANGES["speed"](clips, torch.full((8,), RATE), RATE)
    for clip, length in zip(changed, lengths, strict=True):
        hz = float(torch.fft.rfft(clip[:length]).abs().argmax()) * RATE / float(length)
        assert hz * float(length) / RATE == pytest.approx(440, rel=0.01)
        assert 0.93 < float(length) / RATE < 1.07
    assert lengths.unique().numel() > 4


def test_noise_is_10_to_40_db_below(waveforms):
    added = CHANGES["noise"](waveforms, LENGTHS, RATE)[0] - waveforms
    power = added[0].square().mean() / waveforms[0].square().mean()
    assert -41 < 10 * float(power.log10()) < -9


def test_masks_hide_little_and_only_real_frames():
    torch.manual_seed(0)
    images, counts = torch.ones(6, 2, 128, 50), torch.tensor([50, 40, 30, 20, 10, 1])
    hidden = mask_image(images, counts) == 0
    rows, frames = hidden.all(-1), hidden.all(-2)
    assert rows.sum(-1).max() <= 25
    assert hidden.any()
    for clip, count in zip(frames[:, 0], counts, strict=True):
        assert clip.sum() <= 0.2 * count + 1
        assert not clip[count:].any()
    assert MASKS not in CHANGES


def test_mixup_blends_pairs_as_far_as_the_shorter_one():
    torch.manual_seed(0)
    images, counts = torch.randn(5, 1, 128, 9), torch.tensor([9, 7, 5, 3, 1])
    blends, frames, other, share = mix_pairs(images, counts)
    assert sorted(other.tolist()) == [0, 1, 2, 3, 4]
    assert 0 <= share <= 1
    torch.testing.assert_close(blends, share * images + (1 - share) * images[other])
    assert frames.tolist() == torch.minimum(counts, counts[other]).tolist()
