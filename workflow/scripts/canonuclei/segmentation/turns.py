"""The same image flipped and turned: how much each nucleus changes with what should not matter.

The seven flips and quarter turns of a square tile (beside leaving it as it is) move pixels onto pixels. If
B takes coordinates of the turned tile to those of the tile, an instance with centroid m and covariance S
there has B m and B S Bᵀ here, whatever the canonical shape is. Its transform becomes L Bᵀ, which is no
longer triangular; so instances are compared by the ellipses of their moments, which are what the table
tells of a nucleus. That needs no pixels, and costs nothing beside the network's seven more looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ..models.shape import ShapeMLP
from ..nuclei.measures import ShapeMeasures, invert_lower

# (transposed, then upside down, then left to right)
TURNS = tuple((a, b, c) for a in (False, True) for b in (False, True) for c in (False, True))[1:]
# px of the tile by which an instance's centre may lie outside of its tile's own cell, as in stitching
_MARGIN = 4.0
_RIVALS = 6  # the nearest instances that are compared with a nucleus
_POINTS = 256  # in an ellipse, to tell what share lies in another: to about 1 %
_CHUNK = 2048  # nuclei compared at a time: 50 MB

Predict = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


class Ellipses(NamedTuple):
    """Ellipses in px of the image, of the same first and second moments as outlines.

    Attributes:
        centre: (n, 2) x, y; whole numbers at pixel centres.
        covariance: (n, 2, 2) of (x, y), px².
    """

    centre: np.ndarray
    covariance: np.ndarray


def disagreement(
    nuclei: pd.DataFrame,
    batches: Iterable[tuple[pd.DataFrame, np.ndarray]],
    predict: Predict,
    shape: ShapeMLP,
    tile_size: float,
    threshold: float = 0.5,
) -> np.ndarray:
    """1 − the mean, over the seven turns, of the best IoU that a nucleus has with what is found there.

    0: every turn finds the same ellipse; 1: no turn finds anything in its place.

    Args:
        nuclei: ``centroid-0``, ``centroid-1``, ``axis_major_length``, ``axis_minor_length``,
            ``orientation``, in px of the image.
        batches: of the image's tiles: rows with ``tile_y``, ``tile_x`` and their cells ``cell_y0`` …
            ``cell_x1`` (px of the image), and pixels (B, S, S, 3).
        predict: of (B, S, S, 3): L (B, N, 2, 2), t (B, N, 2), p(z) (B, N).
        shape: the canonical shape.
        tile_size: side of a tile in px of the image; a fraction where the image was rescaled.
        threshold: of p(s) · p(z), the nuclei's.

    Returns:
        (n,) 0 … 1; NaN where a nucleus has no finite ellipse.
    """
    levels = ShapeMeasures.of(shape, lowest=threshold)
    found: list[list[Ellipses]] = [[] for _ in TURNS]
    for tiles, pixels in batches:
        margin = _MARGIN * tile_size / pixels.shape[1]
        for parts, turn in zip(found, TURNS, strict=True):
            instances = predict(turned(pixels, turn))
            parts.append(_owned(*instances, turn, levels, tiles, tile_size, threshold, margin))
    own = ellipses_of(nuclei)
    best = [
        best_iou(own, Ellipses(*map(np.concatenate, zip(*parts, strict=True)))) for parts in found if parts
    ]
    if not best:
        return np.full(len(nuclei), np.nan)
    return 1 - np.mean(best, axis=0)


def turned(pixels: np.ndarray, turn: tuple[bool, bool, bool]) -> np.ndarray:
    """Tiles (B, S, S, …) flipped and turned, exact on the pixel grid."""
    transposed, upside_down, left_right = turn
    pixels = pixels.swapaxes(1, 2) if transposed else pixels
    pixels = pixels[:, ::-1] if upside_down else pixels
    return np.ascontiguousarray(pixels[:, :, ::-1] if left_right else pixels)


def turned_back(turn: tuple[bool, bool, bool]) -> np.ndarray:
    """B (2, 2): (x, y) of the turned tile, in [−1, 1]², to those of the tile."""
    transposed, upside_down, left_right = turn
    flips = np.diag([-1.0 if left_right else 1.0, -1.0 if upside_down else 1.0])
    return flips[::-1].copy() if transposed else flips


def _owned(
    lower: np.ndarray,
    t: np.ndarray,
    p: np.ndarray,
    turn: tuple[bool, bool, bool],
    levels: ShapeMeasures,
    tiles: pd.DataFrame,
    tile_size: float,
    threshold: float,
    margin: float,
) -> Ellipses:
    """The instances that tiles find, turned back, of those with an inside and a centre in the tile's cell."""
    tile, number = np.nonzero(p > threshold)
    lower, t, p = lower[tile, number], t[tile, number], p[tile, number].astype(np.float64)
    _, centroid, covariance, _ = levels.at(threshold / p)
    inverse = invert_lower(lower)
    with np.errstate(invalid="ignore", over="ignore"):
        place = np.einsum("nij,nj->ni", inverse, centroid - t)
        covariance = inverse @ covariance @ inverse.transpose(0, 2, 1)
    back = turned_back(turn)
    origin = tiles[["tile_x", "tile_y"]].to_numpy(np.float64)[tile]
    centre = (place @ back.T + 1) * tile_size / 2 - 0.5 + origin
    covariance = back @ covariance @ back.T * (tile_size / 2) ** 2
    start, stop = (tiles[[f"cell_x{end}", f"cell_y{end}"]].to_numpy(np.float64)[tile] for end in "01")
    # pixel j covers j … j + 1 of the cells
    owned = ((centre + 0.5 >= start - margin) & (centre + 0.5 < stop + margin)).all(axis=1)
    owned &= np.isfinite(covariance).all(axis=(1, 2))
    return Ellipses(centre[owned], covariance[owned])


