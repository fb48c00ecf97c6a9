"""What is scored: tiles in their own cells, or whole images, each with its true nuclei."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from ..errors import InputError
from .matching import any_matches, labels_to_sparse, overlaps, true_positives
from .pixels import pixel_counts

LOOSE_THRESHOLDS = range(1, 5)  # tenths below 0.5, where matching need not be one-to-one


@dataclass(frozen=True)
class Frame:
    """A region that is scored by itself.

    Attributes:
        image: image id.
        tile_y, tile_x: origin of the tile in its image (px); None for a whole image.
        look: fluorescence, tissue or brightfield.
        window: row and column slices of the scored region in the tile, or in the whole image.
        place: the same region in image coordinates.
        labels: (H, W) true labels of the whole tile or image, 0 background.
        truth: (n, pixels of the region) true masks clipped to it, none empty.
        k: nuclei with a pixel anywhere in the tile or image.
    """

    image: str
    tile_y: int | None
    tile_x: int | None
    look: str
    window: tuple[slice, slice]
    place: tuple[slice, slice]
    labels: np.ndarray
    truth: csr_array
    k: int

    @property
    def scope(self) -> str:
        """``tile`` or ``whole``."""
        return "whole" if self.tile_y is None else "tile"

    def crop(self, stack: np.ndarray) -> np.ndarray:
        """The scored region of a (..., H, W) array of the whole tile or image."""
        return stack[(..., *self.window)]


def tile_frames(folder: str | Path) -> list[Frame]:
    """One frame for each tile of ``folder`` (``tiles.csv``, ``instances.npy``), in its order."""
    table, instances = read_table(folder), np.load(Path(folder) / "instances.npy", mmap_mode="r")
    frames = []
    for row, labels in zip(table.itertuples(), instances, strict=True):
        place = (slice(row.cell_y0, row.cell_y1), slice(row.cell_x0, row.cell_x1))
        window = (_shift(place[0], row.tile_y), _shift(place[1], row.tile_x))
        labels = np.asarray(labels)
        truth = labels_to_sparse(labels[window])
        k = len(np.unique(labels[labels > 0]))
        frames.append(Frame(row.image_id, row.tile_y, row.tile_x, row.look, window, place, labels, truth, k))
    return frames


def image_frames(folder: str | Path) -> list[Frame]:
    """One frame for each image that the tiles of ``folder`` come from, put together from them."""
    frames = []
    for image, rows, labels in assembled(folder, "instances.npy"):
        window = (slice(0, labels.shape[0]), slice(0, labels.shape[1]))
        truth = labels_to_sparse(labels)
        look = rows["look"].iloc[0]
        frames.append(Frame(image, None, None, look, window, window, labels, truth, truth.shape[0]))
    return frames


def assembled(folder: str | Path, name: str) -> Iterator[tuple[str, pd.DataFrame, np.ndarray]]:
    """Whole images put together from tiles: image id, its rows of ``tiles.csv``, array (H, W, ...).

    Args:
        folder: of a set of tiles.
        name: the array to put together, ``images.npy``, ``masks.npy`` or ``instances.npy``.
    """
    table, tiles = read_table(folder), np.load(Path(folder) / name, mmap_mode="r")
    for image, rows in table.groupby("image_id", sort=False):
        height, width = int(rows["image_height"].iloc[0]), int(rows["image_width"].iloc[0])
        whole = np.zeros((height, width, *tiles.shape[3:]), dtype=tiles.dtype)
        for index, row in zip(rows.index, rows.itertuples(), strict=True):
            cell = (slice(row.cell_y0, row.cell_y1), slice(row.cell_x0, row.cell_x1))
            whole[cell] = tiles[index][_shift(cell[0], row.tile_y), _shift(cell[1], row.tile_x)]
        yield str(image), rows, whole


def read_table(folder: str | Path) -> pd.DataFrame:
    """The table ``tiles.csv`` of a set of tiles, index = tile."""
    path = Path(folder) / "tiles.csv"
    if not path.is_file():
        raise InputError(path, "missing table of tiles", "run the rule `tiles` first")
    return pd.read_csv(path, dtype={"image_id": str})


def _shift(span: slice, origin: int) -> slice:
    return slice(span.start - origin, span.stop - origin)


def score(frame: Frame, predicted: csr_array | None, mask: np.ndarray | None = None) -> dict[str, object]:
    """One row of scores.

    Args:
        frame: the region.
        predicted: (m, pixels of the region) predicted nuclei, clipped to it, none empty; None where only
            pixels were predicted.
        mask: bool predicted mask of the region; None takes the union of ``predicted``.

    Returns:
        Columns from ``scope`` on of the table of scores.
    """
    true_mask = np.diff(frame.truth.tocsc().indptr) > 0
    if mask is None:
        mask = np.diff(predicted.tocsc().indptr) > 0
    row: dict[str, object] = {
        "scope": frame.scope,
        "image": frame.image,
        "tile_y": frame.tile_y,
        "tile_x": frame.tile_x,
        "look": frame.look,
        "true_nuclei": frame.truth.shape[0],
        "predicted_nuclei": None,
    }
    row |= pixel_counts(true_mask, np.asarray(mask).ravel())
    if predicted is None:
        return row
    pairs = overlaps(frame.truth, predicted)
    row["predicted_nuclei"] = predicted.shape[0]
    row |= {f"tp_{k}": int(tp) for k, tp in enumerate(true_positives(pairs), start=1)}
    for tenths in LOOSE_THRESHOLDS:
        row[f"any_true_{tenths}"], row[f"any_predicted_{tenths}"] = any_matches(pairs, tenths)
    return row
