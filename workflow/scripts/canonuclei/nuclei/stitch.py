"""Predictions of overlapping tiles, put together to whole images.

Each tile has its own cell, and the cells partition the image. An instance is kept by the tile in whose
cell its centre lies. Where two tiles place the same nucleus's centre on different sides of the border,
both would keep it, or none; so two steps follow:

1. kept twice: among kept instances of different tiles, those whose masks have IoU > 0.5 within the area
   that both tiles see are one nucleus; the higher score stays. Where its mask reaches its tile's edge
   (a nucleus wider than the overlap), the other joins it and its pixels count too.
2. kept by none: instances with their centre within a margin outside of their cell are taken, highest
   score first, unless half of their pixels are already covered.

A canonical instance's centre is the shape's centroid at p(s) = ½, whatever its p(z) and the threshold are;
its mask is drawn whole, beyond its tile. Evaluation and segmentation use the same steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..models.shape import ShapeMLP
from .fused import FusedShape
from .pieces import Pieces, pieces_of_masks
from .placed import canonical_pieces
from .resolve import MARGIN, merge_heads, resolve

Tile = Mapping[str, Any]  # a row of tiles.csv: tile_y, tile_x, cell_y0 … cell_x1, image_height, image_width


@dataclass(frozen=True)
class Stitched:
    """Instances of a whole image; masks may overlap, as the models' instances do.

    Attributes:
        masks: (n, height · width) CSR array of int32 ones, row-major pixels.
        ids: (n,) int64: the table's ids, or running numbers from 1 over all given instances.
        scores: (n,) float64, p(z) or the model's score.
    """

    masks: sparse.csr_array
    ids: np.ndarray
    scores: np.ndarray


def stitch(
    table: pd.DataFrame,
    tiles: pd.DataFrame,
    shape: ShapeMLP | FusedShape,
    threshold: float = 0.5,
    merged: bool = False,
    margin: float = MARGIN,
    overlap: float = 0.5,
) -> Stitched:
    """A canonical model's instances of one whole image.

    Args:
        table: the image's rows of ``<run>.whole.csv.gz``.
        tiles: the image's rows of the ``whole`` set's tiles.csv.
        shape: the canonical shape.
        threshold: of p(s) · p(z).
        merged: +P on the whole image: unions of groups in place of instances (ids are then the heads').
        margin: see the module.
        overlap: of +P.

    Returns:
        Ordered by id.
    """
    pieces = canonical_pieces(table, tiles, shape, threshold)
    heads = resolve(pieces, margin)
    return as_stitched(pieces, merge_heads(pieces, heads, overlap) if merged else heads)


def stitch_masks(parts: Iterable[tuple[Tile, np.ndarray, np.ndarray]], margin: float = MARGIN) -> Stitched:
    """Any model's instances of one whole image.

    Args:
        parts: per tile of the image its row, masks (n, size, size) and scores (n,); at least one tile.
        margin: see the module.

    Returns:
        Ordered by id; ids are running numbers from 1 over the instances as given.
    """
    pieces = pieces_of_masks(parts)
    return as_stitched(pieces, resolve(pieces, margin))


def as_stitched(pieces: Pieces, heads: np.ndarray) -> Stitched:
    """Kept instances with their parts as sparse masks of the whole image, ordered by id."""
    order = np.flatnonzero(heads == np.arange(len(heads)))
    order = order[np.argsort(pieces.ids[order], kind="stable")]
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(heads >= 0).tolist():
        members.setdefault(int(heads[row]), []).append(row)
    flat = [np.unique(np.concatenate([pieces.flat(row) for row in members[head]])) for head in order.tolist()]
    columns = np.concatenate([np.zeros(0, np.int64), *flat])
    starts = np.cumsum([0, *(len(pixels) for pixels in flat)], dtype=np.int64)
    size = len(order), pieces.shape[0] * pieces.shape[1]
    masks = sparse.csr_array((np.ones(len(columns), np.int32), columns, starts), size)
    return Stitched(masks, pieces.ids[order], pieces.scores[order])


def stitch_semantic(tiles: pd.DataFrame, masks: np.ndarray) -> np.ndarray:
    """(height, width) map of one image, each tile giving the pixels of its own cell.

    Args:
        tiles: the image's rows of tiles.csv.
        masks: (tiles, size, size) masks, probabilities or labels, in the order of the rows.
    """
    rows = tiles.to_dict("records")
    whole = np.zeros((int(rows[0]["image_height"]), int(rows[0]["image_width"])), masks.dtype)
    for tile, mask in zip(rows, masks, strict=True):
        window, image_window = _cell_windows(tile, mask.shape[-1])
        whole[image_window] = mask[window]
    return whole


def _cell_windows(tile: Tile, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The cell in the tile's pixels and in the image's."""
    local, whole = [], []
    for axis, extent in (("y", "image_height"), ("x", "image_width")):
        origin = int(tile[f"tile_{axis}"])
        start = max(int(tile[f"cell_{axis}0"]), origin)
        stop = max(min(int(tile[f"cell_{axis}1"]), origin + size, int(tile[extent])), start)
        local.append(slice(start - origin, stop - origin))
        whole.append(slice(start, stop))
    return tuple(local), tuple(whole)
