"""Instances as small masks, each in a box of its own, wherever the image goes on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..models.shape import ShapeMLP
from .blocks import Placed, inside_pixels
from .fused import FusedShape, level_logit, to_numpy


class Windows(NamedTuple):
    """Masks of instances, each in its own box.

    Attributes:
        boxes: (n, 4) int64 y0, x0, y1, x1 in pixels of the image (or tile), tight around the mask; 0 rows
            and columns where the instance has no pixel.
        masks: n bool arrays (y1 − y0, x1 − x0).
    """

    boxes: np.ndarray
    masks: list[np.ndarray]

    def stack(self, height: int, width: int) -> np.ndarray:
        """(n, height, width) bool: the masks in the frame that the boxes are in."""
        whole = np.zeros((len(self.masks), height, width), bool)
        for target, (y0, x0, y1, x1), mask in zip(whole, self.boxes.tolist(), self.masks, strict=True):
            target[y0:y1, x0:x1] = mask
        return whole

    def areas(self) -> np.ndarray:
        """(n,) int64 pixels."""
        return np.array([np.count_nonzero(mask) for mask in self.masks], np.int64)


def render_windows(
    lower: object,
    t: object,
    p: object,
    shape: ShapeMLP | FusedShape,
    threshold: float = 0.5,
    *,
    frame: tuple = (0, 0, 128),
    extent: tuple[int, int, int, int] | np.ndarray | None = None,
) -> Windows:
    """Each instance's own mask p(s) · p(z) ≥ threshold, in a box around it.

    Args:
        lower: (n, 2, 2) L, lower triangular, tensor or array; n may be 0.
        t: (n, 2).
        p: (n,) p(z) in 0…1.
        shape: the canonical shape; give a ``FusedShape`` for many calls, its bounds are proven once.
        threshold: in (0, 1).
        frame: tile_y, tile_x, tile_size of each instance's frame in image pixels, numbers or (n,); they
            may be fractional (the tile of a rescaled image).
        extent: y0, x0, y1, x1 of the pixels that may be drawn, or (n, 4) of each instance; the frame where
            left out (which must then lie on whole pixels).

    Returns:
        The same pixels as ``render_instances`` has inside of the tile.
    """
    placed, p = place(shape, lower, t, p, frame)
    if extent is None:
        extent = np.concatenate([placed.frames[:, :2], placed.frames[:, :2] + placed.frames[:, 2:]], axis=1)
    extent = np.asarray(extent, np.int64)
    return as_windows(*inside_pixels(placed, level_logit(p, threshold), extent), len(p))


def place(
    shape: ShapeMLP | FusedShape, lower: object, t: object, p: object, frame: tuple
) -> tuple[Placed, np.ndarray]:
    """Arguments of ``render_windows`` as arrays: the instances with their frames, and (n,) p(z)."""
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    lower, t, p = to_numpy(lower).reshape(-1, 2, 2), to_numpy(t).reshape(-1, 2), to_numpy(p).reshape(-1)
    frames = np.empty((len(p), 3))
    for column, part in zip(frames.T, frame, strict=True):
        column[:] = part
    return Placed(fused, lower, t, frames), p


def as_windows(owner: np.ndarray, y: np.ndarray, x: np.ndarray, count: int) -> Windows:
    """Windows of ``count`` instances from their pixels, which are ordered by instance (rows ``owner``)."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    boxes = np.zeros((count, 4), np.int64)
    if len(starts):
        reduced = (np.minimum.reduceat(y, starts), np.minimum.reduceat(x, starts),
                   np.maximum.reduceat(y, starts) + 1, np.maximum.reduceat(x, starts) + 1)  # fmt: skip
        boxes[owner[starts]] = np.stack(reduced, axis=-1)
    high, wide = (boxes[:, 2:] - boxes[:, :2]).T
    ends = np.cumsum(high * wide)
    first = ends - high * wide - boxes[:, 0] * wide - boxes[:, 1]  # where the pixel 0, 0 would be
    flat = np.zeros(int(ends[-1]) if count else 0, bool)
    flat[first[owner] + y * wide[owner] + x] = True
    sizes = zip(ends.tolist(), high.tolist(), wide.tolist(), strict=True)
    return Windows(boxes, [flat[end - h * w : end].reshape(h, w) for end, h, w in sizes])
