"""TIFF and OME-TIFF, by their own account of their axes: planes, channels, colours, palettes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import numpy as np
import tifffile

from ..errors import InputError
from .pixel_size import tiff_pixel_size
from .tiff_structure import Crowded, check_directories, check_segments, check_xml

RGB = ("red", "green", "blue")
ALPHA = "its alpha channel is dropped"
# An axis that the file does not name is taken for channels up to here, for a stack beyond
MOST_CHANNELS = 8
# How much a byte can unpack to, at most: deflate 1032; LZW's longest string; run lengths
MOST_PACKED = {1: 1, 5: 4096, 8: 1040, 32773: 64, 32946: 1040}
AGAIN = "get the file again, or save it as TIFF without compression"
ONE_PLANE = "save one plane as a file (ImageJ: Image > Duplicate), or give the API the plane as an array"
AXES = {"Z": "z-stack", "T": "time series", "C": "channels", "Q": "unnamed", "I": "images", "S": "colours"}

Content = tuple[np.ndarray, tuple[str, ...], tuple[float, float] | None, list[str]]


def read_tiff(path: Path, check_size: Callable[[int, int], None], one_bit: bool = False) -> Content:
    """Read a TIFF's one image.

    Args:
        path: of the file.
        check_size: called with height and width before memory is taken; raises to refuse.
        one_bit: whether 1 bit a pixel is welcome (as 0 and 1) or refused.

    Returns:
        Pixels (H, W, C) uint8, uint16 or float32; C names of channels; pixel size in µm or None; notes.

    Raises:
        InputError: see `reader.read_picture`.
    """
    try:
        with _refused(path):
            check_directories(path)
        # other files that its OME-XML may name are not read: the results are of this one, by its digest
        with tifffile.TiffFile(path, _multifile=False) as tif:
            with _refused(path):
                check_xml(tif.ome_metadata)
            if not tif.series:
                raise InputError(path, "TIFF without an image", AGAIN)
            series, notes = _series(path, tif)
            axes, shape = _squeezed(series)
            check_size(shape[axes.index("Y")], shape[axes.index("X")])
            page = series.keyframe
            _check_pixels(path, series, page, one_bit)
            _check_axes(path, axes, shape)
            with _refused(path):
                check_segments(path, series, page)
            samples = _samples(path, series).reshape(shape)
            pixels, names = _channels_last(samples, axes, page, notes)
            if names != RGB:
                names = _channel_names(tif, names)
            return _usual_type(path, pixels), names, tiff_pixel_size(tif, notes), notes
    except InputError:
        raise
    except Exception as error:  # tifffile and the decoders raise many kinds
        problem = f"TIFF cut short or broken: {' '.join(str(error).split())[:160] or type(error).__name__}"
        raise InputError(path, problem, AGAIN) from None


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """What `tiff_structure` finds wrong, as an InputError."""
    try:
        yield
    except Crowded as error:
        raise InputError(path, str(error), ONE_PLANE) from None
    except (ValueError, struct.error) as error:
        raise InputError(path, f"TIFF cut short or broken: {error}", AGAIN) from None


def _series(path: Path, tif: tifffile.TiffFile) -> tuple[tifffile.TiffPageSeries, list[str]]:
    """The first image; others must be smaller, as the thumbnails of slide scanners are."""
    first, *others = tif.series
    if any("Y" not in each.axes or each.size >= first.size for each in others):
        problem = f"{len(tif.series)} images in one file"
        raise InputError(path, problem, "save each as a file of its own")
    return first, [f"the first of {len(tif.series)} images is read, others are smaller"] if others else []


def _squeezed(series: tifffile.TiffPageSeries) -> tuple[str, tuple[int, ...]]:
    """Axes and shape without the axes of length 1, but for height and width."""
    axes = series.get_axes(False)
    kept = [
        (axis, length)
        for axis, length in zip(axes, series.get_shape(False), strict=True)
        if length != 1 or axis in "YX"
    ]
    return "".join(axis for axis, _ in kept), tuple(length for _, length in kept)


def _check_axes(path: Path, axes: str, shape: tuple[int, ...]) -> None:
    """Height, width and at most one axis of channels; anything else is a stack."""
    more = [(axis, length) for axis, length in zip(axes, shape, strict=True) if axis not in "YX"]
    unnamed = [length for axis, length in more if axis in "QI"]
    if (
        len(more) <= 1
        and not any(axis not in "CSQI" for axis, _ in more)
        and max(unnamed, default=0) <= MOST_CHANNELS
    ):
        return
    told = ", ".join(
        f"{axis} {length}" + (f" ({AXES[axis]})" if axis in AXES else "") for axis, length in more
    )
    raise InputError(path, f"a stack, not one plane: axes {axes} with {told}", ONE_PLANE)


def _check_pixels(
    path: Path, series: tifffile.TiffPageSeries, page: tifffile.TiffPage, one_bit: bool
) -> None:
    """Kind of pixels, and whether the file can hold as many as it declares."""
    if (page.bitspersample == 1 or series.dtype == np.bool_) and not one_bit:
        remedy = "give the image itself; masks have a folder of their own"
        raise InputError(path, "1 bit a pixel, as masks have", remedy)
    if series.dtype is None or series.dtype.kind not in "uifb":
        raise InputError(
            path, f"pixels of type {series.dtype}", "save it with 8 or 16 bit, or as 32-bit float"
        )
    if page.photometric in (tifffile.PHOTOMETRIC.SEPARATED, tifffile.PHOTOMETRIC.CIELAB):
        raise InputError(path, f"{page.photometric.name} colours", "save it as RGB or grey")
    size = path.stat().st_size
    packed = 0
    for each in series.pages:
        if each is None:
            raise InputError(path, "cut short: a plane is missing", AGAIN)
        packed += sum(each.databytecounts)
        if any(
            start + length > size
            for start, length in zip(each.dataoffsets, each.databytecounts, strict=False)
        ):
            raise InputError(path, "cut short: its pixels lie beyond its end", AGAIN)
    limit = MOST_PACKED.get(int(page.compression))
    # A contiguous series (ImageJ) is declared on its first page alone
    declared = series.size * page.bitspersample // 8
    if limit and declared > limit * max(packed, 0 if series.dataoffset is None else size):
        shape = " x ".join(map(str, series.shape))
        raise InputError(path, f"cut short: {shape} values cannot be in {size} bytes", AGAIN)


def _samples(path: Path, series: tifffile.TiffPageSeries) -> np.ndarray:
    """The series' values; LZW, JPEG and the like are undone by imagecodecs, through tifffile."""
    try:
        return series.asarray()
    except ValueError as error:
        # tifffile says this of compressions that no decoder is installed for, and of unknown ones
        if not re.search("imagecodecs|not supported", str(error)):
            raise
        problem = f"its compression cannot be undone here ({' '.join(str(error).split())[:120]})"
        raise InputError(path, problem, "save it without compression or with deflate") from None


