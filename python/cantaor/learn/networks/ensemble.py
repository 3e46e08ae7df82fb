"""A classifier for new recordings, on features that microphone and room change least.

A clip becomes one spectral profile: the mean over its frames of three views of a log-mel spectrum,
each without what changes slowly along frequency (level, tilt, broad colour), where rooms,
microphones and codecs act. The probabilities of several small perceptrons, which differ in their
random start alone, are averaged.

References
----------
Which views, and what was tried beside them, is measured in ``benchmarks/groups.py``; see
``docs/laboratory/identification.md``. Cepstral liftering: Juang, B.-H., Rabiner, L. and Wilpon, J.
(1987). On the use of bandpass liftering in speech recognition. IEEE Transactions on Acoustics,
Speech, and Signal Processing.
"""

import numpy as np
import torch
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn
from torch.jit import is_scripting  # type: ignore[attr-defined]
from torchaudio.functional import melscale_fbanks

#: Rate in Hz of the waveforms that a profile is taken from.
PROFILE_RATE = 22_050
#: Name of the model and of its features in the settings of training.
PROFILE = "profile"
#: What a clip is known by: its profile, the embedding of an encoder from outside, or both.
VIEWS = (PROFILE, "encoder", "profile+encoder")

_WINDOW, _HOP, _POINTS, _BANDS = 551, 220, 1024, 40
# Coefficients 0 to 3 are level, tilt and broad colour.
_FIRST_COEFFICIENT = 4
# Singers up to which the smaller hidden layer tells them apart.
_FEW_SINGERS = 5


def hidden_units(n_classes: int) -> int:
    """Units of the hidden layer for so many singers: 64, or 128 for more than five.

    Examples
    --------
    >>> hidden_units(5), hidden_units(40)
    (64, 128)
    """
    return 64 if n_classes <= _FEW_SINGERS else 128


