"""Where the tiles of one image lie, what is in them, and where that is in the image as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.placement import cells, place
from ..inputs import scale_limits

# px of the rescaled image: the largest nucleus that is sure to be whole in a tile. The same as the default of
# `tiles.whole_overlap`, with which whole images are scored
OVERLAP = 64
_BLOCK = 1 << 22  # values counted at a time


@dataclass(frozen=True)
class Grid:
    """The tiles of an image that may have been rescaled.

    Attributes:
        height, width: of the image as it came, px.
        scaled_height, scaled_width: of the image as the network sees it.
        scale: sides of the second by those of the first, as was asked for.
        size, overlap: of tiles, px of the rescaled image.
    """

    height: int
    width: int
    scaled_height: int
    scaled_width: int
    scale: float
    size: int
    overlap: int

    def axis(self, name: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Origins of the tiles along ``y`` or ``x``, and their own cells, in px of the rescaled image."""
        length = self.scaled_height if name == "y" else self.scaled_width
        origins = place(length, self.size, self.overlap)
        return origins, cells(origins, length, self.size, self.overlap)

    def step(self, name: str) -> float:
        """Length of the rescaled image's pixel in px of the image as it came."""
        if name == "y":
            return self.height / self.scaled_height
        return self.width / self.scaled_width

    @property
    def frame_size(self) -> float:
        """Side of a tile in px of the image as it came."""
        # by the scale asked for: sides are rounded to whole px, which of a narrow image is much
        return self.size / self.scale

    @property
    def whole_diameter(self) -> float:
        """Diameter (px) of the largest nucleus that lies whole in the tile that owns its centre."""
        return self.overlap / self.scale

    def tiles(self) -> pd.DataFrame:
        """A row a tile, row by row: origin, cell and image size as in tiles.csv, in px of the image.

        Fractions where it was rescaled.
        """
        found = {}
        for name, length in (("y", self.height), ("x", self.width)):
            origins, own = self.axis(name)
            starts, stops = np.array(own).T * self.step(name)
            stops[-1] = length  # and not a rounding error away from it
            found[name] = pd.DataFrame(
                {f"tile_{name}": np.array(origins) * self.step(name)}
                | {f"cell_{name}0": starts, f"cell_{name}1": stops}
            )
        return (
            found["y"].merge(found["x"], how="cross").assign(image_height=self.height, image_width=self.width)
        )


def overlap_of(size: int) -> int:
    """By how many px neighbouring tiles of ``size`` px overlap: at most half, or they would be too many."""
    return min(OVERLAP, size // 2)


def cut(image: np.ndarray, grid: Grid, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tiles of a rescaled image in batches, row by row.

    Args:
        image: (H, W, 3) uint8, of the grid's rescaled size.
        grid: its tiles.
        batch: tiles at a time; the last batch may have fewer.

    Yields:
        (B,) numbers of the tiles, and (B, size, size, 3) uint8. Where the image is smaller than a tile,
        the rest has its median colour, as in training.
    """
    size = grid.size
    places = [(y, x) for y in grid.axis("y")[0] for x in grid.axis("x")[0]]
    ground = np.median(image, axis=(0, 1)).astype(np.uint8) if min(image.shape[:2]) < size else 0
    for start in range(0, len(places), batch):
        part = places[start : start + batch]
        tiles = np.empty((len(part), size, size, 3), np.uint8)
        tiles[:] = ground
        for tile, (y, x) in zip(tiles, part, strict=True):
            window = image[y : y + size, x : x + size]
            tile[: window.shape[0], : window.shape[1]] = window
        yield np.arange(start, start + len(part)), tiles


def limits_of(image: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """The grey values that the network's input has as 0 and 1: ``inputs.scale_limits`` of the whole image.

    Args:
        image: (H, W, 3) uint8.
        settings: the section ``input``.

    Returns:
        (1, 2) float32.
    """
    counts = histogram(image)
    low, high = percentiles(counts, settings["percentiles"])
    mean = float(counts @ np.arange(len(counts)) / counts.sum())
    return scale_limits(pd.DataFrame({"p_low": [low], "p_high": [high], "mean": [mean]}), settings)


def histogram(image: np.ndarray) -> np.ndarray:
    """(256,) how often each value comes in a uint8 array, without a copy of it in wider numbers."""
    counts = np.zeros(256, np.int64)
    rows = max(1, _BLOCK // max(1, image[0].size))
    for start in range(0, len(image), rows):
        counts += np.bincount(image[start : start + rows].ravel(), minlength=256)
    return counts


def percentiles(counts: np.ndarray, wanted: Sequence[float]) -> list[float]:
    """``np.percentile`` (linear interpolation) of the values that a histogram of whole numbers counts."""
    below = np.cumsum(counts)
    found = []
    for each in wanted:
        rank = each / 100 * (below[-1] - 1)
        low, high = (float(np.searchsorted(below, k, side="right")) for k in (np.floor(rank), np.ceil(rank)))
        found.append(low + (high - low) * (rank - np.floor(rank)))
    return found
