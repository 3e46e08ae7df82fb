"""What makes 128 bands of a transform's bins: mel filters, equal parts, cepstral cosines."""

import warnings

import torch
from torch import Tensor
from torchaudio.functional import create_dct, melscale_fbanks

#: Rows of a feature image in the paper.
N_BANDS = 128


def mel_bands(n_fft: int, sample_rate: int) -> Tensor:
    """Triangular filters of unit area on Slaney's mel scale, float32 (128, n_fft // 2 + 1)."""
    with warnings.catch_warnings():
        # 400 points at 16 kHz, the paper's own, leave some filters without a bin.
        warnings.filterwarnings("ignore", message="At least one mel filterbank")
        # torchaudio puts the last bin on sample_rate // 2; of twice the rate that is exact.
        filters: Tensor = melscale_fbanks(
            n_fft + 1,
            0.0,
            sample_rate / 2,
            N_BANDS,
            2 * sample_rate,
            norm="slaney",
            mel_scale="slaney",
        )
    return filters[: n_fft // 2 + 1].T.contiguous()


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


def spans_of_bands(bands: Tensor, together: int = 16) -> list[tuple[int, int, int, int]]:
    """Where a matrix of bands is not zero, some bands at a time.

    Bands are narrow and in order, so a product with these parts alone costs a fraction of the
    product with the whole matrix.

    Parameters
    ----------
    bands
        float32 (bands, bins).
    together
        Bands of one part.

    Returns
    -------
    First band, last band, first bin, last bin of each part, half-open.
    """
    spans = []
    for first in range(0, len(bands), together):
        part = bands[first : first + together]
        bins = part.any(dim=0).nonzero()
        low, high = (int(bins.min()), int(bins.max()) + 1) if len(bins) else (0, 1)
        spans.append((first, first + len(part), low, high))
    return spans
