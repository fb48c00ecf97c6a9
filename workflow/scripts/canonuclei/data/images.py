"""PNG images of any depth and colour, decoded by Pillow to 8-bit RGB (H, W, 3)."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, PngImagePlugin

from ..errors import InputError
from .png_structure import check_png

# Of the published images the largest has 1.5 million pixels; images of one's own may be larger (`reader`)
MAX_ARCHIVED_PIXELS = 64 * 2**20
REMEDY = "get the file again, or save the image as PNG of 8 or 16 bit"


def decode_rgb(data: bytes, where: str, max_pixels: int = MAX_ARCHIVED_PIXELS) -> np.ndarray:
    """Decode a PNG into uint8 (H, W, 3).

    Takes 1, 2, 4, 8 and 16 bit; grey, grey with alpha, RGB, RGBA and palette. Grey is repeated in the three
    channels; alpha is dropped (in BBBC038 it is 255 everywhere). Sixteen bit are stretched linearly from
    the image's minimum…maximum over all channels to 0…255, since cameras of 12 or 14 bit fill a part of
    the range only; a constant image becomes 0.

    Args:
        data: the file's content.
        where: file and id, for the error.
        max_pixels: refused above, by the header alone, before memory for the pixels is taken.

    Raises:
        InputError: no PNG, cut short, a wrong checksum, or too many pixels.
    """
    image = _open(data, where, max_pixels)
    try:
        if deep := _sixteen_bit(image):
            return _stretch(_deep_samples(data, deep))
        # convert() maps palettes and 1-bit images, and drops alpha without compositing
        return np.array(image.convert("RGB"))
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error
        raise InputError(where, f"image cut short or broken: {error_line(error)}", REMEDY) from None


def decode_samples(data: bytes, where: str, max_pixels: int) -> tuple[np.ndarray, dict]:
    """Decode a PNG's samples as they are: uint8 or uint16 (H, W, 1 or 3), alpha dropped, and Pillow's info.

    Palettes become colours, 2 and 4 bit are spread to 0…255. Args and errors
    as of `decode_rgb`.
    """
    image = _open(data, where, max_pixels)
    try:
        if deep := _sixteen_bit(image):
            return _deep_samples(data, deep), image.info
        if image.mode in ("1", "L", "LA"):
            return np.array(image.convert("L"))[..., None], image.info
        return np.array(image.convert("RGB")), image.info
    except Exception as error:
        raise InputError(where, f"image cut short or broken: {error_line(error)}", REMEDY) from None


def decode_mask(data: bytes, where: str, max_pixels: int = MAX_ARCHIVED_PIXELS) -> np.ndarray:
    """Decode a nucleus's mask: bool (H, W), true where any colour channel is not 0 (see `decode_rgb`)."""
    image = _open(data, where, max_pixels)
    try:
        if deep := _sixteen_bit(image):
            return _deep_samples(data, deep).any(axis=-1)
        if image.mode not in ("1", "L"):
            return np.array(image.convert("RGB")).any(axis=-1)
        return np.asarray(image) != 0
    except Exception as error:
        raise InputError(where, f"mask cut short or broken: {error_line(error)}", REMEDY) from None


def _deep_samples(data: bytes, rawmode: str) -> np.ndarray:
    """The 16-bit samples of a PNG, uint16 (H, W, C), C = 1 or 3, alpha dropped.

    Of 16-bit colour Pillow itself keeps only the high bytes. Its decoder, told that the samples are in the
    other byte order, gives the low bytes: together they are the samples.
    """
    if rawmode.startswith("I;16"):
        return _decoded(data, rawmode).astype(np.uint16)[..., None]
    if rawmode.startswith("LA;16"):
        # Four bytes a pixel, as an 8-bit RGBA has: grey's high and low byte come as red and green
        parts = _decoded(data, "RGBA").astype(np.uint16)
        return (parts[..., 0] << 8 | parts[..., 1])[..., None]
    high, low = (_decoded(data, rawmode[:-1] + order)[..., :3].astype(np.uint16) for order in "BL")
    return high << 8 | low


def _decoded(data: bytes, rawmode: str) -> np.ndarray:
    with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
        image.tile = [tile._replace(args=rawmode) for tile in image.tile]
        return np.array(image)


def _open(data: bytes, where: str, max_pixels: int) -> Image.Image:
    try:
        check_png(data, max_pixels)
    except ValueError as error:
        raise InputError(where, str(error), REMEDY) from None
    try:
        # Not Image.open, whose own bound of pixels lies below that of large microscopy images
        image = PngImagePlugin.PngImageFile(io.BytesIO(data))
        image.tile[0]  # none where there are no pixels
    except Exception as error:
        raise InputError(where, f"image cut short or broken: {error_line(error)}", REMEDY) from None
    return image


def _sixteen_bit(image: Image.Image) -> str:
    """Pillow's raw mode if the file holds 16 bit a sample, else an empty string."""
    rawmode = image.tile[0].args
    rawmode = rawmode if isinstance(rawmode, str) else rawmode[0]
    return rawmode if ";16" in rawmode else ""


def _stretch(samples: np.ndarray) -> np.ndarray:
    low, high = int(samples.min()), int(samples.max())
    scaled = (samples.astype(np.float64) - low) * (255.0 / max(high - low, 1))
    return np.broadcast_to(np.rint(scaled).astype(np.uint8), (*samples.shape[:2], 3)).copy()


def error_line(error: Exception) -> str:
    """What an error of some library says, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
