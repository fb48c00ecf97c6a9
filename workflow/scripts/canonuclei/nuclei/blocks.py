"""Instances on a raster, block by block: u is computed only where its steepness leaves a question open.

The pixels of each instance's window are cut into blocks of ``side`` × ``side``, aligned to the raster. At
a block's centre u is known, and within the block it differs by at most the shape's proven steepness times
the block's half diagonal under L. What that decides (wholly inside, wholly outside, never the maximum) is
not computed; the rest is, for all blocks in one go, so that small nuclei cost no loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .bounds import MARGIN
from .fused import FusedShape

SIDE = 8
# px by which windows are wider than proven, besides what float32 coordinates may be off
_SLACK = 0.02
_EPS = 4 * 2.0**-23  # twice the four roundings of a coordinate, relative to its terms
# blocks at a time, by their centres and by their pixels: bounds the memory at some 30 MB
_CENTRES = 1 << 17
_PIXELS = 1 << 19


class Placed(NamedTuple):
    """Instances with the frames they were predicted in.

    Attributes:
        fused: the shape.
        lower: (n, 2, 2) L, float32.
        t: (n, 2) float32.
        frames: (n, 3) float64: tile_y, tile_x and tile_size in pixels of the raster.
    """

    fused: FusedShape
    lower: np.ndarray
    t: np.ndarray
    frames: np.ndarray

    def boxes(self, levels: np.ndarray, extent: object) -> np.ndarray:
        """Windows outside of which u is above the instances' levels.

        Args:
            levels: (n,) of u; −inf where nothing is to be drawn.
            extent: y0, x0, y1, x1 that the windows are cut by, or (n, 4).

        Returns:
            (n, 4) int64 y0, x0, y1, x1; y1 = y0 and x1 = x0 where empty, as where L or t is not finite.
            The whole extent where nothing is proven: of the shape at this level, or of a degenerate L.
        """
        extent = np.broadcast_to(np.asarray(extent, np.int64), (len(levels), 4))
        corners = self.fused.bounds.polygons(levels)
        finite = np.isfinite(self.lower).all(axis=(1, 2)) & np.isfinite(self.t).all(axis=1)
        nothing = np.isnan(corners[:, 0, 0]) | ~finite
        lower, t = np.asarray(self.lower, np.float64)[..., None], np.asarray(self.t, np.float64)[..., None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = (corners[..., 0] - t[:, 0]) / lower[:, 0, 0]
            y = (corners[..., 1] - t[:, 1] - lower[:, 1, 0] * x) / lower[:, 1, 1]
            half = self.frames[:, None, 2:] / 2
            pixels = (np.stack([y, x], axis=1) + 1) * half - 0.5 + self.frames[:, :2, None]
            across, down = (np.abs(part).max(axis=1, keepdims=True) for part in (x, y))
            off_x = across + np.abs(t[:, 0] / lower[:, 0, 0])
            # y's own terms, and twice those of l21 x: of y, and of x where it meets the polygon
            sheared = np.abs(lower[:, 1, 0]) * (across + off_x) + np.abs(t[:, 1])
            off_y = down + sheared / np.abs(lower[:, 1, 1])
            spare = _SLACK + _EPS * half[:, 0] * np.concatenate([off_y, off_x], axis=1)
            ends = np.ceil(pixels.min(axis=2) - spare), np.floor(pixels.max(axis=2) + spare) + 1
        boxes = np.concatenate(ends, axis=1)
        unknown = ~np.isfinite(boxes).all(axis=1)
        boxes[unknown] = extent[unknown]
        boxes = np.clip(boxes, np.tile(extent[:, :2], 2), np.tile(extent[:, 2:], 2)).astype(np.int64)
        empty = nothing | (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
        boxes[empty, 2:] = boxes[empty, :2]
        return boxes

    def centres(self, blocks: Blocks) -> np.ndarray:
        """(m,) u at the blocks' centres."""
        return self._logit(blocks, (np.array([(blocks.side - 1) / 2]),) * 2)[:, 0]

    def pixels(self, blocks: Blocks) -> np.ndarray:
        """(m, side²) u at the blocks' pixels, row by row."""
        step = max(1, _PIXELS // blocks.side**2)
        steps = (np.arange(blocks.side),) * 2
        parts = [
            self._logit(blocks[at : at + step], steps) for at in range(0, max(len(blocks.owner), 1), step)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def change(self, side: int, boxes: np.ndarray) -> np.ndarray:
        """(n,) by how much u in a block of the windows (n, 4) may differ from that at its centre."""
        lower, t = np.abs(self.lower.astype(np.float64)), np.abs(self.t.astype(np.float64))
        across = np.hypot(lower[:, 0, 0], lower[:, 1, 0] + lower[:, 1, 1])
        # the farthest that a block of theirs goes, in the tile's −1 … 1
        ends = np.abs(boxes - np.tile(self.frames[:, :2], 2)).max(axis=1) + side
        farthest = 1 + 2 * ends / self.frames[:, 2]
        with np.errstate(invalid="ignore"):
            # u is rounded twice: at the centre and at the pixel
            rounding = 2 * self.fused.bounds.rounding(across * farthest + np.hypot(*t.T))
            return self.fused.bounds.slope * across * (side - 1) / self.frames[:, 2] + MARGIN + rounding

    def _logit(self, blocks: Blocks, steps: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        owner = blocks.owner
        origin_y, origin_x, size = self.frames[owner].T
        y, x = (
            ((2 * (first + step[:, None] - origin) + 1) / size - 1).astype(np.float32)
            for first, step, origin in ((blocks.y, steps[0], origin_y), (blocks.x, steps[1], origin_x))
        )
        (l11, _, l21, l22), (t1, t2) = self.lower.reshape(-1, 4)[owner].T, self.t[owner].T
        # blocks come last: long rows are what numpy is fast at
        points = np.empty((2, len(y), len(x), len(owner)), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):  # of transforms beyond what float32 can square
            points[0] = l11 * x + t1
            np.add((l22 * y + t2)[:, None], l21 * x, out=points[1])
            u = self.fused.logit(points.reshape(2, -1))
        return u.reshape(len(y) * len(x), len(owner)).T


class Blocks(NamedTuple):
    """Squares of side² pixels: (m,) rows of their instances, and y and x of their first pixels."""

    owner: np.ndarray
    y: np.ndarray
    x: np.ndarray
    side: int

    def __getitem__(self, chosen: object) -> Blocks:
        return Blocks(self.owner[chosen], self.y[chosen], self.x[chosen], self.side)

    def quartered(self) -> Blocks:
        """Four blocks of half the side from each."""
        half = self.side // 2
        y, x = (np.repeat(first, 4) for first in (self.y, self.x))
        y, x = y + np.tile([0, 0, half, half], len(self.y)), x + np.tile([0, half, 0, half], len(self.x))
        return Blocks(np.repeat(self.owner, 4), y, x, half)


def blocks_of(boxes: np.ndarray, side: int = SIDE) -> Blocks:
    """Blocks that cover windows (n, 4), ordered by window, aligned to multiples of ``side``."""
    first, last = boxes[:, :2] // side, -(-boxes[:, 2:] // side)
    tall, wide = np.where(boxes[:, 2:] > boxes[:, :2], last - first, 0).T
    counts = tall * wide
    owner = np.repeat(np.arange(len(boxes)), counts)
    down, right = np.divmod(
        np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts), wide[owner]
    )
    return Blocks(owner, (first[owner, 0] + down) * side, (first[owner, 1] + right) * side, side)


def inside_blocks(
    placed: Placed, levels: np.ndarray, extent: object, side: int = SIDE
) -> Iterator[tuple[Blocks, np.ndarray]]:
    """Where u ≤ level, block by block.

    Args:
        placed: n instances.
        levels: (n,).
        extent: y0, x0, y1, x1 of the pixels that may be drawn, or (n, 4).
        side: of the blocks.

    Yields:
        Blocks, ordered by instance, none twice, and their pixels that are inside, (m, side²) bool. A block
        may stand out over the extent, where that is no multiple of the side.
    """
    boxes = placed.boxes(levels, extent)
    change, level = placed.change(side, boxes), levels.astype(np.float32)
    for start, stop in batches(boxes, side):
        blocks = blocks_of(boxes[start:stop], side)
        blocks = blocks._replace(owner=blocks.owner + start)
        u = placed.centres(blocks)
        spare, limit = change[blocks.owner], level[blocks.owner]
        # written so that NaN leaves the question open
        open_ = ~(u - spare > limit)
        blocks, whole = blocks[open_], (u + spare <= limit)[open_]
        inside = np.ones((len(whole), side * side), bool)
        asked = blocks[~whole]
        inside[~whole] = placed.pixels(asked) <= level[asked.owner][:, None]
        yield blocks, inside


def inside_pixels(
    placed: Placed, levels: np.ndarray, extent: object, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels where u ≤ level: row of the instance, y and x of each, int64, ordered by row.

    Args: as of ``inside_blocks``.
    """
    limits = np.broadcast_to(np.asarray(extent, np.int64), (len(levels), 4))
    parts = [(np.zeros(0, np.int64),) * 3]
    for blocks, inside in inside_blocks(placed, levels, extent, side):
        block, pixel = np.divmod(np.flatnonzero(inside), side * side)
        down, right = np.divmod(pixel, side)
        owner, y, x = blocks.owner[block], blocks.y[block] + down, blocks.x[block] + right
        y0, x0, y1, x1 = limits[blocks.owner].T
        out = (blocks.y < y0) | (blocks.x < x0) | (blocks.y + side > y1) | (blocks.x + side > x1)
        if out.any():
            y0, x0, y1, x1 = limits[owner].T
            within = (y >= y0) & (y < y1) & (x >= x0) & (x < x1)
            owner, y, x = owner[within], y[within], x[within]
        parts.append((owner, y, x))
    return tuple(np.concatenate(part) if len(parts) > 2 else part[-1] for part in zip(*parts, strict=True))


def batches(boxes: np.ndarray, side: int) -> Iterator[tuple[int, int]]:
    """Ranges of windows whose blocks fit the memory meant for them."""
    sizes = (boxes[:, 2:] - boxes[:, :2]) // side + 2
    ends = np.cumsum(sizes[:, 0] * sizes[:, 1])
    start = 0
    while start < len(boxes):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _CENTRES, side="right")))
        yield start, stop
        start = stop
