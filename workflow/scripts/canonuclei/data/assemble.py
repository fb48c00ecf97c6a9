"""Whole images put together again from their tiles."""

from __future__ import annotations

import numpy as np
import pandas as pd


def assemble(rows: pd.DataFrame, tiles: np.ndarray) -> np.ndarray:
    """One image from its tiles, each giving the pixels of its own cell.

    Args:
        rows: the image's rows of tiles.csv, of any set that covers it; index = tile.
        tiles: (T, S, S, ...) the set's array: images, masks or instances.

    Returns:
        (H, W, ...) of the array's type.
    """
    height, width = int(rows["image_height"].iloc[0]), int(rows["image_width"].iloc[0])
    whole = np.zeros((height, width, *tiles.shape[3:]), dtype=tiles.dtype)
    for index, row in zip(rows.index, rows.itertuples(), strict=True):
        own, in_tile = cell(row)
        whole[own] = tiles[index][in_tile]
    return whole


def cell(row: tuple) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """A tile's own cell as row and column slices, in the image and in the tile.

    Args:
        row: of tiles.csv, as ``itertuples`` gives it.
    """
    own = (slice(row.cell_y0, row.cell_y1), slice(row.cell_x0, row.cell_x1))
    origins = (row.tile_y, row.tile_x)
    return own, tuple(slice(s.start - o, s.stop - o) for s, o in zip(own, origins, strict=True))
