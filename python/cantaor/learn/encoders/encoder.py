"""Encoders: files from waveforms to embeddings, checked before they are used."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.errors import ModelError
from cantaor.learn.encoders.cache import EmbeddingCache
from cantaor.learn.encoders.programs import Program, open_program
from cantaor.types import Float32Array

# How far an embedding may move with what is computed beside it, as a share of its length:
# rounding is below, a normalisation over the batch or dropout above.
_TOLERANCE = 1e-3
_MOST_HZ, _MOST_S = 384_000, 600.0


@dataclass(frozen=True, eq=False, slots=True)
class Encoder:
    """A file from waveforms to embeddings.

    Attributes
    ----------
    path
        The file.
    kind
        ``"ts"``, ``"pt2"`` or ``"onnx"``.
    sample_rate
        Hz, of the waveforms that it takes.
    window_s
        Seconds of the windows that it is given.
    size
        Length of an embedding.
    digest
        Hash of the file's content, 32 hexadecimal digits.
    run
        float32 (windows, samples) to float32 (windows, size).
    cache
        What it answered before.
    """

    path: Path
    kind: str
    sample_rate: int
    window_s: float
    size: int
    digest: str
    run: Callable[[Float32Array], Float32Array] = field(repr=False)
    cache: EmbeddingCache = field(repr=False)

    @property
    def window(self) -> int:
        """Samples of a window."""
        return _samples(self.sample_rate, self.window_s)


def load_encoder(
    path: str | os.PathLike[str],
    *,
    trust: bool = False,
    sample_rate: int | None = None,
    window_s: float | None = None,
    digest: str | None = None,
    cache: Path | None = None,
) -> Encoder:
    """Open an encoder and check what it gives.

    Parameters
    ----------
    path
        ``.ts`` (TorchScript), ``.pt2`` (torch.export) or ``.onnx``: from float32 (batch, samples)
        to (batch, dim), both batch sizes open.
    trust
        Whether the file may run code; ``.ts`` and ``.pt2`` do.
    sample_rate
        Hz; None: as the file says under ``sample_rate``.
    window_s
        Seconds of singing that the encoder is given at a time; None: as the file says under
        ``window_s``.
    digest
        The only digest that is accepted, checked before anything of the file runs; None: any.
    cache
        Folder of the cache; None: :func:`~cantaor.learn.encoders.cache.cache_folder`.

    Raises
    ------
    ModelError
        The file cannot be read, is another than ``digest`` says, runs code and is not trusted, says
        neither rate nor window and none is given, says another rate than the one that is given,
        or gives anything but one finite embedding of one size for each waveform.
    MissingExtraError
        It is ONNX and onnxruntime is not installed.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the encoder cannot be read: {error.strerror}") from error
    own = hashlib.blake2b(content, digest_size=16).hexdigest()
    if digest is not None and own != digest:
        raise ModelError(f"{path}: is encoder {own}, but the model was trained with {digest}")
    program = open_program(path, content, trust)
    rate, window = _rate(path, program.facts, sample_rate), _window(path, program.facts, window_s)
    size = _probe(path, program, _samples(rate, window))
    kept = EmbeddingCache(own, size, cache)
    return Encoder(path, path.suffix[1:], rate, window, size, own, program.run, kept)


def _samples(sample_rate: int, window_s: float) -> int:
    return max(1, round(sample_rate * window_s))


def _rate(path: Path, facts: Mapping[str, Any], given: int | None) -> int:
    said = _number(path, "sample_rate", facts.get("sample_rate"), _MOST_HZ)
    if given is None and said is None:
        raise ModelError(
            f"{path}: says nothing of its sample rate; name it with --encoder-rate (sample_rate=)"
        )
    if given is not None and said is not None and given != said:
        raise ModelError(f"{path}: takes {said:g} Hz, as it says itself, not {given} Hz")
    rate = _number(path, "sample_rate", said if given is None else given, _MOST_HZ)
    if rate is None or rate != round(rate):
        raise ModelError(f"{path}: sample_rate must be a whole number of Hz, not {rate}")
    return int(rate)


def _window(path: Path, facts: Mapping[str, Any], given: float | None) -> float:
    said = facts.get("window_s") if given is None else given
    window = _number(path, "window_s", said, _MOST_S)
    if window is None:
        raise ModelError(
            f"{path}: says nothing of the seconds that it is given at a time; name them with "
            "--encoder-window (window_s=)"
        )
    return window


def _number(path: Path, name: str, value: Any, most: float) -> float | None:
    """A number that a file or a caller states; None where nothing is stated."""
    if value is None or value in ("", b""):
        return None
    try:
        number = float(value.decode() if isinstance(value, bytes) else value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number <= most:
        raise ModelError(f"{path}: {name} must be above 0 and at most {most:g}, not {value!r}")
    return number


def _probe(path: Path, program: Program, samples: int) -> int:
    """The size of the embeddings, after looking whether they are embeddings at all."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (3, samples + samples // 2 + 1))
    clips = noise.astype(np.float32)
    first = program.run(np.ascontiguousarray(clips[:2, :samples]))
    size: int = first.shape[1]
    if size == 0:
        raise ModelError(f"{path}: gives embeddings of size 0")
    try:
        longer = program.run(clips[:2])
    except ModelError:
        longer = first  # A file for waveforms of just this length: it is given no other.
    if longer.shape[1] != size:
        raise ModelError(
            f"{path}: gives {size} numbers for {samples} samples and {longer.shape[1]} for "
            f"{clips.shape[1]}; an encoder gives as many for any length"
        )
    mates = program.run(np.ascontiguousarray(clips[[0, 2], :samples]))
    moved = float(np.linalg.norm(mates[0] - first[0]))
    if moved > _TOLERANCE * float(np.linalg.norm(first[0])):
        raise ModelError(
            f"{path}: the embedding of a waveform moves by {moved:.3g} with the waveform beside it "
            f"(its length is {float(np.linalg.norm(first[0])):.3g}); export the network in "
            "evaluation mode"
        )
    return size
