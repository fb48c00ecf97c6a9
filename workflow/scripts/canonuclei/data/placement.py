"""Where the tiles of an image lie, and which part of it each of them answers for.

The paper leaves it open. Here: a grid of tiles from the image's upper left corner on, the last one of a row
or column shifted inward, so that the network always sees real pixels. Every tile owns a cell, and the cells
of a set partition the image: what is scored in cells is scored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..errors import InputError


def place(length: int, size: int, overlap: int = 0, border: str = "shift") -> list[int]:
    """Origins of the tiles along an axis.

    Args:
        length: of the image in px, 1 or more.
        size: of a tile in px.
        overlap: of neighbouring tiles in px, under ``size``; the last two may overlap by more.
        border: ``shift``, or ``pad`` (only without overlap): the last tile stays on the grid, and what it
            has beyond the image is padding.

    Returns:
        Rising origins from 0 on, the last one such that its tile ends with the image (``shift``); just [0]
        if the image is no longer than a tile.
    """
    if not 0 <= overlap < size:
        problem = f"overlap of {overlap} px for tiles of {size} px"
        raise InputError("tiles: whole_overlap", problem, "give 0 or more, under the size")
    if length <= size:
        return [0]
    if border == "pad" and not overlap:
        return [*range(0, length, size)]
    return [*range(0, length - size, size - overlap), length - size]


def cells(origins: Sequence[int], length: int, size: int, overlap: int = 0) -> list[tuple[int, int]]:
    """Start and end of each tile's own cell along an axis; the cells partition 0 ... length.

    Without overlap the cells are those of the disjoint grid (the shifted last tile owns what the others
    left); with overlap they meet in the middle of the overlaps, rounded down, so that a nucleus that has
    its centre in a cell lies in the cell's tile as wholly as possible.

    Args:
        origins: from ``place``, called with the same numbers.
        length: of the image in px.
        size: of a tile in px.
        overlap: of neighbouring tiles in px.
    """
    if overlap:
        inner = [(after + before + size) // 2 for before, after in pairwise(origins)]
    else:
        inner = [size * index for index in range(1, len(origins))]
    edges = [0, *inner, length]
    return list(pairwise(edges))
