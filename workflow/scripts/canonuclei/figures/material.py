"""What the figures are drawn from: tiles, and nuclei rendered from their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from skimage.measure import label

from ..data.assemble import assemble
from ..data.looks import LOOKS
from ..data.tiles import Tiles
from ..errors import InputError
from ..models.shape import ShapeMLP
from ..models.transform import grid_points
from ..nuclei.outline import outlines, sample_field
from ..nuclei.rows import nuclei_masks
from ..nuclei.tables import read_nuclei, read_shape
from ..words import many

MARGIN = 1.2  # room around a shape
FEW = 8  # nuclei in the tile of Figure 1: enough to see touching ones, few enough to follow


@dataclass(frozen=True)
class Nuclei:
    """A run's nuclei, and what they are drawn with: the shape, the threshold, the overlap of +P."""

    table: pd.DataFrame
    shape: ShapeMLP
    threshold: float
    overlap: float
    label: str
    encoder: str
    seed: int
    epochs: int | None = None

    def of_tile(self, tile: pd.Series) -> pd.DataFrame:
        """Rows of one tile (a row of tiles.csv), by falling p(z)."""
        own = (
            (self.table["image"] == tile["image_id"])
            & (self.table["tile_y"] == tile["tile_y"])
            & (self.table["tile_x"] == tile["tile_x"])
        )
        return self.table[own].sort_values(["p", "id"], ascending=[False, True])


def load_nuclei(table: str | Path, shape: str | Path, epochs: int | None = None) -> Nuclei:
    """Read a run's table of nuclei and its shape; ``epochs``: how long it was trained, to be told."""
    learned, about = read_shape(shape)
    settings = float(about["threshold"]), float(about["merge_overlap"])
    names = about["label"], about["encoder"], int(about["seed"])
    return Nuclei(read_nuclei(table), learned, *settings, *names, epochs)


def tell_runs(models: Sequence[Nuclei]) -> str:
    """Encoder, seed and epochs of the models, once where they share them."""
    said = {}
    for model in models:
        length = "" if model.epochs is None else f", {many(model.epochs, 'epoch')}"
        said[model.label] = f"encoder {model.encoder}, seed {model.seed}{length}"
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{label}: {text}" for label, text in said.items())


def with_counts(tiles: Tiles) -> pd.DataFrame:
    """A set's table; the components of its mask stand for the ``k`` of a tile where nobody knows it."""
    table = tiles.table.copy()
    for index in np.flatnonzero(table["k"].isna()):
        table.loc[index, "k"] = label(np.asarray(tiles.masks[index]), connectivity=1).max()
    return table


def choose_tiles(table: pd.DataFrame, wanted: Sequence[int] | None, rows: int = 4) -> list[int]:
    """Tiles for the pictures, by true nuclei alone: never by how well a model does on them.

    Without ``wanted``: the busiest tile (most nuclei K) of each look; then, while there are fewer than
    ``rows``, the tile of median K of each look. Each from an image not yet taken; ties by image id and
    tile origin.

    Args:
        table: a set's tiles.csv.
        wanted: numbers of tiles in that table, or None.
        rows: how many at most, when the rule picks.

    Raises:
        InputError: a wanted number that is no tile's; no tile at all.
    """
    if table.empty:
        raise InputError("tiles/test/tiles.csv", "no tiles, nothing to draw", "check the split")
    if wanted:
        if wrong := [number for number in wanted if not 0 <= number < len(table)]:
            remedy = f"the test tiles are numbered 0 to {len(table) - 1} in tiles/test/tiles.csv"
            raise InputError("figures.tiles", f"no test tile {wrong[0]}", remedy)
        return list(wanted)
    ordered = table[table["k"] > 0].sort_values(
        ["k", "image_id", "tile_y", "tile_x"], ascending=[False, True, True, True]
    )
    chosen: list[int] = []
    for place in (0.0, 0.5):
        for look in LOOKS:
            taken = set(table.loc[chosen, "image_id"])
            group = ordered[(ordered["look"] == look) & ~ordered["image_id"].isin(taken)]
            if len(group) and len(chosen) < rows:
                chosen.append(int(group.index[int(place * len(group))]))
    return chosen or [0]


def choose_simple_tile(table: pd.DataFrame, wanted: Sequence[int] | None) -> int:
    """The tile of Figure 1: the first wanted one, or of the first look the one with nearest to 8 nuclei."""
    if wanted:
        return choose_tiles(table, wanted)[0]
    for look in LOOKS:
        group = table[(table["look"] == look) & (table["k"] > 0)]
        if len(group):
            order = group.assign(off=(group["k"] - FEW).abs())
            return int(order.sort_values(["off", "image_id", "tile_y", "tile_x"]).index[0])
    return choose_tiles(table, None)[0]


def shown_tile(tiles: Tiles, index: int) -> np.ndarray:
    """A tile as the network sees it: between its image's percentiles, (S, S, 3) in 0…1."""
    row = tiles.table.iloc[index]
    return stretch(tiles.images[index], row["p_low"], row["p_high"])


def whole_image(tiles: Tiles, image: str) -> np.ndarray:
    """An image put together again from its tiles, between its percentiles, (H, W, 3) in 0…1."""
    rows = tiles.table[tiles.table["image_id"] == image]
    first = rows.iloc[0]
    return stretch(assemble(rows, tiles.images), first["p_low"], first["p_high"])


def stretch(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Grey values between two percentiles to 0…1, clipped."""
    return np.clip((np.asarray(image, np.float32) - low) / max(high - low, 1.0), 0.0, 1.0)


def shape_grid(shape: ShapeMLP, points: int, extent: float = 1.0) -> np.ndarray:
    """p(s) of the canonical shape on a grid over [−extent, extent]², (points, points)."""
    with torch.no_grad():
        return shape(grid_points(points, points) * extent).exp().reshape(points, points).numpy()


def shape_extent(shape: ShapeMLP) -> float:
    """Half the side of the square around the origin that shows a shape whole, canonical units; at least 1.

    Nothing fixes the shape's size, for L can undo it: so it may grow beyond [−1, 1]² in training.
    """
    field = sample_field(shape, 0.0)
    curves = outlines(field, 0.0) if field is not None and field.closed else []
    return max([1.0, *(MARGIN * float(np.abs(curve).max()) for curve in curves)])


def masks_of_tile(nuclei: Nuclei, tile: pd.Series, merged: bool) -> list[np.ndarray]:
    """Masks of the tile's present instances, or with ``merged`` (+P) of their groups, by falling area."""
    masks, _ = nuclei_masks(nuclei.of_tile(tile), nuclei.shape, nuclei.threshold, merged)
    return sorted((mask for mask in masks if mask.any()), key=lambda mask: -int(mask.sum()))
