"""Augmentation of whole batches: exact symmetries of the pixel grid, and changes of the grey values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_SCALED = 0.5  # chance of another scale: what is resampled is smoother than any image, so half are not


def augment(
    images: Tensor, labels: list[Tensor], settings: Mapping[str, Any], generator: torch.Generator
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Augment a batch.

    Args:
        images: (B, 3, S, S) in about [0, 1].
        labels: tensors (B, S, S) that follow the image (mask, validity, instance labels).
        settings: the section ``augmentation``.
        generator: source of every random choice.

    Returns:
        The images, which brightness, contrast and noise may carry a little out of [0, 1], the labels, and
        (B,) bool: whether the whole tile is still to be seen, so that its count of nuclei holds.
    """
    images, labels = _symmetries(images, labels, settings, generator)
    whole = torch.ones(len(images), dtype=torch.bool)
    if settings["scale"] != [1.0, 1.0]:
        images, labels, whole = _rescaled(images, labels, settings["scale"], generator)
    return _grey_values(images, settings, generator), labels, whole


def _symmetries(images, labels, settings, generator):
    """One of the eight symmetries of the square for each tile; tiles that share one go together."""
    flip = torch.randint(2, (len(images),), generator=generator) * int(settings["flips"])
    turns = torch.randint(4, (len(images),), generator=generator) * int(settings["rotations"])
    code = 4 * flip + turns
    turned, followed = torch.empty_like(images), [torch.empty_like(label) for label in labels]
    for value in code.unique().tolist():
        at = (code == value).nonzero().squeeze(1)
        for source, target in zip([images, *labels], [turned, *followed], strict=True):
            part = source[at].flip(-1) if value >= 4 else source[at]
            target[at] = torch.rot90(part, value % 4, dims=(-2, -1))
    return turned, followed


def _rescaled(
    images: Tensor, labels: list[Tensor], limits: list[float], generator: torch.Generator
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Half of the tiles at another scale, at a random place.

    What is shrunk lies on an even ground of its own median colour, where all labels are 0: not valid.
    """
    low, high = torch.tensor(limits).log().tolist()
    factor = (low + (high - low) * torch.rand(len(images), generator=generator)).exp()
    factor[torch.rand(len(images), generator=generator) >= _SCALED] = 1.0
    place = 2 * torch.rand(len(images), 2, generator=generator) - 1
    chosen = (factor != 1).nonzero().squeeze(1)
    if len(chosen) == 0:
        return images, labels, factor <= 1
    factors, part = factor[chosen], images[chosen]
    theta = torch.zeros(len(chosen), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / factors
    theta[:, :, 2] = place[chosen] * (1 - 1 / factors).abs()[:, None]
    grid = F.affine_grid(theta, list(part.shape), align_corners=False)
    ground = part[..., ::4, ::4].flatten(2).median(dim=2).values[..., None, None]
    images[chosen] = F.grid_sample(part - ground, grid, align_corners=False) + ground
    for label in labels:
        one = label[chosen, None].float()
        label[chosen] = F.grid_sample(one, grid, mode="nearest", align_corners=False)[:, 0].to(label.dtype)
    return images, labels, factor <= 1


def _grey_values(images: Tensor, settings: Mapping[str, Any], generator: torch.Generator) -> Tensor:
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)

    low, high = torch.tensor(settings["gamma"]).log().tolist()
    gamma = uniform(low, high).exp()
    contrast = 1 + uniform(-settings["contrast"], settings["contrast"])
    brightness = uniform(-settings["brightness"], settings["brightness"])
    # in place: `_symmetries` made these images, and new ones cost more than the arithmetic
    images = images.clamp_(0, 1).pow_(gamma).mul_(contrast).add_(0.5 - 0.5 * contrast + brightness)
    if settings["invert"] > 0:
        inverted = uniform(0, 1) < settings["invert"]
        images = torch.where(inverted, 1 - images, images)
    if settings["channel_shuffle"] > 0:
        chosen = (uniform(0, 1) < settings["channel_shuffle"]).flatten()
        order = torch.stack([torch.randperm(3, generator=generator) for _ in range(count)])
        order[~chosen] = torch.arange(3)
        images = images.gather(1, order.view(count, 3, 1, 1).expand_as(images))
    if settings["noise"] > 0:
        images = images.add_(_normal(images, generator), alpha=settings["noise"])
    return images


def _normal(images: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise in the memory layout of ``images``: adding is then one pass over both."""
    noise = torch.empty_like(images)
    # drawn in the order of memory, whatever the layout
    noise.permute(0, 2, 3, 1).normal_(generator=generator)
    return noise
