"""Which predicted nuclei match which true ones, at ten IoU thresholds.

Sets of masks are sparse matrices (n, pixels) with a 1 at each pixel of a mask: masks may overlap, and tiles
and whole images go through the same code. Thresholds τ = k/10 are compared in whole numbers,
10·|∩| ≥ k·|∪|, so that an IoU of exactly 0.3 is never lost to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

THRESHOLDS = range(1, 11)  # in tenths; paper, section 3.3


class Overlaps(NamedTuple):
    """Pairs of a true and a predicted mask that share at least one pixel, as parallel arrays (m,)."""

    true: np.ndarray
    predicted: np.ndarray
    intersection: np.ndarray
    union: np.ndarray

    def at(self, tenths: int) -> np.ndarray:
        """Which of the pairs have IoU ≥ tenths/10, exactly; bool (m,)."""
        return 10 * self.intersection >= tenths * self.union


def labels_to_sparse(labels: np.ndarray) -> csr_array:
    """The masks of a label image.

    Args:
        labels: (H, W) integers; 0 is background, labels need not be consecutive.

    Returns:
        (n, H·W), rows by rising label; only labels that occur.
    """
    flat = np.ascontiguousarray(labels).ravel()
    pixels = np.flatnonzero(flat)
    values = flat[pixels]
    order = np.argsort(values, kind="stable")
    values = values[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])
    return sparse_rows(pixels[order], np.append(starts, len(values)), flat.size)


def masks_to_sparse(masks: np.ndarray) -> csr_array:
    """A stack of masks (n, H, W), which may overlap, as (n, H·W); empty masks are dropped."""
    masks = np.asarray(masks, dtype=bool)
    flat = masks.reshape(masks.shape[0], int(np.prod(masks.shape[1:])))
    rows, pixels = np.nonzero(flat)
    ends = np.cumsum(np.bincount(rows, minlength=len(flat)))
    return drop_empty(sparse_rows(pixels, np.append(0, ends), flat.shape[1]))


def drop_empty(masks: csr_array) -> csr_array:
    """``masks`` (n, pixels) without the rows that hold no pixel."""
    full = np.diff(masks.indptr) > 0
    return masks if full.all() else masks[full]


def union(masks: csr_array) -> np.ndarray:
    """Which pixels lie in any of ``masks`` (n, pixels); bool (pixels,)."""
    inside = np.zeros(masks.shape[1], dtype=bool)
    inside[masks.indices] = True
    return inside


def sparse_rows(pixels: np.ndarray, ends: np.ndarray, size: int) -> csr_array:
    """(n, size) masks from their pixels, one mask after the other, and the n + 1 ends that part them."""
    ones = np.ones(len(pixels), dtype=np.int32)
    return csr_array((ones, pixels, ends), shape=(len(ends) - 1, size))


def overlaps(truth: csr_array, predicted: csr_array) -> Overlaps:
    """Intersections and unions of all pairs of ``truth`` (n, pixels), ``predicted`` (m, pixels) that meet."""
    if truth.shape[1] != predicted.shape[1]:
        raise ValueError(f"masks of {truth.shape[1]} and of {predicted.shape[1]} pixels")
    shared = (truth @ predicted.T).tocoo()
    rows, columns = (np.asarray(index, dtype=np.int64) for index in shared.coords)
    # tenfold unions of whole images leave 32 bits far behind
    intersection = shared.data.astype(np.int64)
    areas = np.diff(truth.indptr).astype(np.int64)[rows] + np.diff(predicted.indptr)[columns]
    return Overlaps(rows, columns, intersection, areas - intersection)


def match(pairs: Overlaps, tenths: int) -> np.ndarray:
    """The one-to-one assignment with the most pairs of IoU ≥ tenths/10; ties by total IoU.

    The rule of ``stardist.matching`` and ``cellpose.metrics``.

    Returns:
        Indices into ``pairs`` of the matched ones.
    """
    candidates = np.flatnonzero(pairs.at(tenths))
    true, predicted = pairs.true[candidates], pairs.predicted[candidates]
    contested = (_multiplicity(true) > 1) | (_multiplicity(predicted) > 1)
    if not contested.any():
        return candidates
    # Only what is contested needs the assignment: a pair without a rival is always in it
    rest = candidates[contested]
    _, rows = np.unique(pairs.true[rest], return_inverse=True)
    _, columns = np.unique(pairs.predicted[rest], return_inverse=True)
    gain = np.zeros((rows.max() + 1, columns.max() + 1))
    # Each pair counts 1 and its IoU at most 1/(2·pairs): no sum of IoUs outweighs one more pair
    gain[rows, columns] = 1 + pairs.intersection[rest] / pairs.union[rest] / (2 * min(gain.shape))
    chosen = np.zeros(gain.shape, dtype=bool)
    chosen[linear_sum_assignment(gain, maximize=True)] = True
    return np.concatenate([candidates[~contested], rest[chosen[rows, columns]]])


def _multiplicity(values: np.ndarray) -> np.ndarray:
    """How often each value occurs among ``values`` (small whole numbers), same shape."""
    return np.bincount(values)[values] if len(values) else values


def true_positives(pairs: Overlaps) -> np.ndarray:
    """Number of matched pairs at IoU 0.1, 0.2, … 1.0; int (10,)."""
    passing = np.array([pairs.at(tenths) for tenths in THRESHOLDS])
    sides = (side[passing[0]] for side in (pairs.true, pairs.predicted))
    if all(_multiplicity(side).max(initial=0) < 2 for side in sides):
        # what has no rival at the lowest threshold has none at a higher one
        return passing.sum(axis=1)
    return np.array([len(match(pairs, tenths)) for tenths in THRESHOLDS])


def any_matches(pairs: Overlaps, tenths: int) -> tuple[int, int]:
    """True and predicted masks that have at least one partner of IoU ≥ tenths/10, each counted once.

    Matching that is not one-to-one, for one of the readings of the paper's mean F1.
    """
    passing = pairs.at(tenths)
    return tuple(int((np.bincount(side[passing]) > 0).sum()) for side in (pairs.true, pairs.predicted))
