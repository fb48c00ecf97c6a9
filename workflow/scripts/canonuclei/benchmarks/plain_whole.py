"""The plain way from an image to its table of nuclei, and from that to scores: loops, as written first.

The reference for time only. Every instance is computed at every pixel of its tile, and measured from its
mask; scores come from a loop over tiles, thresholds and pairs of instances. Nothing is stitched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment
from skimage.measure import regionprops

from ..data.placement import place
from ..inputs import normalized, to_network
from ..models.shape import ShapeMLP
from ..models.transform import grid_points, to_canonical
from ..segmentation.tiling import limits_of
from .plain import plain_instances_masks, plain_log_shape

# Tiles at a time: 128 instances at 128 × 128 points of two tiles hold half a gigabyte
BATCH = 2


def cut(image: np.ndarray, size: int, overlap: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Origin and pixels of every tile of an image whose sides are not shorter than a tile."""
    for y in place(image.shape[0], size, overlap):
        for x in place(image.shape[1], size, overlap):
            yield y, x, image[y : y + size, x : x + size]


@torch.no_grad()
def plain_prediction(
    network: Any, image: np.ndarray, settings: dict[str, Any], size: int, overlap: int
) -> pd.DataFrame:
    """The table of nuclei of an image, tile by tile: fp32, contiguous, every instance at every pixel.

    Args:
        network: of ``plain.plain_model``, in evaluation mode.
        image: (H, W, 3) uint8.
        settings: the run's, with ``prediction``.
        size: side of a tile, px.
        overlap: of tiles, px.
    """
    limits = limits_of(image, settings["input"])
    threshold, rows = settings["prediction"]["threshold"], []
    tiles = list(cut(image, size, overlap))
    for start in range(0, len(tiles), BATCH):
        part = tiles[start : start + BATCH]
        pixels = np.stack([tile for _, _, tile in part])
        batch = to_network(normalized(pixels, limits, settings["input"])).contiguous()
        found = network.instances(batch)
        masks = plain_instances_masks(
            network.shape, found.lower, found.t, found.presence_logit, size, threshold
        ).masks
        for (y, x, _), own, p in zip(part, masks.numpy(), found.presence, strict=True):
            rows += [measured | {"p": float(p[i])} for i, measured in _measured(own, y, x)]
    return pd.DataFrame(rows)


def _measured(masks: np.ndarray, y: int, x: int) -> Iterator[tuple[int, dict[str, float]]]:
    for index, mask in enumerate(masks):
        if mask.any():
            (region,) = regionprops(mask.astype(np.uint8))
            yield (
                index,
                {
                    "centroid-0": region.centroid[0] + y,
                    "centroid-1": region.centroid[1] + x,
                    **{"area": region.area, "axis_major_length": region.axis_major_length},
                    **{"axis_minor_length": region.axis_minor_length, "orientation": region.orientation},
                },
            )


@torch.no_grad()
def plain_evaluation(
    truth: np.ndarray, parts: list[tuple[np.ndarray, ...]], shape: ShapeMLP, threshold: float
) -> np.ndarray:
    """Matched pairs at IoU 0.1, 0.2 … 1.0 of all tiles together, (10,).

    Args:
        truth: (T, S, S) labels.
        parts: of each tile, L (n, 2, 2), t (n, 2) and p(z) (n,) of its rows in the table of nuclei.
        shape: the canonical shape.
        threshold: of p(s) · p(z).
    """
    size = truth.shape[-1]
    points, matched = grid_points(size, size), np.zeros(10, np.int64)
    for labels, (lower, t, p) in zip(truth, parts, strict=True):
        predicted = []
        for i in range(len(p)):
            canonical = to_canonical(points, torch.from_numpy(lower[i]), torch.from_numpy(t[i]))
            mask = (plain_log_shape(shape, canonical).exp() * float(p[i]) >= threshold).numpy()
            if mask.any():
                predicted.append(mask.reshape(size, size))
        true = [labels == label for label in np.unique(labels[labels > 0])]
        shared, union = _pairs(true, predicted)
        for k in range(1, 11):
            matched[k - 1] += _matched(shared, union, k)
    return matched


def _pairs(true: list[np.ndarray], predicted: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of intersection and union of every pair, (true, predicted): once for all thresholds."""
    shared, union = np.zeros((2, len(true), len(predicted)), np.int64)
    for i, one in enumerate(true):
        for j, other in enumerate(predicted):
            shared[i, j], union[i, j] = (one & other).sum(), (one | other).sum()
    return shared, union


def _matched(shared: np.ndarray, union: np.ndarray, tenths: int) -> int:
    if not shared.size:
        return 0
    # as many pairs as can be, of equally many those with the largest IoU
    gain = np.where(10 * shared >= tenths * union, 1 + shared / union / (2 * min(shared.shape)), 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return int((gain[rows, columns] > 0).sum())
