"""Nuclei as GeoJSON detections, as QuPath (0.4 and newer) opens them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skimage.measure import find_contours

from ..files import atomic_path
from ..models.shape import ShapeMLP
from ..nuclei.measures import invert_lower
from ..nuclei.outline import outlines, polygon_moments, sample_field
from ..nuclei.rows import NUMBERS, parameters
from .table import FRAME, levels_of

_CORNERS = 40  # of an outline
_LEVELS = 48  # outlines of the shape; those between are scaled
_CLASS = {"name": "Nucleus", "color": [255, 176, 0]}
_NO_MEASUREMENTS = {"id", "merged_from", "doubt", *FRAME}
_SPACE = uuid.UUID("8f4be02e-4c0b-4d3e-9a43-0f5a5f1c7d6b")


def write_geojson(
    path: str | Path,
    name: str,
    nuclei: pd.DataFrame,
    shape: ShapeMLP,
    threshold: float,
    image: tuple[int, int],
    unions: dict[int, tuple[np.ndarray, np.ndarray]] | None = None,
    ellipses: bool = False,
) -> None:
    """Write a FeatureCollection of polygons with object type "detection".

    Coordinates are x, y of pixel corners, as QuPath has them: the image's upper left corner is 0, 0, so they
    are ½ above those of pixel centres in the table. Outlines are those of the canonical shape, clipped to
    the image.

    Args:
        path: replaced as a whole.
        name: of the image, and of no other; with it the objects' UUIDs are always the same.
        nuclei: ``Segmentation.nuclei``.
        shape: the canonical shape.
        threshold: of p(s) · p(z).
        image: its height and width.
        unions: box and mask of merged nuclei by id, which are outlined in place of the head alone.
        ellipses: the ellipse of the same axes in place of the outline.
    """
    polygons = ellipse_polygons(nuclei) if ellipses else outline_polygons(nuclei, shape, threshold)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        between = "\n"
        for row, polygon in zip(nuclei.to_dict("records"), polygons, strict=True):
            if not ellipses and unions and row["id"] in unions:
                polygon = union_outline(*unions[row["id"]])
            ring = clipped(polygon, *image) if polygon is not None else np.zeros((0, 2))
            if len(ring) < 3:
                continue
            file.write(
                between + json.dumps(_feature(name, row, ring), separators=(",", ":"), allow_nan=False)
            )
            between = ",\n"
        file.write("\n]}\n")


def union_outline(box: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, 2) x, y (of corners) around the largest part of a mask, whose box is y0, x0, y1, x1."""
    found = max(find_contours(np.pad(mask, 1).astype(np.float32), 0.5), key=len)
    # every second corner: the others are the steps between pixels
    ring = found[:-1:2] if len(found) > 12 else found[:-1]
    # the padding's pixel is at −1, and centres are ½ from corners
    return ring[:, ::-1] - 0.5 + [box[1], box[0]]


def outline_polygons(nuclei: pd.DataFrame, shape: ShapeMLP, threshold: float) -> Iterator[np.ndarray | None]:
    """(n, 2) x, y (of corners) of every nucleus's canonical outline (its largest piece), or None."""
    lower, t, p = parameters(nuclei[list(NUMBERS)])
    y, x, size = (nuclei[name].to_numpy(np.float64) for name in FRAME)
    radius, rings = _outlines(shape, threshold)
    with np.errstate(divide="ignore", invalid="ignore"):
        area, centre, _, _ = levels_of(shape, threshold).at(threshold / p.astype(np.float64))
    inverse = invert_lower(lower)
    for k in range(len(nuclei)):
        if not len(radius) or not np.isfinite(area[k]):
            yield None
            continue
        wanted = np.sqrt(area[k])
        # the measured outline next in size, brought to this one's
        nearest = int(np.argmin(np.abs(radius - wanted)))
        ring = centre[k] + rings[nearest] * (wanted / radius[nearest])
        placed = (ring - t[k]) @ inverse[k].T
        yield (placed + 1) * size[k] / 2 + [x[k], y[k]]


def ellipse_polygons(nuclei: pd.DataFrame) -> Iterator[np.ndarray | None]:
    """(n, 2) x, y (of corners) of the ellipses of the table's axes."""
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    names = ("centroid-1", "centroid-0", "axis_major_length", "axis_minor_length", "orientation")
    for x, y, major, minor, turn in nuclei[list(names)].to_numpy(np.float64):
        if not np.isfinite([x, y, major, minor, turn]).all():
            yield None
            continue
        along, across = major / 2 * np.cos(angle), minor / 2 * np.sin(angle)
        sine, cosine = np.sin(turn), np.cos(turn)
        yield np.stack([x + sine * along + cosine * across, y + cosine * along - sine * across], 1) + 0.5


def clipped(ring: np.ndarray, height: int, width: int) -> np.ndarray:
    """A polygon within 0 … width, 0 … height (Sutherland and Hodgman); no corners where nothing is left."""
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        if not len(ring):
            break
        inside = sign * (ring[:, axis] - limit) >= 0
        if inside.all():
            continue
        before, was = np.roll(ring, 1, axis=0), np.roll(inside, 1)
        kept: list[np.ndarray] = []
        for a, b, a_in, b_in in zip(before, ring, was, inside, strict=True):
            if a_in != b_in:
                share = (limit - a[axis]) / (b[axis] - a[axis])
                crossing = a + share * (b - a)
                crossing[axis] = limit
                kept.append(crossing)
            if b_in:
                kept.append(b)
        ring = np.array(kept).reshape(-1, 2)
    return ring


def _outlines(shape: ShapeMLP, threshold: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Square root of the area, and the outline about its centroid, of levels of the shape."""
    levels = levels_of(shape, threshold)
    if not len(levels.logits):
        return np.zeros(0), []
    start = float(levels.logits[-1])
    field = sample_field(shape, start, 256)
    radius, rings = [], []
    for logit in np.linspace(levels.logits[0], start, _LEVELS):
        polygons = outlines(field, logit)
        if not polygons:
            continue
        area, centre, _ = polygon_moments(polygons)
        if area > 0:
            largest = max(polygons, key=lambda ring: polygon_moments([ring])[0])
            radius.append(np.sqrt(area))
            rings.append(_even(largest) - centre)
    return np.array(radius), rings


def _even(ring: np.ndarray) -> np.ndarray:
    """A closed ring as ``_CORNERS`` corners at even distances, not closed."""
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(ring, axis=0).T))]
    wanted = np.linspace(0, along[-1], _CORNERS, endpoint=False)
    return np.stack([np.interp(wanted, along, ring[:, axis]) for axis in (0, 1)], axis=1)


def _feature(name: str, row: dict[str, Any], ring: np.ndarray) -> dict[str, Any]:
    corners = np.round(np.vstack([ring, ring[:1]]), 2).tolist()
    measurements = {
        key: round(float(value), 6)
        for key, value in row.items()
        if key not in _NO_MEASUREMENTS and np.isfinite(value)
    }
    properties = {
        "objectType": "detection",
        "name": str(row["id"]),
        "classification": _CLASS,
        "measurements": measurements,
    }
    geometry = {"type": "Polygon", "coordinates": [corners]}
    number = str(uuid.uuid5(_SPACE, f"{name}/{row['id']}"))
    return {"type": "Feature", "id": number, "geometry": geometry, "properties": properties}
