"""Residual50: the 50-layer residual network with a first layer that keeps the image's size.

References
----------
He, K. et al. (2016), Deep residual learning for image recognition, CVPR, table 1 (50 layers), with
the stride of a block in its 3 x 3 convolution. Arronte Alvarez and Gómez-Martín (2020), section 3:
a first convolution of 3 x 3 with stride 1 in place of 7 x 7 with stride 2; a layer of 1,024.
"""

import torch
from torch import Tensor, nn

from cantaor.learn.networks.masking import Convolution, Head, MaxPool, masked_pool
from cantaor.learn.networks.network import Network


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.squeeze = Convolution(channels, width, 1)
        self.convolution = Convolution(width, width, 3, stride)
        self.expand = Convolution(width, 4 * width, 1)
        self.projects = stride != 1 or channels != 4 * width
        self.project = Convolution(channels, 4 * width, 1, stride) if self.projects else None

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        y, _ = self.squeeze(x, lengths)
        y, shorter = self.convolution(torch.relu(y), lengths)
        y, _ = self.expand(torch.relu(y), shorter)
        if self.project is not None:
            x, _ = self.project(x, lengths)
        return torch.relu(x + y), shorter


class Residual50(Network):
    """50-layer residual network; the embedding is the mean over rows and real frames.

    Parameters
    ----------
    n_classes
        Singers to tell apart.
    in_channels
        Channels of the input, one for each feature.
    width
        Filters of the first convolution; the published 64 go with an embedding of 2,048 and a
        layer of 1,024, which shrink in proportion.
    pooling
        ``"mean"`` or ``"statistics"``, see :func:`~cantaor.learn.networks.masking.masked_pool`.

    Examples
    --------
    >>> model = Residual50(5, width=4).eval()
    >>> model(torch.randn(2, 1, 128, 40), torch.tensor([40, 7])).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, n_classes: int, in_channels: int = 1, width: int = 64, pooling: str = "mean"
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.first = Convolution(in_channels, width)
        self.pool = MaxPool(2)
        blocks: list[nn.Module] = []
        channels = width
        for stage, depth in enumerate((3, 4, 6, 3)):
            for block in range(depth):
                stride = 2 if stage and not block else 1
                blocks.append(_Bottleneck(channels, width << stage, stride))
                channels = 4 * (width << stage)
        self.blocks = nn.ModuleList(blocks)
        self.embedding_size = channels * (1 if pooling == "mean" else 2)
        self.head = Head(self.embedding_size, 16 * width, n_classes)

    def embed_masked(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Embeddings (clips, embedding_size) of images that are zero after each clip."""
        x, lengths = self.first(x, lengths)
        x, lengths = self.pool(torch.relu(x), lengths)
        for block in self.blocks:
            x, lengths = block(x, lengths)
        return masked_pool(x, lengths, self.pooling)
