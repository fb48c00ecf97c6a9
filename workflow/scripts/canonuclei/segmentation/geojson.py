"""Nuclei as GeoJSON detections, as QuPath (0.4 and newer) opens them.

By what its reader takes (``PathObjectTypeAdapters.java`` and ``GsonTools.java`` of qupath-core): of a feature
``id`` (a UUID) and ``geometry``; of its properties ``objectType``, ``name``, ``color``, ``classification``
(name and color), ``measurements`` (name → number), ``metadata`` (name → text). QuPath itself was not run.
"""

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
from .overlay import DOUBTFUL, SURE
from .table import FRAME, levels_of

_CORNERS = 40  # of an outline
_LEVELS = 48  # outlines of the shape; those between are scaled
_CLASS = {"name": "Nucleus", "color": list(SURE)}
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
        for row, polygon in zip(_rows(nuclei), polygons, strict=True):
            if not ellipses and unions and row["id"] in unions:
                polygon = union_outline(*unions[row["id"]])
            ring = _written(clipped(polygon, *image)) if polygon is not None else []
            if len(ring) < 4:
                continue
            file.write(
                between + json.dumps(_feature(name, row, ring), separators=(",", ":"), allow_nan=False)
            )
            between = ",\n"
        file.write("\n]}\n")


def _rows(nuclei: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as dictionaries, some at a time: those of all nuclei of a large image take hundreds of MB."""
    for start in range(0, len(nuclei), 1024):
        yield from nuclei.iloc[start : start + 1024].to_dict("records")


def union_outline(box: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, 2) x, y (of corners) around the largest part of a mask, whose box is y0, x0, y1, x1."""
    found = [ring[:-1, ::-1] for ring in find_contours(np.pad(mask, 1).astype(np.float32), 0.5)]
    ring = max(found, key=lambda part: abs(signed_area(part)))
    # every corner at which it turns: with some left out, the sides of a thin part could cross
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    ring = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    # the padding's pixel is at −1, and centres are ½ from corners
    return ring - 0.5 + [box[1], box[0]]


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
    """The largest part of a polygon within 0 … width, 0 … height; no corners where nothing is left.

    Args:
        ring: (n, 2) x, y, not closed, without crossings.
        height, width: of the image, px.
    """
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        parts = _half(ring, axis, limit, sign) if len(ring) else []
        ring = max(parts, key=lambda part: abs(signed_area(part)), default=np.zeros((0, 2)))
    return ring


def signed_area(ring: np.ndarray) -> float:
    """Of a ring (n, 2) x, y, not closed; above 0 where x turns towards y."""
    x, y = ring[:, 0], ring[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _half(ring: np.ndarray, axis: int, limit: float, sign: int) -> list[np.ndarray]:
    """The parts of a ring on one side of a line; a lobed one has several, which nothing may join."""
    inside = sign * (ring[:, axis] - limit) >= 0
    if inside.all() or not inside.any():
        return [ring] if inside.all() else []
    # begin outside, so that runs of corners inside are whole
    ring = np.roll(ring, -int(np.argmin(inside)), axis=0)
    inside = np.roll(inside, -int(np.argmin(inside)))
    steps = np.diff(inside.astype(int), append=int(inside[0]))
    runs = []
    for start, stop in zip(np.flatnonzero(steps > 0) + 1, np.flatnonzero(steps < 0) + 1, strict=True):
        ends = [_crossing(ring[i - 1], ring[i % len(ring)], axis, limit) for i in (start, stop)]
        runs.append(np.vstack([ends[0], ring[start:stop], ends[1]]))
    # along the line the polygon's inside lies between every odd crossing and the next
    places = np.array([[run[0, 1 - axis], run[-1, 1 - axis]] for run in runs]).ravel()
    order = np.argsort(places, kind="stable").reshape(-1, 2)
    partner = np.empty(len(places), int)
    partner[order[:, 0]], partner[order[:, 1]] = order[:, 1], order[:, 0]
    parts, left = [], set(range(len(runs)))
    while left:
        at, part = min(left), []
        while at in left:
            left.remove(at)
            part.append(runs[at])
            next_to = int(partner[2 * at + 1])
            if next_to % 2:
                break  # two runs that touch in a point of the line
            at = next_to // 2  # the run that begins where this one's way along the line ends
        parts.append(np.vstack(part))
    return parts


def _crossing(a: np.ndarray, b: np.ndarray, axis: int, limit: float) -> np.ndarray:
    found = a + (limit - a[axis]) / (b[axis] - a[axis]) * (b - a)
    found[axis] = limit
    return found


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


def _written(ring: np.ndarray) -> list[list[float]]:
    """A ring as RFC 7946 has it: closed, turning from x to y, no corner twice; [] where it has no area."""
    ring = np.round(ring, 2)
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    if len(ring) < 3 or not (area := signed_area(ring)):
        return []
    ring = ring if area > 0 else ring[::-1]
    return [*ring.tolist(), ring[0].tolist()]


def _feature(name: str, row: dict[str, Any], corners: list[list[float]]) -> dict[str, Any]:
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
    if row["doubt"]:
        # an object's own colour goes before its class's; one class, so that QuPath counts all nuclei together
        properties |= {"color": list(DOUBTFUL), "metadata": {"doubt": row["doubt"]}}
    geometry = {"type": "Polygon", "coordinates": [corners]}
    number = str(uuid.uuid5(_SPACE, f"{name}/{row['id']}"))
    return {"type": "Feature", "id": number, "geometry": geometry, "properties": properties}
