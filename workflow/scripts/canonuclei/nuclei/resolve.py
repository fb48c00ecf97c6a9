"""Which of the instances that overlapping tiles placed are kept, and which are parts of another one."""

from __future__ import annotations

import numpy as np

from .merge import merge_pairs
from .pairs import near_pairs, part, shared_pixels
from .pieces import Pieces

MARGIN = 4.0  # px; centres of one nucleus in two tiles differ by less, unless its mask is cut
SAME = 0.5  # IoU in the common area above which two tiles' instances are one nucleus
COVERED = 0.5  # share of an instance's pixels above which kept instances already explain it


def resolve(pieces: Pieces, margin: float = MARGIN) -> np.ndarray:
    """Which instances are kept (``stitch`` tells the steps).

    Returns:
        (n,) int64: its own position for an instance that is kept, that of another one that it is part of,
        −1 for one that is left out.
    """
    heads = np.full(len(pieces.ids), -1, np.int64)
    order = np.lexsort((pieces.ids, -pieces.areas, -pieces.scores))
    own = np.flatnonzero(pieces.outside == 0)
    twins = _twins(pieces, own)
    for one in order[pieces.outside[order] == 0].tolist():
        known = [other for other in twins.get(one, ()) if heads[other] >= 0]
        if not known:
            heads[one] = one
            continue
        # the first of them in order is the one that has the highest score
        best = min(known, key=lambda other: (-pieces.scores[other], pieces.ids[other]))
        if pieces.cut(best):
            heads[one] = heads[best]
    covered = np.zeros(pieces.shape, bool)
    for one in np.flatnonzero(heads >= 0).tolist():
        _window(covered, pieces.boxes[one])[...] |= pieces.masks[one]
    for one in order[(pieces.outside[order] > 0) & (pieces.outside[order] <= margin)].tolist():
        window, mask = _window(covered, pieces.boxes[one]), pieces.masks[one]
        if np.count_nonzero(window & mask) < COVERED * np.count_nonzero(mask):
            heads[one] = one
            window |= mask
    return heads


def merge_heads(pieces: Pieces, heads: np.ndarray, overlap: float = 0.5) -> np.ndarray:
    """+P (``merge.merge_contained``) on the whole image, of what ``resolve`` kept: heads as it gives them.

    Instances that are parts of another one come along with it; pairs are tested on their own masks.
    """
    kept = np.flatnonzero(heads >= 0)
    some = pieces.choose(kept)
    one, other = near_pairs(some.boxes)
    shared = shared_pixels(some.boxes, some.masks, one, other)
    position = np.full(len(heads), -1)
    position[kept] = np.arange(len(kept))
    parts = np.flatnonzero(heads[kept] != kept)
    # a joined twin is linked to its head whatever they share: as if it lay wholly in it
    areas = some.areas
    one, other = np.r_[one, parts], np.r_[other, position[heads[kept[parts]]]]
    shared = np.r_[shared, np.minimum(areas[one[len(shared) :]], areas[other[len(shared) :]])]
    merged = merge_pairs(areas, some.scores, some.ids, one, other, shared, overlap)
    result = np.full(len(heads), -1, np.int64)
    result[kept] = kept[merged]
    return result


def _twins(pieces: Pieces, own: np.ndarray) -> dict[int, list[int]]:
    """Instances of different tiles that are the same nucleus, both ways."""
    one, other = (own[rows] for rows in near_pairs(pieces.boxes[own]))
    apart = pieces.tiles[one] != pieces.tiles[other]
    twins: dict[int, list[int]] = {}
    for i, j in zip(one[apart].tolist(), other[apart].tolist(), strict=True):
        if _same_nucleus(pieces, i, j):
            twins.setdefault(i, []).append(j)
            twins.setdefault(j, []).append(i)
    return twins


def _same_nucleus(pieces: Pieces, i: int, j: int) -> bool:
    a, b = pieces.views[pieces.tiles[i]], pieces.views[pieces.tiles[j]]
    low, high = np.ceil(np.maximum(a, b)[:2]).astype(int), np.floor(np.minimum(a, b)[2:]).astype(int)
    boxes, masks = (pieces.boxes[i], pieces.boxes[j]), (pieces.masks[i], pieces.masks[j])
    view = (*low, *high)
    counts = [np.count_nonzero(part(mask, box, view)) for mask, box in zip(masks, boxes, strict=True)]
    both = np.maximum(np.maximum(*boxes)[:2], low), np.minimum(np.minimum(*boxes)[2:], high)
    if (both[0] >= both[1]).any():
        return False
    both = (*both[0], *both[1])
    shared = np.count_nonzero(part(masks[0], boxes[0], both) & part(masks[1], boxes[1], both))
    return bool(shared > SAME * (sum(counts) - shared))


def _window(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    return image[box[0] : box[2], box[1] : box[3]]
