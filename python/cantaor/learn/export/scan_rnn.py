"""Recurrent layers as a scan over the steps, for export.

torch.export unrolls ``nn.GRU`` and ``nn.LSTM`` to the number of steps it happens to see, or ties
them to one processor. A scan keeps the number open. The weights are shared with the layers that
are replaced; the equations are those of Cho et al. (2014) and Hochreiter & Schmidhuber (1997) in
torch's order of gates.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch.nn.functional import linear

from cantaor.learn.networks.classifier import SingerClassifier


class _Scanned(nn.Module):
    """One direction of a recurrent layer on (clips, steps, features)."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def weights(self, depth: int) -> list[Tensor]:
        names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
        return [getattr(self.layer, f"{name}_l{depth}") for name in names]


class _ScannedLSTM(_Scanned):
    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        for depth in range(self.layer.num_layers):
            into, bias, again, bias_again = self.weights(depth)

            def step(
                state: tuple[Tensor, Tensor],
                inputs: Tensor,
                again: Tensor = again,
                bias_again: Tensor = bias_again,
            ) -> tuple[tuple[Tensor, Tensor], Tensor]:
                gates = inputs + linear(state[0], again, bias_again)
                enter, forget, value, leave = gates.chunk(4, dim=-1)
                cell = forget.sigmoid() * state[1] + enter.sigmoid() * value.tanh()
                hidden = leave.sigmoid() * cell.tanh()
                return (hidden, cell), hidden.clone()

            start = x.new_zeros(x.shape[0], again.shape[1])
            _, steps = scan(step, (start, start.clone()), linear(x, into, bias).transpose(0, 1))
            x = steps.transpose(0, 1)
        return x, None


class _ScannedGRU(_Scanned):
    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        for depth in range(self.layer.num_layers):
            into, bias, again, bias_again = self.weights(depth)

            def step(
                state: Tensor,
                inputs: Tensor,
                again: Tensor = again,
                bias_again: Tensor = bias_again,
            ) -> tuple[Tensor, Tensor]:
                reset, update, value = inputs.chunk(3, dim=-1)
                reset_again, update_again, value_again = linear(state, again, bias_again).chunk(
                    3, dim=-1
                )
                value = (value + (reset + reset_again).sigmoid() * value_again).tanh()
                hidden = value + (update + update_again).sigmoid() * (state - value)
                return hidden, hidden.clone()

            start = x.new_zeros(x.shape[0], again.shape[1])
            _, steps = scan(step, start, linear(x, into, bias).transpose(0, 1))
            x = steps.transpose(0, 1)
        return x, None


def with_scans(singer: SingerClassifier) -> SingerClassifier:
    """A copy without gradients whose recurrent layers are scans; the outputs are the same."""
    scanned = copy.deepcopy(singer).eval().requires_grad_(False)
    for name, layer in list(scanned.network.named_children()):
        if isinstance(layer, nn.LSTM):
            setattr(scanned.network, name, _ScannedLSTM(layer))
        elif isinstance(layer, nn.GRU):
            setattr(scanned.network, name, _ScannedGRU(layer))
    return scanned
