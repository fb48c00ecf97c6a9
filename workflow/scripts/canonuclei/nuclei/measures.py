"""Interpretable numbers of the nuclei, from their parameters and the learned shape, without pixels.

A pixel is inside where p(s) · p(z) ≥ threshold, so an instance's outline is the canonical shape's level
λ = threshold / p(z). The level set's area A(λ), centroid c(λ) and covariance S(λ) are measured once a
model; under X' = L X + t the instance has centroid L⁻¹ (c − t), covariance L⁻¹ S L⁻ᵀ and area A / det L.
This holds for any shape: centred or not, disc or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull
from skimage.measure import label

from ..models.shape import ShapeMLP
from .fused import FusedShape, level_logit, to_numpy
from .outline import outlines, polygon_moments, sample_field

MEASURES = (
    "centroid-0",
    "centroid-1",
    "area",
    "ellipse_area",
    "axis_major_length",
    "axis_minor_length",
    "orientation",
    "eccentricity",
)


# logits, radius, centroid, spread and box of a shape without any measured level
_EMPTY = tuple(np.zeros((0, *size)) for size in ((), (), (2,), (2, 2), (4,)))


@dataclass(frozen=True)
class ShapeMeasures:
    """Tables of the canonical shape over its levels, interpolated between them.

    Attributes:
        logits: (k,) rising u of the levels, λ = sigmoid(−u); empty where no outline closes.
        radius: (k,) square root of the area A; it is what changes evenly between levels.
        centroid: (k, 2) c as (x, y).
        spread: (k, 2, 2) covariance S divided by A.
        box: (k, 4) bounds x0, y0, x1, y1 of the level sets.
        lowest: the least λ in the tables.
        highest: the shape's maximum p(s) (0 where the tables are empty).
        closed: False where the lowest level's outline has no end; then every measure is NaN.
    """

    logits: np.ndarray
    radius: np.ndarray
    centroid: np.ndarray
    spread: np.ndarray
    box: np.ndarray
    lowest: float
    highest: float
    closed: bool

    @classmethod
    def of(
        cls, shape: ShapeMLP | FusedShape, lowest: float = 0.5, levels: int = 96, samples: int = 512
    ) -> ShapeMeasures:
        """Measure a shape.

        Args:
            shape: the trained shape; a ``FusedShape`` keeps the tables, so that they are made once.
            lowest: least level λ, in (0, 1): the threshold, since p(z) ≤ 1.
            levels: rows of the tables, from ``lowest`` to the shape's maximum.
            samples: samples a side of the grid laid around the lowest level's outline.
        """
        if isinstance(shape, FusedShape):
            key = lowest, levels, samples
            if key not in shape.tables:
                shape.tables[key] = cls.of(shape.shape, *key)
            return shape.tables[key]
        start = _to_logit(lowest)
        field = sample_field(shape, start, samples)
        if field is None or not field.closed:
            return cls(*_EMPTY, lowest, 0.0, field is None)
        least = float(field.values.min())
        rows = []
        for logit in np.linspace(start, least, levels, endpoint=False)[::-1]:
            polygons = outlines(field, logit)
            if not polygons:
                continue
            area, centroid, covariance = polygon_moments(polygons)
            if area > 0:
                points = np.concatenate(polygons)
                box = np.concatenate([points.min(axis=0), points.max(axis=0)])
                rows.append((logit, np.sqrt(area), centroid, covariance / area, box))
        if not rows:
            return cls(*_EMPTY, lowest, 0.0, True)
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        return cls(*columns, lowest, float(1 / (1 + np.exp(least))), True)

    def at(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Area (n,), centroid (n, 2), covariance (n, 2, 2) and box (n, 4) of level sets.

        Args:
            level: (n,) λ. Above the shape's maximum all results are NaN.

        Raises:
            ValueError: a λ below ``lowest``.
        """
        level = np.asarray(level, np.float64)
        if (level < self.lowest * (1 - 1e-6)).any():
            raise ValueError(f"level {np.nanmin(level)} is below the measured {self.lowest}")
        missing = ~(level < self.highest)
        if not len(self.logits):
            missing = np.ones(level.shape, bool)
        logit = _to_logit(np.where(missing, self.lowest, np.maximum(level, self.lowest)))
        area = self._interpolate(logit, self.radius, missing) ** 2
        covariance = self._interpolate(logit, self.spread, missing) * area[:, None, None]
        centroid, box = (self._interpolate(logit, table, missing) for table in (self.centroid, self.box))
        return area, centroid, covariance, box

    def _interpolate(self, logit: np.ndarray, table: np.ndarray, missing: np.ndarray) -> np.ndarray:
        if missing.all():
            return np.full((len(logit), *table.shape[1:]), np.nan)
        flat = table.reshape(len(table), -1)
        columns = [np.interp(logit, self.logits, flat[:, column]) for column in range(flat.shape[1])]
        values = np.stack(columns, axis=-1).reshape(len(logit), *table.shape[1:])
        values[missing] = np.nan
        return values


