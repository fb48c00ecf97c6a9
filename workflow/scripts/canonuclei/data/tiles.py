"""Images cut into tiles, in files that training and evaluation map into memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..files import atomic_path
from .archives import AnnotatedImage
from .growing import GrowingArray
from .looks import look
from .pieces import tile_counter
from .placement import cells, place

# File name, type and shape behind the tile's own number and size. `instances` is a file of its own, since
# the weakly supervised models must not be able to read it
ARRAYS = {
    "images": (np.uint8, (3,)),
    "masks": (np.uint8, ()),
    "valid": (np.uint8, ()),
    "instances": (np.uint16, ()),
}
TABLE = "tiles.csv"
COLUMNS = (
    *("tile", "image_id", "subset", "look", "image_height", "image_width", "tile_y", "tile_x"),
    *("cell_y0", "cell_x0", "cell_y1", "cell_x1", "k", "p_low", "p_high", "mean", "std"),
    *("truth", "k_source", "scale"),
)
TEXTS = ("image_id", "subset", "look", "truth", "k_source")
AGAIN = "remove the folder and run the rule `tiles` again"


@dataclass(frozen=True)
class Tiles:
    """A set of tiles; the arrays are maps of their files.

    Attributes:
        images: (T, S, S, 3) uint8 red, green, blue.
        masks: (T, S, S) uint8, 1 in any nucleus, the union of the instance masks.
        valid: (T, S, S) uint8, 0 in the padding beyond the image; both None unless asked for.
        table: (T rows) the columns ``COLUMNS``; lengths in px, origins and cells in image coordinates;
            ``k`` is the paper's K, the instance masks with at least one pixel in the tile, or by
            ``k_source`` an estimate of it (fractional) or nothing (NaN); ``p_low`` ... ``std`` are of the
            whole image, 0 ... 255; ``truth``, ``k_source`` and ``scale`` as of `archives.AnnotatedImage`.
        instances: (T, S, S) uint16, 0 background, the same nucleus has the same label in all tiles of its
            image (where ``truth`` is mask, all have 1); None unless asked for.
    """

    images: np.ndarray
    table: pd.DataFrame
    masks: np.ndarray | None = None
    valid: np.ndarray | None = None
    instances: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def size(self) -> int:
        """Side of a tile in px."""
        return self.images.shape[1]


def cut_tiles(
    images: Iterable[AnnotatedImage],
    folder: str | Path,
    *,
    size: int,
    overlap: int = 0,
    percentiles: Sequence[float] = (1.0, 99.8),
    border: str = "shift",
) -> None:
    """Cut images into tiles and write a file for each of ``ARRAYS``, and ``tiles.csv``.

    One image at a time is in memory. All files appear when all are complete.

    Args:
        images: in the order in which their tiles are to be.
        folder: for the files; made if need be.
        size: side of a tile in px.
        overlap: of neighbouring tiles in px; see ``place``.
        percentiles: lower and upper one of each image's values for ``p_low`` and ``p_high``, 0 ... 100.

        border: what the last tile of a row or column does; see ``place``.

    Raises:
        InputError: no image; labels of another size than their image; more nuclei than 16 bit can tell.
    """
    folder = Path(folder)
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        table = stack.enter_context(atomic_path(folder / TABLE))
        files = {
            name: stack.enter_context(GrowingArray(folder / f"{name}.npy", dtype, (size, size, *more)))
            for name, (dtype, more) in ARRAYS.items()
        }
        for image in images:
            _check(image)
            windows = list(_windows(image.labels.shape, size, overlap, border))
            padded = _pad(image, windows[-1][1])
            image_row = _describe(image, percentiles)
            counter = tile_counter(image, size)
            for place_row, window in windows:
                for name, file in files.items():
                    file.append(padded[name][window])
                k = counter(place_row["tile_y"], place_row["tile_x"])
                rows.append({"tile": len(rows), **image_row, **place_row, "k": k})
        if not rows:
            raise InputError(folder, "the set has no image", "check the split")
        pd.DataFrame(rows)[list(COLUMNS)].to_csv(table, index=False, float_format="%.9g", lineterminator="\n")


def read_tiles(folder: str | Path, instances: bool = False, masks: bool = True) -> Tiles:
    """Map a set of tiles into memory.

    Args:
        folder: that ``cut_tiles`` wrote.
        instances: whether to open the instance labels too; without, their file need not be there.
        masks: whether to open masks and validity; the same.

    Raises:
        InputError: a file is missing, broken, or of another length than the table.
    """
    folder = Path(folder)
    wanted = {"images": True, "masks": masks, "valid": masks, "instances": instances}
    names = [name for name in ARRAYS if wanted[name]]
    paths = {name: folder / f"{name}.npy" for name in names}
    for path in (*paths.values(), folder / TABLE):
        if not path.is_file():
            raise InputError(path, "missing", "run the rule `tiles`")
    # An image may be called NA or 001: only what is empty in a column of numbers is no value
    try:
        table = pd.read_csv(
            folder / TABLE,
            dtype=dict.fromkeys(TEXTS, str),
            keep_default_na=False,
            na_values={name: [""] for name in COLUMNS if name not in TEXTS},
        )
    except ValueError as error:
        raise InputError(folder / TABLE, f"no table of tiles: {error}", AGAIN) from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise InputError(folder / TABLE, f"no column {missing[0]}", AGAIN)
    arrays = {}
    for name, path in paths.items():
        try:
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise InputError(path, f"no array file: {error}", AGAIN) from None
        if len(arrays[name]) != len(table):
            raise InputError(path, f"{len(arrays[name])} tiles, {len(table)} in {TABLE}", AGAIN)
    return Tiles(table=table, **arrays)


def _windows(
    shape: tuple[int, int], size: int, overlap: int, border: str
) -> Iterator[tuple[dict[str, int], tuple[slice, slice]]]:
    """Columns of the table and the slices of each tile, row by row."""
    axes = []
    for length in shape:
        origins = place(length, size, overlap, border)
        axes.append(list(zip(origins, cells(origins, length, size, overlap), strict=True)))
    for y, (y0, y1) in axes[0]:
        for x, (x0, x1) in axes[1]:
            row = {"tile_y": y, "tile_x": x, "cell_y0": y0, "cell_x0": x0, "cell_y1": y1, "cell_x1": x1}
            yield row, np.s_[y : y + size, x : x + size]


def _pad(image: AnnotatedImage, last: tuple[slice, slice]) -> dict[str, np.ndarray]:
    """The image's arrays, padded at the bottom and right to the end of its last tile.

    The padding has the image's median colour, channel by channel, which is its ground: mirrored pixels
    would show nuclei that K does not count, and black would put an edge into bright images.
    """
    height, width = image.labels.shape
    shape = max(height, last[0].stop), max(width, last[1].stop)
    padded = {name: np.zeros((*shape, *more), dtype) for name, (dtype, more) in ARRAYS.items()}
    padded["images"][:] = np.median(image.rgb, axis=(0, 1)).astype(np.uint8)
    padded["images"][:height, :width] = image.rgb
    padded["masks"][:height, :width] = image.labels > 0
    padded["valid"][:height, :width] = 1
    padded["instances"][:height, :width] = image.labels
    return padded


def _describe(image: AnnotatedImage, percentiles: Sequence[float]) -> dict[str, Any]:
    """The columns that all tiles of an image share."""
    low, high = np.percentile(image.rgb, percentiles)
    mean, std = _mean_and_std(image.rgb)
    return {
        "image_id": image.image_id,
        "subset": image.subset,
        "look": look(image.rgb),
        "image_height": image.labels.shape[0],
        "image_width": image.labels.shape[1],
        "p_low": float(low),
        "p_high": float(high),
        "mean": mean,
        "std": std,
        "truth": image.truth,
        "k_source": image.k_source,
        "scale": float(image.scale),
    }


def _mean_and_std(rgb: np.ndarray) -> tuple[float, float]:
    """Of all values of a uint8 image, by their histogram: `numpy.std` would copy them as 64-bit floats."""
    counts = sum(np.bincount(row.ravel(), minlength=256) for row in rgb)
    values = np.arange(256)
    mean = float(counts @ values) / rgb.size
    return mean, math.sqrt(float(counts @ (values - mean) ** 2) / rgb.size)


def _check(image: AnnotatedImage) -> None:
    if image.labels.shape != image.rgb.shape[:2]:
        sizes = f"labels of {image.labels.shape} for an image of {image.rgb.shape[:2]} px"
        raise InputError(image.image_id, sizes, "give masks of the image's size")
    if image.labels.max(initial=0) > np.iinfo(np.uint16).max:
        raise InputError(image.image_id, "more than 65535 nuclei", "cut the image into smaller ones")
