"""Masks from the shape and the instances' parameters (paper, Eq. 1 and 2)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..models.shape import ShapeMLP
from .fused import FusedShape, grid_rows, level_logit, to_numpy

_CHUNK = 64  # instances upsampled at a time: bounds memory at 64 · size² floats


def render_instances(
    lower: object,
    t: object,
    p: object,
    shape: ShapeMLP | FusedShape,
    grid: int = 128,
    size: int = 128,
    threshold: float = 0.5,
) -> np.ndarray:
    """Each instance's own mask: p(s) · p(z) ≥ threshold.

    Where ``grid`` is smaller than ``size`` the product is sampled on the grid and upsampled bilinearly
    (align_corners=False), as the composed mask is, before it is thresholded.

    Args:
        lower: (n, 2, 2) L, tensor or array; n may be 0.
        t: (n, 2).
        p: (n,) p(z) in 0…1.
        shape: the canonical shape; give a ``FusedShape`` when rendering many tiles.
        grid: points a side at which the shape is sampled.
        size: pixels a side of the masks.
        threshold: in (0, 1).

    Returns:
        (n, size, size) bool, in the order given. All False where p(z) < threshold: nothing is computed.
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    lower, t, p = to_numpy(lower).reshape(-1, 2, 2), to_numpy(t).reshape(-1, 2), to_numpy(p).reshape(-1)
    masks = np.zeros((len(p), size, size), bool)
    # p(s) < 1, and a weighted mean of products below the threshold stays below it: the skip is exact
    present = np.flatnonzero(p > threshold)
    points = grid_rows(grid, grid)
    for start in range(0, len(present), _CHUNK):
        rows = present[start : start + _CHUNK]
        logits = fused.instances(lower[rows], t[rows], points)
        if grid == size:
            inside = logits <= level_logit(p[rows], threshold)[:, None]
            masks[rows] = inside.reshape(-1, size, size)
        else:
            product = p[rows][:, None] / (1 + np.exp(np.minimum(logits, 80)))
            masks[rows] = upsample(product.reshape(-1, grid, grid), size) >= threshold
    return masks


def compose(
    lower: object, t: object, p: object, shape: ShapeMLP | FusedShape, grid: int = 128, size: int = 128
) -> np.ndarray:
    """The tile's probability p(y | I) = max over i of p(s_i) · p(z_i) (Eq. 2), over ALL instances.

    The maximum is taken on the grid, in log space, and then upsampled where ``grid`` < ``size``.

    Args:
        lower: (n, 2, 2) L.
        t: (n, 2).
        p: (n,) p(z) in 0…1.
        shape: the canonical shape.
        grid: points a side at which the shape is sampled.
        size: pixels a side of the result.

    Returns:
        (size, size) float32 in 0…1; zeros where there are no instances.
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    lower, t, p = to_numpy(lower).reshape(-1, 2, 2), to_numpy(t).reshape(-1, 2), to_numpy(p).reshape(-1)
    if len(p) == 0:
        return np.zeros((size, size), np.float32)
    logits = fused.instances(lower, t, grid_rows(grid, grid))
    with np.errstate(divide="ignore"):
        best = (np.log(p)[:, None] - np.logaddexp(0, logits)).max(axis=0)
    probability = np.exp(best).reshape(1, grid, grid)
    return (probability if grid == size else upsample(probability, size))[0]


def upsample(maps: np.ndarray, size: int) -> np.ndarray:
    """(n, g, g) float32 maps to (n, size, size), bilinear, align_corners=False."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps, np.float32))[:, None]
    return F.interpolate(tensor, size=(size, size), mode="bilinear", align_corners=False)[:, 0].numpy()
