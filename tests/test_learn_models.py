"""The networks: shapes, strides, masking, gradients, scripting."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cantaor.errors import ArgumentError
from cantaor.learn.networks import MODELS, Network, build_model
from cantaor.learn.networks.masking import (
    POOLINGS,
    MaskedBatchNorm,
    halve,
    masked_pool,
    pool_steps,
    reverse_valid,
)


def lively(name: str, channels: int = 1, width: int = 4, pooling: str = "mean") -> Network:
    """A network whose normalisation is far from the identity, so that leaks show."""
    torch.manual_seed(7)
    model = build_model(name, 5, channels, width, pooling)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, 0, 0.5)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.normal_(layer.bias, 0.5, 0.5)
    return model.eval()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", MODELS)
def test_shapes(name, pooling):
    model = lively(name, channels=2, pooling=pooling)
    x, lengths = torch.randn(3, 2, 128, 33), torch.tensor([33, 1, 12])
    assert model(x, lengths).shape == (3, 5)
    assert model.embed(x, lengths).shape == (3, model.embedding_size)
    assert model(x).shape == (3, 5)


@pytest.mark.parametrize(
    ("name", "millions"), [("crnn", 4.45), ("residual50", 25.60), ("residual-blstm", 9.67)]
)
def test_parameters_at_the_papers_width(name, millions):
    count = sum(weights.numel() for weights in build_model(name, 5).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_all_frames_real_is_the_plain_network(name):
    model = lively(name)
    x = torch.randn(2, 1, 128, 37)
    torch.testing.assert_close(model(x, torch.tensor([37, 37])), model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_padding_that_counts_as_real_changes_the_answer(name):
    model = lively(name)
    x = torch.randn(1, 1, 128, 37)
    padded = nn.functional.pad(x, (0, 60))
    assert (model(padded) - model(x)).abs().max() > 1e-3


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", MODELS)
def test_training_sees_real_frames_only(name, pooling):
    first = lively(name, pooling=pooling).train()
    second = copy.deepcopy(first)
    x = torch.randn(3, 1, 128, 21)
    lengths = torch.tensor([21, 8, 1])
    far = nn.functional.pad(x, (0, 30), value=9.0)
    for index, length in enumerate(lengths):
        x[index, :, :, length:] = -5.0
    if name == "crnn":
        for block in (*first.blocks, *second.blocks):
            block.dropout = 0.0
    for model, images in ((first, x), (second, far)):
        model(images, lengths).square().sum().backward()
    for (key, one), (_, other) in zip(
        first.state_dict().items(), second.state_dict().items(), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4, msg=key)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", MODELS)
def test_scripted_equals_eager(name, pooling):
    model = lively(name, pooling=pooling)
    scripted = torch.jit.script(model)
    x, lengths = torch.randn(3, 1, 128, 40), torch.tensor([40, 2, 31])
    torch.testing.assert_close(scripted(x, lengths), model(x, lengths), atol=1e-5, rtol=0)
    torch.testing.assert_close(scripted.embed(x), model.embed(x), atol=1e-5, rtol=0)


def test_masked_statistics_are_those_of_the_real_frames():
    x = torch.randn(2, 3, 4, 9, generator=torch.Generator().manual_seed(0))
    real = torch.cat([x[0].flatten(1), x[1, :, :, :5].flatten(1)], dim=1)
    norm = MaskedBatchNorm(3).train()
    y = norm(x, torch.tensor([9, 5]))
    torch.testing.assert_close(norm.running_mean, 0.1 * real.mean(1))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * real.var(1))
    assert not y[1, :, :, 5:].any()
    flat = torch.cat([y[0].flatten(1), y[1, :, :, :5].flatten(1)], dim=1)
    torch.testing.assert_close(flat.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(flat.var(1, correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_gradient_of_masked_normalisation_is_that_of_autograd_on_the_real_frames():
    torch.manual_seed(1)
    x, grad = torch.randn(2, 3, 4, 9), torch.randn(2, 3, 4, 9)
    real = torch.arange(9) < torch.tensor([9, 5])[:, None, None, None]
    mine, plain = MaskedBatchNorm(3).train(), torch.nn.BatchNorm1d(3).train()
    for norm in (mine, plain):
        norm.weight.data.uniform_(0.5, 2)
        norm.bias.data.normal_()
    plain.load_state_dict(mine.state_dict())
    inputs = x.clone().requires_grad_(), x.clone().requires_grad_()
    mine(inputs[0], torch.tensor([9, 5])).backward(grad)
    columns = real.expand_as(x).transpose(0, 1)
    answer = plain(inputs[1].transpose(0, 1)[columns].reshape(1, 3, -1))
    answer.backward(grad.transpose(0, 1)[columns].reshape(1, 3, -1))
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mine.weight.grad, plain.weight.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mine.bias.grad, plain.bias.grad, atol=1e-4, rtol=1e-4)


def test_strides_never_leave_zero_frames():
    assert halve(torch.tensor([1, 2, 3, 426])).tolist() == [1, 1, 2, 213]


def test_reversal_and_pooling_see_real_steps_only():
    x = torch.arange(8.0).reshape(2, 4, 1)
    lengths = torch.tensor([4, 2])
    back = reverse_valid(x, lengths)[..., 0]
    assert back[0].tolist() == [3, 2, 1, 0]
    assert back[1, :2].tolist() == [5, 4]
    assert pool_steps(x, lengths, "mean").flatten().tolist() == [1.5, 4.5]
    assert pool_steps(x, None, "mean").flatten().tolist() == [1.5, 5.5]
    found = pool_steps(x, lengths, "statistics")
    torch.testing.assert_close(
        found, torch.tensor([[1.5, 1.25**0.5], [4.5, 0.5]]), atol=1e-4, rtol=0
    )


def test_deviations_are_numpys():
    x = torch.randn(2, 3, 4, 9, generator=torch.Generator().manual_seed(0))
    found = masked_pool(x, torch.tensor([9, 5]), "statistics")[:, 3:]
    wanted = torch.stack([x[0].std((1, 2), correction=0), x[1, :, :, :5].std((1, 2), correction=0)])
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_statistics_of_a_single_step_have_a_gradient():
    model = lively("residual-blstm", pooling="statistics").train()
    x = torch.randn(2, 1, 128, 8, requires_grad=True)
    model(x, torch.tensor([8, 1])).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_unknown_names_and_numbers():
    with pytest.raises(ArgumentError, match=r"crnn.*'transformer'"):
        build_model("transformer", 5)
    with pytest.raises(ArgumentError, match="n_classes must be at least 2; got 1"):
        build_model("crnn", 1)
    with pytest.raises(ArgumentError, match="width must be at least 1; got 0"):
        build_model("crnn", 2, width=0)
    with pytest.raises(ArgumentError, match=r"mean, statistics; got 'last'"):
        build_model("crnn", 2, pooling="last")
