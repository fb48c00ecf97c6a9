"""Measures of groups' unions, which have no closed form."""

from __future__ import annotations

import numpy as np

from .blocks import SIDE, Placed, inside_blocks
from .fused import FusedShape, level_logit, to_numpy
from .measures import ShapeMeasures, ellipse_measures, invert_lower
from .rasters import as_rasters, block_number, raise_to

_SAMPLES = 192
_GROUPS = 64  # at a time: bounds the memory at some 30 MB


def group_measures(
    lower: np.ndarray,
    t: np.ndarray,
    p: np.ndarray,
    group: np.ndarray,
    shape: FusedShape,
    measures: ShapeMeasures,
    tile_size: np.ndarray,
    tile_y: np.ndarray,
    tile_x: np.ndarray,
    threshold: float = 0.5,
) -> dict[str, np.ndarray]:
    """Measures of the unions of instances' outlines, as ``measure`` has them of one.

    Counted on 192×192 points laid over the outlines' common bounding box (also where it leaves the tile):
    finer than the pixels of any group under 192 px across.

    Args:
        lower, t, p: (m, 2, 2), (m, 2), (m,) of the members.
        group: (m,) rising, 0 … G − 1: each member's group.
        shape: the canonical shape.
        measures: its tables.
        tile_size, tile_y, tile_x: (G,) of the groups' tiles.
        threshold: as of ``measure``.

    Returns:
        (G,) by name; NaN where the shape has no closed inside.
    """
    boxes = measures.at(threshold / np.asarray(p, np.float64))[3]
    moments = np.empty((len(tile_size), 6))
    for start in range(0, len(moments), _GROUPS):
        stop = min(start + _GROUPS, len(moments))
        rows = slice(*np.searchsorted(group, (start, stop)))
        part = (value[rows] for value in (lower, t, boxes, level_logit(p, threshold), group - start))
        moments[start:stop] = _moments(*part, shape, stop - start)
    area, x, y, xx, yy, xy = moments.T
    covariance = np.stack([xx, xy, xy, yy], axis=-1).reshape(-1, 2, 2) * (tile_size / 2)[:, None, None] ** 2
    column, row = ((centre + 1) * tile_size / 2 - 0.5 for centre in (x, y))
    return ellipse_measures(row + tile_y, column + tile_x, area * (tile_size / 2) ** 2, covariance)


def _moments(
    lower: np.ndarray, t: np.ndarray, boxes: np.ndarray, levels: np.ndarray, group: np.ndarray,
    shape: FusedShape, count: int,
) -> np.ndarray:  # fmt: skip
    """Area, centre x and y, and covariances xx, yy and xy of ``count`` unions, (count, 6)."""
    frame = np.array(
        [_image_box(lower[group == one], t[group == one], boxes[group == one]) for one in range(count)]
    )
    half, middle = (frame[:, 2:] - frame[:, :2]) / 2, (frame[:, 2:] + frame[:, :2]) / 2
    # the points are the pixels of a raster that fills the common box
    moved = np.asarray(t, np.float64) + np.einsum("mij,mj->mi", lower, middle[group])
    scaled = np.asarray(lower, np.float64) * half[group][:, None]
    known = np.isfinite(frame).all(axis=1)[group]
    raster = np.tile([0.0, 0.0, _SAMPLES], (int(known.sum()), 1))
    placed = Placed(shape, to_numpy(scaled[known]), to_numpy(moved[known]), raster)
    across, member = _SAMPLES // SIDE, group[known]
    blocks = np.zeros((count * across * across, SIDE * SIDE), bool)
    for some, inside in inside_blocks(placed, levels[known], (0, 0, _SAMPLES, _SAMPLES)):
        raise_to(blocks, block_number(some, member, across), inside)
    union = as_rasters(blocks, count, _SAMPLES, SIDE).astype(np.float32)
    steps = (2 * np.arange(_SAMPLES) + 1) / _SAMPLES - 1
    rows, columns = (union.sum(axis=axis, dtype=np.float64) for axis in (2, 1))
    area = rows.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, xx = columns @ steps / area, columns @ steps**2 / area
        y, yy = rows @ steps / area, rows @ steps**2 / area
        xy = (union @ steps) @ steps / area
    (a, b), share = half.T, 4 * half.prod(axis=1) / _SAMPLES**2
    found = [np.where(area > 0, area * share, np.nan), middle[:, 0] + x * a, middle[:, 1] + y * b]
    return np.stack([*found, (xx - x * x) * a * a, (yy - y * y) * b * b, (xy - x * y) * a * b], axis=-1)


def _image_box(lower: np.ndarray, t: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Bounds x0, y0, x1, y1 in the tile's frame of the canonical boxes (m, 4) that are known."""
    known = np.isfinite(box).all(axis=1)
    if not known.any():
        return np.full(4, np.nan)
    corners = box[known][:, [0, 1, 2, 1, 0, 3, 2, 3]].reshape(-1, 4, 2) - t[known][:, None]
    corners = np.einsum("mij,mkj->mki", invert_lower(lower[known]), corners)
    return np.concatenate([corners.min(axis=(0, 1)), corners.max(axis=(0, 1))])
