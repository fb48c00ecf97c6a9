"""Rows of the table of nuclei: from a network's parameters, and back to masks."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from ..models.shape import ShapeMLP
from .blocks import inside_pixels
from .fused import FusedShape, level_logit, to_numpy
from .measures import MEASURES, ShapeMeasures, measure
from .merge import merge_pixels
from .render import render_instances
from .union import group_measures
from .windows import place

PARAMETERS = ("image", "tile_y", "tile_x", "tile_size", "id", "group", "l11", "l21", "l22", "t1", "t2", "p")
COLUMNS = (*PARAMETERS, *MEASURES)
NUMBERS = ("l11", "l21", "l22", "t1", "t2", "p")
_TILES = 64  # whose masks +P compares at a time
KINDS = {"image": str, "group": "Int64", **dict.fromkeys(("tile_y", "tile_x", "tile_size", "id"), np.int64)}


def nuclei_table(
    tiles: pd.DataFrame,
    lower: object,
    t: object,
    p: object,
    shape: ShapeMLP | FusedShape,
    tile_size: int = 128,
    keep: float = 0.05,
    threshold: float = 0.5,
    overlap: float = 0.5,
) -> pd.DataFrame:
    """The whole table of a set of tiles, ids counted within each image, with the measures.

    Args:
        tiles: (T rows) with image_id, tile_y, tile_x, in the order of the arrays.
        lower: (T, N, 2, 2) L.
        t: (T, N, 2).
        p: (T, N).
        shape: the canonical shape; give a ``FusedShape`` for many tables.
        tile_size: pixels a side.
        keep: instances with a lower p(z) have no row.
        threshold: of p(s) · p(z).
        overlap: of +P (``merge_contained``).

    Returns:
        ``COLUMNS``, by tile, then instance; no rows where nothing is present. ``group`` is the id of the
        group's biggest member, <NA> where the instance has no pixel.
    """
    lower, t, p = (to_numpy(value) for value in (lower, t, p))
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    tile, chosen = np.nonzero(p >= np.float32(keep))
    lower, t, p = lower[tile, chosen], t[tile, chosen], p[tile, chosen]
    image = tiles["image_id"].astype(str).to_numpy(object)[tile]
    ids = pd.Series(image).groupby(image).cumcount().to_numpy(np.int64) + 1
    heads = _heads(lower, t, p, tile, ids, fused, tile_size, threshold, overlap)
    group = pd.array(ids[heads], dtype="Int64")
    group[heads < 0] = pd.NA
    numbers = (lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1], t[:, 0], t[:, 1], p)
    place = {name: tiles[name].to_numpy(np.int64)[tile] for name in ("tile_y", "tile_x")}
    columns = {"image": image, **place, "tile_size": tile_size, "id": ids, "group": group}
    columns |= dict(zip(NUMBERS, numbers, strict=True))
    rows = pd.DataFrame(columns, columns=list(PARAMETERS))
    rows = rows.astype({**KINDS, **dict.fromkeys(NUMBERS, np.float64)})
    return add_measures(rows, fused, threshold)


def _heads(lower, t, p, tile, ids, fused: FusedShape, size: int, threshold: float, overlap: float):
    """+P within each tile: rows of the heads, −1 where an instance has no pixel."""
    heads = np.empty(len(p), np.int64)
    levels = level_logit(p, threshold)
    bounds = np.searchsorted(tile, np.arange(0, tile[-1] + 1 + _TILES if len(tile) else 0, _TILES))
    for start, stop in itertools.pairwise(bounds.tolist()):
        part = slice(start, stop)
        placed, _ = place(fused, lower[part], t[part], p[part], (0, 0, size))
        owner, y, x = inside_pixels(placed, levels[part], (0, 0, size, size))
        pixel = ((tile[part][owner] % _TILES) * size + y) * size + x
        found = merge_pixels(owner, pixel, p[part], ids[part], overlap)
        heads[part] = np.where(found >= 0, found + start, -1)
    return heads


def add_measures(table: pd.DataFrame, shape: ShapeMLP | FusedShape, threshold: float = 0.5) -> pd.DataFrame:
    """``COLUMNS`` from ``PARAMETERS``: the measures, computed from parameters and shape alone.

    An instance's row has its own measures. Only the head of a group of several has those of the group's
    union (+P); the other members keep their own, and are known by group ≠ id.
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    levels = ShapeMeasures.of(fused, lowest=threshold)
    table = table[list(PARAMETERS)].reset_index(drop=True)
    values = {name: np.full(len(table), np.nan) for name in MEASURES}
    frames = [table[name].to_numpy() for name in ("tile_size", "tile_y", "tile_x")]
    numbers = parameters(table)
    for name, column in measure(*numbers, levels, *frames, threshold).items():
        values[name] = column
    grouped = np.flatnonzero(table["group"].notna())
    number = table.iloc[grouped].groupby(["image", "group"]).ngroup().to_numpy()
    several = np.bincount(number)[number] > 1 if len(number) else np.zeros(0, bool)
    members = grouped[several][np.argsort(number[several], kind="stable")]
    if not len(members):
        return table.assign(**values)
    _, first, group = np.unique(np.sort(number[several]), return_index=True, return_inverse=True)
    is_head = table["id"].to_numpy()[members] == table["group"].to_numpy(np.int64, na_value=0)[members]
    place_of = (frame[members[first]] for frame in frames)
    found = group_measures(*(value[members] for value in numbers), group, fused, levels, *place_of, threshold)
    for name, column in found.items():
        values[name][members[is_head]] = column[group[is_head]]
    return table.assign(**values)


def parameters(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L (n, 2, 2), t (n, 2) and p(z) (n,) of rows, float32 as they were predicted."""
    columns = rows[list(NUMBERS)].to_numpy(np.float32)
    lower = np.zeros((len(rows), 2, 2), np.float32)
    lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1] = columns[:, 0], columns[:, 1], columns[:, 2]
    return lower, columns[:, 3:5], columns[:, 5]


def nuclei_masks(
    rows: pd.DataFrame,
    shape: ShapeMLP | FusedShape,
    threshold: float = 0.5,
    merged: bool = False,
    tile_size: int = 128,
) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the instances of ONE tile, from its rows.

    Args:
        rows: rows of the tile; instances without a pixel are left out.
        shape: the canonical shape.
        threshold: of p(s) · p(z).
        merged: +P: one mask a group (its union), by the table's ``group``.
        tile_size: px a side, where there are no rows to tell it.

    Returns:
        (m, tile_size, tile_size) bool and (m,) positions in ``rows`` (with ``merged``, of the heads).
    """
    size = int(rows["tile_size"].iloc[0]) if len(rows) else tile_size
    masks = render_instances(*parameters(rows), shape, size, size, threshold)
    if not merged:
        positions = np.flatnonzero(masks.any(axis=(1, 2)))
        return masks[positions], positions
    ids, group = rows["id"].to_numpy(), rows["group"].fillna(0).to_numpy(np.int64)
    positions = np.flatnonzero(ids == group)
    unions = [masks[group == ids[position]].any(axis=0) for position in positions]
    return np.array(unions, bool).reshape(-1, size, size), positions
