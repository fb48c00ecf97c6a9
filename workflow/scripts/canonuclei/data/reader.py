"""Any microscopy image that is a picture: PNG, TIFF or OME-TIFF, checked before memory is taken for it."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from .images import decode_samples
from .listing import picture_files, picture_stem
from .pixel_size import from_tags
from .tiff import ALPHA, RGB, read_tiff

# 23,000 x 23,000 px
MAX_PIXELS = 2**29
MIN_SIDE = 16
# What 16 bit and float are stretched from: wider than what the networks normalize by, tight enough that a
# hot pixel does not push all the rest into a few of the 256 levels
STRETCH = (0.1, 99.9)
# Of a float image's values, every n-th is ranked, so that the ranking takes no more memory than this many
MOST_RANKED = 2**24
AGAIN = "get the file again, or save it as PNG or TIFF of 8 or 16 bit"
__all__ = ["Picture", "picture_files", "picture_stem", "read_picture", "rescaled", "to_rgb8"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """An image file's content.

    Attributes:
        pixels: (H, W, C) uint8, uint16 or float32, C channels as in the file, without alpha.
        channels: C names, empty where the file gives none; ``("red", "green", "blue")`` of colour images.
        pixel_size: height and width of a pixel in µm, or None where the file does not tell.
        path: of the file.
        notes: what the user should know of the file (alpha dropped, constant, ...); they are logged too.
    """

    pixels: np.ndarray
    channels: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    path: Path
    notes: tuple[str, ...] = ()


def read_picture(
    path: str | Path, max_pixels: int = MAX_PIXELS, *, mask: bool = False, quiet: bool = False
) -> Picture:
    """Read an image.

    Takes PNG and TIFF of 8 and 16 bit, TIFF of float, of any number of channels, planar or interleaved, with
    a palette; alpha is dropped. Integers of other widths become uint16 where they fit, else float32.

    Args:
        path: of the file; its content decides what it is, not its suffix.
        max_pixels: height times width beyond which it is refused, by the header alone.
        mask: take 1 bit a pixel too (0 and 1), and log nothing of alpha or of constant pixels.
        quiet: log no note at all, for callers that tell of ``notes`` themselves.

    Raises:
        InputError: missing, unreadable or cut short; fewer than 16 px a side or more than ``max_pixels``;
            1 bit a pixel, which is a mask; NaN or infinite values; a stack of planes (z, time).
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            start = file.read(33)
    except OSError as error:
        problem = "missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise InputError(path, problem, "check the path") from None
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        pixels, channels, pixel_size, notes = _read_png(path, start, max_pixels, mask)
    elif start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        pixels, channels, pixel_size, notes = read_tiff(
            path, lambda height, width: _check_size(path, height, width, max_pixels), mask
        )
    else:
        problem = "empty file" if not start else "neither PNG nor TIFF"
        raise InputError(path, problem, "save the image as PNG, TIFF or OME-TIFF (JPEG blurs what is small)")
    low, high = _extremes(path, pixels)
    if low == high:
        notes = [*notes, f"all pixels are {low:g}: nothing to see in it"]
    for note in () if mask or quiet else notes:
        _log.warning("%s: %s", path, note)
    return Picture(pixels, channels, pixel_size, path, tuple(notes))


def to_rgb8(picture: Picture, channel: int | str | None = None) -> np.ndarray:
    """What the networks see of a picture.

    Args:
        picture: from `read_picture`.
        channel: its number from 0 on, or its name; None for pictures of one channel or of colours.

    Returns:
        uint8 (H, W, 3): 8 bit as they are, others stretched linearly from their percentiles `STRETCH` (over
        all colours together) to 0 ... 255; a single channel is repeated.

    Raises:
        InputError: no such channel, or several of which none was named.
    """
    pixels = picture.pixels[:, :, _chosen(picture, channel)]
    if pixels.dtype != np.uint8:
        pixels = _stretched(pixels)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def rescaled(rgb: np.ndarray, scale: float) -> np.ndarray:
    """A uint8 image (H, W, 3) or (H, W) with its sides times ``scale`` (at least 1), smoothed if shrunk."""
    height, width = scaled_shape(rgb.shape[:2], scale)
    if (height, width) == rgb.shape[:2]:
        return rgb
    # Pillow's filter is as wide as the shrinking asks for, and works on bytes: no copy in floats
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))


