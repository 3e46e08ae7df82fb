"""Layers that treat the frames after the end of a clip as if they were not there.

Images are float32 (clips, channels, rows, frames); ``lengths`` is int64 (clips,), the real frames
of each clip, at least 1, or None: all frames are real. The rules that make a clip's output the
same alone, in a batch and padded to any length:

* the input of every convolution is zero after the clip, just as beyond the image's border;
* the input of every maximum is minus infinity there;
* a stride of 2 turns L frames into ceil(L / 2), with kernels centred on every second frame;
* means, batch-norm statistics and the recurrent layers' states see real frames only.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.jit import is_scripting  # type: ignore[attr-defined]
from torch.nn.functional import batch_norm, max_pool2d

#: How steps or images become one vector: see :func:`masked_pool`.
POOLINGS = ("mean", "statistics")


def halve(lengths: Tensor | None) -> Tensor | None:
    """Frames left by a stride of 2: ceil(L / 2)."""
    if lengths is None:
        return None
    return torch.div(lengths + 1, 2, rounding_mode="floor")


def valid_frames(x: Tensor, lengths: Tensor) -> Tensor:
    """Which frames of ``x`` are real, bool (clips, 1, 1, frames)."""
    frame = torch.arange(x.shape[-1], device=x.device)
    return (frame < lengths.unsqueeze(-1))[:, None, None, :]


def mask_padding(x: Tensor, lengths: Tensor | None, value: float = 0.0) -> Tensor:
    """``x`` with ``value`` in the frames that are not real."""
    if lengths is None:
        return x
    return x.masked_fill(valid_frames(x, lengths).logical_not(), value)


def masked_mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean over rows and real frames, (clips, channels)."""
    if lengths is None:
        return x.mean(dim=(-2, -1))
    total = mask_padding(x, lengths).float().sum(dim=(-2, -1))
    return total / (lengths * x.shape[-2]).unsqueeze(-1)


def masked_std(x: Tensor, mean: Tensor, lengths: Tensor | None) -> Tensor:
    """Standard deviation around ``mean`` over rows and real frames, (clips, channels)."""
    spread = (x - mean[:, :, None, None]).square()
    # The root of nothing, in clips of one step, has no gradient.
    return (masked_mean(spread, lengths) + 1e-5).sqrt()


def masked_pool(x: Tensor, lengths: Tensor | None, pooling: str) -> Tensor:
    """One vector for each clip from (clips, channels, rows, frames).

    Parameters
    ----------
    x, lengths
        Images and their real frames.
    pooling
        ``"mean"`` over rows and real frames, (clips, channels); or ``"statistics"``: the means,
        then the standard deviations, (clips, 2 * channels), after Okabe, Koshinaka and Shinoda
        (2018), Interspeech, section 3.1.
    """
    mean = masked_mean(x, lengths)
    if pooling == "mean":
        return mean
    return torch.cat([mean, masked_std(x, mean, lengths)], dim=-1)


def pool_steps(x: Tensor, lengths: Tensor | None, pooling: str) -> Tensor:
    """:func:`masked_pool` of (clips, steps, features)."""
    return masked_pool(x.transpose(1, 2).unsqueeze(2), lengths, pooling)


def reverse_valid(x: Tensor, lengths: Tensor | None) -> Tensor:
    """(clips, steps, features) with the real steps in reverse order, the others unspecified.

    An index gather: packed sequences would do, but cannot be exported with a dynamic batch.
    """
    if lengths is None:
        return x.flip(1)
    step = torch.arange(x.shape[1], device=x.device)
    index = (lengths.unsqueeze(-1) - 1 - step).clamp(min=0)
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def as_steps(x: Tensor) -> Tensor:
    """Image as a sequence: (clips, channels, rows, frames) to (clips, frames, channels * rows)."""
    return x.permute(0, 3, 1, 2).flatten(2)