def _channels_last(
    samples: np.ndarray, axes: str, page: tifffile.TiffPage, notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, C), without alpha; palettes become colours."""
    samples = np.moveaxis(samples, (axes.index("Y"), axes.index("X")), (0, 1))
    pixels = samples if samples.ndim == 3 else samples[..., None]
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        return (page.colormap.T[pixels[..., 0]] >> 8).astype(np.uint8), RGB
    # tifffile says so of every bool array that it writes, though True is meant to be bright
    white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and not (
        pixels.dtype == np.bool_ and page.software.startswith("tifffile")
    )
    if pixels.dtype == np.bool_:
        pixels = pixels.view(np.uint8)
    if white_is_zero and pixels.dtype.kind == "u":
        pixels = (1 << page.bitspersample) - 1 - pixels
        notes.append("stored with white as 0: turned")
    if "S" not in axes:
        return pixels, ("",) * pixels.shape[2]
    coloured = page.photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
    # 1 and 2 are alpha; programs also write colours with a fourth sample of kind 0
    alpha = sum(1 for kind in page.extrasamples if coloured or int(kind) in (1, 2))
    if alpha:
        notes.append(ALPHA)
        pixels = pixels[..., : pixels.shape[2] - alpha]
    if coloured and pixels.shape[2] == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        # what tifffile wrote of any array of three planes, before it asked
        notes.append(
            "its three planes are red, green and blue by its tags: if they are not, choose a channel"
        )
    return pixels, RGB if coloured and pixels.shape[2] == 3 else ("",) * pixels.shape[2]


def _channel_names(tif: tifffile.TiffFile, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of channels by OME-XML or ImageJ's labels, where they are as many as the channels."""
    found: list[str] = []
    if tif.ome_metadata:
        elements = re.findall(r"<(?:\w+:)?Channel\b([^>]*)>", tif.ome_metadata)
        named = [re.search(r'\bName\s*=\s*"([^"]*)"', each) for each in elements]
        found = [unescape(each.group(1)) if each else "" for each in named]
    elif tif.imagej_metadata:
        labels = tif.imagej_metadata.get("Labels", [])
        found = [labels] if isinstance(labels, str) else list(labels)
    return tuple(found) if len(found) == len(names) else names


def _usual_type(path: Path, pixels: np.ndarray) -> np.ndarray:
    """uint8, uint16 or float32, native byte order."""
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return pixels.astype(np.float32, copy=False)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.size and pixels.min() >= 0 and pixels.max() <= np.iinfo(np.uint16).max:
        return pixels.astype(np.uint16)
    return pixels.astype(np.float32)
