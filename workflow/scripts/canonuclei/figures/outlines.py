"""Instances drawn on an image: outlines and fills in colours that set touching ones apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from scipy.ndimage import binary_dilation
from skimage.measure import find_contours

from .style import INSTANCE_COLOURS

NEAR = 2  # px: instances nearer than twice this get different colours


def outline(mask: np.ndarray, level: float = 0.5) -> Outline | None:
    """The outline of a mask or of a field at ``level`` as one path, in pixel positions (x, y)."""
    padded = np.pad(np.asarray(mask, np.float32), 1)
    curves = [curve[:, ::-1] - 1 for curve in find_contours(padded, level) if len(curve) > 3]
    if not curves:
        return None
    codes = [[Outline.MOVETO] + [Outline.LINETO] * (len(curve) - 2) + [Outline.CLOSEPOLY] for curve in curves]
    return Outline(np.concatenate(curves), np.concatenate(codes))


def instance_colours(masks: Sequence[np.ndarray]) -> list[str]:
    """A colour for each mask, such that no two that touch or nearly touch share one while colours last.

    Greedy, in the given order; among the colours that no neighbour has, the least used.
    """
    wide = [binary_dilation(mask, iterations=NEAR) for mask in masks]
    used = [0] * len(INSTANCE_COLOURS)
    chosen: list[int] = []
    for i, mask in enumerate(wide):
        clashes = [0] * len(used)
        for j in range(i):
            clashes[chosen[j]] += bool((mask & wide[j]).any())
        best = min(range(len(used)), key=lambda colour: (clashes[colour] > 0, clashes[colour], used[colour]))
        used[best] += 1
        chosen.append(best)
    return [INSTANCE_COLOURS[colour] for colour in chosen]


def draw_instances(axes: Axes, masks: Sequence[np.ndarray], fill: float = 0.3, width: float = 1.3) -> None:
    """Draw masks as outlines with a translucent fill, big ones first so that small ones stay visible."""
    for mask, colour in zip(masks, instance_colours(masks), strict=True):
        path = outline(mask)
        if path is None:
            continue
        if fill:
            axes.add_patch(PathPatch(path, facecolor=colour, edgecolor="none", alpha=fill))
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=width))


def split_labels(labels: np.ndarray) -> list[np.ndarray]:
    """The masks of a label image, by falling area."""
    masks = [labels == label for label in np.unique(labels) if label]
    return sorted(masks, key=lambda mask: -int(mask.sum()))
