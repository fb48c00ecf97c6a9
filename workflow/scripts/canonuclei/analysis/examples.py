"""One picture of each kind of failure, chosen by a rule and not by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from ..evaluation.frames import GroundTruth
from ..evaluation.predicted import Predicted, Predictions
from .failures import FALSE, MERGED, MISSED, OUTLINE, SPLIT, failures
from .measurements import mask_measures

SHOWN = (MISSED, SPLIT, MERGED, OUTLINE, FALSE)
SIDE = 80  # px of the cut


class Example(NamedTuple):
    """A cut of an image with what is true and what was predicted in it.

    Attributes:
        kind: of ``SHOWN``.
        image: id.
        rgb: (h, w, 3) uint8; at most ``SIDE`` px a side.
        true, predicted: lists of (h, w) bool masks that reach into the cut.
        marked: (h, w) bool, the nucleus (or the false mask) that it is about.
    """

    kind: str
    image: str
    rgb: np.ndarray
    true: list[np.ndarray]
    predicted: list[np.ndarray]
    marked: np.ndarray


def examples(
    fates: pd.DataFrame, counts: pd.DataFrame, predictions: Predictions, truth: GroundTruth, approach: str
) -> list[Example]:
    """An example of each kind that occurs.

    Of false masks the one of median area in the image that has the median number of them; else as
    ``example_of``.

    Args:
        fates, counts: of ``study.study``, of the run.
        predictions: of the run.
        truth: of the set ``test``.
        approach: name of the approach.
    """
    found = [example_of(kind, fates, predictions, truth, approach) for kind in SHOWN[:-1]]
    rows = counts[(counts["approach"] == approach) & (counts[FALSE] > 0)].sort_values([FALSE, "image"])
    if len(rows):
        image = rows.iloc[len(rows) // 2]["image"]
        told = _whole(predictions, image, approach)
        false = np.flatnonzero(failures(told.frame.truth, told.nuclei).predicted == FALSE)
        areas = np.diff(told.nuclei.indptr)[false]
        row = int(false[np.argsort(areas, kind="stable")[len(false) // 2]])
        found.append(_example(FALSE, told, told.nuclei, row, truth))
    return [example for example in found if example is not None]


def example_of(
    kind: str, fates: pd.DataFrame, predictions: Predictions, truth: GroundTruth, approach: str
) -> Example | None:
    """Of the nuclei that became of ``kind``, the one of median area that its image's edge does not cut.

    Where the edge cuts it, the next in area; of the median itself where it cuts all. None where there is no
    such nucleus. Arguments as of ``examples``.
    """
    own = fates[(fates["approach"] == approach) & (fates["kind"] == kind)]
    rows = own.sort_values(["true_area", "image", "nucleus"])[["image", "nucleus"]].to_numpy()
    seen: dict[str, Predicted] = {}
    cut = None
    for place in sorted(range(len(rows)), key=lambda place: abs(place - len(rows) // 2)):
        image, row = rows[place][0], int(rows[place][1]) - 1
        if image not in seen:
            seen[image] = _whole(predictions, image, approach)
        told = seen[image]
        if not _at_edge(told, row):
            return _example(kind, told, told.frame.truth, row, truth)
        cut = cut or (told, row)
    return cut and _example(kind, cut[0], cut[0].frame.truth, cut[1], truth)


def commonest_failure(fates: pd.DataFrame, approach: str) -> tuple[str, float] | None:
    """The kind of failure that most nuclei have, and their share in 0…1; None where all are found."""
    shares = fates.loc[fates["approach"] == approach, "kind"].value_counts(normalize=True)
    of_kind = {kind: float(shares[kind]) for kind in SHOWN[:-1] if kind in shares}
    return max(of_kind.items(), key=lambda pair: pair[1]) if of_kind else None


def _whole(predictions: Predictions, image: str, approach: str) -> Predicted:
    return next(
        each
        for each in predictions(image)
        if each.frame.scope == "whole" and each.keys["approach"] == approach
    )


def _example(kind: str, told: Predicted, masks: csr_array, row: int, truth: GroundTruth) -> Example:
    shape = told.frame.mask.shape
    centre = mask_measures(masks, shape, [row])[["centroid-0", "centroid-1"]].to_numpy()[0]
    window = tuple(_range(middle, length) for middle, length in zip(centre, shape, strict=True))
    return Example(
        kind,
        told.frame.image,
        truth.picture(told.frame.image)[window],
        _within(told.frame.truth, shape, window),
        _within(told.nuclei, shape, window),
        _cut(masks, row, shape, window),
    )


def _at_edge(told: Predicted, row: int) -> bool:
    """Whether a true nucleus has pixels in its image's outermost rows or columns."""
    masks, (height, width) = told.frame.truth, told.frame.mask.shape
    y, x = np.divmod(masks.indices[masks.indptr[row] : masks.indptr[row + 1]], width)
    return bool(y.min() == 0 or x.min() == 0 or y.max() == height - 1 or x.max() == width - 1)


def _range(middle: float, length: int) -> slice:
    start = int(np.clip(round(middle) - SIDE // 2, 0, max(length - SIDE, 0)))
    return slice(start, min(start + SIDE, length))


def _cut(masks, row: int, shape: Sequence[int], window: tuple[slice, slice]) -> np.ndarray:
    whole = np.zeros(shape[0] * shape[1], bool)
    whole[masks.indices[masks.indptr[row] : masks.indptr[row + 1]]] = True
    return whole.reshape(shape)[window]


def _within(masks, shape: Sequence[int], window: tuple[slice, slice]) -> list[np.ndarray]:
    cuts = (_cut(masks, row, shape, window) for row in range(masks.shape[0]))
    return [cut for cut in cuts if cut.any()]
