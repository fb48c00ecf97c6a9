"""Predictions of overlapping tiles, put together to whole images (the tile set ``whole``).

Each tile has its own cell, and the cells partition the image. An instance is kept by the tile in whose
cell the centroid of its mask lies. Where two tiles place the same nucleus's centroid on different sides
of the border, both would keep it, or none; so two steps follow:

1. kept twice: among kept instances of different tiles, those whose masks have IoU > 0.5 within the area
   that both tiles see are one nucleus; the higher score stays. Where its mask was cut by its tile's edge
   (a nucleus wider than the overlap), it takes the other's pixels too.
2. kept by none: instances with their centroid within a margin outside of their cell are taken, highest
   score first, unless half of their pixels are already covered.
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
from .rows import nuclei_masks

MARGIN = 4.0  # px; centroids of one nucleus in two tiles differ by less, unless its mask is cut
SAME = 0.5  # IoU in the common area above which two tiles' instances are one nucleus
COVERED = 0.5  # share of an instance's pixels above which kept instances already explain it

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


@dataclass
class _Candidate:
    pixels: np.ndarray  # sorted flat pixels in the image
    score: float
    id: int
    tile: int
    outside: float  # distance of the centroid from the tile's own cell, px; 0 inside
    cut: bool  # touches an edge of its tile beyond which the image goes on


def stitch(
    table: pd.DataFrame,
    tiles: pd.DataFrame,
    shape: ShapeMLP | FusedShape,
    threshold: float = 0.5,
    merged: bool = False,
    margin: float = MARGIN,
) -> Stitched:
    """A canonical model's instances of one whole image.

    Args:
        table: the image's rows of ``<run>.whole.csv.gz``.
        tiles: the image's rows of the ``whole`` set's tiles.csv.
        shape: the canonical shape.
        threshold: of p(s) · p(z).
        merged: +P: stitch the groups' unions in place of the instances (ids are then the heads').
        margin: see the module.

    Returns:
        Ordered by id.
    """
    fused = shape if isinstance(shape, FusedShape) else FusedShape(shape)
    parts, ids = [], []
    for tile in tiles.to_dict("records"):
        rows = table[(table["tile_y"] == tile["tile_y"]) & (table["tile_x"] == tile["tile_x"])]
        masks, positions = nuclei_masks(rows, fused, threshold, merged)
        chosen = rows.iloc[positions]
        parts.append((tile, masks, chosen["p"].to_numpy()))
        ids.append(chosen["id"].to_numpy(np.int64))
    return _stitch(parts, ids, margin)


def stitch_masks(parts: Iterable[tuple[Tile, np.ndarray, np.ndarray]], margin: float = MARGIN) -> Stitched:
    """Any model's instances of one whole image.

    Args:
        parts: per tile of the image its row, masks (n, size, size) and scores (n,); at least one tile.
        margin: see the module.

    Returns:
        Ordered by id; ids are running numbers from 1 over the instances as given.
    """
    parts = list(parts)
    ends = np.cumsum([len(masks) for _, masks, _ in parts])
    ids = [np.arange(end - len(masks), end) + 1 for (_, masks, _), end in zip(parts, ends, strict=True)]
    return _stitch(parts, ids, margin)


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


def clip_to_cell(masks: np.ndarray, tile: Tile) -> np.ndarray:
    """A copy of (..., size, size) tile masks that is 0 outside of the tile's own cell (and the image)."""
    clipped = np.zeros_like(masks)
    window = (..., *_cell_windows(tile, masks.shape[-1])[0])
    clipped[window] = masks[window]
    return clipped


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


def _stitch(parts: list[tuple], ids: list[np.ndarray], margin: float) -> Stitched:
    height, width = (int(parts[0][0][name]) for name in ("image_height", "image_width"))
    candidates = []
    for index, ((tile, masks, scores), numbers) in enumerate(zip(parts, ids, strict=True)):
        for mask, score, number in zip(masks, scores, numbers, strict=True):
            candidate = _candidate(np.asarray(mask, bool), float(score), int(number), tile, index)
            if candidate is not None and candidate.outside <= margin:
                candidates.append(candidate)
    candidates.sort(key=lambda one: (-one.score, -len(one.pixels), one.id))
    views = [_view(tile, masks.shape[-1]) for tile, masks, _ in parts]
    kept = _without_twins([one for one in candidates if one.outside == 0], views, width)
    covered = np.zeros(height * width, bool)
    for one in kept:
        covered[one.pixels] = True
    for one in candidates:
        if one.outside > 0 and covered[one.pixels].mean() < COVERED:
            kept.append(one)
            covered[one.pixels] = True
    kept.sort(key=lambda one: one.id)
    return _as_stitched(kept, height * width)