class MeanSpectralFeatures(nn.Module):
    """Mean profile of clips: float32 (clips, samples) at 22,050 Hz to (clips, 96).

    Windows of 25 ms every 10 ms, 40 mel bands, decibels under the clip's loudest band. The views
    are cepstral coefficients 4 to 39 of 50 to 11,025 Hz (floor -100 dB), the contrast of each band
    with its neighbours in the same picture (bounded, so that no single line decides), and
    coefficients 4 to 23 of 50 to 8,000 Hz (floor -60 dB). What stands after the end of a clip is
    not read; a clip shorter than a window is one frame.

    The profile is float64: in float32 the quiet bands beside a loud tone are what rounding made,
    and that differs between transforms, so an exported model would answer otherwise.
    """

    window: Tensor
    banks: Tensor
    wide_cosines: Tensor
    narrow_cosines: Tensor
    contrast: Tensor

    #: Length of a profile.
    size = 36 + _BANDS + 20

    def __init__(self) -> None:
        super().__init__()
        self.samples = _WINDOW
        self.hop_length = _HOP
        self.points = _POINTS
        # What is made of so many stays in a core's cache.
        self.samples_together = 2**16
        cosines = dct(np.eye(_BANDS), axis=1, norm="ortho")
        # Fixed values: they follow from this file and are not saved with a model.
        for name, value in (
            ("window", torch.hann_window(_WINDOW, dtype=torch.float64)),
            ("banks", torch.cat([_mel(PROFILE_RATE / 2), _mel(8_000.0)], dim=1)),
            ("wide_cosines", torch.from_numpy(cosines[:, _FIRST_COEFFICIENT:])),
            ("narrow_cosines", torch.from_numpy(cosines[:, _FIRST_COEFFICIENT:24])),
            (
                "contrast",
                torch.from_numpy(np.eye(_BANDS) - gaussian_filter1d(np.eye(_BANDS), 1.5, axis=0)),
            ),
        ):
            self.register_buffer(name, value, persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        if not is_scripting():  # noqa: SIM102  # TorchScript leaves out the branch of this test only.
            if torch.compiler.is_exporting():
                return self.profile(waveforms, lengths)  # A graph has no loop over the batch.
        few = max(1, self.samples_together // max(1, waveforms.shape[-1]))
        parts: list[Tensor] = []
        for first in range(0, max(1, waveforms.shape[0]), few):
            clips = waveforms[first : first + few]
            parts.append(self.profile(clips, lengths[first : first + few]))
        return torch.cat(parts)

    def profile(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Profiles of clips that are held in memory together."""
        short = max(0, self.samples - waveforms.shape[-1])
        frames = self.frames(nn.functional.pad(waveforms, (0, short)))
        counts = torch.div(lengths - self.samples, self.hop_length, rounding_mode="floor")
        counts = 1 + counts.clamp(min=0)
        padding = torch.arange(frames.shape[1], device=waveforms.device) >= counts.unsqueeze(-1)
        if self.any_short(lengths):
            # A clip that is shorter than its window goes on with zeros, whatever follows it.
            sample = torch.arange(self.samples, device=waveforms.device)
            frames = frames.masked_fill(sample >= lengths[:, None, None], 0.0)
        parts = torch.view_as_real(torch.fft.rfft(frames * self.window, self.points))
        power = parts[..., 0].square() + parts[..., 1].square()
        bands = (power @ self.banks).masked_fill(padding.unsqueeze(-1), 0.0)
        half = bands.shape[-1] // 2
        wide = _decibels(bands[..., :half], -100.0)
        narrow = _decibels(bands[..., half:], -60.0)
        views = [
            wide @ self.wide_cosines,
            torch.tanh(wide @ self.contrast.T / 8),
            narrow @ self.narrow_cosines,
        ]
        kept = torch.cat(views, dim=-1).masked_fill(padding.unsqueeze(-1), 0.0)
        mean: Tensor = kept.sum(1) / counts.unsqueeze(-1)
        return mean

    def any_short(self, lengths: Tensor) -> bool:
        """Whether a clip may be shorter than a window; a graph cannot ask."""
        if not is_scripting():  # noqa: SIM102  # TorchScript leaves out the branch of this test only.
            if torch.compiler.is_exporting():
                return True
        return bool((lengths < self.samples).any())

    def frames(self, waveforms: Tensor) -> Tensor:
        """Windows of waveforms, (clips, windows, samples)."""
        if not is_scripting():  # noqa: SIM102  # TorchScript leaves out the branch of this test only.
            if torch.compiler.is_exporting():
                # ONNX knows no windows of an open number.
                windows = 1 + (waveforms.shape[-1] - self.samples) // self.hop_length
                first = torch.arange(windows, device=waveforms.device) * self.hop_length
                inside = torch.arange(self.samples, device=waveforms.device)
                return waveforms[:, first[:, None] + inside]
        return waveforms.unfold(-1, self.samples, self.hop_length)


class MLPEnsemble(nn.Module):
    """Perceptrons of one hidden layer that are trained apart.

    Parameters
    ----------
    n_classes
        Singers to tell apart.
    members
        Number of perceptrons.
    hidden
        Units of the hidden layer; :func:`hidden_units` of the singers unless given.
    size
        Length of what a clip is known by: 96, that of a profile, unless given.

    Attributes
    ----------
    mean, scale
        float32 (members, 1, size), subtracted from profiles and multiplied with them; fitted on
        what each member is trained on.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        n_classes: int,
        members: int,
        hidden: int | None = None,
        size: int = MeanSpectralFeatures.size,
    ) -> None:
        super().__init__()
        units = hidden_units(n_classes) if hidden is None else hidden
        self.register_buffer("mean", torch.zeros(members, 1, size))
        self.register_buffer("scale", torch.ones(members, 1, size))
        self.first = nn.Parameter(torch.randn(members, size, units) * (2 / size) ** 0.5)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, units))
        self.second = nn.Parameter(torch.randn(members, units, n_classes) * 0.5 / units**0.5)
        self.second_bias = nn.Parameter(torch.zeros(members, 1, n_classes))
        self.drop_inputs = nn.Dropout(0.1)
        self.drop_hidden = nn.Dropout(0.3)

    def forward(self, profiles: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (members, clips, n_classes) and hidden units (members, clips, units).

        Profiles are float32 (members, clips, size), each member's own batch.
        """
        scaled = (profiles - self.mean) * self.scale
        first = torch.baddbmm(self.first_bias, self.drop_inputs(scaled), self.first)
        hidden = self.drop_hidden(torch.relu(first))
        return torch.baddbmm(self.second_bias, hidden, self.second), hidden

    def member(self, row: int) -> "MLPEnsemble":
        """One perceptron as an ensemble of its own, in evaluation mode."""
        _, units, n_classes = self.second.shape
        with torch.random.fork_rng(devices=[]):
            alone = MLPEnsemble(n_classes, 1, units, self.first.shape[1])
        alone.load_state_dict({name: value[[row]] for name, value in self.state_dict().items()})
        return alone.eval()


class EnsembleClassifier(nn.Module):
    """From 22,050 Hz waveforms to the probability of each singer; see the module.

    Parameters
    ----------
    n_classes
        Singers to tell apart.
    members
        Perceptrons, whose probabilities are averaged.
    hidden
        Units of their hidden layer; :func:`hidden_units` of the singers unless given.

    Attributes
    ----------
    sample_rate
        Hz, of the waveforms.
    embedding_size
        Length of an embedding, which is not fitted to the singers, so that others can be enrolled
        unknown to training.
    centre, whitening
        float32 (96,) and (96, 96): an embedding is ``(profile - centre) @ whitening``.
    max_samples
        Samples after which clips are cut.
    """

    centre: Tensor
    whitening: Tensor
    sample_rate = PROFILE_RATE
    embedding_size = MeanSpectralFeatures.size
    max_samples = 10 * PROFILE_RATE

    def __init__(self, n_classes: int, members: int, hidden: int | None = None) -> None:
        super().__init__()
        self.profile = MeanSpectralFeatures()
        self.ensemble = MLPEnsemble(n_classes, members, hidden)
        self.register_buffer("centre", torch.zeros(self.embedding_size))
        self.register_buffer("whitening", torch.eye(self.embedding_size))

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probabilities and embeddings, as of :class:`~.classifier.SingerClassifier`."""
        batch = waveforms.reshape(-1, waveforms.shape[-1])
        if lengths is None:
            lengths = torch.full(
                (batch.shape[0],), batch.shape[-1], dtype=torch.int64, device=batch.device
            )
        profiles = self.profile(batch, lengths.reshape(-1))
        logits, _ = self.ensemble(profiles.float().expand(self.ensemble.first.shape[0], -1, -1))
        probabilities = logits.softmax(dim=-1).mean(0)
        embedding = ((profiles - self.centre) @ self.whitening.double()).float()
        if waveforms.dim() == 1:
            return probabilities[0], embedding[0]
        return probabilities, embedding


class EncoderClassifier(EnsembleClassifier):
    """The same on embeddings of an encoder from outside, beside the profile or alone.

    Parameters
    ----------
    n_classes, members, hidden
        As of :class:`EnsembleClassifier`.
    encoder_size
        Length of the encoder's embeddings.
    view
        ``"encoder"`` or ``"profile+encoder"``.

    Attributes
    ----------
    views
        Lengths of what a clip is known by, side by side.
    """

    def __init__(
        self,
        n_classes: int,
        members: int,
        encoder_size: int,
        view: str,
        hidden: int | None = None,
    ) -> None:
        super().__init__(n_classes, members, hidden)
        self.encoder_size = encoder_size
        self.views = view_sizes(view, encoder_size)
        self.embedding_size = sum(self.views)
        self.ensemble = MLPEnsemble(n_classes, members, hidden, self.embedding_size)
        self.register_buffer("centre", torch.zeros(self.embedding_size))
        self.register_buffer("whitening", torch.eye(self.embedding_size))

    def forward(  # type: ignore[override]
        self, waveforms: Tensor, lengths: Tensor, embeddings: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Probabilities and embeddings of clips.

        Waveforms are (clips, samples) at 22,050 Hz, lengths int64 (clips,), embeddings float32
        (clips, encoder_size).
        """
        values = embeddings.double()
        if len(self.views) > 1:
            values = torch.cat([self.profile(waveforms, lengths), values], dim=-1)
        logits, _ = self.ensemble(values.float().expand(self.ensemble.first.shape[0], -1, -1))
        embedding = ((values - self.centre) @ self.whitening.double()).float()
        return logits.softmax(dim=-1).mean(0), embedding


def view_sizes(view: str, encoder_size: int) -> tuple[int, ...]:
    """Lengths of what a clip is known by, for one of :data:`VIEWS`.

    Examples
    --------
    >>> view_sizes("profile+encoder", 256)
    (96, 256)
    """
    sizes = {PROFILE: MeanSpectralFeatures.size, "encoder": encoder_size}
    return tuple(sizes[part] for part in view.split("+"))


def _decibels(power: Tensor, floor: float) -> Tensor:
    """Decibels under the loudest band of each clip."""
    loudest = power.amax((1, 2), keepdim=True)
    ratio = (power / loudest.clamp(min=1e-20)).clamp(min=10 ** (floor / 10))
    return 10 * torch.log10(ratio)


def _mel(max_hz: float) -> Tensor:
    bank: Tensor = melscale_fbanks(
        _POINTS // 2 + 1, 50.0, max_hz, _BANDS, PROFILE_RATE, norm="slaney", mel_scale="slaney"
    )
    return bank.double()
