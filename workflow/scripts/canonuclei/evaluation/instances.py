"""Instances of a canonical model in the tiles that are scored, from the table of nuclei."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from ..nuclei.fused import FusedShape
from ..nuclei.merge import merged_masks
from ..nuclei.rows import parameters
from ..nuclei.windows import Windows, render_windows
from .frames import Frame
from .matching import drop_empty, sparse_rows


class TileInstances:
    """Instances of tiles, drawn once for all approaches and thresholds of IoU.

    Args:
        nuclei: a run's table of nuclei (``nuclei.tables.read_nuclei``).
        shape: its canonical shape.
        threshold: of p(s) · p(z).
    """

    def __init__(self, nuclei: pd.DataFrame, shape: FusedShape, threshold: float) -> None:
        self.shape, self.threshold = shape, threshold
        self._rows = nuclei.groupby(["image", "tile_y", "tile_x"], sort=False).indices
        self._lower, self._t, self._p = parameters(nuclei)
        self._size = nuclei["tile_size"].to_numpy()
        self._ids = nuclei["id"].to_numpy()
        self._groups = nuclei["group"].fillna(0).to_numpy(np.int64)

    def of_frames(self, frames: Sequence[Frame]) -> tuple[list[csr_array], list[csr_array]]:
        """The instances that each frame scores, and their unions by +P.

        Args:
            frames: tiles of one image.

        Returns:
            For each frame (n, pixels of the region) masks clipped to it, none empty; the same of groups.
        """
        none = np.zeros(0, np.int64)
        rows = [self._rows.get((frame.image, frame.tile_y, frame.tile_x), none) for frame in frames]
        extents = [(y.start, x.start, y.stop, x.stop) for y, x in (frame.place for frame in frames)]
        tiles = [(frame.tile_y, frame.tile_x) for frame in frames]
        every, counts = np.concatenate([none, *rows]), [len(own) for own in rows]
        drawn = render_windows(
            *(values[every] for values in (self._lower, self._t, self._p)),
            *(self.shape, self.threshold),
            frame=(*np.repeat(np.reshape(tiles, (-1, 2)), counts, axis=0).T, self._size[every]),
            extent=np.repeat(np.reshape(extents, (-1, 4)), counts, axis=0),
        )
        alone, merged, first = [], [], 0
        for own, extent in zip(rows, extents, strict=True):
            part = slice(first, first + len(own))
            masks = _windows_to_sparse(Windows(drawn.boxes[part], drawn.masks[part]), extent)
            alone.append(drop_empty(masks))
            merged.append(drop_empty(merged_masks(masks, self._heads(own))[0]))
            first += len(own)
        return alone, merged

    def _heads(self, rows: np.ndarray) -> np.ndarray:
        """Position of each row's group's head among a tile's rows; −1 where it has no group."""
        ids, groups = self._ids[rows], self._groups[rows]
        order = np.argsort(ids, kind="stable")
        places = np.minimum(np.searchsorted(ids[order], groups), max(len(ids) - 1, 0))
        heads = order[places] if len(ids) else places
        return np.where(ids[heads] == groups, heads, -1)


def _windows_to_sparse(windows: Windows, extent: tuple[int, int, int, int]) -> csr_array:
    """Masks in boxes within ``extent`` (y0, x0, y1, x1) as (n, pixels of it); empty ones stay."""
    y0, x0, y1, x1 = extent
    width, pixels = x1 - x0, [np.zeros(0, dtype=np.int64)]
    for mask, (top, left) in zip(windows.masks, (windows.boxes[:, :2] - (y0, x0)).tolist(), strict=True):
        rows, columns = np.nonzero(mask)
        pixels.append((rows + top) * width + (columns + left))
    ends = np.cumsum([len(own) for own in pixels])
    return sparse_rows(np.concatenate(pixels), ends, (y1 - y0) * width)
