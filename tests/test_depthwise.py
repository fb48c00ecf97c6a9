"""The fast backward pass of depthwise convolutions gives torch's own gradients."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from canonuclei.models.depthwise import (
    DepthwiseConv2d,
    input_gradient,
    weight_gradient,
    with_fast_depthwise,
)
from canonuclei.models.encoders import build_encoder

# kernel, stride, padding: all that EfficientNet-Lite0 uses, and some that it does not
KINDS = [(3, 1, 1), (5, 1, 2), (3, 2, "same"), (5, 2, "same"), (7, 1, 3), (5, 2, 2), (3, 2, 1), (4, 3, 0)]
SIZES = [(16, 16), (17, 20)]


def both_ways(kernel, stride, padding, size, dtype, autocast=False):
    """Output, input gradient and weight gradient, fast and by torch."""
    torch.manual_seed(0)
    layer = DepthwiseConv2d(nn.Parameter(torch.randn(48, 1, kernel, kernel, dtype=dtype)), stride, padding)
    features = torch.randn(3, 48, *size, dtype=dtype).to(memory_format=torch.channels_last)
    results = []
    for fast in (True, False):
        layer.fast, layer.weight.grad = fast, None
        x = features.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = layer(x)
        weight = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
        (y * weight).sum().backward()
        results.append((y.detach(), x.grad, layer.weight.grad))
    return results


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kernel", "stride", "padding"), KINDS)
def test_gradients_are_torchs_own(kernel, stride, padding, size):
    fast, plain = both_ways(kernel, stride, padding, size, torch.float32)
    assert torch.equal(fast[0], plain[0])
    for found, expected in zip(fast[1:], plain[1:], strict=True):
        assert (found - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kernel", "stride", "padding"), KINDS)
def test_in_bf16_gradients_differ_by_rounding_only(kernel, stride, padding, size):
    fast, plain = both_ways(kernel, stride, padding, size, torch.float32, autocast=True)
    assert fast[0].dtype == torch.bfloat16
    assert torch.equal(fast[0], plain[0])
    for found, expected in zip(fast[1:], plain[1:], strict=True):
        assert found.dtype == torch.float32
        assert (found - expected).norm() <= 2**-8 * expected.norm()


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_in_bf16_gradients_of_whole_numbers_are_equal(padding, size):
    """Whose sums are exact in fp32, in whatever order."""
    torch.manual_seed(3)
    features = torch.randint(-2, 3, (2, 16, *size)).bfloat16().to(memory_format=torch.channels_last)
    weight = torch.randint(-2, 3, (16, 1, 5, 5)).bfloat16()
    whole, kernel = features.float().requires_grad_(), weight.float().requires_grad_()
    expected = F.conv2d(whole, kernel, None, 2, padding, groups=16)
    gradient = torch.randint(-1, 2, expected.shape).bfloat16().to(memory_format=torch.channels_last)
    expected.backward(gradient.float())
    assert torch.equal(input_gradient(gradient, features, weight, 2, padding), whole.grad.bfloat16())
    assert torch.equal(weight_gradient(gradient, features, weight, 2, padding), kernel.grad.bfloat16())


@pytest.mark.parametrize(("kernel", "stride", "padding"), KINDS)
def test_gradients_are_those_of_finite_differences(kernel, stride, padding):
    torch.manual_seed(1)
    layer = DepthwiseConv2d(
        nn.Parameter(torch.randn(2, 1, kernel, kernel, dtype=torch.float64)), stride, padding
    )
    features = torch.randn(1, 2, 9, 8, dtype=torch.float64, requires_grad=True)

    def outputs(features, weight):
        layer.weight = nn.Parameter(torch.empty(0))
        del layer.weight
        layer.weight = weight
        return layer(features)

    assert torch.autograd.gradcheck(outputs, (features, layer.weight.detach().requires_grad_()))


def test_same_padding_is_tensorflows():
    layer = DepthwiseConv2d(nn.Parameter(torch.ones(1, 1, 3, 3)), 2, "same")
    features = torch.arange(16.0).view(1, 1, 4, 4)
    # nothing on the left and top, one pixel on the right and bottom
    expected = F.conv2d(F.pad(features, (0, 1, 0, 1)), torch.ones(1, 1, 3, 3), stride=2)
    assert torch.equal(layer(features), expected)


def test_lite0_keeps_names_outputs_and_gradients():
    torch.manual_seed(2)
    import timm

    encoder = build_encoder("efficientnet-lite0")
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = {name for name in network.state_dict() if name.startswith(("conv_stem", "bn1", "blocks"))}
    assert set(encoder.state_dict()) == {
        name for name in names if not name.startswith(("blocks.5", "blocks.6"))
    }
    network.load_state_dict(encoder.state_dict(), strict=False)
    layers = [module for module in encoder.modules() if isinstance(module, DepthwiseConv2d)]
    assert len(layers) == 11
    assert not [m for m in encoder.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    images = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)
    plain = nn.Sequential(network.conv_stem, network.bn1, *network.blocks[:5])
    found, expected = encoder(images), plain(images)
    assert torch.equal(found, expected)
    found.square().mean().backward()
    expected.square().mean().backward()
    theirs = dict(network.named_parameters())
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad - theirs[name].grad).norm() <= 1e-5 * theirs[name].grad.norm(), name


def test_only_what_is_depthwise_is_replaced():
    layers = nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, 3, groups=4, bias=False, dilation=2),
        nn.Conv2d(4, 8, 3, groups=4, bias=False),
        nn.Conv2d(4, 4, (1, 3), groups=4, bias=False),
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
    )
    before = copy.deepcopy(layers)
    with_fast_depthwise(layers)
    assert [isinstance(layer, DepthwiseConv2d) for layer in layers] == [False] * 5 + [True]
    assert layers.state_dict().keys() == before.state_dict().keys()
