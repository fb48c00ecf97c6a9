"""What became of each true nucleus, and what each predicted one is: found, missed, split, merged, false.

The kinds of error that Caicedo et al. (Nature Methods 2019, Nucleus segmentation across imaging experiments)
count, on masks that may overlap. All shares are compared in whole pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..evaluation.matching import Overlaps, match, overlaps

FOUND, MERGED, SPLIT, OUTLINE, MISSED = TRUE_KINDS = ("found", "merged", "split", "outline", "missed")
PREDICTED_FOUND, PREDICTED_PART, FALSE = PREDICTED_KINDS = ("found", "part", "false")
FOUND_TENTHS = 5  # IoU at which a nucleus counts as found, in tenths
SEEN_TENTHS = 1  # IoU below which two masks have nothing to do with each other


class Failures(NamedTuple):
    """Kinds of all masks of one frame.

    Attributes:
        true: (n,) of ``TRUE_KINDS``.
        predicted: (m,) of ``PREDICTED_KINDS``.
        partner: (n,) number of the predicted mask that a found nucleus is matched with, else −1.
    """

    true: np.ndarray
    predicted: np.ndarray
    partner: np.ndarray


def failures(truth: csr_array, predicted: csr_array) -> Failures:
    """Tell what became of each nucleus of a frame; the first of these that holds:

    - *found*: matched one to one at IoU ≥ 0.5, as in F1@0.5.
    - *merged*: a predicted mask holds at least half of it, and at least half of another nucleus.
    - *split*: two or more predicted masks lie in it with at least half of their pixels each, and cover at
      least half of it together (their overlaps counted twice).
    - *outline*: a predicted mask has IoU ≥ 0.1 with it, but none ≥ 0.5 that is left for it.
    - *missed*: none has.

    A predicted mask is *found*, a *part* (IoU ≥ 0.1 with a nucleus, or half of it in one) or *false*.

    Args:
        truth: (n, pixels) true masks, none empty.
        predicted: (m, pixels) predicted masks, none empty.
    """
    pairs = overlaps(truth, predicted)
    true_area, area = (np.diff(masks.indptr).astype(np.int64) for masks in (truth, predicted))
    holds = 2 * pairs.intersection >= true_area[pairs.true]  # the prediction holds half of the nucleus
    within = 2 * pairs.intersection >= area[pairs.predicted]  # half of the prediction lies in the nucleus
    seen = pairs.at(SEEN_TENTHS)
    true = np.full(len(true_area), MISSED, dtype=object)
    true[pairs.true[seen]] = OUTLINE
    true[_split(pairs, within, true_area)] = SPLIT
    held = np.bincount(pairs.predicted[holds], minlength=len(area))
    true[pairs.true[holds & (held[pairs.predicted] > 1)]] = MERGED
    kinds = np.full(len(area), FALSE, dtype=object)
    kinds[pairs.predicted[seen | within]] = PREDICTED_PART
    matched, partner = match(pairs, FOUND_TENTHS), np.full(len(true_area), -1, np.int64)
    partner[pairs.true[matched]] = pairs.predicted[matched]
    true[pairs.true[matched]] = FOUND
    kinds[pairs.predicted[matched]] = PREDICTED_FOUND
    return Failures(true, kinds, partner)


def _split(pairs: Overlaps, within: np.ndarray, true_area: np.ndarray) -> np.ndarray:
    """Which nuclei several predictions lie in and cover half of; bool (n,)."""
    rows, size = pairs.true[within], len(true_area)
    covered = np.bincount(rows, weights=pairs.intersection[within], minlength=size)
    return (np.bincount(rows, minlength=size) > 1) & (2 * covered >= true_area)
