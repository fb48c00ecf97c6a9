"""Bringing images to the scale that the networks are made for, and what that says of large nuclei."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# px; the median nucleus piece in BBBC038's tiles, and the size at which instances start (initial_radius 8)
TYPICAL_DIAMETER = 16.0


def scale_factor(settings: Mapping[str, Any]) -> float:
    """Pixels of the network's image a pixel of the file, by the config's ``data: scale, nucleus_diameter``.

    A typical nucleus of ``nucleus_diameter`` px becomes `TYPICAL_DIAMETER`; 1 where neither is given.
    """
    if settings["nucleus_diameter"] is not None:
        return TYPICAL_DIAMETER / float(settings["nucleus_diameter"])
    return float(settings["scale"] or 1.0)


def largest_whole_nucleus(overlap: int, scale: float = 1.0) -> float:
    """Diameter, in px of the file, up to which stitching guarantees a nucleus to be whole in one tile.

    The tile that owns a nucleus's centre reaches beyond its own cell by half the overlap on every side (see
    `placement.cells`; an odd pixel goes to one side), so whatever is no further from its centre lies in it.

    Args:
        overlap: of neighbouring tiles in px of the network's image.
        scale: from `scale_factor`.
    """
    return 2 * (overlap // 2) / scale
