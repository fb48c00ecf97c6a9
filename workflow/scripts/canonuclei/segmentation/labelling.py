"""From stitched pieces to nuclei with one mask each, and to the label image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..nuclei.pieces import Pieces

_ROWS = 256  # of the label image at a time


class Nuclei(NamedTuple):
    """The nuclei of an image, ordered by id.

    Attributes:
        heads: (n,) positions in the pieces; a nucleus has its head's id, p(z) and parameters.
        members: (n) positions of all pieces of each, the head first.
        boxes: (n, 4) int64 of the unions, y0, x0, y1, x1.
        masks: n bool arrays.
        overlap: (n,) share of a nucleus's pixels that another one claims too.
    """

    heads: np.ndarray
    members: list[np.ndarray]
    boxes: np.ndarray
    masks: list[np.ndarray]
    overlap: np.ndarray


def label_image(pieces: Pieces, heads: np.ndarray) -> tuple[np.ndarray, Nuclei]:
    """The nuclei and their label image.

    Args:
        pieces: drawn instances.
        heads: (n,) of ``resolve.merge_heads``.

    Returns:
        (H, W) int32 ids, 0 background: where nuclei overlap, that with the higher p(z) (of equals the lower
        id) has the pixel; and the nuclei that have a pixel in it.
    """
    order = np.flatnonzero(heads == np.arange(len(heads)))
    order = order[np.argsort(pieces.ids[order], kind="stable")]
    members = _members(heads, order)
    unions = [_union(pieces, rows) for rows in members]
    labels, claims = np.zeros(pieces.shape, np.int32), np.zeros(pieces.shape, np.uint8)
    ids = pieces.ids[order]
    for k in np.lexsort((-ids, pieces.scores[order])).tolist():
        (y0, x0, y1, x1), mask = unions[k]
        labels[y0:y1, x0:x1][mask] = ids[k]
        window = claims[y0:y1, x0:x1]
        np.minimum(window + mask, 2, out=window)
    overlap = [
        np.count_nonzero(claims[y0:y1, x0:x1][mask] > 1) / np.count_nonzero(mask)
        for (y0, x0, y1, x1), mask in unions
    ]
    seen = np.flatnonzero(pixel_sums(labels, None, int(ids.max(initial=0)))[0][ids] > 0)
    boxes = np.array([box for box, _ in unions], np.int64).reshape(-1, 4)
    masks = [unions[k][1] for k in seen]
    chosen = [members[k] for k in seen]
    return labels, Nuclei(order[seen], chosen, boxes[seen], masks, np.array(overlap, np.float64)[seen])


def pixel_sums(
    labels: np.ndarray, pixels: np.ndarray | None, highest: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels of every label, and the sums of their values, some rows at a time.

    Args:
        labels: (H, W) int32.
        pixels: (H, W, C) of any type, or None.
        highest: the greatest label.

    Returns:
        (highest + 1,) int64, and (highest + 1, C) float64 or None.
    """
    counts = np.zeros(highest + 1, np.int64)
    sums = None if pixels is None else np.zeros((highest + 1, pixels.shape[2]))
    for start in range(0, len(labels), _ROWS):
        part = labels[start : start + _ROWS]
        inside = part > 0
        found = part[inside]
        counts += np.bincount(found, minlength=highest + 1)
        for channel in range(0 if pixels is None else pixels.shape[2]):
            values = pixels[start : start + _ROWS, :, channel][inside]
            sums[:, channel] += np.bincount(found, values, highest + 1)
    return counts, sums


def _members(heads: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    some = np.flatnonzero(heads >= 0)
    some = some[np.lexsort((some, heads[some] != some, heads[some]))]
    groups = np.split(some, np.flatnonzero(np.diff(heads[some])) + 1) if len(some) else []
    by_head = {int(heads[group[0]]): group for group in groups}
    return [by_head[int(head)] for head in order]


def _union(pieces: Pieces, rows: np.ndarray) -> tuple[tuple[int, int, int, int], np.ndarray]:
    boxes = pieces.boxes[rows]
    box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    if len(rows) == 1:
        return box, pieces.masks[rows[0]]
    union = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
    for row, (y0, x0, y1, x1) in zip(rows.tolist(), boxes.tolist(), strict=True):
        union[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1]] |= pieces.masks[row]
    return box, union
