"""Base class of the three networks: images and lengths to embeddings and logits."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from cantaor.learn.networks.masking import Head, mask_padding


class Network(nn.Module):
    """A network of images of 128 rows; its kinds say how an image becomes an embedding.

    Attributes
    ----------
    embedding_size
        Length of an embedding.
    head
        From embeddings to logits.
    """

    embedding_size: int
    if TYPE_CHECKING:  # TorchScript knows no annotation of this kind.
        head: Head

    def embed(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embeddings of clips.

        Parameters
        ----------
        x
            float32 (clips, in_channels, 128, frames).
        lengths
            int64 (clips,), real frames of each clip, at least 1, or None: all are real.

        Returns
        -------
        float32 (clips, embedding_size).
        """
        return self.embed_masked(mask_padding(x, lengths), lengths)

    def embed_masked(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """:meth:`embed` of images that are zero after each clip."""
        raise NotImplementedError

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits (clips, n_classes); arguments as in :meth:`embed`."""
        logits: Tensor = self.head(self.embed(x, lengths))
        return logits
