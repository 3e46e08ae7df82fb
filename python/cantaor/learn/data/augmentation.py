"""Changes to training clips that leave the singer the same; off in the paper's protocol.

Waveforms are float32 (clips, samples), zero after each clip, with int64 (clips,)
lengths; every clip of a batch is changed in its own way, drawn from torch's random state, so a
seeded training repeats itself. Gain alone changes nothing that the features see (they are taken
under the clip's loudest value) except through noise and codec, whose levels are absolute.

References
----------
Park, D. S. et al. (2019). SpecAugment. Interspeech. Schlüter, J. and Grill, T. (2015). Exploring
data augmentation for improved singing voice detection with neural networks. ISMIR. Zhang, H. et
al. (2018). mixup: beyond empirical risk minimization. ICLR.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchaudio.functional import fftconvolve, mu_law_decoding, mu_law_encoding

from cantaor.errors import ArgumentError

#: A change of waveforms and lengths at a rate in Hz.
Change = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


def gain(waveforms: Tensor, lengths: Tensor, _rate: int) -> tuple[Tensor, Tensor]:
    """-12 to +6 dB."""
    level = _uniform(waveforms, -12.0, 6.0)
    return waveforms * 10 ** (level / 20), lengths


def equaliser(waveforms: Tensor, lengths: Tensor, _rate: int) -> tuple[Tensor, Tensor]:
    """A smooth curve through six random points of +-6 dB from 0 to half the rate."""
    spectrum = torch.fft.rfft(waveforms)
    points = torch.randn(len(waveforms), 1, 6, device=waveforms.device) * 3
    curve = torch.nn.functional.interpolate(
        points.clamp(-6, 6), spectrum.shape[-1], mode="linear", align_corners=True
    )
    shaped = torch.fft.irfft(spectrum * 10 ** (curve[:, 0] / 20), n=waveforms.shape[-1])
    return _cut(shaped, lengths), lengths


def room(waveforms: Tensor, lengths: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """Reverberation: decaying noise, 0.05 to 0.4 s for 60 dB, 5 to 20 dB under the voice."""
    moment = torch.arange(3 * rate // 10, device=waveforms.device) / rate
    decay = 10 ** (-3 * moment / _uniform(waveforms, 0.05, 0.4))
    tail = torch.randn(len(waveforms), moment.numel(), device=waveforms.device) * decay
    tail = tail / tail.square().sum(-1, keepdim=True).sqrt()
    tail = tail * 10 ** (_uniform(waveforms, -20.0, -5.0) / 20)
    late = fftconvolve(waveforms, tail)[:, : waveforms.shape[-1]]
    return _cut(waveforms + late, lengths), lengths


def noise(waveforms: Tensor, lengths: Tensor, _rate: int) -> tuple[Tensor, Tensor]:
    """White noise, 10 to 40 dB under the clip's own level."""
    power = waveforms.square().sum(-1, keepdim=True) / lengths.unsqueeze(-1)
    scale = power.sqrt() * 10 ** (_uniform(waveforms, -40.0, -10.0) / 20)
    return _cut(waveforms + torch.randn_like(waveforms) * scale, lengths), lengths


def codec(waveforms: Tensor, lengths: Tensor, _rate: int) -> tuple[Tensor, Tensor]:
    """Mu-law at 6 to 10 bits in half of the clips."""
    levels = 2 ** int(torch.randint(6, 11, ()))
    coded = mu_law_decoding(mu_law_encoding(waveforms.clamp(-1, 1), levels), levels)
    chosen = torch.rand(len(waveforms), 1, device=waveforms.device) < 0.5
    return _cut(torch.where(chosen, coded, waveforms), lengths), lengths


