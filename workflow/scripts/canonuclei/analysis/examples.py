"""One picture of each kind of failure, chosen by a rule and not by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..evaluation.frames import GroundTruth
from ..evaluation.predicted import Predictions
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

    Of the nuclei of a kind the one whose area is the median is shown; of false masks the one of median area
    in the image that has the median number of them.

    Args:
        fates, counts: of ``study.study``, of the run.
        predictions: of the run.
        truth: of the set ``test``.
        approach: name of the approach.
    """
    own, found = fates[fates["approach"] == approach], []
    for kind in SHOWN[:-1]:
        rows = own[own["kind"] == kind].sort_values(["true_area", "image", "nucleus"])
        if len(rows):
            row = rows.iloc[len(rows) // 2]
            found.append(_example(kind, row["image"], int(row["nucleus"]) - 1, predictions, truth, approach))
    rows = counts[(counts["approach"] == approach) & (counts[FALSE] > 0)].sort_values([FALSE, "image"])
    if len(rows):
        image = rows.iloc[len(rows) // 2]["image"]
        found.append(_example(FALSE, image, None, predictions, truth, approach))
    return found


def _example(
    kind: str, image: str, nucleus: int | None, predictions: Predictions, truth: GroundTruth, approach: str
) -> Example:
    told = next(
        each
        for each in predictions(image)
        if each.frame.scope == "whole" and each.keys["approach"] == approach
    )
    shape, true, predicted = told.frame.mask.shape, told.frame.truth, told.nuclei
    if nucleus is None:
        false = np.flatnonzero(failures(true, predicted).predicted == kind)
        areas = np.diff(predicted.indptr)[false]
        row, masks = int(false[np.argsort(areas, kind="stable")[len(false) // 2]]), predicted
    else:
        row, masks = nucleus, true
    centre = mask_measures(masks, shape, [row])[["centroid-0", "centroid-1"]].to_numpy()[0]
    window = tuple(_range(middle, length) for middle, length in zip(centre, shape, strict=True))
    return Example(
        kind,
        image,
        truth.picture(image)[window],
        _within(true, shape, window),
        _within(predicted, shape, window),
        _cut(masks, row, shape, window),
    )


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
