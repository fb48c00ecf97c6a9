"""Compositing (Eq. 2): p(y) = max over instances of p(s_i) p(z_i), exact, without the memory of all of them.

A first pass without gradients finds which instance wins each pixel; only the winner is evaluated again,
with gradients. The values are those of the plain way, and so are the gradients wherever the winner is
unique (``amax`` splits the gradient evenly among equals; here the first of them gets it all). Of the
B · N · P evaluations of the shape only B · P are kept for the backward pass.
"""

from __future__ import annotations

import functools
import inspect
import logging
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .shape import ShapeMLP
from .transform import grid_points, to_canonical

# Instances × points that the first pass without a compiler holds at once: what fits the processor's cache
CHUNK = 1 << 17

# log(1 + e) = e · (c0 + c1 e + ...) for e in [0, 1], within 3e-8 (Chebyshev fit): library calls of log1p
# took five times as long as the whole MLP
LOG1P = (
    0.9999999706600018,
    -0.4999950203827636,
    0.3331927792421771,
    -0.24844406742981867,
    0.191115388480416,
    -0.13674944992591478,
    0.07836324889520534,
    -0.029589235419375307,
    0.005253587842921937,
)

# Shapes of input that one process may compile for
SHAPES = 256

# The compiler is to keep the MLP in one loop, in registers (by default it writes every unit of 2 million
# points to memory), and may fuse products and sums
OPTIONS = {
    "realize_opcount_threshold": 100_000,
    "realize_reads_threshold": 100_000,
    "realize_acc_reads_threshold": 100_000,
    "max_fusion_size": 1000,
    "cpp.enable_floating_point_contract_flag": "fast",
}


def compose(
    shape: ShapeMLP, lower: Tensor, t: Tensor, log_presence: Tensor, points: Tensor, compiled: bool = True
) -> Tensor:
    """log p(y) of shape (B, P): Eq. 2 by winners.

    Args:
        shape: the canonical shape.
        lower: (B, N, 2, 2) L.
        t: (B, N, 2).
        log_presence: (B, N) log p(z).
        points: (P, 2) image coordinates.
        compiled: fuse the first pass with ``torch.compile`` where a compiler is found.
    """
    with torch.no_grad():
        search = _winners(compiled)
        winner = search(*_shape_tensors(shape), lower, t, log_presence, points.T.contiguous())
    parameters = torch.cat([lower.flatten(-2), t, log_presence.unsqueeze(-1)], dim=-1)
    chosen = parameters.gather(1, winner.unsqueeze(-1).expand(-1, -1, parameters.shape[-1]))
    x, y = points[:, 0], points[:, 1]
    canonical = torch.stack(
        [
            chosen[..., 0] * x + chosen[..., 1] * y + chosen[..., 4],
            chosen[..., 2] * x + chosen[..., 3] * y + chosen[..., 5],
        ],
        dim=-1,
    )
    return shape(canonical) + chosen[..., 6]


def compose_mask(
    shape: ShapeMLP,
    lower: Tensor,
    t: Tensor,
    log_presence: Tensor,
    grid: int,
    size: int,
    compiled: bool = True,
) -> Tensor:
    """p(y) of whole tiles: composed on a grid of ``grid`` points a side, upsampled to ``size`` px.

    The probabilities, not their logarithms, are upsampled, bilinearly (align_corners=False).

    Returns:
        (B, size, size) in [0, 1].
    """
    points = grid_points(grid, grid, device=lower.device)
    probability = compose(shape, lower, t, log_presence, points, compiled).exp()
    probability = probability.view(-1, 1, grid, grid)
    if grid != size:
        probability = F.interpolate(probability, size=(size, size), mode="bilinear", align_corners=False)
    return probability.squeeze(1)


def _shape_tensors(shape: ShapeMLP) -> list[Tensor]:
    return [
        tensor.detach()
        for layer in (shape.layer1, shape.layer2, shape.layer3)
        for tensor in (layer.weight, layer.bias)
    ]


