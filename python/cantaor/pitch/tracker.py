"""Fundamental frequency of one singing voice.

The default tracker is native: harmonic summation over spectral peaks [1]_ [2]_ gives candidates,
a Viterbi search with an explicit unvoiced state [3]_ joins them. The signal is band-limited and
decimated to 10.5 to 21 kHz, cut into Hann-windowed frames, transformed by ``scipy.fft`` in batches
of float32, and everything else happens in C++ without the GIL.

Voicing weighs two things: how harmonic a frame is, which does not depend on its level, and how
far it lies below the loudest frames of the recording around it (4 s on either side, and close
by). Where the level hardly changes, as in noise alone, only harmonicity counts.

A window of several periods smooths fast glides; the period at its centre [4]_ moves them half of
the way to where it lies.

References
----------
.. [1] Salamon, J., Gómez, E. and Bonada, J. (2011). Sinusoid extraction and salience function
   design for predominant melody estimation. DAFx-11, sections 2 and 3.
.. [2] Salamon, J. and Gómez, E. (2012). Melody extraction from polyphonic music signals using
   pitch contour characteristics. IEEE TASLP 20(6), section II.
.. [3] Boersma, P. (1993). Accurate short-term analysis of the fundamental frequency and the
   harmonics-to-noise ratio of a sampled sound. IFA Proceedings 17, section 2.8.
.. [4] Medan, Y., Yair, E. and Chazan, D. (1991). Super resolution pitch determination of speech
   signals. IEEE Transactions on Signal Processing 39(1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from cantaor import _core
from cantaor.errors import ArgumentError
from cantaor.io.audio import Recording, as_audio
from cantaor.pitch.arguments import (
    check_audio,
    check_hop,
    check_rate,
    checked_samples,
    checked_track,
)
from cantaor.pitch.threads import OrderedThreadPool
from cantaor.types import (
    PITCH_LIMITS_HZ,
    PITCH_RANGE_HZ,
    REFERENCE_RATE,
    Audio,
    Float32Array,
    PitchTrack,
)
from cantaor.units import cents_to_hz as cents_to_hz
from cantaor.units import hz_to_cents as hz_to_cents

#: A tracker of one's own: gets the audio and the hop, returns f0 in Hz (0 = unvoiced) or a track.
PitchMethod: TypeAlias = Callable[[Audio, int], "ArrayLike | PitchTrack"]

_CHUNK = (
    256  # frames transformed at once: below 1 MiB, and few changes of the thread that holds the GIL
)
_GROUP = 4  # chunks that a thread takes at once, at most
_ROWS = 16  # rows per transform are a multiple, so that every row takes the same code path

_Span: TypeAlias = tuple[int, int]  # first frame and number of frames
#: What a chunk of frames is turned into: arguments of ``_core.Tracker.push``.
_Chunk: TypeAlias = tuple[
    Float32Array, Float32Array, Float32Array, NDArray[np.int8], Float32Array, Float32Array
]


@dataclass(frozen=True, eq=False, slots=True)
class PitchCandidates:
    """What the tracker chooses from.

    Attributes
    ----------
    hz
        float32 (frames, candidates), fundamental frequencies, strongest first, 0 where there are
        fewer.
    salience
        float32 (frames, candidates), 0..1, harmonic strength; 1 is a frame of nothing but the
        harmonics of this fundamental, in the proportions of the summation's weights.
    level_db
        float32 (frames,), power in the analysed band, dB; -200 for digital silence.
    hop_s
        Seconds between two frames.
    """

    hz: Float32Array
    salience: Float32Array
    level_db: Float32Array
    hop_s: float


def extract_pitch(
    audio: Recording,
    method: str | PitchMethod = "salience",
    hop: int = 256,
    threads: int = 1,
    *,
    min_hz: float = PITCH_RANGE_HZ[0],
    max_hz: float = PITCH_RANGE_HZ[1],
    voicing: float | None = None,
    sample_rate: int | None = None,
) -> PitchTrack:
    """Fundamental frequency of a recording of one voice.

    Parameters
    ----------
    audio
        Mono, at 4 kHz or more: :class:`~cantaor.types.Audio`, a path or URL, or samples (n,) with
        their ``sample_rate``.
    method
        ``"salience"``: the native tracker. ``"essentia"``: PredominantPitchMelodia of Essentia
        (an extra, AGPL), the reference. Or any callable ``(audio, hop)`` that returns f0 in Hz
        (frames,), 0 where unvoiced, or a PitchTrack.
    hop
        Samples between frames at 44,100 Hz, whatever the rate of ``audio``; >= 1.
    threads
        Threads for the native tracker, >= 1. The result does not depend on it.
    min_hz, max_hz
        Range of pitch in Hz, 55 to 1,400 by default, ``20 <= min_hz < max_hz <= 3000``. The native
        tracker calls what is outside unvoiced (a glide may pass a border by 40 cents); another
        method gets the range or not, as it takes it. Below 55 Hz the window of analysis grows.
    voicing
        For ``"salience"``: harmonic strength (0..1) above which the loudest frames are voiced;
        quieter ones need more. Higher finds fewer voiced frames; None takes the tuned value.
        Not used by other methods.
    sample_rate
        Hz, where ``audio`` is an array of samples.

    Returns
    -------
    PitchTrack of ``floor(duration * 44100 / hop) + 1`` frames.

    Raises
    ------
    ArgumentError
        Empty audio, samples without a rate, that are not finite or beyond 1e6, a setting out of
        its range, or a callable that returns another number of frames.
    AudioError
        The file cannot be read.
    MissingExtraError
        ``method="essentia"`` without Essentia.

    Examples
    --------
    >>> t = np.arange(22050) / 22050
    >>> tone = sum(np.sin(2 * np.pi * 220 * h * t) / h for h in range(1, 9))
    >>> track = extract_pitch(tone, sample_rate=22050)
    >>> track.hz.size, round(float(np.median(track.hz)))
    (173, 220)
    """
    audio = as_audio(audio, sample_rate)
    check_audio(audio)
    check_hop(hop)
    if method == "salience":
        stream = PitchStream(
            audio.sample_rate, hop, threads, min_hz=min_hz, max_hz=max_hz, voicing=voicing
        )
        stream.feed(audio.samples)
        return stream.finish()
    if method == "essentia":
        from cantaor.pitch.essentia import predominant_pitch

        return checked_track(predominant_pitch(audio, hop, min_hz, max_hz), audio, hop, "essentia")
    if callable(method):
        name = getattr(method, "__name__", type(method).__name__)
        return checked_track(method(audio, hop), audio, hop, name)
    raise ArgumentError(f"method must be 'salience', 'essentia' or a callable, not {method!r}")


def pitch_candidates(
    audio: Recording,
    hop: int = 256,
    *,
    min_hz: float = PITCH_RANGE_HZ[0],
    max_hz: float = PITCH_RANGE_HZ[1],
    sample_rate: int | None = None,
) -> PitchCandidates:
    """The native tracker's candidates of every frame, before any choice.

    Parameters
    ----------
    audio, hop, min_hz, max_hz, sample_rate
        As for :func:`extract_pitch`.

    Returns
    -------
    PitchCandidates, eight a frame.

    Raises
    ------
    ArgumentError
        As :func:`extract_pitch`.

    Examples
    --------
    >>> t = np.arange(22050) / 22050
    >>> tone = sum(np.sin(2 * np.pi * 220 * h * t) / h for h in range(1, 9))
    >>> pitch_candidates(Audio(tone.astype(np.float32), 22050)).hz.shape
    (173, 8)
    """
    audio = as_audio(audio, sample_rate)
    check_audio(audio)
    check_hop(hop)
    analysis = _Analysis(audio.sample_rate, hop, _salience_settings(min_hz, max_hz))
    samples = checked_samples(audio.samples, 0)
    frames = analysis.framing.frames_of(samples.size)
    chunks = [
        analysis.run(samples, 0, (first, min(_CHUNK, frames - first)))
        for first in range(0, frames, _CHUNK)
    ]
    cents, strength, level = (np.concatenate(part) for part in list(zip(*chunks, strict=True))[:3])
    hz = cents_to_hz(cents, analysis.axis_hz).astype(np.float32)
    outside = (strength <= 0) | (hz < min_hz) | (hz > max_hz)
    order = np.argsort(outside, axis=1, kind="stable")
    hz, strength = (
        np.take_along_axis(np.where(outside, np.float32(0), values), order, axis=1)
        for values in (hz, strength)
    )
    return PitchCandidates(hz, strength, level, hop / REFERENCE_RATE)


class PitchStream:
    """The native tracker for audio that arrives in blocks; memory does not grow with the audio.

    The track is bit for bit that of :func:`extract_pitch` on the whole, however it is cut.

    Parameters
    ----------
    sample_rate
        Hz, at least 4,000.
    hop, threads, min_hz, max_hz, voicing
        As for :func:`extract_pitch`.

    Raises
    ------
    ArgumentError
        A setting out of its range.

    Examples
    --------
    >>> stream = PitchStream(8000)
    >>> for _ in range(3):
    ...     stream.feed(np.zeros(4000, np.float32))
    >>> stream.finish().hz.size
    259
    """

    def __init__(
        self,
        sample_rate: int,
        hop: int = 256,
        threads: int = 1,
        *,
        min_hz: float = PITCH_RANGE_HZ[0],
        max_hz: float = PITCH_RANGE_HZ[1],
        voicing: float | None = None,
    ) -> None:
        check_rate(sample_rate)
        check_hop(hop)
        if threads < 1:
            raise ArgumentError(f"threads must be at least 1, not {threads}")
        salience = _salience_settings(min_hz, max_hz)
        self._analysis = _Analysis(sample_rate, hop, salience)
        self._hop_s = hop / REFERENCE_RATE
        self._tracker = _core.Tracker(
            _tracker_settings(voicing, min_hz, max_hz),
            salience.candidates,
            salience.min_hz,
            self._hop_s,
        )
        self._threads = (
            OrderedThreadPool[_Span, _Chunk](threads, _GROUP, self._push) if threads > 1 else None
        )
        self._buffer = np.zeros(0, dtype=np.float32)
        self._origin = 0
        self._next_frame = 0
        self._ended = ""

    def feed(self, samples: ArrayLike) -> None:
        """Take the next samples.

        Parameters
        ----------
        samples
            Real (n,), mono; float32 is not copied.

        Raises
        ------
        ArgumentError
            Samples that are not finite, or :meth:`finish` was called before, or a call was
            interrupted.
        """
        if self._ended:
            raise ArgumentError(f"the stream {self._ended}: start a new one")
        received = self._origin + self._buffer.size
        block = checked_samples(samples, received)
        joined = self._buffer.size > 0
        self._buffer = np.concatenate([self._buffer, block]) if joined else block
        received += block.size
        framing = self._analysis.framing
        ready = framing.frames_within(received)
        # A block that was not copied belongs to the caller, who may change it after this.
        self._process(ready - (ready - self._next_frame) % _CHUNK, kept=joined)
        keep = max(framing.first_sample(self._next_frame), self._origin)
        self._buffer = self._buffer[min(keep - self._origin, self._buffer.size) :].copy()
        self._origin = received - self._buffer.size

    def finish(self) -> PitchTrack:
        """The track of everything fed.

        Returns
        -------
        PitchTrack of ``floor(duration * 44100 / hop) + 1`` frames.

        Raises
        ------
        ArgumentError
            Nothing was fed, or the stream is finished already.
        """
        received = self._origin + self._buffer.size
        if self._ended or received == 0:
            raise ArgumentError(f"the stream {self._ended or 'got no samples'}")
        self._ended = "is finished already"
        self._process(self._analysis.framing.frames_of(received), kept=False)
        hz, strength, octave_confidence = self._tracker.finish()
        return PitchTrack(hz, strength, self._hop_s, "salience", octave_confidence)

    def _process(self, end: int, *, kept: bool) -> None:
        """Analyse the frames up to ``end``; ``kept``: the buffer stays as it is after return."""
        spans = [(i, min(_CHUNK, end - i)) for i in range(self._next_frame, end, _CHUNK)]
        self._next_frame = max(end, self._next_frame)
        analyse = partial(self._analysis.run, self._buffer, self._origin)
        try:
            if self._threads is not None:
                self._threads.work(analyse, spans, kept=kept)
            else:
                for span in spans:
                    self._push(analyse(span))
        except BaseException:
            self._ended = "was interrupted"  # its tracker has lost frames
            raise

    def _push(self, chunk: _Chunk) -> None:
        self._tracker.push(*chunk)


class _Analysis:
    """From samples to candidates, for one sample rate and hop."""

    def __init__(self, sample_rate: int, hop: int, settings: _core.SalienceSettings) -> None:
        self.framing = _core.Framing(
            sample_rate, hop, REFERENCE_RATE, settings.window_s, settings.focus_s, settings.band_hz
        )
        self._salience = _core.Salience(settings, self.framing.rate, self.framing.fft_size)
        self.axis_hz = settings.min_hz  # at 0 cents

    def run(self, samples: Float32Array, origin: int, span: _Span) -> _Chunk:
        """Candidates of a span of frames; ``samples[0]`` is at ``origin``."""
        first, count = span
        size = -(-count // _ROWS) * _ROWS
        rows, focus, stretch = self.framing.cut(samples, origin, first, count, size)
        spectrum = scipy.fft.rfft(rows, axis=1, overwrite_x=True)
        cents, strength, level, above, between = self._salience.candidates(spectrum, focus)
        drift = self.framing.look_at_periods(
            stretch, first, cents, strength, above, between, self.axis_hz
        )
        return cents, strength, level, above, between, drift


def _salience_settings(min_hz: float, max_hz: float) -> _core.SalienceSettings:
    """Settings that find all a voice can sing: what is outside the range must be known as such."""
    lowest, highest = PITCH_LIMITS_HZ
    if not lowest <= min_hz < max_hz <= highest:
        raise ArgumentError(
            f"min_hz ({min_hz}) must be at least {lowest:g}, and below max_hz ({max_hz}), at most "
            f"{highest:g}"
        )
    settings = _core.SalienceSettings()
    # The usual window holds a little more than two periods of the usual lowest pitch.
    settings.window_s *= max(1.0, settings.min_hz / min_hz)
    settings.min_hz = min(settings.min_hz, min_hz)
    return settings


def _tracker_settings(voicing: float | None, min_hz: float, max_hz: float) -> _core.TrackerSettings:
    settings = _core.TrackerSettings()
    settings.lowest_hz, settings.highest_hz = min_hz, max_hz
    if voicing is not None:
        if not 0 <= voicing <= 1:
            raise ArgumentError(f"voicing must lie in 0..1, not {voicing}")
        settings.voicing = voicing
    return settings
