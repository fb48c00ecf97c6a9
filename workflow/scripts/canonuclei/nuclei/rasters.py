"""Rasters put together from blocks: the maximum over instances (Eq. 2), and unions."""

from __future__ import annotations

import numpy as np

from .blocks import SIDE, Blocks, Placed, blocks_of
from .fused import level_logit


def highest(
    placed: Placed, p: np.ndarray, raster: np.ndarray, count: int, size: int, tolerance: float
) -> np.ndarray:
    """Maximum of p(s) · p(z) over the instances of each of ``count`` rasters of size × size pixels.

    Args:
        placed: n instances of all rasters; each raster's frame starts at its own 0, 0.
        p: (n,) p(z).
        raster: (n,) which raster each is in.
        count: rasters.
        size: pixels a side.
        tolerance: by how much the maximum may be missed; 0 is exact.

    Returns:
        (count, size, size) float32.
    """
    # a block is to be small beside a nucleus, on the training grid too
    side = SIDE if size > 64 else SIDE // 2
    levels = level_logit(p, max(tolerance, 1e-300))
    boxes = placed.boxes(levels, (0, 0, size, size))
    blocks = blocks_of(boxes, side)
    change = {step: placed.change(step, boxes) for step in (side, side // 2)}
    # two steps, each of which may miss half of the tolerance: what the first drops for an instance's sake
    # the second may miss once more with that one
    blocks = _candidates(placed, p, raster, blocks, size, tolerance / 2, change[side]).quartered()
    blocks = blocks[(blocks.y < size) & (blocks.x < size)]  # parts of one that stood out over the edge
    blocks = _candidates(placed, p, raster, blocks, size, tolerance / 2, change[side // 2])
    across = -(-size // blocks.side)
    values = np.zeros((count * across * across, blocks.side**2), np.float32)
    product = sigmoid(-placed.pixels(blocks)) * p[blocks.owner][:, None]
    raise_to(values, block_number(blocks, raster, across), product)
    return as_rasters(values, count, size, blocks.side)


def _candidates(
    placed: Placed, p: np.ndarray, raster: np.ndarray, blocks: Blocks, size: int, tolerance: float,
    change: np.ndarray,
) -> Blocks:  # fmt: skip
    """Those of the blocks whose instance may be the highest somewhere in it, by more than the tolerance."""
    number = block_number(blocks, raster, -(-size // blocks.side))
    u, spare, scale = placed.centres(blocks), change[blocks.owner], p[blocks.owner]
    least, most = (scale * sigmoid(value) for value in (-u - spare, spare - u))
    best = np.zeros(int(number.max(initial=0)) + 1)
    np.maximum.at(best, number, least)
    known = best[number]
    # the one that is best for sure stays; others only where they may rise above it
    return blocks[(most > known + tolerance) | ((least == known) & (most > tolerance))]


def block_number(blocks: Blocks, raster: np.ndarray, across: int) -> np.ndarray:
    """(m,) the blocks' numbers in rasters that are ``across`` blocks wide; raster: (n,) of the instances."""
    return (raster[blocks.owner] * across + blocks.y // blocks.side) * across + blocks.x // blocks.side


def raise_to(values: np.ndarray, number: np.ndarray, blocks: np.ndarray) -> None:
    """values[number] = max(values[number], blocks), where numbers may come more than once."""
    if not len(number):
        return
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    found = number[order[starts]]
    highest = np.maximum.reduceat(blocks[order], starts, axis=0)
    values[found] = np.maximum(values[found], highest)


def as_rasters(values: np.ndarray, count: int, size: int, side: int) -> np.ndarray:
    """(count, size, size) of all their blocks (count · across², side²)."""
    across = -(-size // side)
    tiles = values.reshape(count, across, across, side, side).swapaxes(2, 3)
    return tiles.reshape(count, across * side, across * side)[:, :size, :size]


def sigmoid(value: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−value)), without overflow."""
    # exp(80) is still a float32
    return 1 / (1 + np.exp(np.minimum(-value, 80)))
