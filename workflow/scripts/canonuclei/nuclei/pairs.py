"""Which of many masks share pixels, without looking at all pairs and without maps of the whole image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BIN = 64  # px; a nucleus lies in one to four bins


def near_pairs(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of boxes that share a pixel.

    Args:
        boxes: (n, 4) whole y0, x0, y1, x1, half-open; empty ones are in no pair.

    Returns:
        (k,) positions i and (k,) j, i < j, sorted by i, then j.
    """
    boxes = np.asarray(boxes, np.int64).reshape(-1, 4)
    filled = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    if not len(filled):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    bins, member = _bins(boxes, filled)
    order = np.lexsort((member, bins))
    bins, member = bins[order], member[order]
    # each member of a bin with those after it: as many steps as the fullest bin has members
    starts, last = [], np.r_[np.flatnonzero(np.diff(bins)), len(bins) - 1]
    end = np.repeat(last, np.diff(np.r_[-1, last]))
    here = np.arange(len(bins))
    step = 1
    while len(here := here[here + step <= end[here]]):
        one, other = boxes[member[here]], boxes[member[here + step]]
        meet = (np.maximum(one, other)[:, :2] < np.minimum(one, other)[:, 2:]).all(axis=1)
        starts.append(member[here[meet]] * len(boxes) + member[here[meet] + step])
        step += 1
    found = np.unique(np.concatenate(starts)) if starts else np.zeros(0, np.int64)
    return found // len(boxes), found % len(boxes)


def _bins(boxes: np.ndarray, filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the bins that each box reaches into, and whose they are."""
    low, high = boxes[filled, :2] // _BIN, (boxes[filled, 2:] - 1) // _BIN
    low, high = low - low.min(axis=0), high - low.min(axis=0)
    rows, columns = (high - low + 1).T
    owner = np.repeat(np.arange(len(filled)), rows * columns)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(rows * columns) - rows * columns, rows * columns)
    row, column = low[owner, 0] + place // columns[owner], low[owner, 1] + place % columns[owner]
    return row * (high[:, 1].max() + 1) + column, filled[owner]


def shared_pixels(
    boxes: np.ndarray, masks: Sequence[np.ndarray], one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """(k,) int64: pixels that the masks of each pair share.

    Args:
        boxes: (n, 4) y0, x0, y1, x1 of the masks.
        masks: n bool arrays of the boxes' sizes.
        one, other: (k,) positions.
    """
    corners = np.concatenate(
        [np.maximum(boxes[one, :2], boxes[other, :2]), np.minimum(boxes[one, 2:], boxes[other, 2:])], axis=1
    )
    shared = np.zeros(len(one), np.int64)
    for k, (i, j, box) in enumerate(zip(one.tolist(), other.tolist(), corners.tolist(), strict=True)):
        shared[k] = np.count_nonzero(part(masks[i], boxes[i], box) & part(masks[j], boxes[j], box))
    return shared


def part(mask: np.ndarray, box: Sequence[int], within: Sequence[int]) -> np.ndarray:
    """The part of a mask, whose box is given, that lies ``within`` another box (y0, x0, y1, x1)."""
    y0, x0 = box[0], box[1]
    return mask[
        max(within[0] - y0, 0) : max(within[2] - y0, 0), max(within[1] - x0, 0) : max(within[3] - x0, 0)
    ]
