"""What an approach predicts in a tile or a whole image, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from .frames import Frame
from .scores import Row


class Predicted(NamedTuple):
    """What one approach of a run predicts in one frame.

    Attributes:
        block: number of the block of the table of scores that its row stands in.
        keys: the columns ``scores.KEYS``.
        frame: the tile or whole image, with what is true in it.
        nuclei: (m, pixels of the region) masks clipped to it, none empty; None where only pixels are.
        mask: bool mask of the region; None is the union of ``nuclei``.
    """

    block: int
    keys: Row
    frame: Frame
    nuclei: csr_array | None
    mask: np.ndarray | None = None


# An image's predictions: its tiles of every approach, then the whole image
Predictions = Callable[[str], Iterator[Predicted]]
