"""Depthwise convolutions whose backward pass is fast on processors, exactly torch's gradients.

oneDNN, which computes torch's convolutions on processors, has fast kernels for depthwise convolutions, but
not for every gradient: in bf16 the input gradient of a strided one, and in bf16 and fp32 the weight
gradient of one wider than three columns, fall to kernels for ordinary grouped convolutions that are ten to
fifty times slower; two thirds of an EfficientNet-Lite0's training step went there. Both are
rewritten as convolutions that have fast kernels:

- input gradient, stride s: the gradient of stride 1 of the outgoing gradient with s − 1 zeros in between;
- weight gradient, 5 columns: those of kernels of 3 and of 2 columns, on the input cut accordingly.

Sums and factors stay the same, so the gradients do, up to rounding. On other devices torch's own are used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Widest kernel that oneDNN's fast depthwise weight gradient takes
COLUMNS = 3


class DepthwiseConv2d(nn.Module):
    """A depthwise convolution with square kernel; parameter and outputs are those of ``nn.Conv2d``.

    Args:
        weight: (C, 1, k, k), kept under this name as ``nn.Conv2d`` does.
        stride: of both axes.
        padding: px on every side, or ``"same"``: TensorFlow's, more on the right and bottom.
    """

    def __init__(self, weight: nn.Parameter, stride: int, padding: int | str) -> None:
        super().__init__()
        self.weight, self.stride, self.padding = weight, stride, padding
        self.fast = True  # False: torch's own backward pass, for comparison

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H', W'), in autocast's type where it is on."""
        device = features.device.type
        weight = self.weight
        if torch.is_autocast_enabled(device):
            features, weight = (x.to(torch.get_autocast_dtype(device)) for x in (features, weight))
        padding = self.padding
        if padding == "same":
            features, padding = _pad_same(features, weight.shape[-1], self.stride), 0
        if self.fast and device == "cpu":
            return _Depthwise.apply(features, weight, self.stride, padding)
        return F.conv2d(features, weight, None, self.stride, padding, groups=len(weight))

    def extra_repr(self) -> str:
        """As ``nn.Conv2d`` shows itself."""
        size = self.weight.shape[-1]
        return f"{len(self.weight)}, kernel={size}, stride={self.stride}, padding={self.padding}"


def with_fast_depthwise(network: nn.Module) -> nn.Module:
    """Replace every depthwise convolution of ``network`` in place; its state dict's names stay.

    Takes ``nn.Conv2d`` and timm's ``Conv2dSame`` without bias or dilation and with square kernels; leaves
    the others as they are.

    Returns:
        ``network``.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and _is_plain_depthwise(child):
                # timm's class pads by itself, and says padding 0
                same = type(child).__name__ == "Conv2dSame"
                padding = "same" if same else child.padding[0]
                setattr(parent, name, DepthwiseConv2d(child.weight, child.stride[0], padding))
    return network


def _is_plain_depthwise(layer: nn.Conv2d) -> bool:
    depthwise = layer.groups == layer.in_channels == layer.out_channels > 1
    square = all(
        not isinstance(pair, str) and pair[0] == pair[1]
        for pair in (layer.kernel_size, layer.stride, layer.padding)
    )
    return depthwise and square and layer.bias is None and layer.dilation == (1, 1)


def _pad_same(features: Tensor, size: int, stride: int) -> Tensor:
    height, width = (max((-(-n // stride) - 1) * stride + size - n, 0) for n in features.shape[-2:])
    if height == width == 0:
        return features
    return F.pad(features, (width // 2, width - width // 2, height // 2, height - height // 2))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(features, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        features, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_features = of_weight = None
        if ctx.needs_input_grad[0]:
            of_features = input_gradient(gradient, features, weight, stride, padding)
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(gradient, features, weight, stride, padding)
        return of_features, of_weight, None, None


def input_gradient(gradient: Tensor, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Gradient of a depthwise convolution's input.

    Args:
        gradient: (B, C, H', W') of the output.
        features: (B, C, H, W), the input; only its shape and type matter.
        weight: (C, 1, k, k).
        stride: of both axes.
        padding: px on every side.
    """
    if stride > 1 and gradient.dtype == torch.bfloat16:
        sizes = [n + 2 * padding - weight.shape[-1] + 1 for n in features.shape[-2:]]
        spread = gradient.new_zeros(*gradient.shape[:2], *sizes)
        spread = spread.contiguous(memory_format=torch.channels_last)
        spread[..., ::stride, ::stride] = gradient
        gradient, stride = spread, 1
    wanted = [True, False, False]
    return _backward(gradient, features, weight, stride, (padding, padding), wanted)[0]


def weight_gradient(gradient: Tensor, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Gradient of a depthwise convolution's weight; arguments as ``input_gradient``, but values matter."""
    wanted = [False, True, False]
    size = weight.shape[-1]
    if size <= COLUMNS:
        return _backward(gradient, features, weight, stride, (padding, padding), wanted)[1]
    features = F.pad(features, (padding, padding))
    reach = (gradient.shape[-1] - 1) * stride
    parts = []
    for start in range(0, size, COLUMNS):
        kernel = weight[..., start : start + COLUMNS]
        cut = features[..., start : start + reach + kernel.shape[-1]]
        cut = cut.contiguous(memory_format=torch.channels_last)
        parts.append(_backward(gradient, cut, kernel, stride, (padding, 0), wanted)[1])
    return torch.cat(parts, dim=-1)


def _backward(gradient, features, weight, stride, padding, wanted):
    return torch.ops.aten.convolution_backward(
        gradient,
        features,
        weight,
        None,
        [stride, stride],
        list(padding),
        [1, 1],
        False,
        [0, 0],
        len(weight),
        wanted,
    )
