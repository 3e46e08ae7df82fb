"""What makes 128 bands of a transform's bins: mel filters, equal parts, cepstral cosines."""

import math

import torch
from torch import Tensor
from torchaudio.functional import create_dct

#: Rows of a feature image in the paper.
N_BANDS = 128


def mel_bands(n_fft: int, sample_rate: int) -> Tensor:
    """Triangular filters of unit area on Slaney's mel scale, float32 (128, n_fft // 2 + 1).

    Made in float64: torchaudio's own, made in float32, are off by up to 0.002 dB.
    """
    hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    highest = _hz_to_mel(sample_rate / 2)
    corners = _mel_to_hz(torch.linspace(0, highest, N_BANDS + 2, dtype=torch.float64))
    lower, centre, upper = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (hz - lower) / (centre - lower), (upper - hz) / (upper - centre)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (upper - lower)).float()


def _hz_to_mel(hz: float) -> float:
    """Slaney's scale the other way round."""
    return 0.015 * hz if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _mel_to_hz(mel: Tensor) -> Tensor:
    """Slaney's scale: 15 mel are 1 kHz, linear below, 27 mel for each factor of 6.4 above."""
    return torch.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def dct_matrix(n_mfcc: int) -> Tensor:
    """Orthonormal cosine transform of 128 rows, float32 (128, 128), rows from n_mfcc on zero."""
    matrix = torch.zeros(N_BANDS, N_BANDS)
    matrix[:n_mfcc] = create_dct(n_mfcc, N_BANDS, norm="ortho").T
    return matrix


def linear_bands(n_fft: int) -> Tensor:
    """Averages over equal parts of the bins above the constant one, (128, n_fft // 2 + 1)."""
    bins = n_fft // 2
    edges = torch.linspace(0, bins, N_BANDS + 1, dtype=torch.float64)
    start = torch.arange(bins, dtype=torch.float64)
    upper = torch.minimum(edges[1:, None], start + 1)
    overlap = (upper - torch.maximum(edges[:-1, None], start)).clamp(min=0)
    bands = overlap / overlap.sum(dim=1, keepdim=True)
    return torch.cat([torch.zeros(N_BANDS, 1), bands.float()], dim=1)
