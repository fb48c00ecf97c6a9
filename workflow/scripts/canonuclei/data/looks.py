"""The look of an image: fluorescence, stained tissue or brightfield, by a rule on its pixels."""

from __future__ import annotations

import numpy as np

LOOKS = ("fluorescence", "tissue", "brightfield")

# Median grey value (0…255) that parts dark from bright backgrounds. On BBBC038's 735 images of stage 1,
# fluorescence has at most 52, the others at least 131.
DARK_BELOW = 92
# 90th percentile of the chroma (largest less smallest channel) that parts stained from grey images. Tissue
# has at least 17 there, grey images 0; not the median, so that a little tissue on clear glass counts.
STAINED_FROM = 8


def look(rgb: np.ndarray) -> str:
    """Name the look of an image.

    Most pixels of an image are background, so its median grey value tells how bright the background is. A
    dark one is fluorescence, in whatever colour it is shown. A bright one is tissue (purple on white, yellow
    or purple: haematoxylin and eosin) if a tenth of the pixels are coloured, else brightfield (black on
    white).

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        One of `LOOKS`.
    """
    # Sums in 16 bit: means would take 8 bytes a pixel
    if np.median(rgb.sum(axis=-1, dtype=np.uint16)) < 3 * DARK_BELOW:
        return "fluorescence"
    chroma = rgb.max(axis=-1) - rgb.min(axis=-1)
    return "tissue" if np.percentile(chroma, 90) >= STAINED_FROM else "brightfield"
