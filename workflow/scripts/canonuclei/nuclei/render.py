"""Masks from the shape and the instances' parameters (paper, Eq. 1 and 2)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..models.shape import ShapeMLP
from .blocks import SIDE, Placed, blocks_of, inside_blocks
from .fused import FusedShape, level_logit, to_numpy
from .rasters import highest, sigmoid
from .windows import place

TOLERANCE = 1e-3  # of p(y): an instance below it matters nowhere
_CHUNK = 64  # instances upsampled at a time: bounds memory at 64 · size² floats
_TILES = 16  # composed at a time: bounds memory at some 10 MB


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
    placed, p = place(shape, lower, t, p, (0, 0, grid))
    levels = level_logit(p, threshold)
    if grid == size:
        across = -(-size // SIDE)
        masks = np.zeros((len(p), across, SIDE, across, SIDE), bool)
        for blocks, inside in inside_blocks(placed, levels, (0, 0, size, size)):
            place_of = blocks.owner, blocks.y // SIDE, slice(None), blocks.x // SIDE
            masks[place_of] = inside.reshape(-1, SIDE, SIDE)
        return masks.reshape(len(p), across * SIDE, across * SIDE)[:, :size, :size]
    return _coarse(placed, p, levels, grid, size, threshold)


def _coarse(
    placed: Placed, p: np.ndarray, levels: np.ndarray, grid: int, size: int, threshold: float
) -> np.ndarray:
    """Masks sampled on a coarse grid.

    A weighted mean of products below the threshold stays below it, so that only the grid's squares with a
    corner above it matter: those of each instance's window and one point around it.
    """
    boxes = placed.boxes(levels, (0, 0, grid, grid))
    some = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    rows = np.flatnonzero(some)
    masks = np.zeros((len(p), size, size), bool)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        wider = np.clip(boxes[part] + [-1, -1, 1, 1], 0, grid)
        chosen = Placed(placed.fused, placed.lower[part], placed.t[part], placed.frames[part])
        blocks = blocks_of(wider, 2)
        product = p[part][blocks.owner][:, None] * sigmoid(-chosen.pixels(blocks))
        maps = np.zeros((len(part), -(-grid // 2), 2, -(-grid // 2), 2), np.float32)
        maps[blocks.owner, blocks.y // 2, :, blocks.x // 2, :] = product.reshape(-1, 2, 2)
        maps = maps.reshape(len(part), maps.shape[1] * 2, -1)[:, :grid, :grid]
        masks[part] = upsample(maps, size) >= threshold
    return masks


def compose(
    lower: object,
    t: object,
    p: object,
    shape: ShapeMLP | FusedShape,
    grid: int = 128,
    size: int = 128,
    tolerance: float = TOLERANCE,
) -> np.ndarray:
    """The tile's probability p(y | I) = max over i of p(s_i) · p(z_i) (Eq. 2), over ALL instances.

    The maximum is taken on the grid, and then upsampled where ``grid`` < ``size``.

    Args:
        lower: (n, 2, 2) L.
        t: (n, 2).
        p: (n,) p(z) in 0…1.
        shape: the canonical shape; give a ``FusedShape`` for many tiles.
        grid: points a side at which the shape is sampled.
        size: pixels a side of the result.
        tolerance: by how much the result may be too low; 0 is exact, and slower.

    Returns:
        (size, size) float32 in 0…1; zeros where there are no instances.
    """
    lower, t, p = (to_numpy(value)[None] for value in (lower, t, p))
    return compose_tiles(lower.reshape(1, -1, 2, 2), t.reshape(1, -1, 2), p, shape, grid, size, tolerance)[0]


def compose_tiles(
    lower: object,
    t: object,
    p: object,
    shape: ShapeMLP | FusedShape,
    grid: int = 128,
    size: int = 128,
    tolerance: float = TOLERANCE,
) -> np.ndarray:
    """``compose`` of T tiles at once, faster than one by one.

    Args:
        lower: (T, N, 2, 2).
        t: (T, N, 2).
        p: (T, N).
        shape, grid, size, tolerance: as of ``compose``.

    Returns:
        (T, size, size) float32.
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    lower, t, p = to_numpy(lower), to_numpy(t), to_numpy(p)
    probability = np.zeros((len(p), grid, grid), np.float32)
    for start in range(0, len(p), _TILES):
        tile, row = np.nonzero(p[start : start + _TILES] > tolerance)
        chosen = [value[start + tile, row] for value in (lower, t, p)]
        placed, scale = place(fused, *chosen, (0, 0, grid))
        part = probability[start : start + _TILES]
        part[:] = highest(placed, scale, tile, len(part), grid, tolerance)
    return probability if grid == size else upsample(probability, size)


def upsample(maps: np.ndarray, size: int) -> np.ndarray:
    """(n, g, g) float32 maps to (n, size, size), bilinear, align_corners=False."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps, np.float32))[:, None]
    return F.interpolate(tensor, size=(size, size), mode="bilinear", align_corners=False)[:, 0].numpy()
