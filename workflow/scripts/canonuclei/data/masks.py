"""Masks as people draw and programs write them: two values, two colours, or a label for each nucleus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from ..errors import InputError
from .pieces import CONNECTED
from .reader import read_picture
from .tiff import ALPHA

REMEDY = "write 0 where there is no nucleus and 255 (or one label each) where there is one"
# More than this in the foreground, and it may be the background
MOSTLY = 0.6
# Of a label image every value is a compact region: of most values, this part of the pixels has neighbours of
# the same value above, below, left and right. The values between of a smoothed edge lie in lines
COMPACT = 0.3
# Labels count up, and a few are missing where nuclei were erased; more of them missing is worth a note
GAPS = 4
# Of a two-valued mask whose edges were smoothed, this part of the pixels has one of the two values still
TWO_VALUED = 0.8
# What programs write for "nucleus" in a mask of 8 or 16 bit; any other number may be one nucleus's label
DRAWN = (255, 65535)
# Of most values or regions: the rest may be specks, or nuclei that were drawn carelessly
MOST = 0.8


@dataclass(frozen=True)
class Mask:
    """A mask file's content.

    Attributes:
        labels: int32 (H, W), 0 background; 1 in every nucleus, or a number from 1 on for each.
        kind: binary; instances; or either, where it has no nucleus or a single one, so it may be both.
        notes: what the user should know of it.
    """

    labels: np.ndarray
    kind: str
    notes: tuple[str, ...] = ()


def read_mask(path: str | Path) -> Mask:
    """Read a PNG or TIFF mask and find out what it means.

    Two values or colours: the lower (or black) is background. More: labels of instances, if every value is
    one compact region; or a mask with smoothed edges, cut at half, if the values between lie in thin lines.
    Where the colours are the same everywhere, the alpha channel is read instead.

    Raises:
        InputError: see `reader.read_picture`; more than two values that are neither; no background at all.
    """
    path = Path(path)
    values, notes = _values(path)
    found = np.unique(values)
    if found.size == 1 and found[0] != 0:
        raise InputError(path, f"every pixel is {found[0]:g}: no background", REMEDY)
    if found.size <= 2:
        return _two_valued(values, found, notes)
    labels = np.searchsorted(found, values).astype(np.int32)
    whole = found[0] == 0 and bool((found == np.rint(found)).all())
    inside = _same_around(labels)
    compact = whole and _compact(labels, inside, found.size - 1)
    if compact and _one_region_each(labels):
        if GAPS * found.size + 16 < found[-1] <= np.iinfo(np.uint16).max:
            notes.append(f"{found.size - 1} values up to {found[-1]:g}: taken for labels, one nucleus each")
        return Mask(labels, "instances", tuple(notes))
    if found.size > 3 and found[0] == 0 and _smoothed(values, float(found[-1]), inside):
        notes.append(f"{found.size} grey values: taken for smoothed edges and cut at half")
        return Mask((values > found[-1] / 2).astype(np.int32), "binary", tuple(notes))
    shown = ", ".join(f"{each:g}" for each in found[:4]) + (", ..." if found.size > 4 else "")
    problem = f"neither a mask of two values nor one label a nucleus: {found.size} values ({shown})"
    if compact:
        problem = f"values {shown} in many separate regions each: classes?"
    raise InputError(path, problem, REMEDY)


def _values(path: Path) -> tuple[np.ndarray, list[str]]:
    """One value a pixel (H, W), and notes: of the colours, or of alpha where the colours tell nothing."""
    picture = read_picture(path, mask=True)
    values = _single(path, picture.pixels)
    if ALPHA not in picture.notes or (values != values[0, 0]).any():
        return values, []
    try:
        with Image.open(path) as image:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    except Exception:  # Pillow raises many kinds
        alpha = None
    if alpha is None or alpha.shape != values.shape:
        return values, ["of one colour, and its alpha channel cannot be read"]
    if (alpha == alpha[0, 0]).all():
        return values, []
    return alpha, ["drawn in its alpha channel alone: what is transparent is taken for background"]


def _single(path: Path, pixels: np.ndarray) -> np.ndarray:
    """One value a pixel (H, W); colours become numbers, black 0."""
    if pixels.shape[2] == 1 or (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    if pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(path, f"a mask of {pixels.shape[2]} channels", "save it as grey or RGB of 8 bit")
    red, green, blue = (pixels[..., each].astype(np.int32) for each in range(3))
    return red << 16 | green << 8 | blue


def _two_valued(values: np.ndarray, found: np.ndarray, notes: list[str]) -> Mask:
    inside = values > found[0] if found.size == 2 else np.zeros(values.shape, bool)
    if found[0] != 0:
        notes.append(f"values {found[0]:g} and {found[-1]:g}: the lower is taken for background")
    if inside.mean() > MOSTLY:
        notes.append(f"{inside.mean():.0%} of it is foreground: is it inverted?")
    # one nucleus of any number can be a label image as well, but for the numbers that masks are drawn with
    number = found[0] == 0 and found[-1] == np.rint(found[-1]) and found[-1] not in DRAWN
    single = number and ndimage.label(inside, CONNECTED)[1] <= 1
    return Mask(inside.astype(np.int32), "either" if single else "binary", tuple(notes))


def _same_around(labels: np.ndarray) -> np.ndarray:
    """Which pixels (H, W) have the same label as those above, below, left and right of them."""
    same = np.ones(labels.shape, bool)
    # Beyond the image's edge everything is alike
    for axis in (0, 1):
        along, inside = np.moveaxis(labels, axis, 0), np.moveaxis(same, axis, 0)
        alike = along[1:] == along[:-1]
        inside[1:] &= alike
        inside[:-1] &= alike
    return same


def _compact(labels: np.ndarray, inside: np.ndarray, number: int) -> bool:
    """Whether most of the labels 1 ... number have an inside; nuclei of a few pixels are not asked."""
    areas = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    inner = np.bincount(labels[inside], minlength=number + 1)[1:]
    large = areas >= 12
    return bool(large.any()) and np.mean(inner[large] >= COMPACT * areas[large]) >= MOST


def _one_region_each(labels: np.ndarray) -> bool:
    boxes = ndimage.find_objects(labels)
    parts = [ndimage.label(labels[box] == each, CONNECTED)[1] for each, box in enumerate(boxes, 1)]
    return bool(np.mean(np.array(parts) == 1) >= MOST)


def _smoothed(values: np.ndarray, highest: float, inside: np.ndarray) -> bool:
    """Whether values from 0 to ``highest`` are a two-valued mask with soft edges, and no labels.

    Few pixels lie between the two, these in thin lines, and what lies above 0 reaches more than half.
    """
    between = np.abs(values - highest / 2) <= 0.4 * highest
    if between.mean() > 1 - TWO_VALUED or np.count_nonzero(inside & between) > COMPACT * between.sum():
        return False
    regions, number = ndimage.label(values > 0.1 * highest, CONNECTED)
    reaching = np.unique(regions[values > highest / 2])
    return bool(reaching.size >= MOST * number)
