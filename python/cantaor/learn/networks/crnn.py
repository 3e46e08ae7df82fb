"""CRNN: four convolutional blocks, then two recurrent layers.

References
----------
Arronte Alvarez and Gómez-Martín (2020), section 3: convolution, batch normalisation, ELU, max
pooling and dropout in each of four blocks, 3 x 3, the first with stride 2 x 2 in convolution and
pooling, the others with 1; a GRU whose output is the embedding; a layer of 1,024. The authors'
code has 128 channels, two layers of 256 units and a dropout of 0.1. Which output is not said; the
mean over the steps is ours.
"""

from torch import Tensor, nn
from torch.nn.functional import dropout, elu

from cantaor.learn.networks.masking import Convolution, Head, MaxPool, as_steps, pool_steps
from cantaor.learn.networks.network import Network


class _Block(nn.Module):
    def __init__(self, channels: int, filters: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.convolution = Convolution(channels, filters, 3, stride)
        self.pool = MaxPool(stride)
        self.dropout = dropout

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x, lengths = self.convolution(x, lengths)
        x, lengths = self.pool(elu(x), lengths)
        return dropout(x, self.dropout, self.training), lengths


class CRNN(Network):
    """Convolutional recurrent network; the embedding is the mean of the GRU's outputs.

    Parameters
    ----------
    n_classes
        Singers to tell apart.
    in_channels
        Channels of the input, one for each feature.
    width
        Filters of every convolution; the paper's 128 go with a GRU of 256 and a layer of 1,024,
        which shrink in proportion.
    pooling
        ``"mean"`` or ``"statistics"``, see :func:`~cantaor.learn.networks.masking.masked_pool`.
    dropout
        Fraction of activations dropped after each block while training.

    Examples
    --------
    >>> import torch
    >>> model = CRNN(5, width=4).eval()
    >>> model(torch.randn(2, 1, 128, 40), torch.tensor([40, 7])).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        n_classes: int,
        in_channels: int = 1,
        width: int = 128,
        pooling: str = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.blocks = nn.ModuleList(
            [
                _Block(width if block else in_channels, width, 1 if block else 2, dropout)
                for block in range(4)
            ]
        )
        self.embedding_size = 2 * width * (1 if pooling == "mean" else 2)
        # Two strides of 2 leave 32 of 128 rows.
        self.recurrent = nn.GRU(32 * width, 2 * width, num_layers=2, batch_first=True)
        self.head = Head(self.embedding_size, 8 * width, n_classes)

    def embed_masked(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Embeddings (clips, embedding_size) of images that are zero after each clip."""
        for block in self.blocks:
            x, lengths = block(x, lengths)
        steps, _ = self.recurrent(as_steps(x))
        return pool_steps(steps, lengths, self.pooling)
