"""What is scored: tiles in their own cells, or whole images, each with its true nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from ..data.assemble import assemble, cell
from ..errors import InputError
from .matching import any_matches, labels_to_sparse, overlaps, true_positives, union
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
        mask: (H, W) bool true mask of the whole tile or image.
        labels: (H, W) true labels of the whole tile or image, 0 background; None where there are no
            instance labels: then no nucleus can be matched.
        count: without instance labels, the nuclei of a whole image as its user counted them; else None.
    """

    image: str
    tile_y: int | None
    tile_x: int | None
    look: str
    window: tuple[slice, slice]
    place: tuple[slice, slice]
    mask: np.ndarray
    labels: np.ndarray | None
    count: int | None = None

    @property
    def scope(self) -> str:
        """``tile`` or ``whole``."""
        return "whole" if self.tile_y is None else "tile"

    @cached_property
    def truth(self) -> csr_array | None:
        """(n, pixels of the region) true masks clipped to it, none empty; None without instance labels."""
        return None if self.labels is None else labels_to_sparse(self.crop(self.labels))

    @property
    def true_nuclei(self) -> int | None:
        """Nuclei in the region, as far as known."""
        return self.count if self.truth is None else self.truth.shape[0]

    def crop(self, stack: np.ndarray) -> np.ndarray:
        """The scored region of a (..., H, W) array of the whole tile or image."""
        return stack[(..., *self.window)]


class GroundTruth:
    """A set of tiles with what is true in them, image by image.

    Args:
        folder: ``tiles.csv``, ``instances.npy``, ``images.npy``. Where its column ``truth`` says ``mask``
            there are no instance labels: the one label is the mask.
        images: the data set's ``images.csv``, whose column ``count`` is compared with where there are no
            instance labels; None where there are.
    """

    def __init__(self, folder: str | Path, images: str | Path | None = None) -> None:
        self.folder = Path(folder)
        self._rows = dict(tuple(read_table(folder).groupby("image_id", sort=False)))
        self._instances = np.load(self.folder / "instances.npy", mmap_mode="r")
        self._counts = {} if images is None else read_counts(images)

    @property
    def images(self) -> list[str]:
        """Image ids, in the order of the tiles."""
        return list(self._rows)

    def tiles(self, image: str) -> list[Frame]:
        """A frame for each tile of an image."""
        frames = []
        for index, row in zip(self._rows[image].index, self._rows[image].itertuples(), strict=True):
            labels = np.asarray(self._instances[index])
            known = labels if row.truth == "instances" else None
            own, window = cell(row)
            place = (row.tile_y, row.tile_x, row.look, window, own)
            frames.append(Frame(image, *place, labels > 0, known))
        return frames

    def whole(self, image: str) -> Frame:
        """The frame of a whole image, put together from its tiles."""
        rows = self._rows[image]
        labels = assemble(rows, self._instances)
        window = (slice(0, labels.shape[0]), slice(0, labels.shape[1]))
        labelled = (rows["truth"] == "instances").all()
        # a lower bound, as connected components give it, is nothing to err from
        given = not labelled and (rows["k_source"] == "counts").all()
        place = (None, None, rows["look"].iloc[0], window, window)
        count = self._counts.get(image) if given else None
        return Frame(image, *place, labels > 0, labels if labelled else None, count)

    def frames(self, image: str) -> list[Frame]:
        """The image's tiles, then the image."""
        return [*self.tiles(image), self.whole(image)]

    def picture(self, image: str) -> np.ndarray:
        """A whole image, uint8 (H, W, 3)."""
        return assemble(self._rows[image], np.load(self.folder / "images.npy", mmap_mode="r"))


def read_counts(path: str | Path) -> dict[str, int]:
    """Image id → nuclei, of the images whose ``count`` is known in ``images.csv``."""
    table = _read(path)
    if "count" not in table:
        return {}
    known = table[table["count"].notna()]
    return dict(zip(known["image_id"], known["count"].astype(int), strict=True))


def _read(path: str | Path) -> pd.DataFrame:
    # an image may be called NA or 001: only in columns of numbers is what is empty no value
    return pd.read_csv(
        path,
        dtype={"image_id": str},
        keep_default_na=False,
        na_values={name: [""] for name in ("k", "count")},
    )


def read_table(folder: str | Path) -> pd.DataFrame:
    """The table ``tiles.csv`` of a set of tiles, index = tile."""
    path = Path(folder) / "tiles.csv"
    if not path.is_file():
        raise InputError(path, "missing table of tiles", "run the rule `tiles` first")
    table = _read(path)
    # tables cut before there were tiles without instance labels
    return table.assign(**{name: "instances" for name in ("truth", "k_source") if name not in table})


def score(frame: Frame, predicted: csr_array | None, mask: np.ndarray | None = None) -> dict[str, object]:
    """One row of scores.

    Args:
        frame: the region.
        predicted: (m, pixels of the region) predicted nuclei, clipped to it, none empty; None where only
            pixels were predicted.
        mask: bool predicted mask of the region; None takes the union of ``predicted``.

    Returns:
        Columns from ``scope`` on of the table of scores. Without instance labels nothing is matched: nuclei
        are counted, and ``true_nuclei`` is the count that the user gave, if any.
    """
    row: dict[str, object] = {
        "scope": frame.scope,
        "image": frame.image,
        "tile_y": frame.tile_y,
        "tile_x": frame.tile_x,
        "look": frame.look,
        "true_nuclei": frame.true_nuclei,
        "predicted_nuclei": None if predicted is None else predicted.shape[0],
    }
    row |= pixel_counts(frame.crop(frame.mask).ravel(), union(predicted) if mask is None else mask.ravel())
    if predicted is None or frame.truth is None:
        return row
    pairs = overlaps(frame.truth, predicted)
    row |= {f"tp_{k}": int(tp) for k, tp in enumerate(true_positives(pairs), start=1)}
    for tenths in LOOSE_THRESHOLDS:
        row[f"any_true_{tenths}"], row[f"any_predicted_{tenths}"] = any_matches(pairs, tenths)
    return row
