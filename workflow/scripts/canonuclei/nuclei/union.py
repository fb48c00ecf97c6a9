"""Measures of a group's union, which has no closed form."""

from __future__ import annotations

import numpy as np

from .fused import FusedShape, level_logit
from .measures import ShapeMeasures, ellipse_measures, invert_lower

_SAMPLES = 192


def union_measures(
    lower: np.ndarray,
    t: np.ndarray,
    p: np.ndarray,
    shape: FusedShape,
    measures: ShapeMeasures,
    tile_size: int = 128,
    tile_y: int = 0,
    tile_x: int = 0,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Measures of the union of the instances' outlines, as ``measure`` has them of one.

    Counted on 192×192 points laid over the outlines' common bounding box (also where it leaves the tile):
    finer than the pixels of any group under 192 px across.

    Args:
        lower, t, p: (m, 2, 2), (m, 2), (m,) of the members.
        shape: the canonical shape.
        measures: its tables.
        tile_size, tile_y, tile_x, threshold: as of ``measure``.

    Returns:
        A number by name; NaN where the shape has no closed inside.
    """
    box = _image_box(lower, t, measures.at(threshold / np.asarray(p, np.float64))[3])
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x, y = (box[axis] + steps * (box[axis + 2] - box[axis]) for axis in (0, 1))
    points = np.stack([np.tile(x, _SAMPLES), np.repeat(y, _SAMPLES)])
    if np.isfinite(box).all():
        inside = shape.instances(lower, t, points) <= level_logit(p, threshold)[:, None]
        points = points[:, inside.any(axis=0)]
    area = points.shape[1] * np.prod(box[2:] - box[:2]) / _SAMPLES**2
    if not points.size or not np.isfinite(area):
        covariance, centre, area = np.full((2, 2), np.nan), np.full(2, np.nan), np.nan
    else:
        covariance, centre = np.cov(points, bias=True), points.mean(axis=1)
    column, row = (centre + 1) * tile_size / 2 - 0.5
    scale = (tile_size / 2) ** 2
    centre_pixels = np.array([row + tile_y]), np.array([column + tile_x])
    values = ellipse_measures(*centre_pixels, np.array([area * scale]), covariance[None] * scale)
    return {name: float(value[0]) for name, value in values.items()}


def _image_box(lower: np.ndarray, t: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Bounds x0, y0, x1, y1 in the tile's frame of the canonical boxes (m, 4) that are known."""
    known = np.isfinite(box).all(axis=1)
    if not known.any():
        return np.full(4, np.nan)
    corners = box[known][:, [0, 1, 2, 1, 0, 3, 2, 3]].reshape(-1, 4, 2) - t[known][:, None]
    corners = np.einsum("mij,mkj->mki", invert_lower(lower[known]), corners)
    return np.concatenate([corners.min(axis=(0, 1)), corners.max(axis=(0, 1))])
