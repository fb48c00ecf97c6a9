"""A PNG's own account of itself, checked before its pixels are decoded.

Pillow passes over the checksums of the chunks that hold the pixels: a byte that changed on a disk would give
another image without a word.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# No deflate stream unpacks to more than 1032 times its size
MOST_PACKED = 1040
MOST_CHUNKS = 2**20
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def check_png(data: bytes, max_pixels: int) -> None:
    """Walk a PNG's chunks.

    Args:
        data: the file's content.
        max_pixels: width times height above which it is refused, by the header alone.

    Raises:
        ValueError: in words that follow the file's name: no PNG, cut short, a wrong checksum, too many
            pixels, or more than its bytes can hold.
    """
    if not data.startswith(SIGNATURE[:4]):
        raise ValueError("not a PNG image")
    if len(data) < 33 or not data.startswith(SIGNATURE) or data[12:16] != b"IHDR":
        raise ValueError("image cut short or broken: no whole header")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if width * height > max_pixels:
        raise ValueError(f"{width} x {height} px, more than {max_pixels} pixels")
    packed = sum(length for kind, length in _chunks(data) if kind == b"IDAT")
    row = (width * _SAMPLES.get(colour, 1) * depth + 7) // 8
    if height * row > MOST_PACKED * packed:
        raise ValueError(f"image cut short: {width} x {height} px cannot be in {len(data)} bytes")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    view, place = memoryview(data), 8
    for _ in range(MOST_CHUNKS):
        if place + 12 > len(data):
            break
        length, kind = struct.unpack(">I4s", view[place : place + 8])
        end = place + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise ValueError(f"image broken: wrong checksum at byte {place}")
        yield kind, length
        if kind == b"IEND":
            return
        place = end + 4
    raise ValueError("image cut short or broken: it has no end")
