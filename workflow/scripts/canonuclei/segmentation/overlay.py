"""A picture of an image with the outlines of its nuclei."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.segmentation import find_boundaries

LARGEST_SIDE = 2048  # px
_SMALLEST_SIDE = 512
# As explain.html has them (Okabe and Ito's): seen on black as on pink, and told apart by the colour-blind
SURE, DOUBTFUL = (86, 180, 233), (230, 159, 0)
_DASH = 4  # px of a doubtful nucleus's outline that are drawn, and that are not
_LEGEND = 22  # px: height of the strip below
_TEXT = 13


def draw_overlay(
    rgb: np.ndarray,
    labels: np.ndarray,
    limits: tuple[float, float] = (0, 255),
    doubtful: np.ndarray | None = None,
) -> Image.Image:
    """The image with outlines one pixel wide, those of doubtful nuclei dashed and in another colour.

    Large images are reduced, small ones enlarged by whole numbers. Below is a strip that tells what the
    outlines mean, where the image is wide enough for it.

    Args:
        rgb: (H, W, 3) uint8.
        labels: (H, W) int32.
        limits: grey values that become black and white: those that the network's input has as 0 and 1; in
            whichever order.
        doubtful: ids of the nuclei that are; None: none.
    """
    step, factor = _size(labels.shape)
    labels = np.kron(labels, np.ones((factor, factor), np.int32)) if factor > 1 else labels[::step, ::step]
    pixels = _picture(rgb, step, factor, limits)[: labels.shape[0], : labels.shape[1]]
    outlines = np.where(find_boundaries(labels, mode="inner"), labels, 0)
    unsure = np.isin(outlines, np.zeros(0) if doubtful is None else doubtful) & (outlines > 0)
    pixels[(outlines > 0) & ~unsure] = SURE
    pixels[unsure & _dashes(outlines)] = DOUBTFUL
    return _with_legend(pixels, unsure.any())


def picture_height(shape: tuple[int, int]) -> int:
    """Rows of an overlay that show the image of this height and width; those below are its legend."""
    step, factor = _size(shape)
    return -(-shape[0] // step) * factor


def _size(shape: tuple[int, int]) -> tuple[int, int]:
    """By how much an image is reduced, and enlarged."""
    longest = max(shape)
    return -(-longest // LARGEST_SIDE), max(1, min(4, _SMALLEST_SIDE // longest))


def reduced(rgb: np.ndarray, step: int) -> np.ndarray:
    """Means of blocks of ``step`` × ``step`` px (fewer at the lower and right edge), as Pillow's ``reduce``.

    Some rows at a time: Pillow has four bytes a pixel and wants all of them, which of a large image is much.

    Args:
        rgb: (H, W, 3) uint8.
        step: 1 or more.

    Returns:
        uint8, sides divided and rounded up.
    """
    rows = step * max(1, 256 // step)
    parts = (Image.fromarray(np.ascontiguousarray(rgb[y : y + rows])) for y in range(0, len(rgb), rows))
    return np.concatenate([np.asarray(part.reduce(step)) for part in parts])


def _picture(rgb: np.ndarray, step: int, factor: int, limits: tuple[float, float]) -> np.ndarray:
    """The image at the overlay's size, its grey values stretched; a copy."""
    picture = reduced(rgb, step) if step > 1 else np.kron(rgb, np.ones((factor, factor, 1), np.uint8))
    low, high = sorted(limits)
    levels = np.clip((np.arange(256) - low) * 255 / max(high - low, 1), 0, 255).astype(np.uint8)
    return levels[picture]


def _dashes(outlines: np.ndarray) -> np.ndarray:
    """Which pixels of dashed outlines are drawn, by their direction from the nucleus's middle."""
    y, x = np.nonzero(outlines)
    ids, place = np.unique(outlines[y, x], return_inverse=True)
    number = np.bincount(place, minlength=len(ids))
    middle = [np.bincount(place, axis, len(ids)) / np.maximum(number, 1) for axis in (y, x)]
    turn = np.arctan2(y - middle[0][place], x - middle[1][place]) / (2 * np.pi) + 0.5
    # at least three dashes, or a speck might be hidden altogether
    dashes = np.maximum(3, np.round(number / (2 * _DASH)))[place]
    drawn = np.zeros(outlines.shape, bool)
    drawn[y, x] = (turn * dashes) % 1 < 0.5
    return drawn


def _with_legend(pixels: np.ndarray, doubt: bool) -> Image.Image:
    """The picture, and below it what the colours mean: that of doubtful nuclei, where there are any."""
    font = ImageFont.load_default(_TEXT)
    strip = Image.new("RGB", (pixels.shape[1], _LEGEND), (0, 0, 0))
    draw, x = ImageDraw.Draw(strip), 8
    entries = (("nucleus", SURE, 0), ("doubtful nucleus", DOUBTFUL, _DASH))
    for text, colour, dash in entries[: 2 if doubt else 1]:
        for start in range(x, x + 28, 2 * dash or 28):
            draw.line((start, _LEGEND // 2, start + (dash or 28) - 1, _LEGEND // 2), colour, 2)
        draw.text((x + 36, (_LEGEND - _TEXT) // 2 - 1), text, (255, 255, 255), font)
        x += 36 + int(draw.textlength(text, font)) + 24
    picture = Image.fromarray(pixels)
    if x - 16 > strip.width:
        return picture
    whole = Image.new("RGB", (picture.width, picture.height + _LEGEND))
    whole.paste(picture)
    whole.paste(strip, (0, picture.height))
    return whole
