"""The three networks of the paper, by name."""

from __future__ import annotations

from cantaor.errors import ArgumentError
from cantaor.learn.networks.crnn import CRNN as CRNN
from cantaor.learn.networks.masking import POOLINGS
from cantaor.learn.networks.network import Network as Network
from cantaor.learn.networks.residual50 import Residual50 as Residual50
from cantaor.learn.networks.residual_blstm import ResidualBLSTM as ResidualBLSTM

#: Networks by name.
MODELS: dict[str, type[CRNN] | type[Residual50] | type[ResidualBLSTM]] = {
    "crnn": CRNN,
    "residual50": Residual50,
    "residual-blstm": ResidualBLSTM,
}


def build_model(
    name: str,
    n_classes: int,
    in_channels: int = 1,
    width: int | None = None,
    pooling: str = "mean",
) -> Network:
    """A network by its name, with random weights.

    Parameters
    ----------
    name
        One of :data:`MODELS`.
    n_classes
        Singers to tell apart, at least 2.
    in_channels
        Channels of the input, at least 1.
    width
        Filters of the first convolution, at least 1, or None: as in the paper.

    pooling
        One of :data:`~cantaor.learn.networks.masking.POOLINGS`.

    Raises
    ------
    ArgumentError
        The name or the pooling is unknown, or a number too small.

    Examples
    --------
    >>> build_model("crnn", 3, width=2).embedding_size
    4
    """
    if name not in MODELS:
        raise ArgumentError(f"model must be one of {', '.join(MODELS)}; got {name!r}")
    for what, number, minimum in (("n_classes", n_classes, 2), ("in_channels", in_channels, 1)):
        if number < minimum:
            raise ArgumentError(f"{what} must be at least {minimum}; got {number}")
    if pooling not in POOLINGS:
        raise ArgumentError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}")
    if width is None:
        return MODELS[name](n_classes, in_channels, pooling=pooling)
    if width < 1:
        raise ArgumentError(f"width must be at least 1; got {width}")
    return MODELS[name](n_classes, in_channels, width, pooling)
