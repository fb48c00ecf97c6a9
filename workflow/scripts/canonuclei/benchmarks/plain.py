"""The plain way to compute everything: the reference for values in the tests and for time in the benchmark.

Plain means: fp32, contiguous tensors, no compilation; the shape as three ``nn.Linear`` on the (B, N, P, ·)
tensor of all instances and grid points; −softplus, logsigmoid, sum, ``amax``; autograd through all of it.
Nothing that the product computes with is made here.

It stands in the package and not in ``tests/``, for the rule ``benchmark`` runs it, on machines that have the
workflow and not the tests. The tests compare with it too, and it is itself held to a version of their own, in
NumPy and double precision, in ``tests/``.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.depthwise import DepthwiseConv2d
from ..models.losses import count_loss, segmentation_terms
from ..models.shape import ShapeMLP
from ..models.transform import grid_points

if TYPE_CHECKING:
    from ..models.canonical import CanonicalModel


class PlainMasks(NamedTuple):
    """What plain inference gives for a batch of tiles.

    Attributes:
        masks: (B, N, size, size) bool, p(s) · p(z) ≥ threshold of each instance.
        likelihood: (B, N, size, size) fp32, p(s) · p(z) of each instance.
        composed: (B, size, size) fp32, their maximum p(y).
    """

    masks: Tensor
    likelihood: Tensor
    composed: Tensor


def plain_log_shape(shape: ShapeMLP, points: Tensor) -> Tensor:
    """log p(s) of canonical ``points`` (..., 2), shape (...): the paper's section 2.1 as it is written."""
    squared = (points * points).sum(dim=-1, keepdim=True)
    # the slope of sqrt at 0 is infinite
    r = torch.where(squared > 0, squared, 1.0).sqrt() * (squared > 0)
    inputs = torch.cat([points, r], dim=-1)
    hidden = F.relu(shape.layer1(inputs))
    hidden = F.relu(shape.layer2(torch.cat([hidden, inputs], dim=-1)))
    return -F.softplus(shape.layer3(torch.cat([hidden, inputs], dim=-1))).squeeze(-1)


def plain_terms(shape: ShapeMLP, lower: Tensor, t: Tensor, log_presence: Tensor, points: Tensor) -> Tensor:
    """log p(s_i) + log p(z_i) of every instance at every point, (B, N, P); arguments as ``plain_compose``."""
    canonical = torch.einsum("bnij,pj->bnpi", lower, points) + t.unsqueeze(-2)
    return plain_log_shape(shape, canonical) + log_presence.unsqueeze(-1)


def plain_compose(shape: ShapeMLP, lower: Tensor, t: Tensor, log_presence: Tensor, points: Tensor) -> Tensor:
    """Eq. 2 as it is written, for autograd: log p(y) of shape (B, P).

    Args:
        shape: the canonical shape.
        lower: (B, N, 2, 2) L.
        t: (B, N, 2).
        log_presence: (B, N) log p(z).
        points: (P, 2) image coordinates in [−1, 1].
    """
    return plain_terms(shape, lower, t, log_presence, points).amax(dim=1)


@torch.no_grad()
def plain_instances_masks(
    shape: ShapeMLP, lower: Tensor, t: Tensor, presence_logit: Tensor, size: int = 128, threshold: float = 0.5
) -> PlainMasks:
    """Inference the plain way: every instance at every pixel, present or not.

    Args:
        shape: the canonical shape.
        lower: (B, N, 2, 2) L.
        t: (B, N, 2).
        presence_logit: (B, N) z before its sigmoid.
        size: pixels a side.
        threshold: on p(s) · p(z), in (0, 1).
    """
    points = grid_points(size, size, device=lower.device)
    likelihood = plain_terms(shape, lower, t, F.logsigmoid(presence_logit), points).exp()
    likelihood = likelihood.view(*likelihood.shape[:2], size, size)
    return PlainMasks(likelihood >= threshold, likelihood, likelihood.amax(dim=1))


def plain_model(model: CanonicalModel) -> CanonicalModel:
    """A copy of ``model`` whose parameters are contiguous, with torch's own convolutions."""
    copied = copy.deepcopy(model).float().to(memory_format=torch.contiguous_format)
    copied.compiled = False
    for module in copied.modules():
        if isinstance(module, DepthwiseConv2d):
            module.fast = False
    return copied


def plain_batch(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """A batch of ``training.batches`` as contiguous tensors."""
    return {key: value.contiguous() for key, value in batch.items()}


def plain_loss_terms(model: CanonicalModel, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """``CanonicalModel.loss_terms`` the plain way: same network and losses, ``plain_compose``."""
    instances = model.instances(batch["images"])
    grid, size = model.network["grid"], batch["mask"].shape[-1]
    points = grid_points(grid, grid, device=batch["images"].device)
    log_presence = F.logsigmoid(instances.presence_logit)
    composed = plain_compose(model.shape, instances.lower, instances.t, log_presence, points).exp()
    composed = composed.view(-1, 1, grid, grid)
    if grid != size:
        composed = F.interpolate(composed, size=(size, size), mode="bilinear", align_corners=False)
    terms = segmentation_terms(composed.squeeze(1), batch["mask"], batch["valid"], model.loss["dice_smooth"])
    total = model.loss["bce"] * terms["bce"] + model.loss["dice"] * terms["dice"]
    if model.alpha > 0:
        terms["count"] = count_loss(instances.presence, batch["k"])
        total = total + model.alpha * terms["count"]
    return {"total": total, **terms}


def plain_optimizer(model: nn.Module, rate: float = 0.01, momentum: float = 0.9) -> torch.optim.SGD:
    """Nesterov SGD in torch's simplest form, one tensor after the other."""
    return torch.optim.SGD(
        model.parameters(), lr=rate, momentum=momentum, nesterov=True, foreach=False, fused=False
    )


def plain_training_step(
    model: CanonicalModel,
    batch: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    clip_norm: float = 1.0,
) -> dict[str, float]:
    """One training step the plain way: forward, backward, clipping, optimizer.

    Args:
        model: of ``plain_model``, in training mode.
        batch: of ``training.batches.Batches.training_batch``; made contiguous here.
        optimizer: of ``plain_optimizer`` or of the training loop.
        clip_norm: greatest norm of all gradients.

    Returns:
        The loss terms as numbers.
    """
    terms = plain_loss_terms(model, plain_batch(batch))
    optimizer.zero_grad()
    terms["total"].backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip_norm, foreach=False)
    optimizer.step()
    return {name: float(value.detach()) for name, value in terms.items()}