class _BatchNormFunction(Function):
    """Batch normalisation over real frames with its gradient written out.

    Left to autograd, the masks and sums of this layer cost as much as the convolutions.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, real: Tensor, count: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised images, zero where not real, with the mean and variance of real frames."""
        x = x * real
        mean = x.sum(dim=(0, 2, 3)) / count
        # Faster than a norm.
        squares = x.square().sum(dim=(0, 2, 3))
        variance = (squares / count - mean.square()).clamp(min=0)
        y = batch_norm(x, mean, variance, weight, bias, False, 0.0, eps).mul_(real)
        ctx.save_for_backward(x, weight, real, count, mean, torch.rsqrt(variance + eps))
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor, _mean: Tensor, _variance: Tensor
    ) -> tuple[Tensor | None, ...]:
        """dx = w r (g - sum(g) / n - xhat sum(g xhat) / n) over the n real values of a channel."""
        x, weight, real, count, mean, rate = ctx.saved_tensors
        grad = grad * real
        bias_grad = grad.sum(dim=(0, 2, 3))
        weight_grad = rate * ((grad * x).sum(dim=(0, 2, 3)) - mean * bias_grad)
        scale = weight * rate
        slope = scale * rate * weight_grad / count
        level = scale * bias_grad / count - slope * mean
        dx = (grad * _as_channels(scale)).addcmul_(x, _as_channels(slope), value=-1)
        dx = dx.sub_(_as_channels(level)).mul_(real)
        return dx, weight_grad, bias_grad, None, None, None


def _as_channels(values: Tensor) -> Tensor:
    return values[None, :, None, None]


@torch.jit.unused  # Only training calls it, in eager mode.
def _normalise_valid(
    x: Tensor, weight: Tensor, bias: Tensor, real: Tensor, count: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    y, mean, variance = _BatchNormFunction.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, real, count, eps
    )
    return y, mean, variance


class MaskedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose statistics are taken over real frames only.

    Frames that are not real leave as zeros, so a convolution may follow at once.
    """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise (clips, channels, rows, frames); in training also update the averages."""
        if lengths is None or not self.training:
            return mask_padding(self._normalise(x), lengths)
        # Sums in float32, whatever mixed precision makes of x.
        whole = x.float()
        real = valid_frames(x, lengths).to(whole.dtype)
        count = (lengths.sum() * x.shape[-2]).float()
        y, mean, variance = _normalise_valid(whole, self.weight, self.bias, real, count, self.eps)
        self._update(mean, variance * count / (count - 1).clamp(min=1))
        normalised: Tensor = y.to(x.dtype)
        return normalised

    def _normalise(self, x: Tensor) -> Tensor:
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = 0.1 if self.momentum is None else self.momentum
        return batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            momentum,
            self.eps,
        )

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor) -> None:
        momentum = 0.1 if self.momentum is None else self.momentum
        if self.running_mean is not None:
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        if self.running_var is not None:
            self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class Convolution(nn.Module):
    """3 x 3 or 1 x 1 convolution without bias, then :class:`MaskedBatchNorm`.

    Parameters
    ----------
    channels, filters
        Channels of the input and of the output.
    kernel
        1 or 3, on both axes.
    stride
        1 or 2, on both axes.
    """

    def __init__(self, channels: int, filters: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv2d(
            channels, filters, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.norm = MaskedBatchNorm(filters)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``x`` must be zero after each clip; so is the result. Returns it and its lengths."""
        if self.stride == 2:
            lengths = halve(lengths)
        return self.norm(self.convolution(x), lengths), lengths


def _pool(x: Tensor, stride: int) -> Tensor:
    if not is_scripting():  # noqa: SIM102  # TorchScript leaves out the branch of this test only.
        if torch.compiler.is_exporting():
            # torch.export would tie a pool with a stride to even or odd numbers of frames.
            return max_pool2d(x, 3, 1, 1)[..., ::stride, ::stride].contiguous()
    if x.device.type != "cpu":
        return max_pool2d(x, 3, stride, 1)
    # A CPU takes an eighth of the time where channels are last in memory. The values are the same.
    last = x.contiguous(memory_format=torch.channels_last)
    return max_pool2d(last, 3, stride, 1).contiguous()


class MaxPool(nn.Module):
    """Maximum over 3 x 3 around every frame, or every second one, of the real frames.

    Parameters
    ----------
    stride
        1 or 2, on both axes.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Returns the pooled image, zero after each clip, and its lengths."""
        x = _pool(mask_padding(x, lengths, float("-inf")), self.stride)
        if self.stride == 2:
            lengths = halve(lengths)
        return mask_padding(x, lengths), lengths


class Head(nn.Module):
    """The fully connected layer of 1,024 units (at the paper's width) and the classifier.

    Parameters
    ----------
    features
        Length of the embedding.
    units
        Units of the hidden layer.
    n_classes
        Length of the output.
    """

    def __init__(self, features: int, units: int, n_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, units)
        self.classify = nn.Linear(units, n_classes)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits (clips, n_classes) of embeddings (clips, features)."""
        logits: Tensor = self.classify(torch.relu(self.hidden(embedding)))
        return logits
