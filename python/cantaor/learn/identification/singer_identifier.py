"""A trained model as one object: it identifies recordings, scores clips and embeds recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cantaor.errors import ArgumentError
from cantaor.io.audio import Recording, as_audio, resample
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.sources import EmbeddingSource
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.export.attached_encoder import attach_encoder, embed_clips
from cantaor.learn.export.bundle import Bundle, load_bundle
from cantaor.learn.identification.enrolment import backend_from_bundle, merge_enrolled
from cantaor.learn.identification.identification import Identification, identify
from cantaor.types import Audio, Float32Array


@dataclass(frozen=True, eq=False, slots=True)
class SingerIdentifier:
    """Who sings, by a trained model.

    Attributes
    ----------
    bundle
        The model and what was saved with it.

    Examples
    --------
    Train a model with ``cantaor train work --out model``, then::

        identifier = SingerIdentifier.load("model")
        identifier.identify("unknown.flac").ranked[0]
    """

    bundle: Bundle

    @classmethod
    def load(
        cls, model: str | os.PathLike[str], encoder: EmbeddingSource | None = None
    ) -> SingerIdentifier:
        """Read a model.

        Parameters
        ----------
        model
            Folder of a model, or of a workspace that holds one.
        encoder
            What the model was trained with, if anything: see
            :func:`~cantaor.learn.encoders.encoder.load_encoder`.

        Raises
        ------
        ModelError
            Files are missing, damaged, of another model or of a newer version; or the encoder is
            missing, not wanted, or another than the model's.
        """
        folder = Path(model)
        inside = folder / "model"
        found = load_bundle(inside if (inside / "model.json").is_file() else folder)
        return cls(attach_encoder(found, encoder))

    @property
    def singers(self) -> tuple[str, ...]:
        """The singers that the model knows: those of its training, then those enrolled."""
        gallery = backend_from_bundle(self.bundle).gallery
        return (*self.bundle.trained.classes, *(() if gallery is None else gallery.names))

    @property
    def sample_rate(self) -> int:
        """Hz at which the network takes clips; others are resampled."""
        return int(self.bundle.trained.module.sample_rate)

    def identify(
        self, audio: Recording, sample_rate: int | None = None, windows: str = "motifs"
    ) -> Identification:
        """Rank the singers for one recording by the motifs found in it.

        Parameters
        ----------
        audio
            Audio, a path or URL, or samples (n,) with their ``sample_rate``.
        sample_rate
            Hz, where ``audio`` is an array of samples.
        windows
            ``"motifs"``, every motif clip, or ``"fixed"``, windows side by side: faster.

        Raises
        ------
        ModelError
            The model was trained on clips alone and holds no motif dictionary.
        AudioError
            The recording cannot be read, is silent, holds no voice, or no known motif.
        """
        if isinstance(audio, (str, os.PathLike)) and sample_rate is None:
            return identify(self.bundle, audio, windows)
        return identify(self.bundle, as_audio(audio, sample_rate), windows)

    def embed(self, audio: Recording, sample_rate: int | None = None) -> Float32Array:
        """Embedding of a recording, float32 (dim,): the mean over its motif clips.

        Parameters and errors as for :meth:`identify`.
        """
        return self.identify(audio, sample_rate).embedding

    def predict_proba(
        self, clips: ClipSet | Sequence[Recording], sample_rate: int | None = None
    ) -> Float32Array:
        """Probability of each singer for each clip, each clip on its own.

        Parameters
        ----------
        clips
            Clips cut beforehand, such as those of :func:`cantaor.cut_clips`: audio, paths, or
            arrays of samples with one ``sample_rate``.
        sample_rate
            Hz, where the clips are arrays of samples.

        Returns
        -------
        float32 (n, singers), each row sums to 1; columns in the order of :attr:`singers`.

        Raises
        ------
        ArgumentError
            A clip is empty, not finite, or comes without a rate.
        AudioError
            A file cannot be read.
        """
        rows = clips if isinstance(clips, ClipSet) else self._clip_set(clips, sample_rate)
        if len(rows) == 0:
            return np.empty((0, len(self.singers)), np.float32)
        rows = embed_clips(self.bundle, rows)
        probabilities, embeddings = predict(self.bundle.trained, rows)
        gallery = backend_from_bundle(self.bundle).gallery
        if gallery is None or not gallery.names:
            return probabilities
        pairs = zip(probabilities.astype(np.float64), embeddings, strict=True)
        return np.stack([merge_enrolled(p, e, gallery) for p, e in pairs]).astype(np.float32)

    def _clip_set(self, clips: Sequence[Recording], sample_rate: int | None) -> ClipSet:
        if isinstance(clips, (str, os.PathLike, Audio)):
            raise ArgumentError("clips must be a sequence of clips, not a single recording")
        samples = [
            resample(as_audio(clip, sample_rate), self.sample_rate).samples for clip in clips
        ]
        classes = self.bundle.trained.classes
        return ClipSet.from_arrays(samples, np.full(len(samples), -1), classes)
