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
    values, rows = np.unique(flat[pixels], return_inverse=True)
    return _sparse(rows, pixels, (len(values), flat.size))


def masks_to_sparse(masks: np.ndarray) -> csr_array:
    """A stack of masks (n, H, W), which may overlap, as (n, H·W); empty masks are dropped."""
    masks = np.asarray(masks, dtype=bool)
    flat = masks.reshape(masks.shape[0], int(np.prod(masks.shape[1:])))
    rows, pixels = np.nonzero(flat)
    return drop_empty(_sparse(rows, pixels, flat.shape))


def drop_empty(masks: csr_array) -> csr_array:
    """``masks`` (n, pixels) without the rows that hold no pixel."""
    return masks[np.diff(masks.indptr) > 0]


def _sparse(rows: np.ndarray, pixels: np.ndarray, shape: tuple[int, int]) -> csr_array:
    return csr_array((np.ones(len(rows), dtype=np.int64), (rows, pixels)), shape=shape)


def overlaps(truth: csr_array, predicted: csr_array) -> Overlaps:
    """Intersections and unions of all pairs of ``truth`` (n, pixels), ``predicted`` (m, pixels) that meet."""
    if truth.shape[1] != predicted.shape[1]:
        raise ValueError(f"masks of {truth.shape[1]} and of {predicted.shape[1]} pixels")
    shared = (truth @ predicted.T).tocoo()
    rows, columns = (np.asarray(index, dtype=np.int64) for index in shared.coords)
    areas = np.diff(truth.indptr)[rows] + np.diff(predicted.indptr)[columns]
    return Overlaps(rows, columns, shared.data, areas - shared.data)


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
    """How often each value occurs among ``values``, same shape."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[inverse]


def true_positives(pairs: Overlaps) -> np.ndarray:
    """Number of matched pairs at IoU 0.1, 0.2, … 1.0; int (10,)."""
    return np.array([len(match(pairs, tenths)) for tenths in THRESHOLDS])


def any_matches(pairs: Overlaps, tenths: int) -> tuple[int, int]:
    """True and predicted masks that have at least one partner of IoU ≥ tenths/10, each counted once.

    Matching that is not one-to-one, for one of the readings of the paper's mean F1.
    """
    passing = pairs.at(tenths)
    return len(np.unique(pairs.true[passing])), len(np.unique(pairs.predicted[passing]))
