"""Image coordinates and the affine transform of Eq. 1: X' = L X + t."""

from __future__ import annotations

import torch
from torch import Tensor


def grid_points(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Centres of the pixels of a grid over [−1, 1]², as (height · width, 2) rows of (x, y).

    x points right and y down; pixel j of W has x = (2j + 1)/W − 1.
    """
    y = (2 * torch.arange(height, device=device, dtype=torch.float32) + 1) / height - 1
    x = (2 * torch.arange(width, device=device, dtype=torch.float32) + 1) / width - 1
    yy, xx = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([xx, yy], dim=-1).reshape(-1, 2)


def to_canonical(points: Tensor, lower: Tensor, t: Tensor) -> Tensor:
    """Eq. 1 for every instance and point.

    Args:
        points: (P, 2) image coordinates.
        lower: (..., 2, 2) lower triangular L with a positive diagonal.
        t: (..., 2).

    Returns:
        (..., P, 2) canonical coordinates.
    """
    return torch.einsum("...ij,pj->...pi", lower, points) + t.unsqueeze(-2)


def pack_lower(l11: Tensor, l21: Tensor, l22: Tensor) -> Tensor:
    """(..., 2, 2) lower-triangular matrices of their three entries."""
    return torch.stack([torch.stack([l11, torch.zeros_like(l11)], -1), torch.stack([l21, l22], -1)], -2)
