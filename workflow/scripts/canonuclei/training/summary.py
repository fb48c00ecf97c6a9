"""What a model was trained on, in a few numbers: a new image can then be called unlike it.

Nothing here changes weights. The numbers go into ``model.json`` under ``training_data``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from ..data.looks import LOOKS
from ..data.tiles import Tiles

PERCENTS = (0, 1, 5, 25, 50, 75, 95, 99, 100)
GREY = ("mean", "std", "p_low", "p_high")
_BLOCK = 256  # tiles of masks in memory at a time
# smallest component that counts as a nucleus: below, it is a cut-off corner or a speck
_SPECK = 12


def describe_training(tiles: Tiles, counts: bool) -> dict[str, Any]:
    """Summary of a training set, over its images (each counts once).

    Args:
        tiles: read with masks; instance labels are never needed.
        counts: whether the run is told K. Then a nucleus's area is the mask's over K; else (and for images
            without K) that of a connected component, which is too large where nuclei touch.

    Raises:
        ValueError: tiles read without masks.

    Returns:
        ``images``, ``tiles``, ``tile_size`` (px); ``scale`` (the images' sides were taken times this before
        they were cut, the median image's); ``looks`` (share of the images, 0 … 1); ``quantiles`` by
        name (mean, std, p_low, p_high, contrast = p_high − p_low: grey values 0 … 255; diameter: of the
        circle with a nucleus's mean area in the image, px) and percent; ``diameter_median`` (px) and
        ``diameter_from`` (``counts`` or ``components``). Diameters are None where no image has a nucleus.
    """
    if tiles.masks is None:
        raise ValueError("describe_training needs tiles that were read with masks=True")
    table = tiles.table
    images = table.groupby("image_id", sort=False).first()
    diameter, source = _diameters(tiles, counts)
    values = {name: images[name].to_numpy(np.float64) for name in GREY}
    values["contrast"] = values["p_high"] - values["p_low"]
    values["diameter"] = diameter
    quantiles = {name: _quantiles(value) for name, value in values.items()}
    looks = images["look"].value_counts(normalize=True)
    return {
        "images": len(images),
        "tiles": len(table),
        "tile_size": tiles.size,
        "scale": float(images["scale"].median()),
        "looks": {name: round(float(looks.get(name, 0.0)), 4) for name in LOOKS},
        "diameter_median": quantiles["diameter"]["50"],
        "diameter_from": source,
        "quantiles": quantiles,
    }


def _quantiles(values: np.ndarray) -> dict[str, float | None]:
    values = values[np.isfinite(values)]
    if not len(values):
        return {str(percent): None for percent in PERCENTS}
    found = np.percentile(values, PERCENTS)
    return {str(percent): round(float(one), 3) for percent, one in zip(PERCENTS, found, strict=True)}


def _diameters(tiles: Tiles, counts: bool) -> tuple[np.ndarray, str]:
    """Mean nucleus diameter (px) of every image, NaN where it has none; and what it was counted by.

    Tiles cut nuclei into pieces: where cuts are c to the px along either axis, a nucleus of diameter d gives
    (1 + c d)² pieces, so that the pieces' diameter is d / (1 + c d), which is solved for d.
    """
    table = tiles.table
    area, components = _areas(tiles)
    k = table["k"].to_numpy(np.float64) if counts else np.full(len(table), np.nan)
    sums = pd.DataFrame({"area": area, "components": components, "k": k})
    grouped = sums.groupby(table["image_id"].to_numpy(), sort=False)
    # min_count: an image without K has no sum, not 0
    per_image = grouped.sum(min_count=1)
    known = per_image["k"].notna().to_numpy()
    pieces = np.where(known, per_image["k"], per_image["components"])
    whole = per_image["area"].to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        piece = np.where((pieces > 0) & (whole > 0), 2 * np.sqrt(whole / pieces / np.pi), np.nan)
    cuts = _cuts(table)
    # the quotient is 0 where a piece would fill its tile; no image of nuclei comes near
    return piece / np.maximum(1 - cuts * piece, 0.1), "counts" if known.any() else "components"


def _cuts(table: pd.DataFrame) -> np.ndarray:
    """Cuts between tiles to the px, the mean of both axes, by image in the table's order."""
    grouped = table.groupby("image_id", sort=False)
    rows = (grouped["tile_y"].nunique() - 1) / grouped["image_height"].first()
    columns = (grouped["tile_x"].nunique() - 1) / grouped["image_width"].first()
    return ((rows + columns) / 2).to_numpy(np.float64)


def _areas(tiles: Tiles) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the mask (T,) and connected components (T,) of at least a few px in every tile."""
    area, components = np.zeros(len(tiles)), np.zeros(len(tiles))
    # neighbours in the plane of a tile only: tiles of a block stay apart
    plane = np.zeros((3, 3, 3), bool)
    plane[1] = ndimage.generate_binary_structure(2, 1)
    for start in range(0, len(tiles), _BLOCK):
        masks = np.asarray(tiles.masks[start : start + _BLOCK]) > 0
        stop = start + len(masks)
        area[start:stop] = masks.sum(axis=(1, 2))
        labels, count = ndimage.label(masks, plane)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        # a component lies in one tile: that of its first pixel
        first = np.unique(labels, return_index=True)[1][-count:] if count else np.zeros(0, int)
        tile = first // masks[0].size
        components[start:stop] = np.bincount(tile[sizes >= _SPECK], minlength=len(masks))
    return area, components
