"""The module that is trained, saved and exported: features, their scale and a network in one."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from cantaor.learn.features.spectrograms import FRAMES, build_features
from cantaor.learn.networks import build_model


class SingerClassifier(nn.Module):
    """From waveforms to the probability of each singer.

    Parameters
    ----------
    model, features
        Names, see :data:`cantaor.learn.networks.MODELS` and
        :func:`cantaor.learn.features.spectrograms.build_features`.
    n_classes
        Singers to tell apart.
    width
        Filters of the first convolution, or None: as in the paper.
    padded
        True: the paper's behaviour, every image is padded with silence to 426 frames that the
        network cannot tell from audio. False: the network sees real frames only, at any length.
    pooling
        How the network's steps become one embedding, see
        :func:`~cantaor.learn.networks.masking.masked_pool`.

    Attributes
    ----------
    mean, scale
        float32 (channels, 128, 1), subtracted from the features and multiplied with them; fitted
        on training clips, 0 and 1 before.
    sample_rate
        Hz, of the waveforms: 16,000, or the features' own.
    max_samples
        Samples after which clips are cut: the most that fit 426 frames.
    embedding_size
        Length of an embedding.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        model: str,
        features: str,
        n_classes: int,
        width: int | None = None,
        padded: bool = False,
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        channels = build_features(features)
        self.features = nn.ModuleList(channels)
        self.network = build_model(model, n_classes, len(channels), width, pooling)
        self.embedding_size = self.network.embedding_size
        self.padded = padded
        self.hop_length = channels[0].hop_length
        self.sample_rate = channels[0].sample_rate
        self.max_samples = FRAMES * self.hop_length - 1
        self.register_buffer("mean", torch.zeros(len(channels), 128, 1))
        self.register_buffer("scale", torch.ones(len(channels), 128, 1))

    def images(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scaled features and how many of their frames are real.

        Parameters
        ----------
        waveforms
            float32 (clips, samples).
        lengths
            int64 (clips,), samples of each clip, or None: all of them.

        Returns
        -------
        float32 (clips, channels, 128, frames) and int64 (clips,). There are 426 frames if the
        network is padded, else as many as ``samples`` make.

        Raises
        ------
        ArgumentError
            A clip is longer than 426 frames and the network is padded.
        """
        samples = waveforms.shape[-1]
        if lengths is None:
            lengths = torch.full(
                (waveforms.shape[0],), samples, dtype=torch.int64, device=waveforms.device
            )
        frames = 426 if self.padded else 1 + samples // self.hop_length
        channels = [feature(waveforms, lengths, frames) for feature in self.features]
        x = (torch.stack(channels, dim=1) - self.mean) * self.scale
        return x, 1 + torch.div(lengths, self.hop_length, rounding_mode="floor")

    def classify(self, images: Tensor, counts: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits (clips, n_classes) and embeddings (clips, dim) of what :meth:`images` gave.

        ``counts`` may be None where all frames are real.
        """
        if self.padded:
            embedding = self.network.embed(images, None)
        else:
            embedding = self.network.embed(images, counts)
        logits: Tensor = self.network.head(embedding)
        return logits, embedding

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probabilities and embeddings of clips.

        Parameters
        ----------
        waveforms
            float32 (samples,) or (clips, samples) at ``sample_rate``; what stands after the end
            of a clip is not read.
        lengths
            int64 (clips,), samples of each clip, or None: all of them.

        Returns
        -------
        float32 (n_classes,) and (dim,), or (clips, n_classes) and (clips, dim).
        """
        batch = waveforms.reshape(-1, waveforms.shape[-1])
        if lengths is not None:
            lengths = lengths.reshape(-1)
        images, counts = self.images(batch, lengths)
        logits, embedding = self.classify(images, counts)
        probabilities = logits.softmax(dim=-1)
        if waveforms.dim() == 1:
            return probabilities[0], embedding[0]
        return probabilities, embedding


def fit_scale(singer: SingerClassifier, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Set ``mean`` and ``scale`` so that every row has mean 0 and variance 1 over real frames.

    Rows that never change, such as those under the cepstral coefficients, are only centred.

    Parameters
    ----------
    singer
        Changed in place.
    batches
        Waveforms (clips, samples) and lengths (clips,), of training clips only.
    """
    singer.mean.zero_()
    singer.scale.fill_(1.0)
    count = 0
    total = torch.zeros(singer.mean.shape[:2], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for waveforms, lengths in batches:
        images, counts = singer.images(waveforms, lengths)
        real = torch.arange(images.shape[-1], device=images.device) < counts[:, None]
        rows = images.double().permute(1, 2, 0, 3)[..., real]
        count += rows.shape[-1]
        total += rows.sum(-1)
        squares += rows.square().sum(-1)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    singer.mean.copy_(mean[..., None])
    singer.scale.copy_(torch.where(deviation > 1e-3, 1 / deviation, 1.0)[..., None])