def ellipses_of(nuclei: pd.DataFrame) -> Ellipses:
    """The ellipses of a table's columns, in the conventions of ``regionprops``."""
    names = ("centroid-1", "centroid-0", "axis_major_length", "axis_minor_length", "orientation")
    x, y, major, minor, angle = (nuclei[name].to_numpy(np.float64) for name in names)
    # the orientation turns from the row axis towards the column axis
    axes = np.stack(
        [np.stack([np.sin(angle), np.cos(angle)], -1), np.stack([np.cos(angle), -np.sin(angle)], -1)], -1
    )
    variances = np.stack([major, minor], axis=-1) ** 2 / 16
    return Ellipses(np.stack([x, y], axis=-1), axes * variances[:, None] @ axes.transpose(0, 2, 1))


def best_iou(ellipses: Ellipses, others: Ellipses) -> np.ndarray:
    """Each ellipse's best IoU with one of the nearest of ``others``.

    Returns:
        (n,) 0 … 1, to about 0.02; NaN where the ellipse is not finite.
    """
    best = np.zeros(len(ellipses.centre))
    finite = np.isfinite(ellipses.centre).all(axis=1) & np.isfinite(ellipses.covariance).all(axis=(1, 2))
    best[~finite] = np.nan
    if not len(others.centre):
        return best
    tree, count = cKDTree(others.centre), min(_RIVALS, len(others.centre))
    rows = np.flatnonzero(finite)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        near = tree.query(ellipses.centre[part], k=np.arange(1, count + 1))[1]
        pairs = np.repeat(part, count), near.ravel()
        ious = _iou(
            Ellipses(*(values[pairs[0]] for values in ellipses)),
            Ellipses(*(values[pairs[1]] for values in others)),
        )
        best[part] = ious.reshape(len(part), count).max(axis=1)
    return best


def _iou(one: Ellipses, other: Ellipses) -> np.ndarray:
    """IoU of pairs, (m,): the share of points spread evenly in the first that lie in the second."""
    index = np.arange(_POINTS) + 0.5
    radius, angle = np.sqrt(index / _POINTS), index * np.pi * (3 - np.sqrt(5))
    spots = np.stack([radius * np.cos(angle), radius * np.sin(angle)])
    # the outline of the ellipse with these moments is at two standard deviations
    root, inverse = _root(one.covariance), _inverse_root(other.covariance)
    seen = inverse @ (2 * root @ spots + (one.centre - other.centre)[:, :, None]) / 2
    share = ((seen**2).sum(axis=1) <= 1).mean(axis=1)
    areas = [np.sqrt(np.maximum(np.linalg.det(each.covariance), 0)) for each in (one, other)]
    shared = np.minimum(share * areas[0], areas[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(shared / (areas[0] + areas[1] - shared))


def _root(covariance: np.ndarray) -> np.ndarray:
    """Lower-triangular Cholesky roots (m, 2, 2), also of matrices that are only just semidefinite."""
    root = np.zeros_like(covariance)
    root[:, 0, 0] = np.sqrt(np.maximum(covariance[:, 0, 0], 1e-12))
    root[:, 1, 0] = covariance[:, 0, 1] / root[:, 0, 0]
    root[:, 1, 1] = np.sqrt(np.maximum(covariance[:, 1, 1] - root[:, 1, 0] ** 2, 1e-12))
    return root


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    return invert_lower(_root(covariance))
