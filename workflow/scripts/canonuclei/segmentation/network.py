"""What the network finds in the tiles of an image: candidates, each of the tile that owns its centre."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ..inputs import normalized, to_network
from ..nuclei.pieces import outside_cells
from ..nuclei.placed import instance_centres
from ..nuclei.resolve import MARGIN
from ..nuclei.rows import KINDS, NUMBERS, PARAMETERS
from ..training.device import autocast, choose_device
from .model import Model
from .tiling import Grid, cut, limits_of

# Tiles at a time. Never another number: a processor's last digits follow the size of the batch
BATCH = 16
_BAR_FROM = 8 * BATCH  # tiles from which a progress bar is worth its line


def runner(
    model: Model, limits: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The network as a function of tiles.

    Args:
        model: of ``load_model``.
        limits: (1, 2) of ``tiling.limits_of``, of the whole image.

    Returns:
        A function of (B, size, size, 3) uint8: L (B, N, 2, 2), t (B, N, 2) and p(z) (B, N), float32.
    """
    device = choose_device()
    network = model.network
    if hasattr(network, "to"):
        network.to(device, memory_format=torch.channels_last)
    seen = model.settings["input"]
    precision = model.settings.get("training", {}).get("precision", "auto")

    @torch.no_grad()
    def predict(tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        images = to_network(normalized(tiles, np.repeat(limits, len(tiles), axis=0), seen))
        with autocast(device, precision):
            found = network.predict(images.to(device))
        return tuple(part.float().cpu().numpy() for part in (found.lower, found.t, found.presence))

    return predict


def find_candidates(
    model: Model, image: np.ndarray, grid: Grid, name: str, keep: float, progress: bool = False
) -> pd.DataFrame:
    """Instances with p(z) ≥ ``keep`` whose centre lies in their tile's cell, or beside it within a margin.

    Args:
        model: of ``load_model``.
        image: (h, w, 3) uint8 of the grid's rescaled size.
        grid: its tiles; one batch of them is in memory at a time.
        name: of the image.
        keep: the least p(z).
        progress: show a bar.

    Returns:
        ``PARAMETERS`` with ids from 1 on, tile by tile, and ``group`` <NA>; tile frames are fractions of
        pixels where the image was rescaled.
    """
    predict, tiles = runner(model, limits_of(image, model.settings["input"])), grid.tiles()
    parts: list[dict[str, Any]] = []
    with tqdm(
        total=len(tiles), unit="tile", desc=name, leave=False, disable=not progress or len(tiles) < _BAR_FROM
    ) as bar:
        for numbers, pixels in cut(image, grid, BATCH):
            part = _owned(model, *predict(pixels), tiles.iloc[numbers], grid, keep)
            parts.append(part)
            bar.update(len(numbers))
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    table = pd.DataFrame(
        {"image": name, "tile_size": grid.frame_size, "id": np.arange(len(columns["p"])) + 1} | columns
    )
    table["group"] = pd.array([pd.NA] * len(table), dtype="Int64")
    kinds = {"image": str, "id": KINDS["id"], **dict.fromkeys(("tile_y", "tile_x", "tile_size"), np.float64)}
    return table[list(PARAMETERS)].astype(kinds)


def _owned(
    model: Model,
    lower: np.ndarray,
    t: np.ndarray,
    p: np.ndarray,
    tiles: pd.DataFrame,
    grid: Grid,
    keep: float,
) -> dict[str, np.ndarray]:
    """Columns of the instances of one batch that are candidates, by tile, then instance."""
    tile, number = np.nonzero(p >= np.float32(keep))
    lower, t, p = lower[tile, number], t[tile, number], p[tile, number]
    tile_y, tile_x = (tiles[f"tile_{axis}"].to_numpy()[tile] for axis in "yx")
    centre = instance_centres(lower, t, model.fused, (tile_y, tile_x, grid.frame_size))
    near = outside_cells(tiles, tile, centre) <= MARGIN / grid.scale
    numbers = (lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1], t[:, 0], t[:, 1], p)
    columns = {"tile_y": tile_y, "tile_x": tile_x, **dict(zip(NUMBERS, numbers, strict=True))}
    return {key: np.asarray(value, np.float64)[near] for key, value in columns.items()}