def _unit(weight: Tensor, bias: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    total = bias + weight[0] * inputs[0]
    for i in range(1, len(inputs)):
        total = total + weight[i] * inputs[i]
    return total


def _softplus(u: Tensor) -> Tensor:
    small = torch.exp(-u.abs())
    series = LOG1P[-1] * small + LOG1P[-2]
    for coefficient in LOG1P[-3::-1]:
        series = series * small + coefficient
    return u.relu() + series * small


def _winners_fused(w1, b1, w2, b2, w3, b3, lower, t, log_presence, rows) -> Tensor:
    """The best instance (B, P): log p(s) + log p(z) unit by unit on (B, N, P), for a compiler to fuse.

    Approximate within 1e-6, which matters only where the two best are as near to each other.
    """
    x, y = rows[0], rows[1]
    cx = lower[..., 0, 0, None] * x + t[..., 0, None]
    cy = lower[..., 1, 0, None] * x + lower[..., 1, 1, None] * y + t[..., 1, None]
    inputs = (cx, cy, torch.sqrt(cx * cx + cy * cy))
    hidden1 = [_unit(w1[j], b1[j], inputs).relu() for j in range(8)]
    hidden2 = [_unit(w2[j], b2[j], (*hidden1, *inputs)).relu() for j in range(4)]
    u = _unit(w3[0], b3[0], (*hidden2, *inputs))
    return (log_presence.unsqueeze(-1) - _softplus(u)).argmax(dim=1)


def _winners_chunked(w1, b1, w2, b2, w3, b3, lower, t, log_presence, rows) -> Tensor:
    """The same without a compiler, by matrix products on chunks that stay in the cache."""
    points = rows.T
    step = max(1, CHUNK // lower.shape[1])
    found = []
    for b in range(lower.shape[0]):
        for start in range(0, len(points), step):
            inputs = to_canonical(points[start : start + step], lower[b], t[b])
            inputs = torch.cat([inputs, inputs.square().sum(-1, keepdim=True).sqrt()], dim=-1)
            hidden1 = F.linear(inputs, w1, b1).relu_()
            hidden2 = F.linear(torch.cat([hidden1, inputs], -1), w2, b2).relu_()
            u = F.linear(torch.cat([hidden2, inputs], -1), w3, b3).squeeze(-1)
            found.append((log_presence[b].unsqueeze(-1) - F.softplus(u)).argmax(dim=0))
    return torch.cat(found).view(lower.shape[0], len(points))


def kernel(compiled: bool = True) -> str:
    """``compiled`` or ``chunked``: by which kernel ``compose`` works in this process, once it was called."""
    winners = _winners(compiled)
    return "chunked" if getattr(winners, "kernel", winners) is _winners_chunked else "compiled"


@functools.cache
def _winners(compiled: bool):
    if not compiled:
        return _winners_chunked
    # it tells every CPU machine that it has no CUDA
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    # another version of torch may lack an option; each is for speed only
    known = set(torch._inductor.list_options())
    options = {name: value for name, value in OPTIONS.items() if name in known}
    # compiled anew for every shape: a run has one, a benchmark dozens
    limit = {"recompile_limit": SHAPES}
    limit = limit if limit.keys() <= inspect.signature(torch.compile).parameters.keys() else {}
    return _Guarded(torch.compile(_winners_fused, dynamic=False, fullgraph=True, options=options, **limit))


class _Guarded:
    """The compiled kernel; from its first failure on, for want of a working compiler, the chunked one."""

    def __init__(self, compiled: Callable[..., Tensor]) -> None:
        self.kernel = compiled

    def __call__(self, *arguments: Tensor) -> Tensor:
        try:
            return self.kernel(*arguments)
        except Exception as error:
            if self.kernel is _winners_chunked:
                raise
            self.kernel = _winners_chunked
            warnings.warn(
                f"no compiled compositing ({type(error).__name__}): no working compiler was found; "
                "training goes on with the slower chunked kernel",
                stacklevel=2,
            )
            return self.kernel(*arguments)
