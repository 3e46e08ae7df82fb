"""A network for recordings never heard: it sees what a microphone and a room change least.

A clip becomes one spectral profile, the mean over its frames of three views of a log-mel spectrum
from which what changes slowly along frequency was taken away: that part (level, tilt, broad
colour) is where rooms, microphones and codecs act. Several small perceptrons, which differ in
their random start alone, vote on the profile.

References
----------
Which views, and what was tried beside them, is measured in ``benchmarks/groups.py``; see
``docs/identification.md``. Cepstral liftering: Juang, B.-H., Rabiner, L. and Wilpon, J. (1987). On
the use of bandpass liftering in speech recognition. IEEE Transactions on Acoustics, Speech, and
Signal Processing.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

#: Rate in Hz of the waveforms that a profile is taken from.
PROFILE_RATE = 22_050
#: Name of the model and of its features in the settings of training.
PROFILE = "profile"

_WINDOW, _HOP, _POINTS, _BANDS = 551, 220, 1024, 40
# Coefficients 0 to 3 are level, tilt and broad colour.
_FIRST_COEFFICIENT = 4
_HIDDEN = 64


class MeanSpectralFeatures(nn.Module):
    """Mean profile of clips: float32 (clips, samples) at 22,050 Hz to (clips, 96).

    Windows of 25 ms every 10 ms, 40 mel bands, decibels under the clip's loudest band. The views
    are cepstral coefficients 4 to 39 of 50 to 11,025 Hz (floor -100 dB), the contrast of each band
    with its neighbours in the same picture (bounded, so that no single line decides), and
    coefficients 4 to 23 of 50 to 8,000 Hz (floor -60 dB). What stands after the end of a clip is
    not read; a clip shorter than a window is one frame.
    """

    window: Tensor
    wide: Tensor
    narrow: Tensor
    dct_matrix: Tensor
    contrast: Tensor

    #: Length of a profile.
    size = 36 + _BANDS + 20

    def __init__(self) -> None:
        super().__init__()
        # Fixed values: they follow from this file and are not saved with a model.
        for name, value in (
            ("window", torch.hann_window(_WINDOW)),
            ("wide", _mel(PROFILE_RATE / 2)),
            ("narrow", _mel(8_000.0)),
            ("dct_matrix", _tensor(dct(np.eye(_BANDS), axis=1, norm="ortho"))),
            ("contrast", _tensor(np.eye(_BANDS) - gaussian_filter1d(np.eye(_BANDS), 1.5, axis=0))),
        ):
            self.register_buffer(name, value, persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        padded = nn.functional.pad(waveforms, (0, max(0, _WINDOW - waveforms.shape[-1])))
        frames = padded.unfold(-1, _WINDOW, _HOP)
        counts = 1 + torch.div(lengths - _WINDOW, _HOP, rounding_mode="floor").clamp(min=0)
        real = torch.arange(frames.shape[1], device=waveforms.device) < counts.unsqueeze(-1)
        power = torch.fft.rfft(frames * self.window, n=_POINTS).abs().square()
        wide = _decibels(power @ self.wide, real, -100.0)
        narrow = _decibels(power @ self.narrow, real, -60.0)
        views = (
            wide @ self.dct_matrix[:, _FIRST_COEFFICIENT:],
            torch.tanh(wide @ self.contrast.T / 8),
            narrow @ self.dct_matrix[:, _FIRST_COEFFICIENT:24],
        )
        kept = torch.cat(views, dim=-1).masked_fill(~real.unsqueeze(-1), 0.0)
        mean: Tensor = kept.sum(1) / counts.unsqueeze(-1)
        return mean


class MLPEnsemble(nn.Module):
    """Perceptrons of one hidden layer that are trained apart.

    Parameters
    ----------
    n_classes
        Singers to tell apart.
    members
        Number of perceptrons.

    Attributes
    ----------
    mean, scale
        float32 (members, 1, 96), subtracted from profiles and multiplied with them; fitted on what
        each member is trained on.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_classes: int, members: int) -> None:
        super().__init__()
        size = MeanSpectralFeatures.size
        self.register_buffer("mean", torch.zeros(members, 1, size))
        self.register_buffer("scale", torch.ones(members, 1, size))
        self.first = nn.Parameter(torch.randn(members, size, _HIDDEN) * (2 / size) ** 0.5)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, _HIDDEN))
        self.second = nn.Parameter(torch.randn(members, _HIDDEN, n_classes) * 0.5 / _HIDDEN**0.5)
        self.second_bias = nn.Parameter(torch.zeros(members, 1, n_classes))
        self.drop_inputs = nn.Dropout(0.1)
        self.drop_hidden = nn.Dropout(0.3)

    def forward(self, profiles: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (members, clips, n_classes) and hidden units (members, clips, 64).

        WindowFeatures are float32 (members, clips, 96), each member's own batch.
        """
        scaled = (profiles - self.mean) * self.scale
        first = torch.baddbmm(self.first_bias, self.drop_inputs(scaled), self.first)
        hidden = self.drop_hidden(torch.relu(first))
        return torch.baddbmm(self.second_bias, hidden, self.second), hidden


class EnsembleClassifier(nn.Module):
    """From 22,050 Hz waveforms to the probability of each singer; see the module.

    Parameters
    ----------
    n_classes
        Singers to tell apart.
    members
        Perceptrons that vote.

    Attributes
    ----------
    sample_rate
        Hz, of the waveforms.
    embedding_size
        Length of an embedding, which is not fitted to the singers, so that others can be enrolled
        whom training has not heard.
    centre, whitening
        float32 (96,) and (96, 96): an embedding is ``(profile - centre) @ whitening``.
    longest
        Samples after which clips are cut.
    """

    centre: Tensor
    whitening: Tensor
    sample_rate = PROFILE_RATE
    embedding_size = MeanSpectralFeatures.size
    longest = 10 * PROFILE_RATE

    def __init__(self, n_classes: int, members: int) -> None:
        super().__init__()
        self.profile = MeanSpectralFeatures()
        self.ensemble = MLPEnsemble(n_classes, members)
        self.register_buffer("centre", torch.zeros(self.embedding_size))
        self.register_buffer("whitening", torch.eye(self.embedding_size))

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probabilities and embeddings, as of :class:`~.classifier.SingerClassifier`."""
        batch = waveforms.reshape(-1, waveforms.shape[-1])
        if lengths is None:
            lengths = torch.full((len(batch),), batch.shape[-1], device=batch.device)
        profiles = self.profile(batch, lengths.reshape(-1))
        ensemble = self.ensemble
        logits, _ = ensemble(profiles.expand(ensemble.first.shape[0], -1, -1))
        probabilities = logits.softmax(dim=-1).mean(0)
        embedding = (profiles - self.centre) @ self.whitening
        if waveforms.dim() == 1:
            return probabilities[0], embedding[0]
        return probabilities, embedding


def _decibels(power: Tensor, real: Tensor, floor: float) -> Tensor:
    """Decibels under the loudest real band of each clip."""
    loudest = power.masked_fill(~real.unsqueeze(-1), 0.0).amax((1, 2), keepdim=True)
    return 10 * torch.log10((power / loudest.clamp(min=1e-20)).clamp(min=10 ** (floor / 10)))


def _mel(highest_hz: float) -> Tensor:
    bank: Tensor = melscale_fbanks(
        _POINTS // 2 + 1, 50.0, highest_hz, _BANDS, PROFILE_RATE, norm="slaney", mel_scale="slaney"
    )
    return bank


def _tensor(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
