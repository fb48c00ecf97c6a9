"""Tiles by how many true nuclei they have."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Least K of each range; a tile of BBBC038's test images has 6.6 nuclei on the average
LEAST = (0, 1, 3, 6, 11, 21)


def _name(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} and more"
    return f"{least}" if least == most else f"{least}–{most}"


# Of the ranges, in their order
DENSITIES = tuple(
    _name(least, most)
    for least, most in zip(LEAST, [*(following - 1 for following in LEAST[1:]), None], strict=True)
)


def density_of(true_nuclei: pd.Series) -> pd.Series:
    """Number of the range of ``DENSITIES`` that a tile's K lies in.

    Args:
        true_nuclei: (T,) K of tiles, known of all of them.
    """
    rank = np.searchsorted(LEAST, true_nuclei.to_numpy(float), side="right") - 1
    return pd.Series(rank, index=true_nuclei.index)
