"""95 % intervals of differences in what became of the nuclei, by paired bootstrap over images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..data.looks import LOOKS
from ..evaluation.bootstrap import COLUMNS, difference_table, paired_intervals, paired_sums
from ..evaluation.pixels import ratio
from ..evaluation.scores import KEYS
from .failures import FALSE, PREDICTED_KINDS, PREDICTED_PART, TRUE_KINDS
from .study import UNMATCHED

EVERY = "all"  # in the place of a look
SHARES = (*TRUE_KINDS, UNMATCHED, FALSE)
# Columns, beside those of the true nuclei, of which some have the same name
_PREDICTED = {kind: f"predicted_{kind}" for kind in PREDICTED_KINDS}


def fate_shares(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """Shares from sums.

    Args:
        sums: (..., fates) numbers of true nuclei by ``TRUE_KINDS``, then of predicted masks by
            ``PREDICTED_KINDS``.

    Returns:
        ``SHARES`` → (...) 0…1, of the true nuclei; ``unmatched`` and ``false`` of the predicted masks.
    """
    true, predicted = np.split(np.asarray(sums, dtype=float), [len(TRUE_KINDS)], axis=-1)
    of_true = {kind: ratio(true[..., i], true.sum(axis=-1)) for i, kind in enumerate(TRUE_KINDS)}
    of_predicted = {
        name: ratio(predicted[..., PREDICTED_KINDS.index(kind)], predicted.sum(axis=-1))
        for name, kind in ((UNMATCHED, PREDICTED_PART), (FALSE, FALSE))
    }
    return of_true | of_predicted


def fate_differences(fates: pd.DataFrame, counts: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Differences a − b in ``SHARES`` between the pairs of ``bootstrap.differences``, over whole images.

    Of all images, and where they have several looks of those of each look by themselves.

    Args:
        fates, counts: of ``study.study``, of all runs below one another.
        resamples: of the bootstrap.
        seed: of the draws.

    Returns:
        ``look`` (``all`` or one of ``looks.LOOKS``) and columns ``bootstrap.COLUMNS``; shares as fractions.
    """
    parts = {EVERY: (fates, counts)}
    looks = [look for look in LOOKS if (counts["look"] == look).any()]
    if len(looks) > 1:
        parts |= {look: (fates[fates["look"] == look], counts[counts["look"] == look]) for look in looks}
    found = [_differences(*part, resamples, seed).assign(look=look) for look, part in parts.items()]
    return pd.concat(found, ignore_index=True)[["look", *COLUMNS]]


def _differences(fates: pd.DataFrame, counts: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """``fate_differences`` of the images of one look, or of all."""
    of_true = fates[[*KEYS, "image"]].assign(**{kind: (fates["kind"] == kind) * 1.0 for kind in TRUE_KINDS})
    of_predicted = counts[[*KEYS, "image"]].assign(
        **{name: counts[kind].astype(float) for kind, name in _PREDICTED.items()}
    )
    numbers = pd.concat([of_true, of_predicted], ignore_index=True).assign(scope="whole")
    compared = {name: (np.subtract, name) for name in SHARES}
    rows = []
    for head, *sides in paired_sums(numbers, [*TRUE_KINDS, *_PREDICTED.values()]):
        # an image without a nucleus has no row of fates
        a, b = (np.nan_to_num(side) for side in sides)
        found = paired_intervals(a, b, fate_shares, compared, resamples, seed)
        rows += [(*head, name, *values, len(a)) for name, values in found.items()]
    return difference_table(rows)