# a transform that collapsed (L's diagonal at 0, or NaN) has measures that are not finite, no warning
@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def measure(
    lower: object,
    t: object,
    p: object,
    measures: ShapeMeasures,
    tile_size: object = 128,
    tile_y: object = 0,
    tile_x: object = 0,
    threshold: float = 0.5,
) -> dict[str, np.ndarray]:
    """Measures of instances in the units and conventions of ``skimage.measure.regionprops``.

    They are of the whole outline, also where it leaves the tile.

    Args:
        lower: (n, 2, 2) L in the tile's frame.
        t: (n, 2).
        p: (n,) p(z).
        measures: of the canonical shape.
        tile_size: pixels a side of the tile, a number or (n,).
        tile_y, tile_x: the tile's origin in the image, a number or (n,).
        threshold: of p(s) · p(z).

    Returns:
        (n,) float64 by name (``MEASURES``): centroid-0 and -1 (row and column in image pixels, whole
        numbers at pixel centres), area and ellipse_area (px², of the outline, and of the ellipse with the
        two axes), axis lengths (px), orientation (radians from the row axis to the major axis, in
        (−π/2, π/2]), eccentricity (0…1). NaN where the instance has no inside.
    """
    lower, t, p = (to_numpy(value, np.float64) for value in (lower, t, p))
    lower, t, p = lower.reshape(-1, 2, 2), t.reshape(-1, 2), p.reshape(-1)
    area, centroid, covariance, _ = measures.at(threshold / p)
    inverse = invert_lower(lower)
    position = np.einsum("nij,nj->ni", inverse, centroid - t)
    scale = np.asarray(tile_size, np.float64)[..., None, None] / 2
    covariance = inverse @ covariance @ inverse.transpose(0, 2, 1) * scale**2
    area = area * inverse[:, 0, 0] * inverse[:, 1, 1] * (tile_size / 2) ** 2
    column, row = ((position[:, axis] + 1) * tile_size / 2 - 0.5 for axis in (0, 1))
    return ellipse_measures(row + np.asarray(tile_y), column + np.asarray(tile_x), area, covariance)


def invert_lower(lower: np.ndarray) -> np.ndarray:
    """L⁻¹ of (n, 2, 2) lower-triangular matrices, float64; not finite where the diagonal holds a 0."""
    lower = np.asarray(lower, np.float64)
    inverse = np.zeros_like(lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse[:, 0, 0], inverse[:, 1, 1] = 1 / lower[:, 0, 0], 1 / lower[:, 1, 1]
        inverse[:, 1, 0] = -lower[:, 1, 0] * inverse[:, 0, 0] * inverse[:, 1, 1]
    return inverse


def ellipse_measures(
    row: np.ndarray, column: np.ndarray, area: np.ndarray, covariance: np.ndarray
) -> dict[str, np.ndarray]:
    """Axes, orientation and eccentricity, as regionprops has them, of (n, 2, 2) covariances of (x, y)."""
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    mean, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    large, small = mean + half, np.maximum(mean - half, 0)
    major, minor = 4 * np.sqrt(large), 4 * np.sqrt(small)
    with np.errstate(divide="ignore", invalid="ignore"):
        eccentricity = np.sqrt(1 - small / large)
    values = (
        row,
        column,
        area,
        np.pi * major * minor / 4,
        major,
        minor,
        0.5 * np.arctan2(2 * xy, yy - xx),
        eccentricity,
    )
    return dict(zip(MEASURES, values, strict=True))


def one_closed_piece(described: Mapping[str, object]) -> bool:
    """Whether a shape, as ``describe_shape`` tells it, is one piece with an inside, of whatever size."""
    return bool(described["has_inside"] and described["closed"] and described["pieces"] == 1)


def describe_shape(shape: ShapeMLP, threshold: float = 0.5) -> dict[str, float | int | bool | None]:
    """Is the learned shape one closed, convex piece? In canonical units, at the level λ = ``threshold``.

    Returns:
        has_inside; closed (the outline ends within ±64); closed_in_grid (within [−1, 1]²); pieces (parts
        of the inside); holes; convex (solidity ≥ 0.98) and solidity (area / area of the convex hull);
        eccentricity and axis lengths; offset (of the centroid from the origin, in equivalent radii);
        area; equivalent_radius; maximum p(s). Numbers are None where there is no closed inside.
    """
    level = float(_to_logit(threshold))
    field = sample_field(shape, level)
    numbers = ("solidity", "eccentricity", "axis_major_length", "axis_minor_length", "offset", "area",
               "equivalent_radius", "maximum")  # fmt: skip
    result: dict = {"has_inside": field is not None, "closed": False, "closed_in_grid": False,
                    "pieces": 0, "holes": 0, "convex": False, **dict.fromkeys(numbers)}  # fmt: skip
    if field is None:
        return result
    inside = field.values <= level
    result.update(closed=field.closed, pieces=int(label(inside, connectivity=1).max()))
    result["holes"] = int(label(np.pad(~inside, 1, constant_values=True), connectivity=2).max()) - 1
    result["maximum"] = float(1 / (1 + np.exp(field.values.min())))
    polygons = outlines(field, level)
    if not field.closed or not polygons:
        return result
    area, centroid, covariance = polygon_moments(polygons)
    points = np.concatenate(polygons)
    ellipse = ellipse_measures(*centroid[::-1, None], np.array([area]), covariance[None])
    equivalent = float(np.sqrt(area / np.pi))
    result.update({name: float(ellipse[name][0]) for name in numbers if name in ellipse})
    result.update(
        closed_in_grid=bool(np.abs(points).max() <= 1),
        solidity=float(area / ConvexHull(points).volume),
        offset=float(np.hypot(*centroid) / equivalent),
        equivalent_radius=equivalent,
    )
    result["convex"] = result["pieces"] == 1 and result["solidity"] >= 0.98
    return result


def _to_logit(level: float | np.ndarray) -> np.ndarray:
    """u of the level λ: p(s) = sigmoid(−u)."""
    return level_logit(1 / np.asarray(level, np.float64), 1.0)
