"""A picture of an image with the outlines of its nuclei."""

from __future__ import annotations

import numpy as np
from PIL import Image
from skimage.segmentation import find_boundaries

LARGEST_SIDE = 2048  # px
_SMALLEST_SIDE = 512
_COLOUR = (255, 176, 0)  # seen on black as on pink, and by the colour-blind


def draw_overlay(rgb: np.ndarray, labels: np.ndarray, limits: tuple[float, float] = (0, 255)) -> Image.Image:
    """The image with outlines one pixel wide; large ones reduced, small ones enlarged by whole numbers.

    Args:
        rgb: (H, W, 3) uint8.
        labels: (H, W) int32.
        limits: grey values that become black and white: those that the network's input has as 0 and 1.
    """
    longest = max(labels.shape)
    step, factor = -(-longest // LARGEST_SIDE), max(1, min(4, _SMALLEST_SIDE // longest))
    labels = np.kron(labels, np.ones((factor, factor), np.int32)) if factor > 1 else labels[::step, ::step]
    # reduce() smooths, whole rows at a time: no copy of a large image in floats
    picture = Image.fromarray(rgb).reduce(step) if step > 1 else Image.fromarray(np.kron(rgb, _block(factor)))
    low, high = limits
    levels = np.clip((np.arange(256) - low) * 255 / max(high - low, 1), 0, 255).astype(np.uint8)
    pixels = levels[np.asarray(picture)][: labels.shape[0], : labels.shape[1]]
    pixels[find_boundaries(labels, mode="inner")] = _COLOUR
    return Image.fromarray(pixels)


def _block(factor: int) -> np.ndarray:
    return np.ones((factor, factor, 1), np.uint8)
