"""PNG files written by hand, of depths and kinds that no library here writes (16-bit colour, filters)."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def raw_png(samples: np.ndarray, filtered: bool = False) -> bytes:
    """A PNG of uint8 or uint16 samples (H, W, C), C = 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA.

    ``filtered`` stores each row as differences to the pixel at its left (filter type 1).
    """
    height, width, channels = samples.shape
    rows = samples.astype(">u2" if samples.dtype == np.uint16 else np.uint8).reshape(height, -1)
    rows = rows.view(np.uint8).reshape(height, -1)
    if filtered:
        step = channels * samples.itemsize
        rows = rows.copy()
        rows[:, step:] -= rows[:, :-step].copy()
    lines = np.concatenate([np.full((height, 1), int(filtered), np.uint8), rows], axis=1)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, samples.itemsize * 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts))


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header tells a size that its content does not have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts))


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    """A PNG by Pillow; ``mode`` converts before."""
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def _chunk(part: tuple[bytes, bytes]) -> bytes:
    name, data = part
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_zip(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    """A zip archive of the members."""
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, data)
    return path
