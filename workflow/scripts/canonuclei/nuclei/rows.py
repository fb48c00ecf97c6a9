"""Rows of the table of nuclei: from a network's parameters, and back to masks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..models.shape import ShapeMLP
from .fused import FusedShape, to_numpy
from .measures import MEASURES, ShapeMeasures, measure
from .merge import merge_contained
from .render import render_instances
from .union import union_measures

PARAMETERS = ("image", "tile_y", "tile_x", "tile_size", "id", "group", "l11", "l21", "l22", "t1", "t2", "p")
COLUMNS = (*PARAMETERS, *MEASURES)
NUMBERS = ("l11", "l21", "l22", "t1", "t2", "p")
KINDS = {"image": str, "group": "Int64", **dict.fromkeys(("tile_y", "tile_x", "tile_size", "id"), np.int64)}


def nuclei_rows(
    image: str,
    tile_y: int,
    tile_x: int,
    first_id: int,
    lower: object,
    t: object,
    p: object,
    shape: ShapeMLP | FusedShape,
    tile_size: int = 128,
    keep: float = 0.05,
    threshold: float = 0.5,
    overlap: float = 0.5,
) -> pd.DataFrame:
    """The rows of one tile, without measures (``add_measures`` computes all of a table at once).

    Args:
        image: image id.
        tile_y, tile_x: the tile's origin in the image, pixels.
        first_id: id of the first row; the next tile of the image goes on at ``first_id + len(rows)``.
        lower: (N, 2, 2) L of all the tile's instances.
        t: (N, 2).
        p: (N,) p(z).
        shape: the canonical shape; give a ``FusedShape`` for many tiles.
        tile_size: pixels a side.
        keep: instances with a lower p(z) have no row.
        threshold: of p(s) · p(z), for the masks that +P compares.
        overlap: of +P (``merge_contained``).

    Returns:
        ``PARAMETERS``, in the order of the instances. ``group`` is the id of the group's biggest member,
        <NA> where the instance has no pixel.
    """
    lower, t, p = (to_numpy(value) for value in (lower, t, p))
    kept = np.flatnonzero(p >= np.float32(keep))
    lower, t, p = lower[kept], t[kept], p[kept]
    ids = first_id + np.arange(len(kept))
    masks = render_instances(lower, t, p, shape, tile_size, tile_size, threshold)
    heads = merge_contained(masks, p, ids, overlap)
    group = pd.array(first_id + heads, dtype="Int64")
    group[heads < 0] = pd.NA
    numbers = (lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1], t[:, 0], t[:, 1], p)
    columns = {"image": image, "tile_y": tile_y, "tile_x": tile_x, "tile_size": tile_size, "id": ids}
    columns |= {"group": group, **dict(zip(NUMBERS, numbers, strict=True))}
    rows = pd.DataFrame(columns, columns=list(PARAMETERS))
    return rows.astype({**KINDS, **dict.fromkeys(NUMBERS, np.float64)})


def nuclei_table(
    tiles: pd.DataFrame, lower: object, t: object, p: object, shape: ShapeMLP, **settings: float
) -> pd.DataFrame:
    """The whole table of a set of tiles, ids counted within each image, with the measures.

    Args:
        tiles: (T rows) with image_id, tile_y, tile_x, in the order of the arrays.
        lower: (T, N, 2, 2) L.
        t: (T, N, 2).
        p: (T, N).
        shape: the canonical shape.
        settings: tile_size, keep, threshold, overlap as of ``nuclei_rows``.

    Returns:
        ``COLUMNS``, by tile, then instance; no rows where nothing is present.
    """
    lower, t, p = (to_numpy(value) for value in (lower, t, p))
    fused, following = FusedShape(shape), {}
    # one empty part with the columns' types, for a set without tiles or nuclei
    nothing = np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros(0)
    parts = [nuclei_rows("", 0, 0, 1, *nothing, fused)]
    for index, tile in enumerate(tiles.itertuples()):
        image, first = str(tile.image_id), following.get(tile.image_id, 1)
        place = image, int(tile.tile_y), int(tile.tile_x), first
        parts.append(nuclei_rows(*place, lower[index], t[index], p[index], fused, **settings))
        following[tile.image_id] = first + len(parts[-1])
    table = pd.concat(parts, ignore_index=True)
    return add_measures(table, shape, settings.get("threshold", 0.5))


def add_measures(table: pd.DataFrame, shape: ShapeMLP, threshold: float = 0.5) -> pd.DataFrame:
    """``COLUMNS`` from ``PARAMETERS``: the measures, computed from parameters and shape alone.

    An instance's row has its own measures. Only the head of a group of several has those of the group's
    union (+P); the other members keep their own, and are known by group ≠ id.
    """
    levels, fused = ShapeMeasures.of(shape, lowest=threshold), FusedShape(shape)
    table = table[list(PARAMETERS)].reset_index(drop=True)
    values = {name: np.full(len(table), np.nan) for name in MEASURES}
    for size, rows in table.groupby("tile_size").indices.items():
        part = table.iloc[rows]
        place = int(size), part["tile_y"].to_numpy(), part["tile_x"].to_numpy(), threshold
        for name, column in measure(*parameters(part), levels, *place).items():
            values[name][rows] = column
    for rows in table.groupby(["image", "group"], dropna=True).indices.values():
        if len(rows) < 2:
            continue
        part = table.iloc[rows]
        head = rows[np.flatnonzero(part["id"] == part["group"])]
        place = (int(part[name].iloc[0]) for name in ("tile_size", "tile_y", "tile_x"))
        for name, value in union_measures(*parameters(part), fused, levels, *place, threshold).items():
            values[name][head] = value
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