def scaled_shape(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """(height, width) times ``scale``, in whole pixels and at least 1."""
    height, width = (max(1, round(side * scale)) for side in shape)
    return height, width


def nearest(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) at another size: a pixel has the label of the nearest one, so that none are mixed."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def _chosen(picture: Picture, channel: int | str | None) -> slice:
    names, count = picture.channels, len(picture.channels)
    listed = ", ".join(f"{number} {name}".strip() for number, name in enumerate(names))
    if channel is None:
        if count > 1 and names != RGB:
            raise InputError(
                picture.path, f"{count} channels ({listed}) and none chosen", "set `channel` to one"
            )
        return slice(None)
    # "405" on a command line is a number, and may yet be a name
    named = isinstance(channel, str) or (isinstance(channel, int) and not 0 <= channel < count)
    if named and str(channel) in names:
        channel = names.index(str(channel))
    if not isinstance(channel, int) or not 0 <= channel < count:
        raise InputError(
            picture.path, f"no channel {channel!r}", f"its channels are {listed}, counted from 0"
        )
    return slice(channel, channel + 1)


def _stretched(pixels: np.ndarray) -> np.ndarray:
    """uint16 or float32 (H, W, C) to uint8, row block by row block."""
    low, high = percentiles(pixels, STRETCH)
    stretched = np.empty(pixels.shape, np.uint8)
    factor = 255.0 / (high - low) if high > low else 0.0
    for rows in _blocks(pixels):
        block = (pixels[rows].astype(np.float32) - np.float32(low)) * np.float32(factor)
        stretched[rows] = np.rint(np.clip(block, 0, 255))
    return stretched


def percentiles(pixels: np.ndarray, wanted: tuple[float, float]) -> tuple[float, float]:
    """Percentiles of all values: of integers by their histogram, of floats by ranking them (or a part)."""
    if pixels.dtype.kind == "f":
        step = -(-pixels.size // MOST_RANKED)
        # Strided rows: a whole copy of a large image would be as large as it
        part = pixels[:: max(1, round(step**0.5)), :: max(1, -(-step // max(1, round(step**0.5))))]
        low, high = np.percentile(part, wanted)
        return float(low), float(high)
    counts = np.zeros(np.iinfo(pixels.dtype).max + 1, np.int64)
    for rows in _blocks(pixels):
        counts += np.bincount(pixels[rows].ravel(), minlength=counts.size)
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, below[-1] * each / 100)) for each in wanted)
    return float(low), float(high)


def _extremes(path: Path, pixels: np.ndarray) -> tuple[float, float]:
    """Least and greatest value; NaN and infinity are an error."""
    low, high = float("inf"), float("-inf")
    for rows in _blocks(pixels):
        if pixels.dtype.kind == "f" and not np.isfinite(pixels[rows]).all():
            remedy = "set these pixels to a number (0, say) and save the image again"
            raise InputError(path, "NaN or infinite pixels", remedy)
        low, high = min(low, float(pixels[rows].min())), max(high, float(pixels[rows].max()))
    return low, high


def _blocks(pixels: np.ndarray) -> list[slice]:
    """Slices of rows of some 4 million values each."""
    rows = max(1, 2**22 // max(1, pixels.shape[1] * pixels.shape[2]))
    return [slice(start, start + rows) for start in range(0, len(pixels), rows)]


def _check_size(path: Path, height: int, width: int, max_pixels: int) -> None:
    if min(height, width) < MIN_SIDE:
        problem = f"{width} x {height} px is too small"
        raise InputError(path, problem, f"at least {MIN_SIDE} px a side: give the image in full")
    if height * width > max_pixels:
        problem = f"{width} x {height} px, more than {max_pixels} pixels in all"
        raise InputError(path, problem, "cut it into pieces, or shrink it")


def _read_png(
    path: Path, start: bytes, max_pixels: int, mask: bool
) -> tuple[np.ndarray, tuple[str, ...], tuple[float, float] | None, list[str]]:
    if len(start) < 33 or start[12:16] != b"IHDR":
        raise InputError(path, "cut short: no whole header", AGAIN)
    width, height, depth, colour = struct.unpack(">IIBB", start[16:26])
    _check_size(path, height, width, max_pixels)
    if depth == 1 and not mask:
        problem = "1 bit a pixel, as masks have"
        raise InputError(path, problem, "give the image itself; masks have a folder of their own")
    pixels, info = decode_samples(path.read_bytes(), str(path), max_pixels)
    notes = [ALPHA] if colour in (4, 6) or "transparency" in info else []
    dpi = info.get("dpi")
    pixel_size = from_tags(25400 / dpi[1], 25400 / dpi[0], notes) if dpi and min(dpi) > 0 else None
    return pixels, RGB if pixels.shape[2] == 3 else ("",), pixel_size, notes
