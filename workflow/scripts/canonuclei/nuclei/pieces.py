"""Instances of an image's tiles as small masks at their places: what stitching works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Pieces:
    """Instances of one image, none without a pixel.

    Attributes:
        boxes: (n, 4) int64 y0, x0, y1, x1 in the image, half-open.
        masks: n bool arrays of the boxes' sizes.
        scores: (n,) float64 p(z), or the model's score.
        ids: (n,) int64.
        tiles: (n,) int64: which tile placed it.
        outside: (n,) float64: distance in px of its centre from its tile's own cell; 0 inside.
        views: (T, 4) float64: what each tile sees of the image, y0, x0, y1, x1.
        shape: height and width of the image.
    """

    boxes: np.ndarray
    masks: list[np.ndarray]
    scores: np.ndarray
    ids: np.ndarray
    tiles: np.ndarray
    outside: np.ndarray
    views: np.ndarray
    shape: tuple[int, int]

    @property
    def areas(self) -> np.ndarray:
        """(n,) int64 pixels."""
        return np.array([np.count_nonzero(mask) for mask in self.masks], np.int64)

    def choose(self, rows: np.ndarray) -> Pieces:
        """Some of them, by position."""
        rows = np.asarray(rows, np.int64)
        columns = (self.boxes[rows], [self.masks[row] for row in rows.tolist()], self.scores[rows])
        columns += (self.ids[rows], self.tiles[rows], self.outside[rows])
        return Pieces(*columns, self.views, self.shape)

    def flat(self, row: int) -> np.ndarray:
        """Sorted flat pixels of one of them in the image."""
        rows, columns = np.nonzero(self.masks[row])
        return (rows + self.boxes[row, 0]) * self.shape[1] + columns + self.boxes[row, 1]

    def cut(self, row: int) -> bool:
        """Whether its mask reaches an edge of its tile beyond which the image goes on."""
        view, box, mask = self.views[self.tiles[row]], self.boxes[row], self.masks[row]
        low, high = np.ceil(view[:2]).astype(int), np.floor(view[2:]).astype(int)
        for axis, lines in enumerate((mask, mask.T)):
            if view[axis] > 0 and lines[: max(low[axis] + 1 - box[axis], 0)].any():
                return True
            if view[axis + 2] < self.shape[axis] and lines[max(high[axis] - 1 - box[axis], 0) :].any():
                return True
        return False


def tile_views(tiles: pd.DataFrame, size: float) -> np.ndarray:
    """(T, 4) what tiles of ``size`` px a side see of their image, from rows of tiles.csv."""
    y, x = (tiles[f"tile_{axis}"].to_numpy(np.float64) for axis in "yx")
    return np.stack(
        [y, x, np.minimum(y + size, tiles["image_height"]), np.minimum(x + size, tiles["image_width"])], 1
    )


def outside_cells(tiles: pd.DataFrame, index: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Distance of centres from their tiles' own cells.

    Args:
        tiles: rows of tiles.csv.
        index: (n,) the tile of each centre.
        centre: (n, 2) row and column in the image, whole numbers at pixel centres.

    Returns:
        (n,) px, 0 inside of the half-open cell. The cells at the image's border have no end there: a nucleus
        whose centre lies beyond the image is theirs.
    """
    gaps = np.zeros((len(index), 4))
    for axis, (name, length) in enumerate((("y", "image_height"), ("x", "image_width"))):
        # pixel j covers j … j + 1 of the half-open cell
        value = centre[:, axis] + 0.5
        start, stop = (tiles[f"cell_{name}{end}"].to_numpy(np.float64)[index] for end in (0, 1))
        gaps[:, 2 * axis] = np.where(start > 0, start - value, 0)
        # a centre exactly on the far border is outside, by a distance of 0
        beyond = (value >= stop) & (stop < tiles[length].to_numpy()[index])
        gaps[:, 2 * axis + 1] = np.where(beyond, np.maximum(value - stop, 1e-9), 0)
    # not a number: a transform that collapsed is nowhere
    return np.nan_to_num(np.maximum(gaps.max(axis=1), 0), nan=np.inf)


def pieces_of_masks(parts: Iterable[tuple[Mapping[str, Any], np.ndarray, np.ndarray]]) -> Pieces:
    """Pieces from whole-tile masks.

    Args:
        parts: per tile its row of tiles.csv, masks (n, size, size) and scores (n,); at least one tile.

    Returns:
        ids are running numbers from 1 over the instances as given, also over those without a pixel.
    """
    parts = list(parts)
    tiles = pd.DataFrame([dict(tile) for tile, _, _ in parts])
    views, first = tile_views(tiles, max(np.asarray(masks).shape[-1] for _, masks, _ in parts)), 1
    shape = int(tiles["image_height"].iloc[0]), int(tiles["image_width"].iloc[0])
    boxes, found, scores, ids, index, centre = [], [], [], [], [], []
    for number, (tile, masks, tile_scores) in enumerate(parts):
        y0, x0 = int(tile["tile_y"]), int(tile["tile_x"])
        # without the tile's padding
        for k, mask in enumerate(np.asarray(masks, bool)[:, : shape[0] - y0, : shape[1] - x0]):
            rows, columns = np.nonzero(mask)
            if not len(rows):
                continue
            box = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
            boxes.append((box[0] + y0, box[1] + x0, box[2] + y0, box[3] + x0))
            found.append(mask[box[0] : box[2], box[1] : box[3]].copy())
            centre.append((rows.mean() + y0, columns.mean() + x0))
            scores.append(float(tile_scores[k]))
            ids.append(first + k)
            index.append(number)
        first += len(masks)
    index = np.array(index, np.int64)
    outside = outside_cells(tiles, index, np.array(centre, np.float64).reshape(-1, 2))
    boxes = np.array(boxes, np.int64).reshape(-1, 4)
    return Pieces(boxes, found, np.array(scores), np.array(ids, np.int64), index, outside, views, shape)
