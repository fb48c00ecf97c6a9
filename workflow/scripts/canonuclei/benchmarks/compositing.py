"""Cases of Eq. 2 alone: forward and backward on the training grid, and inference at the tile's resolution."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.compositing import compose, kernel
from ..models.transform import grid_points
from ..nuclei.fused import FusedShape
from ..nuclei.render import compose_tiles
from ..nuclei.windows import render_windows
from .material import settings_of, some_instances, trained_model
from .measure import Case
from .plain import plain_compose, plain_instances_masks


def compositing_train(material: dict[str, Any], n: int, grid: int, batch: int, present: str) -> Case:
    """log p(y) of (batch, grid²) and its gradients, to the shape's weights too.

    Args:
        material: of ``material.prepare``.
        n: instances a tile.
        grid: points a side.
        batch: tiles.
        present: ``trained`` or ``all``.
    """
    chosen = some_instances(material, n, batch, present)
    shape = trained_model(material).shape
    points = grid_points(grid, grid)
    leaves = [chosen["lower"], chosen["t"], chosen["logit"]]
    compiled = settings_of(material)["training"]["compile"]
    facts = {"present": chosen["present"]}
    # any cotangent will do; a random one leaves no pixel out
    cotangent = torch.rand(batch, grid * grid, generator=torch.Generator().manual_seed(0))

    def both(function: Any) -> list[Tensor]:
        lower, t, logit = (leaf.detach().requires_grad_() for leaf in leaves)
        composed = function(shape, lower, t, F.logsigmoid(logit), points)
        return list(torch.autograd.grad(composed, [lower, t, logit, *shape.parameters()], cotangent))

    def fast() -> list[Tensor]:
        found = both(partial(compose, compiled=compiled))
        # whether there is a compiler shows only now
        facts["kernel"] = kernel(compiled)
        return found

    return Case(lambda: both(plain_compose), fast, facts, operations=True)


def compositing_inference(material: dict[str, Any], n: int, grid: int, batch: int, present: str) -> Case:
    """Every instance's mask and the composed p(y) of ``batch`` tiles, ``grid`` px a side; no gradients."""
    chosen = some_instances(material, n, batch, present)
    shape = trained_model(material).shape.eval()
    threshold = material["prediction"]["threshold"]
    fused = FusedShape(shape)
    arrays = [value.numpy() for value in (chosen["lower"], chosen["t"], chosen["logit"].sigmoid())]

    def plain() -> Any:
        return plain_instances_masks(shape, chosen["lower"], chosen["t"], chosen["logit"], grid, threshold)

    def fast() -> tuple[Any, np.ndarray]:
        # as the product draws: the instances of all tiles in one go
        flat = (arrays[0].reshape(-1, 2, 2), arrays[1].reshape(-1, 2), arrays[2].reshape(-1))
        windows = render_windows(*flat, fused, threshold, frame=(0, 0, grid))
        return windows, compose_tiles(*arrays, fused, grid, grid)

    return Case(plain, fast, {"present": chosen["present"]})