def _candidate(mask: np.ndarray, score: float, number: int, tile: Tile, index: int) -> _Candidate | None:
    """An instance in image pixels, without the tile's padding; None where nothing is left of it."""
    height, width = int(tile["image_height"]), int(tile["image_width"])
    y0, x0, y1, x1 = _view(tile, mask.shape[-1])
    mask = mask[: y1 - y0, : x1 - x0]
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    # + 0.5: pixel j covers j … j + 1 of the half-open cell
    centre = rows.mean() + y0 + 0.5, columns.mean() + x0 + 0.5
    gaps = [0.0]
    outside = False
    for value, axis in zip(centre, "yx", strict=True):
        start, stop = int(tile[f"cell_{axis}0"]), int(tile[f"cell_{axis}1"])
        gaps += [start - value, value - stop]
        outside |= not start <= value < stop
    cut = (
        (y0 > 0 and mask[0].any())
        or (x0 > 0 and mask[:, 0].any())
        or (y1 < height and mask[-1].any())
        or (x1 < width and mask[:, -1].any())
    )
    # a centroid exactly on the far border is outside by a distance of 0
    distance = max(max(gaps), 1e-9) if outside else 0.0
    return _Candidate((rows + y0) * width + columns + x0, score, number, index, distance, bool(cut))


def _view(tile: Tile, size: int) -> tuple[int, int, int, int]:
    """What the tile sees of its image: y0, x0, y1, x1."""
    y0, x0 = int(tile["tile_y"]), int(tile["tile_x"])
    return y0, x0, min(y0 + size, int(tile["image_height"])), min(x0 + size, int(tile["image_width"]))


def _without_twins(candidates: list[_Candidate], views: list[tuple], width: int) -> list[_Candidate]:
    """Step 1 of the module, on candidates by falling score."""
    kept: list[_Candidate] = []
    boxes = np.zeros((len(candidates), 4), np.int64)
    for one in candidates:
        box = _box(one.pixels, width)
        known = boxes[: len(kept)]
        near = (known[:, :2] < box[2:]).all(axis=1) & (known[:, 2:] > box[:2]).all(axis=1)
        twins = [index for index in np.flatnonzero(near) if _same_nucleus(one, kept[index], views, width)]
        if not twins:
            boxes[len(kept)] = box
            kept.append(one)
        elif kept[twins[0]].cut:
            twin = kept[twins[0]]
            twin.pixels = np.union1d(twin.pixels, one.pixels)
            boxes[twins[0]] = _box(twin.pixels, width)
    return kept


def _box(pixels: np.ndarray, width: int) -> np.ndarray:
    rows, columns = np.divmod(pixels, width)
    return np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])


def _same_nucleus(one: _Candidate, other: _Candidate, views: list[tuple], width: int) -> bool:
    if one.tile == other.tile:
        return False
    a, b = views[one.tile], views[other.tile]
    common = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if common[0] >= common[2] or common[1] >= common[3]:
        return False
    ours, theirs = (_within(pixels, common, width) for pixels in (one.pixels, other.pixels))
    shared = len(np.intersect1d(ours, theirs, assume_unique=True))
    return shared > SAME * (len(ours) + len(theirs) - shared)


def _within(pixels: np.ndarray, box: tuple, width: int) -> np.ndarray:
    rows, columns = np.divmod(pixels, width)
    return pixels[(rows >= box[0]) & (rows < box[2]) & (columns >= box[1]) & (columns < box[3])]


def _as_stitched(kept: list[_Candidate], pixels: int) -> Stitched:
    lengths = [len(one.pixels) for one in kept]
    columns = np.concatenate([np.zeros(0, np.int64), *(one.pixels for one in kept)])
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    masks = sparse.csr_array(
        (np.ones(len(columns), np.int32), columns, starts.astype(np.int64)), (len(kept), pixels)
    )
    ids = np.array([one.id for one in kept], np.int64)
    return Stitched(masks, ids, np.array([one.score for one in kept], np.float64))
