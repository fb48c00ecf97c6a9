"""A TIFF's own account of itself, checked before tifffile follows it.

tifffile makes lists as long as the file says, by its directories, its tags, its segments and its OME-XML: a
file of a few hundred bytes could ask for all the memory, or for hours.
"""

from __future__ import annotations

import io
import math
import re
import struct
from pathlib import Path
from typing import BinaryIO

import tifffile
from PIL import Image

from .images import error_line

# Files of one plane have a few: channels, and reductions of slide scanners
MOST_PAGES = 1024
# 23,000 px in tiles of 64 are a half of it
MOST_SEGMENTS = 2**18
MOST_XML = 2**24
# Height x width x channels
MOST_VALUES = 2**31
# Tags with a directory or a record for each value: of MetaMorph, and SubIFDs
_LISTS = {330, 33628, 33629, 33630, 33631}
# Bytes of a value by the TIFF types' numbers
_BYTES = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
# Compressions whose decoders are told how much to write; and images within the image, whose headers are asked
BOUNDED = {1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 34926, 50000}
PICTURES = {7, 33003, 33004, 33005, 33007, 34712, 34927, 34933, 50001}
_PLANES = "Size[ZCT]|First[ZCT]|IFD|PlaneCount|NumPlanes|SamplesPerPixel"


class Crowded(ValueError):
    """The file declares more planes than any image of one plane has."""


def check_directories(path: Path) -> None:
    """Follow the chain of directories.

    Raises:
        Crowded: more than ``MOST_PAGES``.
        ValueError: it bites its own tail or leaves the file, or a tag is larger than the file.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(16)
        order = "<" if start[:2] == b"II" else ">"
        big = start[2:4] in (b"+\0", b"\0+")
        # number of tags; a tag's code, type and count; offset of the next directory
        number, tag, next_ = ("Q", "HHQ8x", "Q") if big else ("H", "HHI4x", "I")
        (place,) = struct.unpack(order + next_, start[8:16] if big else start[4:8])
        for _ in range(MOST_PAGES):
            if place == 0:
                return
            place = _directory(file, place, size, [order + each for each in (number, tag, next_)])
    raise Crowded(f"a stack, not one plane: more than {MOST_PAGES} directories, or a ring of them")


def _directory(file: BinaryIO, place: int, size: int, formats: list[str]) -> int:
    """Check one directory; returns where the next one is."""
    number, tag, next_ = formats
    (count,) = struct.unpack(number, _read(file, place, struct.calcsize(number), size))
    place += struct.calcsize(number)
    tags = _read(file, place, count * struct.calcsize(tag), size)
    for code, kind, values in struct.iter_unpack(tag, tags):
        if code in _LISTS and values > MOST_PAGES:
            raise Crowded(f"a stack, not one plane: a tag for {values} of them")
        if values * _BYTES.get(kind, 1) > size:
            raise ValueError(f"a tag of {values} values cannot be in {size} bytes")
    return struct.unpack(next_, _read(file, place + len(tags), struct.calcsize(next_), size))[0]


def _read(file: BinaryIO, place: int, length: int, size: int) -> bytes:
    if place + length > size:
        raise ValueError("cut short: a directory lies beyond the end")
    file.seek(place)
    return file.read(length)


def check_xml(xml: str | None) -> None:
    """Check OME-XML before it is parsed and before lists are made by it.

    Raises:
        Crowded: more than ``MOST_PAGES`` planes.
        ValueError: too long, or entities of its own, which can grow without bound.
    """
    if xml is None:
        return
    if len(xml) > MOST_XML:
        raise ValueError(f"{len(xml)} characters of OME-XML, more than {MOST_XML}")
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ValueError("its OME-XML defines entities")
    if "ModuloAlong" in xml:
        raise Crowded("a stack, not one plane: its OME-XML has further dimensions (ModuloAlong)")
    for pixels in re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", xml):
        sizes = dict(re.findall(r"""\bSize([ZCT])\s*=\s*["']\s*\+?(\d{1,18})""", pixels))
        if math.prod(int(each) for each in sizes.values()) > MOST_PAGES:
            told = ", ".join(f"{axis} {length}" for axis, length in sizes.items())
            raise Crowded(f"a stack, not one plane: {told}")
    # numbers however they are written: tifffile's int() takes more than digits
    numbers = re.findall(rf"""\b(?:{_PLANES})\s*=\s*["']([^"']*)["']""", xml)
    if any(not re.fullmatch(r"\d{1,5}", each) or int(each) > MOST_PAGES for each in numbers):
        raise Crowded(f"a stack, not one plane: more than {MOST_PAGES} planes in its OME-XML")
    if len(re.findall(r"<(?:\w+:)?TiffData\b", xml)) > MOST_PAGES:
        raise Crowded(f"a stack, not one plane: more than {MOST_PAGES} parts in its OME-XML")


def check_segments(path: Path, series: tifffile.TiffPageSeries, page: tifffile.TiffPage) -> None:
    """Check that strips or tiles are not many and not larger than what they are parts of.

    Raises:
        ValueError: they are; or a picture within a segment has another size than the segment.
    """
    if math.prod(series.shape) > MOST_VALUES:
        raise ValueError(f"{math.prod(series.shape)} values, more than {MOST_VALUES}")
    pages = [each for each in series.pages if each is not None]
    if (number := sum(len(each.dataoffsets) for each in pages)) > MOST_SEGMENTS:
        raise ValueError(f"{number} strips or tiles, more than {MOST_SEGMENTS}")
    height, width = page.imagelength, page.imagewidth
    if page.is_tiled:
        # a tile may reach beyond the image, but not far
        if page.tilelength * page.tilewidth * page.tiledepth > max(4 * height * width, 2**22):
            raise ValueError(f"tiles of {page.tilewidth} x {page.tilelength} px")
        height, width = page.tilelength, page.tilewidth
    compression = int(page.compression)
    if compression in BOUNDED:
        return
    if compression not in PICTURES:
        name = getattr(page.compression, "name", compression)
        raise ValueError(f"its compression cannot be undone here ({name})")
    with open(path, "rb") as file:
        for each in pages:
            for start, length in zip(each.dataoffsets, each.databytecounts, strict=False):
                if not length:
                    continue
                file.seek(start)
                _check_picture(file.read(length), height, width)


def _check_picture(segment: bytes, height: int, width: int) -> None:
    """Compare a JPEG's (or the like's) own header with the segment that it is to fill."""
    try:
        with Image.open(io.BytesIO(segment), formats=("JPEG", "JPEG2000", "PNG", "WEBP")) as image:
            inside = image.size
    except Exception as error:  # Pillow raises many kinds
        raise ValueError(f"a segment cannot be read: {error_line(error)}") from None
    if inside[0] > width or inside[1] > height:
        raise ValueError(f"a picture of {inside[0]} x {inside[1]} px in a segment of {width} x {height} px")
