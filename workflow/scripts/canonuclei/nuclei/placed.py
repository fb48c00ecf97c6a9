"""Canonical instances of an image, drawn whole, as the pieces that stitching works on."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import torch

from ..models.shape import ShapeMLP
from .fused import FusedShape, level_logit
from .measures import invert_lower
from .outline import outlines, polygon_moments, sample_field
from .pieces import Pieces, outside_cells, tile_views
from .rows import parameters
from .windows import render_windows

_DRAWN = 2048  # instances at a time: drawing all of a large image at once would take gigabytes
CENTRE_LEVEL = 0.5  # p(s) of the outline whose centroid is an instance's centre, whatever its p(z) is


def canonical_pieces(
    table: pd.DataFrame, tiles: pd.DataFrame, shape: ShapeMLP | FusedShape, threshold: float = 0.5
) -> Pieces:
    """The instances of one image that have a pixel, drawn whole.

    Args:
        table: the image's rows, with ``PARAMETERS``; tile frames may be fractions, all of one size.
        tiles: the image's tiles (columns of tiles.csv from ``image_height`` to ``cell_x1``).
        shape: the canonical shape; give a ``FusedShape`` for many images.
        threshold: of p(s) · p(z).
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    table = table[table["p"].to_numpy() > threshold]  # p(s) < 1: the others have no pixel
    places = pd.MultiIndex.from_frame(tiles[["tile_y", "tile_x"]])
    index = places.get_indexer(pd.MultiIndex.from_frame(table[["tile_y", "tile_x"]]))
    if (index < 0).any():
        raise ValueError("instances of tiles that are not given")
    lower, t, p = parameters(table)
    image = int(tiles["image_height"].iloc[0]), int(tiles["image_width"].iloc[0])
    frame = tuple(table[name].to_numpy() for name in ("tile_y", "tile_x", "tile_size"))
    extents, boxes, masks = _extents(*frame, *image), [np.zeros((0, 4), np.int64)], []
    for start in range(0, len(p), _DRAWN):
        rows = slice(start, start + _DRAWN)
        place = {"frame": tuple(part[rows] for part in frame), "extent": extents[rows]}
        drawn = render_windows(lower[rows], t[rows], p[rows], fused, threshold, **place)
        boxes.append(drawn.boxes)
        masks += drawn.masks
    boxes = np.concatenate(boxes)
    filled = np.flatnonzero([mask.any() for mask in masks])
    centre = instance_centres(lower, t, fused, frame)[filled]
    return Pieces(
        np.asarray(boxes, np.int64).reshape(-1, 4)[filled],
        [masks[row] for row in filled],
        p[filled].astype(np.float64),
        table["id"].to_numpy(np.int64)[filled],
        index[filled],
        outside_cells(tiles, index[filled], centre),
        tile_views(tiles, float(table["tile_size"].iloc[0]) if len(table) else 1.0),
        image,
    )


def _extents(y: np.ndarray, x: np.ndarray, size: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, 4) pixels that instances may be drawn on: the image, as far as a tile's side around their tile.

    An encoder whose transforms are not bounded could fill the whole of a large image otherwise.
    """
    low, high = np.floor([y - size, x - size]), np.ceil([y + 2 * size, x + 2 * size])
    limits = np.array([[height], [width]])
    return np.concatenate([np.clip(low, 0, limits), np.clip(high, 0, limits)]).T.astype(np.int64)


def instance_centres(
    lower: np.ndarray, t: np.ndarray, shape: FusedShape, frame: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """(n, 2) row and column in the image of the instances' centres (see the module).

    Args:
        lower, t: (n, 2, 2) and (n, 2).
        shape: the canonical shape.
        frame: tile_y, tile_x and tile_size, numbers or (n,), px of the image.
    """
    tile_y, tile_x, size = (np.asarray(value, np.float64) for value in frame)
    position = np.einsum("nij,nj->ni", invert_lower(lower), imagecentre(shape) - np.asarray(t, np.float64))
    x, y = (position[:, axis] + 1 for axis in (0, 1))
    return np.stack([y * size / 2 - 0.5 + tile_y, x * size / 2 - 0.5 + tile_x], axis=1)


def imagecentre(shape: FusedShape) -> np.ndarray:
    """(2,) x and y of the shape's centroid at ``CENTRE_LEVEL``; the origin where it has no closed inside."""
    weights = [np.ascontiguousarray(part) for part in (*shape.weights, *shape.biases)]
    return np.array(_centre_of(tuple((part.tobytes(), part.dtype.str, part.shape) for part in weights)))


@functools.lru_cache(maxsize=64)
def _centre_of(weights: tuple) -> tuple[float, float]:
    parts = [np.frombuffer(data, kind).reshape(size) for data, kind, size in weights]
    shape = ShapeMLP()
    layers = (shape.layer1, shape.layer2, shape.layer3)
    with torch.no_grad():
        for layer, weight, bias in zip(layers, parts[:3], parts[3:], strict=True):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias).reshape(-1))
    level = float(level_logit(np.array(1 / CENTRE_LEVEL), 1.0))
    field = sample_field(shape, level)
    if field is None or not field.closed or not (polygons := outlines(field, level)):
        return 0.0, 0.0
    centre = polygon_moments(polygons)[1]
    return float(centre[0]), float(centre[1])
