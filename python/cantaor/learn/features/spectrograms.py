"""Log-mel, MFCC and spectrogram of clips, as modules of 128 rows.

One module is the same on a CPU, on a GPU and inside an exported model. Conventions:

* Clips are at 16 kHz, as in the paper; the features whose names begin with ``wide-`` take 22,050 Hz
  and so cover up to 11 kHz.
* Windows are 25 ms (400 samples, Hann) every 10 ms (160 samples), centred: frame ``i`` is centred
  on sample ``160 i``, beyond the clip there are zeros. A clip of ``n`` samples has
  ``1 + n // 160`` frames, so 426 frames hold 4.25 s, and a clip of one sample still has one. At
  22,050 Hz they are 551 and 220 samples.
* The transform has 512 points. With 400 the bins are 40 Hz apart and the lowest mel bands fall
  between them: the worst served gets 50 % of its area, with 512 points 89 %. The paper's literal
  400 points are to be had by name: ``build_features("paper-log-mel")``. At 22,050 Hz it has 768
  points (93 %).
* Decibels are taken under the loudest value of the *same clip*, down to -80: neither the gain of
  a recording nor the other clips of a batch matter. Silence is the floor of -80 dB, and so are
  the frames after the end of a clip; a clip without any sound is all floor.
* Filters and transform are torchaudio's and torch's, in float32: within 0.02 dB of librosa.

References
----------
Arronte Alvarez and Gómez-Martín (2020), section 3: 25 ms windows, 128 bands, 40 coefficients,
128 x 426. The paper gives no hop; 10 ms is the usual one, and 426 frames of it hold its 3 s
segments. It says "400 bins" of the spectrogram, most likely the points of the transform.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cantaor.errors import ArgumentError
from cantaor.learn.features.filterbanks import (
    N_BANDS,
    dct_matrix,
    linear_bands,
    mel_bands,
    spans_of_bands,
)

#: Samples per second of waveforms, and of those that the ``wide-`` features take.
SAMPLE_RATE, WIDE_RATE = 16_000, 22_050
#: Frames of a feature image in the paper.
FRAMES = 426
# Samples transformed at a time on a CPU: 16 clips of 0.3 s take a third of the time of 256.
_TOGETHER = 80_000


class BandLevels(nn.Module):
    """Levels in decibels of 128 frequency bands; the part that all features share.

    Kinds say in :meth:`make_bands` which bands these are. Windows last 25 ms, and a clip that never
    exceeds a power of 1e-10 is silent.

    Parameters
    ----------
    n_fft
        Points of the transform; 400 at 16 kHz is the paper's literal setting.
    hop_length
        Samples between two frames.
    top_db
        Range of levels in dB; what is further below the loudest value counts as silence.
    sample_rate
        Of the waveforms, Hz.

    Raises
    ------
    ArgumentError
        The window is longer than the transform.

    Attributes
    ----------
    silence
        float32 (128, 1), the column of a silent frame, with which clips are padded.
    """

    bands: Tensor
    weights: Tensor
    window: Tensor
    silence: Tensor

    def __init__(
        self,
        n_fft: int = 512,
        hop_length: int = 160,
        top_db: float = 80.0,
        sample_rate: int = SAMPLE_RATE,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.samples_together = _TOGETHER
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.win_length = sample_rate // 40
        self.top_db = top_db
        self.amin = 1e-10
        if n_fft < self.win_length:
            raise ArgumentError(
                f"n_fft ({n_fft}) must be at least the window's {self.win_length} samples"
            )
        bands = self.make_bands(n_fft, sample_rate)
        self.spans = spans_of_bands(bands)
        self.register_buffer("bands", bands, persistent=False)
        # Real and imaginary part of a bin stand side by side and weigh the same.
        weights = bands.T.repeat_interleave(2, dim=0)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("window", torch.hann_window(self.win_length), persistent=False)
        self.register_buffer("silence", torch.full((N_BANDS, 1), -top_db), persistent=False)

    @staticmethod
    def make_bands(n_fft: int, sample_rate: int) -> Tensor:
        """Weight of each bin's power in each band, float32 (128, n_fft // 2 + 1)."""
        raise NotImplementedError

    def forward(
        self,
        waveforms: Tensor,
        lengths: Tensor | None = None,
        frames: int = FRAMES,
        crop: bool = False,
    ) -> Tensor:
        """Features of clips.

        Parameters
        ----------
        waveforms
            float32 (..., samples) at ``sample_rate``; what stands after the end of a clip is not
            read.
        lengths
            int64 (...), samples of each clip, or None: all of them.
        frames
            Frames to return; shorter clips are padded with ``silence``.
        crop
            Drop the frames that are too many instead of raising.

        Returns
        -------
        float32 (..., 128, frames); levels are -80..0 dB, lowest band first.

        Raises
        ------
        ArgumentError
            A clip is empty, too long for ``frames`` without ``crop``, or its length does not match.
        """
        flat, lengths = self.check(waveforms, lengths, frames, crop)
        rows = self.rows_of(self.levels(flat, lengths))
        return self.image(rows, lengths, list(waveforms.shape[:-1]), frames)

    def rows_of(self, levels: Tensor) -> Tensor:
        """What becomes of levels (clips, 128, frames) in dB; here nothing."""
        return levels

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """Frames of clips of so many samples: ``1 + lengths // hop_length``, at least 1."""
        return 1 + torch.div(lengths, self.hop_length, rounding_mode="floor")

    def levels(self, waveforms: Tensor, lengths: Tensor | None) -> Tensor:
        """Levels of flat clips; on a CPU a few clips at a time, so that caches hold the spectra.

        Parameters
        ----------
        waveforms
            float32 (clips, samples).
        lengths
            int64 (clips,), samples of each clip, or None: all of them.

        Returns
        -------
        float32 (clips, 128, frames) in -top_db..0 dB; unspecified after the end of a clip.
        """
        whole = waveforms.is_cuda
        # An exported graph has no loop over the batch.
        if not torch.jit.is_scripting() and torch.compiler.is_compiling():  # type: ignore[attr-defined]
            whole = True
        few = max(1, self.samples_together // max(1, waveforms.shape[-1]))
        if whole or waveforms.shape[0] <= few:
            return self._levels_of(waveforms, lengths)
        pieces: list[Tensor] = []
        for first in range(0, waveforms.shape[0], few):
            part = None if lengths is None else lengths[first : first + few]
            pieces.append(self._levels_of(waveforms[first : first + few], part))
        return torch.cat(pieces)

    def _levels_of(self, waveforms: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return self._decibels(self._power_of(waveforms))
        after = torch.arange(waveforms.shape[-1], device=waveforms.device) >= lengths.unsqueeze(-1)
        power = self._power_of(waveforms.masked_fill(after, 0.0))
        return self._decibels(power.masked_fill(~self.valid_frames(power, lengths), 0.0))

    def valid_frames(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Which frames of ``rows`` (clips, 128, frames) are real, bool (clips, 1, frames)."""
        frame = torch.arange(rows.shape[-1], device=rows.device)
        return (frame < self.frame_counts(lengths).unsqueeze(-1)).unsqueeze(1)

    def _power_of(self, waveforms: Tensor) -> Tensor:
        """Power in each band, (clips, 128, frames)."""
        spectrum = torch.stft(
            waveforms,
            self.n_fft,
            hop_length=self.hop_length,
            win_length=self.win_length,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        squares = torch.view_as_real(spectrum.transpose(-2, -1)).square().flatten(-2)
        parts = [
            torch.matmul(squares[..., 2 * low : 2 * high], self.weights[2 * low : 2 * high, a:b])
            for a, b, low, high in self.spans
        ]
        return torch.cat(parts, dim=-1).transpose(-2, -1)

    def _decibels(self, power: Tensor) -> Tensor:
        loudest = power.amax(dim=(-2, -1), keepdim=True)
        # Under an infinite reference all of a silent clip is floor.
        reference = loudest.masked_fill(loudest <= self.amin, float("inf"))
        least = (self.amin / reference).clamp(min=1e-30)
        level = 10.0 * torch.maximum(power / reference, least).log10()
        return level.clamp(min=-self.top_db)

    def image(self, rows: Tensor, lengths: Tensor | None, shape: list[int], frames: int) -> Tensor:
        """Give clips their number of frames and the shape of the input; pad with silence."""
        silent = self.silence.unsqueeze(0)
        if lengths is not None:
            rows = rows.where(self.valid_frames(rows, lengths), silent)
        rows = rows[..., :frames]
        missing = frames - rows.shape[-1]
        if missing > 0:
            rows = torch.cat([rows, silent.expand(rows.shape[0], -1, missing)], dim=-1)
        return rows.reshape(shape + [rows.shape[1], frames])  # noqa: RUF005  # TorchScript

    def check(
        self, waveforms: Tensor, lengths: Tensor | None, frames: int, crop: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Flatten the leading axes; refuse what does not fit.

        Raises
        ------
        ArgumentError
            A clip is empty, too long for ``frames`` without ``crop``, or its length does not match.
        """
        samples = waveforms.shape[-1]
        if samples == 0:
            raise ArgumentError("a clip must have at least one sample; got none")
        flat = waveforms.reshape(-1, samples)
        if lengths is not None:
            given, clips = lengths.numel(), flat.shape[0]
            if given != clips:
                raise ArgumentError(f"length of lengths ({given}) must match clips ({clips})")
            lengths = lengths.reshape(-1)
            self._check_lengths(lengths, samples)
        if not crop and 1 + samples // self.hop_length > frames:
            longest = samples if lengths is None else int(lengths.max())
            if 1 + longest // self.hop_length > frames:
                raise ArgumentError(
                    f"a clip of {longest} samples has {1 + longest // self.hop_length} frames, "
                    f"more than frames ({frames}): cut it, or ask for crop=True"
                )
        return flat, lengths

    def _check_lengths(self, lengths: Tensor, samples: int) -> None:
        if not torch.jit.is_scripting() and torch.compiler.is_compiling():  # type: ignore[attr-defined]
            return  # An exported graph cannot look at values.
        wrong = (lengths < 1) | (lengths > samples)
        if bool(wrong.any()):
            raise ArgumentError(
                f"lengths must be 1..{samples}, the samples of waveforms; "
                f"got {int(lengths[wrong][0])}"
            )


class LogMel(BandLevels):
    """Mel spectrogram of 128 bands in dB under the clip's loudest value.

    Slaney's mel scale from 0 to half the rate, filters of unit area. The same as, in librosa,
    ``power_to_db(melspectrogram(y=clip, sr=16000, n_fft=512, hop_length=160, win_length=400,
    n_mels=128, pad_mode="constant"), ref=np.max, top_db=80)``.

    Parameters are those of :class:`BandLevels`.

    Examples
    --------
    >>> LogMel()(torch.randn(2, 4800), torch.tensor([4800, 800])).shape
    torch.Size([2, 128, 426])
    """

    @staticmethod
    def make_bands(n_fft: int, sample_rate: int) -> Tensor:
        """Mel filters, float32 (128, n_fft // 2 + 1)."""
        return mel_bands(n_fft, sample_rate)


class Spectrogram(BandLevels):
    """Spectrogram of 128 equally wide bands in dB under the clip's loudest value.

    The bins without the constant one are averaged into 128 rows, at 16 kHz of 62.5 Hz: with 512
    points two bins each; otherwise rows share the bins on their borders in proportion.

    Parameters are those of :class:`BandLevels`.
    """

    @staticmethod
    def make_bands(n_fft: int, sample_rate: int) -> Tensor:
        """Averages over equal parts of the bins at any rate, float32 (128, n_fft // 2 + 1)."""
        return linear_bands(n_fft)


class Mfcc(LogMel):
    """40 mel-frequency cepstral coefficients in rows 0..39; rows 40..127 are zero.

    The orthonormal cosine transform (type II) of :class:`LogMel`; the paper pads its images with
    zeros to 128 rows. The same as ``librosa.feature.mfcc(S=log_mel, n_mfcc=40)``. A silent frame
    has ``-80 * sqrt(128)`` in row 0 and zeros elsewhere.

    Parameters
    ----------
    n_mfcc
        Coefficients, 1..128.
    n_fft, hop_length, top_db, sample_rate
        As in :class:`BandLevels`.
    """

    dct_matrix: Tensor

    def __init__(
        self,
        n_mfcc: int = 40,
        n_fft: int = 512,
        hop_length: int = 160,
        top_db: float = 80.0,
        sample_rate: int = SAMPLE_RATE,
    ) -> None:
        super().__init__(n_fft, hop_length, top_db, sample_rate)
        self.register_buffer("dct_matrix", dct_matrix(n_mfcc), persistent=False)
        self.silence[:, 0] = 0.0
        self.silence[0, 0] = -top_db * N_BANDS**0.5

    def rows_of(self, levels: Tensor) -> Tensor:
        """Coefficients (clips, 128, frames) of levels of the same shape.

        The frame's mean, which is coefficient 0 alone, is set aside: summed with the cosines it
        would lose digits, differently in batches of different shape.
        """
        mean = levels.mean(dim=-2, keepdim=True)
        rest = torch.matmul(self.dct_matrix, levels - mean)
        return torch.cat([rest[:, :1] + mean * levels.shape[1] ** 0.5, rest[:, 1:]], dim=1)


# Points of the transform and hop at the wide rate.
_WIDE = (768, 220)

#: Features by name. The ``paper-`` ones take the paper's literal transform of 400 points, the
#: ``wide-`` ones clips at 22,050 Hz.
FEATURES: dict[str, Callable[[], BandLevels]] = {
    "log-mel": LogMel,
    "mfcc": Mfcc,
    "spectrogram": Spectrogram,
    "paper-log-mel": lambda: LogMel(n_fft=400),
    "paper-mfcc": lambda: Mfcc(n_fft=400),
    "paper-spectrogram": lambda: Spectrogram(n_fft=400),
    "wide-log-mel": lambda: LogMel(*_WIDE, sample_rate=WIDE_RATE),
    "wide-mfcc": lambda: Mfcc(40, *_WIDE, sample_rate=WIDE_RATE),
    "wide-spectrogram": lambda: Spectrogram(*_WIDE, sample_rate=WIDE_RATE),
}


def build_features(names: str) -> list[BandLevels]:
    """Feature modules by name, one for each channel of the network.

    Parameters
    ----------
    names
        One of :data:`FEATURES`, or several joined by ``+``, such as ``"log-mel+mfcc"``.

    Raises
    ------
    ArgumentError
        A name is unknown, or two features take clips at different rates.

    Examples
    --------
    >>> [type(part).__name__ for part in build_features("log-mel+mfcc")]
    ['LogMel', 'Mfcc']
    """
    unknown = [name for name in names.split("+") if name not in FEATURES]
    if unknown:
        raise ArgumentError(
            f"features must be of {', '.join(FEATURES)}, joined by +; got {names!r}"
        )
    parts = [FEATURES[name]() for name in names.split("+")]
    rates = sorted({part.sample_rate for part in parts})
    if len(rates) > 1:
        raise ArgumentError(
            f"features of one network must take clips at one rate; {names!r} takes "
            f"{' and '.join(map(str, rates))} Hz"
        )
    return parts
