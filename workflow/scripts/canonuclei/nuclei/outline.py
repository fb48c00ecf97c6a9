"""The canonical shape's outline as polygons, and their moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.measure import find_contours

from ..models.shape import ShapeMLP
from .fused import FusedShape

_FARTHEST = 64.0  # canonical units searched for the outline; tiles reach about 1 / det L of them
_COARSE = 256


@dataclass(frozen=True)
class Field:
    """u of the shape on a regular grid around a level set.

    Attributes:
        values: (n, n) u, row y and column x.
        x0, y0: position of the first sample.
        dx, dy: steps.
        closed: whether the level set ends within the farthest extent that was searched.
    """

    values: np.ndarray
    x0: float
    y0: float
    dx: float
    dy: float
    closed: bool


def sample_field(shape: ShapeMLP, level: float, samples: int = 512) -> Field | None:
    """u around the level set u ≤ level, wherever the shape put it; None where the set is empty.

    The set is looked for at scales doubling from [−1, 1]² to ±64, each of 256² points, and the box found
    is drawn tighter twice. So a piece smaller than 1/128 of its distance from the origin may be missed.
    """
    fused = FusedShape(shape, np.float64)
    box = None
    half = 1.0
    while half <= _FARTHEST:
        found = _inside_box(fused, (-half, -half, half, half), level)
        if found is not None:
            # a box is trusted from the finest scale at which it does not touch the border
            box = found if box is None else _join(box, found)
        half *= 2
    if box is None:
        return None
    closed = bool(max(abs(value) for value in box) < _FARTHEST)
    for _ in range(2):
        box = _inside_box(fused, box, level) or box
    return _sample(fused, box, samples, closed)


def _axes(box: tuple, samples: int) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(box[0], box[2], samples), np.linspace(box[1], box[3], samples)


def _values(fused: FusedShape, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    points = np.stack([np.tile(x, len(y)), np.repeat(y, len(x))])
    return fused.logit(points).reshape(len(y), len(x))


def _inside_box(fused: FusedShape, box: tuple, level: float) -> tuple | None:
    """Bounds (x0, y0, x1, y1) of u ≤ level within the box, one sample wider on each side."""
    x, y = _axes(box, _COARSE)
    rows, columns = np.nonzero(_values(fused, x, y) <= level)
    if not len(rows):
        return None
    dx, dy = x[1] - x[0], y[1] - y[0]
    return (
        x[columns.min()] - dx, y[rows.min()] - dy, x[columns.max()] + dx, y[rows.max()] + dy
    )  # fmt: skip


def _join(a: tuple, b: tuple) -> tuple:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _sample(fused: FusedShape, box: tuple, samples: int, closed: bool) -> Field:
    # two samples of rim, so that contours close inside the grid
    pad_x, pad_y = (box[2] - box[0]) * 2 / samples, (box[3] - box[1]) * 2 / samples
    box = (box[0] - pad_x, box[1] - pad_y, box[2] + pad_x, box[3] + pad_y)
    x, y = _axes(box, samples)
    return Field(_values(fused, x, y), x[0], y[0], x[1] - x[0], y[1] - y[0], closed)


def outlines(field: Field, level: float) -> list[np.ndarray]:
    """Closed polygons of the level set u = level, each (m, 2) rows of canonical (x, y).

    They come from linear interpolation on the grid; holes wind against the outer outlines.
    """
    polygons = find_contours(field.values, level)
    scale, origin = np.array([field.dx, field.dy]), np.array([field.x0, field.y0])
    return [origin + polygon[:, ::-1] * scale for polygon in polygons if len(polygon) > 3]


def polygon_moments(polygons: list[np.ndarray]) -> tuple[float, np.ndarray, np.ndarray]:
    """Area, centroid (2,) and covariance (2, 2) of what the polygons enclose (Green's theorem).

    Args:
        polygons: closed (m, 2) rows of (x, y), last point equal to the first; holes wind the other way.

    Returns:
        Area ≥ 0; centroid and covariance are NaN where it is 0.
    """
    area, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
    # moments about a point inside the set: sums of large squares would cancel far from the origin
    middle = np.concatenate(polygons).mean(axis=0) if polygons else np.zeros(2)
    for polygon in polygons:
        a, b = polygon[:-1] - middle, polygon[1:] - middle
        cross = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
        area += cross.sum() / 2
        first += ((a + b) * cross[:, None]).sum(axis=0) / 6
        total = a + b
        squares = total[:, :, None] * total[:, None] + a[:, :, None] * a[:, None] + b[:, :, None] * b[:, None]
        second += (squares * cross[:, None, None]).sum(axis=0) / 24
    if area == 0:
        return 0.0, np.full(2, np.nan), np.full((2, 2), np.nan)
    # the winding's sign cancels in the quotients
    centroid = first / area
    return abs(area), middle + centroid, second / area - np.outer(centroid, centroid)
