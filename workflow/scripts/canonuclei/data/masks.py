"""Masks as people draw and programs write them: two values, two colours, or a label for each nucleus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import InputError
from .pieces import CONNECTED
from .reader import read_picture

REMEDY = "write 0 where there is no nucleus and 255 (or one label each) where there is one"
# More than this in the foreground, and it may be the background
MOSTLY = 0.6
# Of a label image every value is a compact region: of most values, this part of the pixels has neighbours of
# the same value above, below, left and right. The values between of a smoothed edge lie in lines
COMPACT = 0.3
# Labels count up; a few may be missing where nuclei were erased
GAPS = 4
# Of a two-valued mask whose edges were smoothed, this part of the pixels has one of the two values still
TWO_VALUED = 0.8


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
    one compact region and the values count up (or are colours); or a mask with smoothed edges, cut at half.

    Raises:
        InputError: see `reader.read_picture`; more than two values that are neither; no background at all.
    """
    path = Path(path)
    values = _single(path, read_picture(path, mask=True).pixels)
    found = np.unique(values)
    if found.size == 1 and found[0] != 0:
        raise InputError(path, f"every pixel is {found[0]:g}: no background", REMEDY)
    if found.size <= 2:
        return _two_valued(values, found)
    labels = np.searchsorted(found, values).astype(np.int32) if found[0] == 0 else None
    if labels is not None and _are_labels(path, labels, found):
        return Mask(labels, "instances")
    middle = (float(found[0]) + float(found[-1])) / 2
    near = np.abs(values - middle) > 0.4 * (float(found[-1]) - float(found[0]))
    if found.size > 3 and found[0] == 0 and near.mean() >= TWO_VALUED and (values > middle).any():
        note = f"{found.size} grey values: taken for smoothed edges and cut at half"
        return Mask((values > middle).astype(np.int32), "binary", (note,))
    shown = ", ".join(f"{each:g}" for each in found[:4]) + (", ..." if found.size > 4 else "")
    problem = f"neither a mask of two values nor one label a nucleus: {found.size} values ({shown})"
    raise InputError(path, problem, REMEDY)


def _single(path: Path, pixels: np.ndarray) -> np.ndarray:
    """One value a pixel (H, W); colours become numbers, black 0."""
    if pixels.shape[2] == 1 or (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    if pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(path, f"a mask of {pixels.shape[2]} channels", "save it as grey or RGB of 8 bit")
    red, green, blue = (pixels[..., each].astype(np.int32) for each in range(3))
    return red << 16 | green << 8 | blue


def _two_valued(values: np.ndarray, found: np.ndarray) -> Mask:
    inside = values > found[0] if found.size == 2 else np.zeros(values.shape, bool)
    notes = []
    if found[0] != 0:
        notes.append(f"values {found[0]:g} and {found[-1]:g}: the lower is taken for background")
    if inside.mean() > MOSTLY:
        notes.append(f"{inside.mean():.0%} of it is foreground: is it inverted?")
    # 0 and 1 with one nucleus can be a label image as well; 0 and 255 can not
    single = found[-1] <= 1 and ndimage.label(inside, CONNECTED)[1] <= 1
    return Mask(inside.astype(np.int32), "either" if single else "binary", tuple(notes))


def _are_labels(path: Path, labels: np.ndarray, found: np.ndarray) -> bool:
    """Whether values are labels: whole numbers that count up (or colours), each one compact region."""
    if (found != np.rint(found)).any():
        return False
    number = found.size - 1
    coloured = found[-1] > np.iinfo(np.uint16).max
    if not coloured and found[-1] > GAPS * number + 16:
        return False
    same = labels > 0
    for axis in (0, 1):
        for step in (1, -1):
            # Beyond the image's edge everything is alike
            other = np.roll(labels, step, axis)
            edge = (slice(None),) * axis + (0 if step == 1 else -1,)
            other[edge] = labels[edge]
            same &= labels == other
    areas = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    inner = np.bincount(labels[same], minlength=number + 1)[1:]
    # Nuclei of a few pixels have no pixel inside
    large = areas >= 12
    if not large.any() or np.mean(inner[large] >= COMPACT * areas[large]) < 0.8:
        return False
    boxes = ndimage.find_objects(labels)
    parts = [ndimage.label(labels[box] == each, CONNECTED)[1] for each, box in enumerate(boxes, 1)]
    if np.mean(np.array(parts) == 1) >= 0.8:
        return True
    problem = f"values {', '.join(f'{each:g}' for each in found[:4])} in many separate regions each: classes?"
    raise InputError(path, problem, REMEDY)
