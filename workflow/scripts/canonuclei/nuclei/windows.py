"""Instances drawn where they can have pixels only: each in the window that the shape's bounds prove.

L⁻¹ maps the proven polygon of the instance's level (``bounds``) to the image; its bounding box, cut by
the pixels that may be drawn, is the window. The points of many windows are evaluated in one go.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..models.shape import ShapeMLP
from .fused import FusedShape, level_logit, to_numpy

# px by which windows are wider than proven: many times what float32 coordinates may be off
_SLACK = 0.02
# points evaluated at a time: bounds the memory at some 20 MB, whatever is drawn
_BATCH = 1 << 20


class Windows(NamedTuple):
    """Masks of instances, each in its own box.

    Attributes:
        boxes: (n, 4) int64 y0, x0, y1, x1 in pixels of the image (or tile); 0 rows and columns where the
            instance has no pixel.
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
    """Each instance's own mask p(s) · p(z) ≥ threshold, in a window around it.

    Args:
        lower: (n, 2, 2) L, tensor or array; n may be 0.
        t: (n, 2).
        p: (n,) p(z) in 0…1.
        shape: the canonical shape; give a ``FusedShape`` for many calls, its bounds are proven once.
        threshold: in (0, 1).
        frame: tile_y, tile_x, tile_size of each instance's frame in image pixels, numbers or (n,); they
            may be fractional (the tile of a rescaled image).
        extent: y0, x0, y1, x1 of the pixels that may be drawn, or (n, 4) of each instance; the frame where
            left out (which must then lie on whole pixels).

    Returns:
        Boxes cut tight around the pixels. The same pixels as ``render_instances`` has inside of the tile.
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    lower, t, p = to_numpy(lower).reshape(-1, 2, 2), to_numpy(t).reshape(-1, 2), to_numpy(p).reshape(-1)
    frames = np.stack(np.broadcast_arrays(*(np.asarray(part, np.float64) for part in frame), p)[:3], -1)
    if extent is None:
        extent = np.concatenate([frames[:, :2], frames[:, :2] + frames[:, 2:]], axis=1)
    levels = level_logit(p, threshold)
    boxes = window_boxes(fused, lower, t, levels, frames, extent)
    masks: list[np.ndarray] = []
    for rows, values in evaluate(fused, lower, t, frames, boxes):
        masks += [value <= np.float32(levels[row]) for row, value in zip(rows, values, strict=True)]
    return _tight(boxes, masks)


def window_boxes(
    fused: FusedShape,
    lower: np.ndarray,
    t: np.ndarray,
    levels: np.ndarray,
    frames: np.ndarray,
    extent: object,
) -> np.ndarray:
    """Boxes outside of which u is above the instances' levels.

    Args:
        fused: the shape.
        lower, t: (n, 2, 2), (n, 2).
        levels: (n,) of u; −inf where nothing is to be drawn.
        frames: (n, 3) tile_y, tile_x, tile_size.
        extent: y0, x0, y1, x1 that the boxes are cut by, or (n, 4).

    Returns:
        (n, 4) int64 y0, x0, y1, x1; empty ones have y1 = y0 and x1 = x0. The whole extent where nothing is
        proven, of the shape or of a transform that is degenerate.
    """
    extent = np.broadcast_to(np.asarray(extent, np.float64), (len(levels), 4)).astype(np.int64)
    corners = fused.bounds.polygons(levels)
    nothing = np.isnan(corners[:, 0, 0])
    scale = np.asarray(lower, np.float64)[..., None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moved = corners - np.asarray(t, np.float64)[:, None]
        x = moved[..., 0] / scale[:, 0, 0]
        y = (moved[..., 1] - scale[:, 1, 0] * x) / scale[:, 1, 1]
        pixels = (np.stack([y, x], axis=-1) + 1) * frames[:, None, 2:] / 2 - 0.5 + frames[:, None, :2]
        ends = np.concatenate(
            [np.ceil(pixels.min(axis=1) - _SLACK), np.floor(pixels.max(axis=1) + _SLACK) + 1], axis=1
        )
    known = np.isfinite(ends).all(axis=1) & np.isfinite(scale[..., 0]).all(axis=(1, 2))
    known &= scale[:, 0, 1, 0] == 0
    low, high = np.tile(extent[:, :2], 2), np.tile(extent[:, 2:], 2)
    boxes = np.where(known[:, None], np.clip(np.where(known[:, None], ends, 0), low, high), extent)
    boxes = boxes.astype(np.int64)
    empty = nothing | (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
    boxes[empty, 2:] = boxes[empty, :2]
    return boxes


def evaluate(fused: FusedShape, lower: np.ndarray, t: np.ndarray, frames: np.ndarray, boxes: np.ndarray):
    """u of the pixels of each window, in batches of many windows.

    Yields:
        Rows of a batch (a range), and for each of them (y1 − y0, x1 − x0) float32 u.
    """
    sizes = (boxes[:, 2:] - boxes[:, :2]).tolist()
    ends = np.cumsum([h * w for h, w in sizes], dtype=np.int64)
    start = 0
    while start < len(boxes):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BATCH, side="right")))
        values = fused.logit(_points(lower, t, frames, boxes, sizes, start, stop, int(ends[stop - 1] - done)))
        views, position = [], 0
        for h, w in sizes[start:stop]:
            views.append(values[position : position + h * w].reshape(h, w))
            position += h * w
        yield range(start, stop), views
        start = stop


def _points(lower, t, frames, boxes, sizes, start: int, stop: int, count: int) -> np.ndarray:
    """(2, count) canonical coordinates of the pixels of windows start … stop, one after the other."""
    points = np.empty((2, count), np.float32)
    terms = np.concatenate([lower.reshape(-1, 4), t], axis=1).tolist()
    position = 0
    for index in range(start, stop):
        h, w = sizes[index]
        if not h:
            continue
        x, y = _axis(boxes[index, 1], w, *frames[index, 1:]), _axis(boxes[index, 0], h, *frames[index, ::2])
        l11, l12, l21, l22, t1, t2 = terms[index]
        both = points[:, position : position + h * w].reshape(2, h, w)
        np.add.outer(y * l12 + t1, x * l11, out=both[0])
        np.add.outer(y * l22 + t2, x * l21, out=both[1])
        position += h * w
    return points


def _axis(first: int, count: int, origin: float, size: float) -> np.ndarray:
    """Coordinates in a frame's [−1, 1] of ``count`` pixels from ``first`` on, float32."""
    return ((2 * (np.arange(first, first + count) - origin) + 1) / size - 1).astype(np.float32)


def _tight(boxes: np.ndarray, masks: list[np.ndarray]) -> Windows:
    """Windows cut to the pixels that are inside."""
    boxes = boxes.copy()
    for index, mask in enumerate(masks):
        rows = np.flatnonzero(mask.any(axis=1))
        if not rows.size:
            boxes[index, 2:] = boxes[index, :2]
            masks[index] = np.zeros((0, 0), bool)
            continue
        columns = np.flatnonzero(mask.any(axis=0))
        y0, x0 = boxes[index, :2]
        masks[index] = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        boxes[index] = y0 + rows[0], x0 + columns[0], y0 + rows[-1] + 1, x0 + columns[-1] + 1
    return Windows(boxes, masks)