def speed(waveforms: Tensor, lengths: Tensor, _rate: int) -> tuple[Tensor, Tensor]:
    """Pitch and tempo together up or down by at most 6 %, about a semitone."""
    factor = _uniform(waveforms, 0.94, 1.06)
    changed = (lengths / factor.squeeze(-1)).round().long().clamp(min=1)
    place = torch.arange(int(changed.max()), device=waveforms.device) * factor
    before = place.long().clamp(max=waveforms.shape[-1] - 1)
    after = (before + 1).clamp(max=waveforms.shape[-1] - 1)
    weight = (place - before).clamp(0, 1)
    mixed = waveforms.gather(1, before) * (1 - weight) + waveforms.gather(1, after) * weight
    return _cut(mixed, changed), changed


#: Changes of waveforms by name, in the order in which they are made.
CHANGES: dict[str, Change] = {
    "speed": speed,
    "gain": gain,
    "equaliser": equaliser,
    "room": room,
    "noise": noise,
    "codec": codec,
}
#: The changes of images, after the features: see :func:`mask_image` and :func:`mix_pairs`.
MASKS, MIXUP = "masks", "mixup"


def augment(
    waveforms: Tensor, lengths: Tensor, names: tuple[str, ...], max_samples: int, sample_rate: int
) -> tuple[Tensor, Tensor]:
    """Apply changes in the order of :data:`CHANGES`.

    Parameters
    ----------
    waveforms, lengths
        A batch.
    names
        Which changes; those of images are left to :func:`mask_image` and :func:`mix_pairs`.
    max_samples
        Samples after which the result is cut.
    sample_rate
        Of the waveforms, Hz.
    """
    for name, change in CHANGES.items():
        if name in names:
            waveforms, lengths = change(waveforms, lengths, sample_rate)
    return waveforms[:, :max_samples], lengths.clamp(max=max_samples)


def mask_image(images: Tensor, counts: Tensor) -> Tensor:
    """SpecAugment: up to 24 rows and up to a fifth of the real frames become zero, the mean.

    Parameters
    ----------
    images
        float32 (clips, channels, 128, frames), scaled to mean 0.
    counts
        int64 (clips,), real frames.
    """
    rows = _stripe(images.shape[-2], torch.full_like(counts, 128), 24 / 128)
    frames = _stripe(images.shape[-1], counts, 0.2)
    hidden = rows[:, None, :, None] | frames[:, None, None, :]
    return images.masked_fill(hidden, 0.0)


def mix_pairs(images: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
    """Mixup: every image blended with another of its batch, as far as the shorter one lasts.

    Parameters
    ----------
    images
        float32 (clips, channels, 128, frames).
    counts
        int64 (clips,), real frames.

    Returns
    -------
    The blends, their real frames, int64 (clips,) the other image of each, and the weight of the
    first, Beta(0.4, 0.4): the loss is that fraction of the loss on the own label, plus the rest of
    the loss on the other's.
    """
    weight = float(torch.distributions.Beta(0.4, 0.4).sample())
    other = torch.randperm(len(counts), device=counts.device)
    blends = weight * images + (1 - weight) * images[other]
    return blends, torch.minimum(counts, counts[other]), other, weight


def _stripe(size: int, whole: Tensor, fraction: float) -> Tensor:
    """One random run of at most ``fraction`` of each clip's ``whole``, bool (clips, size)."""
    width = torch.rand(len(whole), device=whole.device) * fraction * whole
    start = torch.rand(len(whole), device=whole.device) * (whole - width)
    place = torch.arange(size, device=whole.device)
    low, high = start.floor().unsqueeze(-1), (start + width).floor().unsqueeze(-1)
    return (place >= low) & (place < high)


def check_augmentation(names: tuple[str, ...]) -> None:
    """Raise ArgumentError unless all names are known."""
    known = (*CHANGES, MASKS, MIXUP)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ArgumentError(
            f"augmentation must be of {', '.join(known)}; got {', '.join(map(repr, unknown))}"
        )


def _uniform(waveforms: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(len(waveforms), 1, device=waveforms.device)


def _cut(waveforms: Tensor, lengths: Tensor) -> Tensor:
    after = torch.arange(waveforms.shape[-1], device=waveforms.device) >= lengths.unsqueeze(-1)
    return waveforms.masked_fill(after, 0.0)
